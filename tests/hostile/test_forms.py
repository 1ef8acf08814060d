"""Forms of either spelling: too many fields and parts, boundaries and names that are none."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tests.hostile.conftest import Sea

pytestmark = pytest.mark.serial

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=bb"


def part(name: str, content: bytes = b"x", *headers: str, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    lines = [f"Content-Disposition: {disposition}", *headers]
    return b"--bb\r\n" + "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content + b"\r\n"


def whole(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts) + b"--bb--\r\n"


def both(sea: Sea, door: str, body: bytes, kind: str, *statuses: int) -> None:
    """The same with a length and chunked."""
    first, second = sea.post(door, body, kind), sea.post_chunked(door, body, kind)
    assert first.status in statuses, first.body[:300]
    assert (second.status, second.body) == (first.status, first.body)
    if first.status >= 400:
        assert first.json()["status"] == first.status


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"&".join(b"a=%d" % n for n in range(1_000)), (200,)),
        (b"&".join(b"a=%d" % n for n in range(1_001)), (413,)),
        (b"&".join(b"f%d=%d" % (n, n) for n in range(50_000)), (413,)),
        (b"&" * 1_000_000, (413,)),
        (b"=" * 500_000, (200,)),
        (b"name=" + b"%41" * 300_000, (200, 422)),
        (b"name=" + b"%" * 500_000, (200, 400, 422)),
        (b"name=" + b"%zz" * 300_000, (200, 400, 422)),
        (b"name=" + b"+" * 500_000, (200, 422)),
        (b"name=" + b"x" * 1_048_577, (413,)),
        (b"x" * 1_048_577 + b"=1", (413,)),
        (b"name=x" + b"y" * 2_700_000, (413,)),
        (b"name=%FF", (400,)),
        (b"name=%C3%28", (400,)),
        (b"name=%ED%A0%80", (400,)),
        (b"name=\xff", (400,)),
        (b"name=%00", (200, 422)),
        (b"name=a%0d%0ab", (200, 422)),
        (b"name[]=1&name[a][b]=2&__proto__[x]=1", (200, 422)),
        (b"name=1;age=2", (200, 422)),
        (b"", (200, 422)),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_urlencoded(sea: Sea, body: bytes, statuses: tuple[int, ...]) -> None:
    both(sea, "/form-by-hand", body, URLENCODED, *statuses)
    for door in ("/form", "/form-def"):
        both(sea, door, body, URLENCODED, *{*statuses, 422} if 200 in statuses else statuses)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age", "x"),
        ("age", "9" * 5_000),
        ("age", "1e5"),
        ("age", "١"),
        ("age", "1_0"),
        ("name", "x" * 1_001),
        ("age", "\x00"),
    ],
)
def test_wrong_fields(sea: Sea, name: str, value: str) -> None:
    from urllib.parse import urlencode

    encoded, multipart = urlencode({name: value}).encode(), whole([part(name, value.encode())])
    answers = [sea.post("/form", encoded, URLENCODED), sea.post("/form", multipart, MULTIPART)]
    if value in ("١", "1_0"):
        assert all(answer.status in (200, 422) for answer in answers)
        return
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].json()["errors"][0]["loc"] == ["body", name]
    assert answers[0].body == answers[1].body


MULTIPARTS = {
    "many fields": (whole(part(f"f{n}") for n in range(1_001)), (413,)),
    "fields of one name": (whole([part("a")] * 5_000), (413,)),
    "many files": (whole(part(f"f{n}", filename="a") for n in range(33)), (413,)),
    "many parts": (whole([*(part(f"f{n}") for n in range(1_000)), *[part("file", filename="a")] * 33]), (413,)),
    "many part headers": (whole([part("a", b"x", *(f"X-{n}: 1" for n in range(1_000)))]), (413,)),
    "a large part header": (whole([part("a", b"x", "X-Large: " + "x" * 100_000)]), (413,)),
    "a large name": (whole([part("n" * 5_000)]), (413,)),
    "a large field": (whole([part("a", b"x" * 1_048_577)]), (413,)),
    "large fields": (whole([part("a", b"x" * 1_000_000)] * 3), (413,)),
    "not UTF-8": (whole([part("a", b"\xff")]), (400,)),
    "a surrogate": (whole([part("a", b"\xed\xa0\x80")]), (400,)),
    "a name that is not UTF-8": (whole([part("\udcff")]), (400,)),
    "no end": (part("a"), (400,)),
    "cut in a header": (whole([part("a")])[:30], (400,)),
    "cut in the content": (part("a", b"x" * 1_000)[:-500], (400,)),
    "empty": (b"", (400,)),
    "only the end": (b"--bb--\r\n", (200, 400)),
    "another boundary": (whole([part("a")]).replace(b"bb", b"cc"), (400,)),
    "bare line feeds": (whole([part("a")]).replace(b"\r\n", b"\n"), (400,)),
    "no disposition": (b"--bb\r\nX: 1\r\n\r\nx\r\n--bb--\r\n", (400,)),
    "no name": (b"--bb\r\nContent-Disposition: form-data\r\n\r\nx\r\n--bb--\r\n", (400,)),
    "another disposition": (b'--bb\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--bb--\r\n', (400,)),
    "two dispositions": (whole([part("a", b"x", 'Content-Disposition: form-data; name="b"')]), (400,)),
    "base64": (whole([part("a", b"eA==", "Content-Transfer-Encoding: base64")]), (400,)),
    "quoted-printable": (whole([part("a", b"=41", "Content-Transfer-Encoding: quoted-printable")]), (400,)),
    "another charset": (whole([part("a", b"x", "Content-Type: text/plain; charset=utf-7")]), (400,)),
    "a length that lies": (whole([part("a", b"x", "Content-Length: 99999999999")]), (400, 413)),
    "a length that is none": (whole([part("a", b"x", "Content-Length: x")]), (400,)),
    "a header without colon": (whole([part("a", b"x", "nonsense")]), (400,)),
    "a control in a header": (whole([part("a", b"x", "X: a\x00b")]), (200, 400)),
    "parameters without end": (whole([part("a", b"x")]).replace(b'"a"', b'"a"' + b"; x=y" * 700), (200, 400, 413)),
    "quotes without end": (whole([part("a" + '\\"' * 1_000)]), (200, 400)),
    "nothing but boundaries": (b"--bb\r\n" * 100_000, (400, 413)),
    "nothing but dashes": (b"-" * 1_000_000, (400,)),
    "a preamble": (b"x" * 1_000_000 + b"\r\n" + whole([part("a")]), (400,)),
    "an epilogue": (whole([part("a")]) + b"x" * 1_000_000, (200, 400)),
    "almost boundaries": (whole([part("a", b"\r\n--b" * 100_000)]), (200, 413)),
    "nested": (whole([part("a", b"x", "Content-Type: multipart/mixed; boundary=cc")]), (200, 400)),
}


@pytest.mark.parametrize(("body", "statuses"), MULTIPARTS.values(), ids=MULTIPARTS)
def test_multipart(sea: Sea, body: bytes, statuses: tuple[int, ...]) -> None:
    both(sea, "/form-by-hand", body, MULTIPART, *statuses)
    if statuses[-1] >= 400:
        both(sea, "/form", body, MULTIPART, *statuses, 422)


@pytest.mark.parametrize(
    "boundary",
    [
        "",
        "boundary=",
        'boundary="',
        "boundary=" + "x" * 71,
        "boundary=" + "x" * 60_000,
        "boundary=b b ",
        "boundary=b\xff",
        'boundary="b\\',
        "boundary=b\x01",
        "boundary=bb; boundary=cc",
        "boundary*=utf-8''bb",
        ";" * 10_000,
        "charset=utf-16; boundary=bb",
    ],
)
def test_boundaries(sea: Sea, boundary: str) -> None:
    answer = sea.post("/form-by-hand", whole([part("a")]), f"multipart/form-data; {boundary}")
    assert answer.status in (200, 400, 415, 431)


FILENAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/passwd",
    "C:\\x.txt",
    "a\\u0000b",
    "con",
    "NUL.txt",
    ".",
    "..",
    "...",
    " ",
    "",
    "a/",
    "-rf",
    "~root",
    "a\u202etxt.exe",
    "ä" * 2_000,
    "x" * 3_000 + ".txt",
    "<script>.html",
    "a;b=c",
    "a%00b",
    "a%2Fb",
    ".htaccess",
    "a\tb",
    "%0d%0aSet-Cookie: x=1",
]


@pytest.mark.parametrize("filename", FILENAMES)
def test_file_names(sea: Sea, filename: str) -> None:
    answer = sea.post("/upload", whole([part("file", b"content", filename=filename)]), MULTIPART)
    assert answer.status in (200, 400, 413, 422)
    if answer.status == 200:
        name = answer.json()["name"]
        assert name not in ("", ".", "..")
        assert not set(name) & set('/\\\x00\r\n:<>"|?*\u202e')
        assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    "value", ["UTF-8''%FF", "x", "utf-7''+ADw-", "UTF-8''..%2F..%2Fetc%2Fpasswd", "UTF-8''" + "%41" * 1_000]
)
def test_extended_file_names(sea: Sea, value: str) -> None:
    body = b"--bb\r\nContent-Disposition: form-data; name=file; filename*=%b\r\n\r\nx\r\n--bb--\r\n" % value.encode()
    answer = sea.post("/upload", body, MULTIPART)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert "/" not in answer.json()["name"]


def test_a_field_where_a_file_should_be(sea: Sea) -> None:
    for body, kind in ((whole([part("file")]), MULTIPART), (b"file=x", URLENCODED)):
        answer = sea.post("/upload", body, kind)
        assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, ["body", "file"])
    swapped = sea.post("/form", whole([part("name", filename="x.txt")]), MULTIPART)
    assert swapped.status == 422


def test_a_file_that_is_too_large(sea: Sea) -> None:
    both(sea, "/upload", whole([part("file", b"x" * 16_777_217, filename="a")]), MULTIPART, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/mixed; boundary=bb", "multipart/", ""])
def test_what_is_no_form(sea: Sea, kind: str) -> None:
    for door in ("/form", "/form-by-hand", "/upload"):
        assert sea.post(door, json.dumps({"name": "x"}).encode(), kind).status == 415
