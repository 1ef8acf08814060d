"""Options of the App and of Routers that nobody knows: the guess takes their own parameters into account."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from ketch import App, Router, SetupError


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: App(titel="Shop"), ['App() has no option "titel".', "Did you mean title=?"]),  # type: ignore
        (lambda: App(opnapi_url=None), ["App() has no option", "Did you mean openapi_url=?"]),  # type: ignore
        (lambda: Router(prefx="/shop"), ["Router() has no option", "Did you mean prefix=?"]),  # type: ignore
        (lambda: Router(titel="Shop"), ["Router() has no option", "The options are cancel_on_disconnect,"]),  # type: ignore
        (lambda: App().get("/", titel="Shop"), ["There is no route option"]),  # type: ignore
    ],
)
def test_the_guess_knows_where_it_stands(wrong: Callable[[], Any], told: list[str]) -> None:
    with pytest.raises(SetupError) as caught:
        wrong()
    assert caught.value.code == "KETCH-ROUTE-015"
    for words in told:
        assert words in str(caught.value)


def test_a_missing_library_is_told_at_the_import(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "asks_for_data.py"
    file.write_text("import ketch\n\nimport ketch.data\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith(("ketch.data", "asks_for_data"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    with pytest.raises(SetupError) as caught:
        __import__("asks_for_data")
    place = caught.value.faults[0].places[0].origin
    assert (place.file, place.line) == (str(file), 3)
