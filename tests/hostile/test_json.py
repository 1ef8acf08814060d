"""JSON that must not get through, and JSON that must, by every kind of type and both ways to send a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hostile.conftest import Sea

pytestmark = pytest.mark.serial

DOORS = ("/struct", "/pydantic", "/attrs", "/any", "/by-hand")
DEEP = 100_000


def refused(sea: Sea, door: str, body: bytes, *statuses: int) -> Any:
    """Both twins give the same answer: a problem document with one of these statuses."""
    told = []
    for answer in (sea.post(door, body), sea.post_chunked(door, body)):
        assert answer.status in (statuses or (400, 422)), answer.body[:300]
        problem = answer.json()
        assert problem["status"] == answer.status
        assert problem.get("detail") or problem.get("errors")
        assert len(answer.body) < 100_000
        told.append((answer.status, problem))
    assert told[0] == told[1]
    return told[0][1]


MALFORMED = {
    "NaN": b'{"real": NaN}',
    "Infinity": b'{"real": -Infinity}',
    "cut short": b'{"whole": 1',
    "trailing": b'{"whole": 1} x',
    "twice": b"{}{}",
    "single quotes": b"{'whole': 1}",
    "comment": b'{/* */"whole": 1}',
    "trailing comma": b'{"many": [1,]}',
    "leading zero": b'{"whole": 01}',
    "plus": b'{"whole": +1}',
    "hex": b'{"whole": 0x10}',
    "bare word": b'{"whole": undefined}',
    "control in a string": b'{"free": "a\x00b"}',
    "newline in a string": b'{"free": "a\nb"}',
    "bad escape": b'{"free": "\\x41"}',
    "lone high surrogate": b'{"free": "\\ud800"}',
    "lone low surrogate": b'{"free": "\\udc00 "}',
    "surrogates reversed": b'{"free": "\\udc00\\ud800"}',
    "surrogate as a name": b'{"\\ud800": 1}',
    "encoded surrogate": b'{"free": "\xed\xa0\x80"}',
    "invalid UTF-8": b'{"free": "\xff"}',
    "overlong UTF-8": b'{"free": "\xc0\xaf"}',
    "UTF-8 cut short": b'{"free": "\xe2\x82"}',
    "beyond Unicode": b'{"free": "\xf5\x80\x80\x80"}',
    "UTF-16": '{"whole": 1}'.encode("utf-16"),
    "only spaces": b" " * 1_000_000,
    "only zeros": b"\x00" * 100_000,
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep, not closed": b'{"tree": ' + b'{"type":"Branch","children":[' * 10_000,
    "deep in an ignored field": b'{"nobody": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a quote never closed": b'{"free": "' + b"x" * 1_000_000,
    "a million backslashes": b'{"free": "' + b"\\" * 1_000_001 + b'"}',
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed(sea: Sea, door: str, body: bytes) -> None:
    refused(sea, door, body, *((400, 413) if len(body) > 100_000 else (400,)))


WRONG = {
    "1e999": b'{"real": 1e999}',
    "a million digits": b'{"whole": ' + b"9" * 1_000_000 + b"}",
    "a million decimals": b'{"whole": 0.' + b"9" * 1_000_000 + b"}",
    "wrong types": b'{"whole": "1", "real": [], "free": 5, "many": {}, "when": {}}',
    "wrong items": b'{"many": [' + b'"x",' * 90_000 + b'"x"]}',
    "not an object": b"[]",
    "null": b"null",
    "a number": b"5",
    "a true whole": b'{"whole": true}',
    "a fraction": b'{"whole": 1.5}',
}


@pytest.mark.parametrize("door", ["/struct", "/pydantic", "/attrs"])
@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_wrong(sea: Sea, door: str, body: bytes) -> None:
    if (door == "/attrs" and b"1e999" in body) or (door == "/pydantic" and (b"true" in body or b"0.9" in body)):
        pytest.skip("has no such field, or pydantic makes an int of it")
    problem = refused(sea, door, body, 422)
    assert 1 <= len(problem["errors"]) <= 100
    assert all(len(str(error.get("input", ""))) <= 400 for error in problem["errors"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("small", "128"),
        ("small", "-1e400"),
        ("real", "1e400"),
        ("real", "-1E+999999999"),
        ("money", '"1e999999999"'),
        ("money", '"-1"'),
        ("money", '"0.001"'),
        ("money", '"NaN"'),
        ("money", '"sNaN"'),
        ("money", '"Infinity"'),
        ("money", f'"{"9" * 1_000_000}"'),
        ("text", '"A"'),
        ("text", '"' + "a" * 1_000_000 + '"'),
        ("text", '"a\\u0000"'),
        ("when", '"0000-00-00T00:00:00Z"'),
        ("when", '"9999-12-31T23:59:59-23:59"'),
        ("when", '"0001-01-01T00:00:00+23:59"'),
        ("when", '"2026-02-30T00:00:00Z"'),
        ("when", '"2026-11-22T24:00:01Z"'),
        ("when", '"2026-11-22T10:00:00"'),
        ("when", '"2026-11-22T10:00:00+99:99"'),
        ("when", '"' + "2" * 1_000_000 + '"'),
        ("when", "1e300"),
        ("day", '"-0001-01-01"'),
        ("day", '"99999-01-01"'),
        ("clock", '"25:00:00"'),
        ("span", '"P999999999999999D"'),
        ("span", '"P1Y"'),
        ("span", "1e300"),
        ("id", '"{6f9619ff-8b86-d011-b42d-00c04fc964fg}"'),
        ("id", '"' + "0" * 1_000_000 + '"'),
        ("raw", '"***"'),
        ("raw", '"' + "A" * 1_000_001 + '"'),
        ("colour", '"RED"'),
        ("colour", "{}"),
        ("word", '"c"'),
        ("names", '{"a": "1"}'),
        ("names", '{"a": ' + "9" * 100 + "e999}"),
        ("unique", '[1, "1"]'),
        ("pair", "[1]"),
        ("pair", "[1, 2]"),
        ("many", '[1, null, "x", {}]'),
        ("tree", '{"type": "Root"}'),
        ("tree", '{"children": []}'),
        ("tree", '{"type": "Branch", "children": [{"type": "Leaf", "value": "x"}]}'),
        ("tree", '{"type": ["Branch"]}'),
    ],
)
def test_wrong_values(sea: Sea, name: str, value: str) -> None:
    problem = refused(sea, "/struct", b'{"%b": %b}' % (name.encode(), value.encode()), 422)
    assert all(error["loc"][:2] == ["body", name] for error in problem["errors"])


@pytest.mark.parametrize("door", DOORS)
def test_the_depth_that_is_allowed(sea: Sea, door: str) -> None:
    allowed = b'{"anything": ' + b"[" * 60 + b"]" * 60 + b"}"
    assert sea.post(door, allowed).status == 200
    refused(sea, door, b'{"anything": ' + b"[" * 64 + b"]" * 64 + b"}", 400)
    in_a_string = json.dumps({"free": "[{" * 100_000}).encode()
    assert sea.post(door, in_a_string).status == 200


GOOD = {
    "every character": {"free": '\u0000\u0001\u007f\u0080\u2028\ufeff\uffff\U0010ffff\\"/'},
    "a huge string": {"free": "x" * 2_000_000},
    "escapes only": {"free": "\u0001" * 300_000},
    "many numbers": {"many": list(range(90_000))},
    "unknown names": {f"n{n}": n for n in range(50_000)},
    "__proto__": {"__proto__": {"x": 1}, "constructor": 1, "": 2},
    "html": {"free": "</script><script>alert(1)</script>"},
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_odd_but_good(sea: Sea, door: str, value: dict[str, Any]) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    for answer in (sea.post(door, body), sea.post_chunked(door, body)):
        assert answer.status == 200
        told = answer.json()
        for name in ("free", "many"):
            if name in value:
                assert told[name] == value[name]


def test_the_same_name_again_and_again(sea: Sea) -> None:
    body = b"{" + b",".join([b'"whole": 1'] * 100_000) + b"}"
    assert sea.post("/struct", body).status == 200


def test_hash_collisions(sea: Sea) -> None:
    """Whole numbers as names, all of one hash: the names of a dict are texts here, so they do not collide."""
    body = json.dumps({str(n * (2**61 - 1)): n for n in range(50_000)}).encode()
    assert sea.post("/any", body).status == 200


def test_a_list_of_mistakes_is_cut(sea: Sea) -> None:
    problem = refused(sea, "/numbers", json.dumps(["x"] * 90_000).encode(), 422)
    assert (len(problem["errors"]), problem["truncated"]) == (100, True)


@pytest.mark.parametrize("door", DOORS)
def test_more_values_than_anybody_needs(sea: Sea, door: str) -> None:
    refused(sea, door, json.dumps({"many": [1] * 200_000}).encode(), 413)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json\x0b",
        "",
        "/",
        "application/",
        ";;;;",
        "application/xml+json+xml",
        "x" * 5_000,
        "application/json" * 100,
    ],
)
def test_other_types(sea: Sea, kind: str) -> None:
    answer = sea.post("/struct", b"{}", kind)
    assert answer.status in (400, 415)


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json;charset=utf-8", "application/vnd.x+json ; q=1"])
def test_types_that_are_json(sea: Sea, kind: str) -> None:
    assert sea.post("/struct", b"{}", kind).status == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x" * 1_000, "identity, gzip"])
@pytest.mark.parametrize("door", [*DOORS, "/form", "/form-by-hand", "/upload"])
def test_compressed(sea: Sea, door: str, coding: str) -> None:
    import gzip

    kind = "application/x-www-form-urlencoded" if door in ("/form", "/form-by-hand", "/upload") else "application/json"
    answer = sea.post(door, gzip.compress(b"x" * 1_000_000), kind, f"Content-Encoding: {coding}")
    assert (answer.status, answer.header("accept-encoding")) == (415, "identity")


def test_messagepack(sea: Sea) -> None:
    kind = "application/msgpack"
    assert sea.post("/struct", b"\x81\xa5whole\x05", kind).status == 200
    for body in (
        b"",
        b"\xc1",
        b"\x81\xa5whole\xcb\x7f\xf8\0\0\0\0\0\0",
        b"\x91" * 100_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff",
    ):
        assert sea.post("/struct", body, kind).status in (400, 422)
