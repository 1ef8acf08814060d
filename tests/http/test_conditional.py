import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.conditional import Conditions, Outcome, entity_tags, strong_match, weak_match

ETAG = '"v2"'
CHANGED = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT
AT = "Sun, 09 Sep 2001 01:46:40 GMT"
BEFORE = "Sun, 09 Sep 2001 01:46:39 GMT"
AFTER = "Sun, 09 Sep 2001 01:46:41 GMT"
SEND, NOT_MODIFIED, FAILED = Outcome.SEND, Outcome.NOT_MODIFIED, Outcome.FAILED


@pytest.mark.parametrize(
    ("method", "fields", "outcome"),
    [
        ("GET", {}, SEND),
        ("GET", {"if_none_match": ETAG}, NOT_MODIFIED),
        ("HEAD", {"if_none_match": ETAG}, NOT_MODIFIED),
        ("PUT", {"if_none_match": ETAG}, FAILED),
        ("PUT", {"if_none_match": "*"}, FAILED),
        ("GET", {"if_none_match": "*"}, NOT_MODIFIED),
        ("GET", {"if_none_match": 'W/"v2"'}, NOT_MODIFIED),
        ("GET", {"if_none_match": '"v1", "v2"'}, NOT_MODIFIED),
        ("GET", {"if_none_match": '"v1"'}, SEND),
        ("GET", {"if_none_match": "v2"}, SEND),
        ("GET", {"if_match": ETAG}, SEND),
        ("GET", {"if_match": "*"}, SEND),
        ("GET", {"if_match": 'W/"v2"'}, FAILED),
        ("GET", {"if_match": '"v1"'}, FAILED),
        ("GET", {"if_match": ""}, FAILED),
        ("GET", {"if_modified_since": AT}, NOT_MODIFIED),
        ("GET", {"if_modified_since": AFTER}, NOT_MODIFIED),
        ("GET", {"if_modified_since": BEFORE}, SEND),
        ("GET", {"if_modified_since": "yesterday"}, SEND),
        ("PUT", {"if_modified_since": AT}, SEND),
        ("GET", {"if_unmodified_since": AT}, SEND),
        ("GET", {"if_unmodified_since": BEFORE}, FAILED),
        ("GET", {"if_unmodified_since": "yesterday"}, SEND),
        # precedence (RFC 9110, 13.2.2)
        ("GET", {"if_match": ETAG, "if_unmodified_since": BEFORE}, SEND),
        ("GET", {"if_match": '"v1"', "if_none_match": ETAG}, FAILED),
        ("GET", {"if_match": ETAG, "if_none_match": ETAG}, NOT_MODIFIED),
        ("GET", {"if_none_match": '"v1"', "if_modified_since": AFTER}, SEND),
        ("GET", {"if_unmodified_since": BEFORE, "if_none_match": ETAG}, FAILED),
        ("GET", {"if_unmodified_since": AT, "if_none_match": ETAG}, NOT_MODIFIED),
    ],
)
def test_the_order_of_preconditions(method: str, fields: dict[str, str], outcome: Outcome) -> None:
    assert Conditions(method, **fields).evaluate(etag=ETAG, modified=CHANGED + 0.7) is outcome


def test_without_validators() -> None:
    assert Conditions("GET", if_match=ETAG).evaluate(etag=None, modified=None) is FAILED
    assert Conditions("GET", if_none_match=ETAG).evaluate(etag=None, modified=None) is SEND
    assert Conditions("GET", if_modified_since=AT).evaluate(etag=None, modified=None) is SEND


@pytest.mark.parametrize(
    ("method", "etag", "if_range", "applies"),
    [
        ("GET", ETAG, None, True),
        ("HEAD", ETAG, None, False),
        ("POST", ETAG, None, False),
        ("GET", ETAG, ETAG, True),
        ("GET", ETAG, '"v1"', False),
        ("GET", 'W/"v2"', 'W/"v2"', False),
        ("GET", ETAG, 'W/"v2"', False),
        ("GET", ETAG, AT, True),
        ("GET", ETAG, BEFORE, False),
        ("GET", ETAG, AFTER, False),
        ("GET", 'W/"v2"', AT, False),
        ("GET", ETAG, "nonsense", False),
    ],
)
def test_if_range(method: str, etag: str, if_range: str | None, applies: bool) -> None:
    conditions = Conditions(method, range="bytes=0-1", if_range=if_range)
    assert (conditions.wants_range(etag=etag, modified=CHANGED) is not None) is applies


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        ('"a"', ['"a"']),
        ('W/"a", "b" ,"c"', ['W/"a"', '"b"', '"c"']),
        ('"a,b", ""', ['"a,b"', '""']),
        ('"a" "b"', []),
        ('"a", b', ['"a"']),
        ('w/"a"', []),
        ("", []),
    ],
)
def test_entity_tags(field: str, tags: list[str]) -> None:
    assert entity_tags(field) == tags


def test_comparisons() -> None:
    # The table of RFC 9110, 8.8.3.2.
    rows = [('W/"1"', 'W/"1"', False, True), ('W/"1"', 'W/"2"', False, False), ('W/"1"', '"1"', False, True)]
    for a, b, strong, weak in [*rows, ('"1"', '"1"', True, True)]:
        assert strong_match(a, b) is strong
        assert weak_match(a, b) is weak


@given(st.text(alphabet='W/",*ab \t', max_size=200))
def test_any_field_has_an_outcome(field: str) -> None:
    for name in ("if_match", "if_none_match"):
        assert Conditions("GET", **{name: field}).evaluate(etag=ETAG, modified=CHANGED) in Outcome
