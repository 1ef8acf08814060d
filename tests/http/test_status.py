"""Status names and phrases."""

from __future__ import annotations

import http

import pytest

from ketch.http import status


def test_every_name_says_its_number() -> None:
    names = {name: value for name, value in vars(status).items() if name.startswith(("HTTP_", "WS_"))}
    assert len(names) > 70
    for name, value in names.items():
        assert name.split("_")[1] == str(value)
    assert {v for n, v in names.items() if n.startswith("HTTP_")} == set(status.PHRASES)


@pytest.mark.parametrize("known", list(http.HTTPStatus))
def test_every_status_of_the_standard_library_has_a_phrase(known: http.HTTPStatus) -> None:
    assert status.phrase(known)
    if known not in (413, 414, 416, 418, 422):  # renamed by RFC 9110, in Python from 3.13 on; 418 in capitals
        assert status.phrase(known) == known.phrase


@pytest.mark.parametrize(
    ("code", "text"), [(404, "Not Found"), (299, "Success"), (499, "Client Error"), (599, "Server Error")]
)
def test_phrases(code: int, text: str) -> None:
    assert status.phrase(code) == text


def test_old_names_teach_the_new_ones() -> None:
    with pytest.raises(AttributeError, match="HTTP_422_UNPROCESSABLE_CONTENT"):
        _ = status.HTTP_422_UNPROCESSABLE_ENTITY  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"ketch\.status has no 'HTTP_299_FINE'"):
        _ = status.HTTP_299_FINE  # type: ignore[attr-defined]
