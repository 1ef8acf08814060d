"""Content negotiation, and headers that are nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.negotiate import best, parse_content_type, parse_quality, prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
NOISE = st.text(alphabet='abc/*;=q.,01 "\\+-\t\x00é', max_size=60)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("text/*", "text/html"),
        ("text/html;level=1", "text/html"),
        ("image/png", None),
        (BROWSER, "text/html"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("application/json;q=0.4, text/html;q=0.5", "text/html"),
        ("text/html, application/json", "application/json"),
        ("application/json;q=0, */*", "text/html"),
        ("*/*, application/json;q=0", "text/html"),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/*;q=0.1, */*;q=0.2", "text/html"),
        ("text/html;q=0.001", "text/html"),
        ("text/html;q=2", "application/json"),  # no member can be read, so it counts as absent
        ("text/html;q=nan", "application/json"),
        (",,;;q=1,", "application/json"),
    ],
)
def test_the_best_offer(accept: str | None, chosen: str | None) -> None:
    assert best(accept, ["application/json", "text/html"]) == chosen


def test_no_offers() -> None:
    assert best("text/html", []) is None
    assert best(None, []) is None


def test_an_offer_with_parameters_is_returned_as_it_was_given() -> None:
    assert best("text/html", ["text/html; charset=utf-8"]) == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        (BROWSER, True),
        ("text/html", True),
        ("text/html, application/json", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html, */*;q=0.1", True),
    ],
)
def test_browsers_prefer_html(accept: str | None, html: bool) -> None:
    assert prefers_html(accept) is html


def test_quality_values_as_sent() -> None:
    assert parse_quality("gzip;q=1.0, identity; q=0.5, *;q=0") == [("gzip", 1.0), ("identity", 0.5), ("*", 0.0)]
    assert parse_quality("text/html; level=1; q=0.3") == [("text/html;level=1", 0.3)]
    assert len(parse_quality("a," * 100_000)) == 64


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (None, ("", {})),
        ("", ("", {})),
        ("json", ("", {})),
        ("application/json", ("application/json", {})),
        (" Application/JSON ; Charset=UTF-8", ("application/json", {"charset": "UTF-8"})),
        ('a/b; x="y;z"; w=1', ("a/b", {"x": "y;z", "w": "1"})),
        ('a/b; x="q\\"\\\\"', ("a/b", {"x": 'q"\\'})),
        ("a/b; x=1; x=2", ("a/b", {"x": "1"})),
        ("a/b;; x=1;", ("a/b", {"x": "1"})),
        ("a/b; =1; x=2", ("a/b", {})),
        ('a/b; x="open', ("a/b", {})),
        ("a/b; x= 1", ("a/b", {})),
        ("multipart/form-data; boundary=----abc'()", ("multipart/form-data", {"boundary": "----abc'"})),
    ],
)
def test_content_types(value: str | None, parsed: tuple[str, dict[str, str]]) -> None:
    assert parse_content_type(value) == parsed


@given(NOISE)
def test_nonsense_is_answered_calmly(header: str) -> None:
    offers = ["application/json", "text/html"]
    assert best(header, offers) in [None, *offers]
    prefers_html(header)
    kind, params = parse_content_type(header)
    assert kind == kind.lower()
    assert len(params) <= 64
    assert all(0 <= quality <= 1 for _, quality in parse_quality(header))


@given(st.lists(st.tuples(st.sampled_from(["a/b", "a/*", "*/*", "c/d"]), st.integers(0, 1000)), min_size=1, max_size=6))
def test_the_best_offer_has_the_highest_quality(choices: list[tuple[str, int]]) -> None:
    accept = ", ".join(f"{name};q={quality / 1000:.3f}" for name, quality in choices)

    def quality(offer: str) -> int:
        kind = offer.split("/")[0] + "/*"
        for name in (offer, kind, "*/*"):
            found = [q for n, q in choices if n == name]
            if found:
                return max(found)
        return 0

    chosen = best(accept, ["c/d", "a/b"])
    top = max(quality("a/b"), quality("c/d"))
    if top == 0:
        assert chosen is None
    else:
        assert chosen == ("c/d" if quality("c/d") == top else "a/b")
