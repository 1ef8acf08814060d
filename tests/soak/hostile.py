"""What a hostile client sends, as bytes: each within what the server in front lets through, each to be refused."""

from __future__ import annotations

from dataclasses import dataclass

from tests.soak.wire import multipart, request

JSON = b"content-type: application/json\r\n"
FORM = b"content-type: application/x-www-form-urlencoded\r\n"
PACKED = b"content-type: application/msgpack\r\n"
MULTIPART = b"content-type: multipart/form-data; boundary=cut\r\n"
BODY = 2_621_000
"""Bytes: just below the limit of a body."""

REFUSED = frozenset({400, 404, 405, 406, 408, 411, 413, 414, 415, 416, 417, 421, 422, 426, 431})
FINE = frozenset({200, 206})


@dataclass(frozen=True)
class Hostile:
    """A request, and which answers are right. `harmless` ones may also be answered as if nothing were wrong."""

    name: str
    sent: bytes
    statuses: frozenset[int] = REFUSED


def full(unit: bytes, *, before: bytes = b"[", after: bytes = b"]", size: int = BODY) -> bytes:
    """`unit` over and over between `before` and `after`, as many as fit."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def texts() -> dict[str, tuple[str, bytes]]:
    """JSON by name: where it goes, and what it is."""
    item = b'{"sku":"a","qty":1,"price":"1.5"},'
    return {
        "NaN": ("/anything", b'{"a":NaN}'),
        "Infinity": ("/numbers", b"[-Infinity]"),
        "1e999": ("/mixed", b"[1e999]"),
        "many 1e999": ("/numbers", full(b"1e999,", after=b"1]")),
        "a million digits": ("/numbers", b"[" + b"9" * 1_000_000 + b"]"),
        "a million digits for a decimal": (
            "/orders",
            b'{"customer":"a","items":[{"sku":"a","qty":1,"price":' + b"9" * 1_000_000 + b".5}]}",
        ),
        "a million decimals": ("/numbers", b"[0." + b"3" * 1_000_000 + b"]"),
        "exponent": ("/orders", b'{"customer":"a","items":[{"sku":"a","qty":1,"price":"1e999999999999"}]}'),
        "depth 100,000": ("/anything", b"[" * 100_000 + b"]" * 100_000),
        "a million deep, objects": ("/anything", full(b'{"a":', before=b"", after=b"")),
        "deep behind strings": ("/anything", full(b'"[","\\"[{",', after=b"[" * 70 + b"]" * 70 + b"]")),
        "lone surrogates": ("/orders", full(b"\\ud800", before=b'{"customer":"', after=b'"}')),
        "lone surrogate in a name": ("/strict", b'{"\\udfff":1}'),
        "NUL": ("/orders", full(b"\\u0000", before=b'{"customer":"', after=b'"}')),
        "raw NUL": ("/orders", full(b"\0", before=b'{"customer":"', after=b'"}')),
        "invalid UTF-8": ("/orders", full(b"\xff", before=b'{"customer":"', after=b'"}')),
        "invalid UTF-8 at the end": ("/orders", full(b"a", before=b'{"customer":"', after=b'\xc3"}')),
        "UTF-16": ("/orders", '{"customer":"a"}'.encode("utf-16")),
        "all items wrong": ("/orders", full(b"{},", before=b'{"customer":"a","items":[', after=b"{}]}")),
        "last item wrong": ("/orders", full(item, before=b'{"customer":"a","items":[', after=b"{}]}")),
        "first item wrong": ("/orders", full(item, before=b'{"customer":"a","items":[7,', after=item[:-1] + b"]}")),
        "numbers, last wrong": ("/numbers", full(b"1,", after=b'"x"]')),
        "numbers, all wrong": ("/numbers", full(b'"",', after=b"1]")),
        "floats": ("/numbers", full(b"1.5,", after=b"1]")),
        "long floats": ("/numbers", full(b"1.2345678901234567e-300,", after=b"1]")),
        "mixed, last wrong": ("/mixed", full(b'1.5,"a",null,', after=b"{}]")),
        "unique, last wrong": ("/unique", b"[" + b",".join(b"%d" % n for n in range(330_000)) + b',"x"]'),
        "colliding numbers": ("/unique", b"[" + b",".join(b"%d" % (n << 40) for n in range(150_000)) + b',"x"]'),
        "empty objects": ("/numbers", full(b"{},", after=b"{}]")),
        "empty arrays": ("/numbers", full(b"[[]],", after=b"[]]")),
        "nested empties": ("/numbers", full(b'{"":{}},', after=b"[]]")),
        "empties, then bad syntax": ("/anything", full(b"{},", after=b"x]")),
        "empties, read by hand": ("/read", full(b"{},", after=b"x]")),
        "repeated names": ("/orders", full(b'"customer":"a",', before=b"{", after=b'"items":7}')),
        "unknown names": (
            "/strict",
            b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}",
        ),
        "many labels": (
            "/orders",
            b'{"customer":"a","items":7,"labels":{' + b",".join(b'"%d":"x"' % n for n in range(180_000)) + b"}}",
        ),
        "wrong tags": ("/orders", full(b'{"type":"cow"},', before=b'{"customer":"a","items":7,"pets":[', after=b"7]}")),
        "no tags": ("/orders", full(b'{"lives":9},', before=b'{"customer":"a","items":7,"pets":[', after=b"7]}")),
        "pydantic, last wrong": ("/invoices", full(b'{"a":1},', before=b'{"customer":"a","lines":[', after=b"7]}")),
        "pydantic, all wrong": ("/invoices", full(b'{"a":"x"},', before=b'{"customer":"a","lines":[', after=b"7]}")),
        "members, last wrong": ("/members", full(b"1,", before=b'{"first":[', after=b'1],"second":7}')),
        "members, many names": ("/members", b"{" + b",".join(b'"%d":{}' % n for n in range(200_000)) + b"}"),
        "a long text for a pattern": (
            "/orders",
            full(b"a-", before=b'{"customer":"a","items":[{"qty":1,"price":"1","sku":"', after=b'!"}]}'),
        ),
        "escapes": ("/orders", full(b"\\n", before=b'{"customer":"', after=b'"}')),
        "unfinished": ("/orders", full(b'{"a":[', before=b"[" * 60, after=b"", size=400)),
        "white space": ("/orders", full(b" ", before=b"", after=b"")),
    }


# Odd, and yet what it says it is: a Decimal has room for these.
ALLOWED = ("a million digits for a decimal", "exponent")


def json_requests() -> list[Hostile]:
    return [
        Hostile(
            f"JSON: {name}", request("POST", path, text, headers=JSON), REFUSED | FINE if name in ALLOWED else REFUSED
        )
        for name, (path, text) in texts().items()
    ]


def packed_requests() -> list[Hostile]:
    """The same in MessagePack, where a value may be a single byte."""
    packed = {
        "empty maps": b"\xdd" + (BODY - 10).to_bytes(4, "big") + b"\x80" * (BODY - 10),
        "nils": b"\xdd" + (BODY - 10).to_bytes(4, "big") + b"\xc0" * (BODY - 10),
        "depth": b"\x91" * BODY,
        "promises": b"\xdd\xff\xff\xff\xff",
        "truncated text": b"\xdb\xff\xff\xff\xff" + b"x" * 1_000,
        "invalid UTF-8": b"\xdb" + (2_000_000).to_bytes(4, "big") + b"\xff" * 2_000_000,
        "pairs": b"\xdf"
        + (400_000).to_bytes(4, "big")
        + b"".join(b"\xa4%04x\x80" % (n % 65_536) for n in range(400_000)),
    }
    return [
        Hostile(f"MessagePack: {name}", request("POST", "/orders", b, headers=PACKED)) for name, b in packed.items()
    ]


def forms() -> list[Hostile]:
    many = multipart("a.png", b"x", **{f"f{n}": "v" for n in range(3_000)})[1]
    part = b'--cut\r\ncontent-disposition: form-data; name="photo"; filename="a"\r\n'
    urlencoded = {
        "fields": full(b"a=1&", before=b"", after=b""),
        "empty fields": full(b"&", before=b"name=a&", after=b""),
        "one field": full(b"%41", before=b"name=", after=b"&tags=x"),
        "malformed percent": full(b"%", before=b"name=", after=b""),
        "plus": full(b"+", before=b"name=", after=b"&tags=x"),
        "invalid UTF-8": full(b"%ff", before=b"name=", after=b""),
        "equals": full(b"=", before=b"name=", after=b"&tags=x"),
        "999 wrong fields": b"name=a" + b"&tags=x" * 998,
    }
    multiparts = {
        "parts": many,
        "files": part * 5_000 + b"--cut--\r\n",
        "part headers": part + b"x-a: b\r\n" * 100_000 + b"\r\n\r\n--cut--\r\n",
        "a long part header": part + b"x-a: " + b"b" * 2_000_000 + b"\r\n\r\n\r\n--cut--\r\n",
        "almost boundaries": part + b"\r\n" + b"\r\n--cu" * 400_000,
        "line ends": part + b"\r\n" + b"\r\n" * 1_300_000,
        "carriage returns": part + b"\r\n" + b"\r" * 2_600_000,
        "preamble": b"x" * 2_600_000 + b"\r\n--cut--",
        "a long name": b'--cut\r\ncontent-disposition: form-data; name="'
        + b"n" * 2_000_000
        + b'"\r\n\r\n\r\n--cut--\r\n',
        "quotes": b'--cut\r\ncontent-disposition: form-data; name="' + b'\\"' * 2_000 + b"\r\n\r\n\r\n--cut--\r\n",
        "a file of 20 megabytes": part + b"\r\n" + b"\r\n--cux" * 2_600_000 + b"\r\n--cut--\r\n",
        "wrong fields": multipart("a.png", b"x", caption="y" * 1_000_000)[1],
    }
    boundary = b"content-type: multipart/form-data; boundary=" + b"-" * 5_000 + b"\r\n"
    return [
        *(Hostile(f"form: {name}", request("POST", "/form", b, headers=FORM)) for name, b in urlencoded.items()),
        *(
            Hostile(f"multipart: {name}", request("POST", "/upload", b, headers=MULTIPART))
            for name, b in multiparts.items()
        ),
        Hostile("multipart: a long boundary", request("POST", "/upload", b"--" + b"-" * 100_000, headers=boundary)),
    ]


def heads() -> list[Hostile]:
    """Within 64 KiB, which is what our limit lets through."""
    fill = 60_000

    def head(name: str, value: bytes, path: str = "/about", statuses: frozenset[int] = REFUSED | FINE) -> Hostile:
        return Hostile(f"{name[:60]}", request("GET", path, headers=value), statuses)

    return [
        head("thousands of headers", b"x-a: b\r\n" * 5_000, statuses=REFUSED),
        head("a header of 60 kB", b"x-list: " + b"1," * (fill // 2) + b"\r\n", "/head"),
        head("a hundred lists", (b"x-list: " + b"x," * 250 + b"\r\n") * 100, "/head", REFUSED),
        head("thousands of cookies", b"cookie: " + b"a=b; " * (fill // 5) + b"\r\n", statuses=REFUSED),
        head("one long cookie", b"cookie: crumb=" + b'\\"' * (fill // 2) + b"\r\n", "/head", REFUSED),
        head("semicolons", b"cookie: " + b";" * fill + b"\r\n"),
        head("Accept", b"accept: " + b"a/b;q=0.1," * (fill // 10) + b"\r\n", "/search"),
        head("Accept parameters", b"accept: text/html" + b';a="b"' * (fill // 6) + b"\r\n", "/nowhere"),
        head("Accept quotes", b"accept: " + b'"\\' * (fill // 2) + b"\r\n", "/nowhere"),
        head("Accept-Encoding", b"accept-encoding: " + b"gzip;q=0.5," * (fill // 11) + b"\r\n", "/page"),
        head("Range", b"range: bytes=" + b"1-2," * (fill // 4) + b"9-9\r\n", "/file", REFUSED),
        head("overlapping ranges", b"range: bytes=" + b"0-," * 15 + b"0-\r\n", "/file"),
        head("digits in a range", b"range: bytes=" + b"9" * fill + b"-\r\n", "/static/large.bin"),
        head("If-None-Match", b"if-none-match: " + b'"a",' * (fill // 4) + b'"b"\r\n', "/file"),
        head("If-None-Match quotes", b"if-none-match: " + b'W/"' * (fill // 3) + b"\r\n", "/file"),
        head("If-Modified-Since", b"if-modified-since: " + b"Sun, " * (fill // 5) + b"\r\n", "/file"),
        head("Forwarded", b"forwarded: " + b'for="[::1]:5";' * (fill // 14) + b"\r\n"),
        head("Forwarded quotes", b"forwarded: " + b'for="\\' * (fill // 6) + b"\r\n"),
        head("Forwarded hops", b"forwarded: " + b"for=127.0.0.1," * (fill // 14) + b"for=9.9.9.9\r\n"),
        head("X-Forwarded-For", b"x-forwarded-for: " + b"127.0.0.1," * (fill // 10) + b"x\r\n"),
        head("Host", b"host: " + b"a." * (fill // 2) + b"\r\n"),
        head("Origin", b"origin: https://" + b"a" * fill + b".example!\r\n"),
        head(
            "preflight",
            b"origin: https://a.example\r\naccess-control-request-method: GET\r\n"
            b"access-control-request-headers: " + b"x-a," * (fill // 4) + b"\r\n",
        ),
        head("Authorization", b"authorization: Basic " + b"=" * fill + b"\r\n"),
        Hostile(
            "Content-Type",
            request(
                "POST",
                "/form",
                b"name=a",
                headers=b"content-type: application/x-www-form-urlencoded" + b'; a="' * (fill // 5) + b"\r\n",
            ),
            REFUSED | FINE,
        ),
    ]


def targets() -> list[Hostile]:
    """Within 8 KiB of path and query."""
    size = 8_000
    paths = {
        "too long": "/about?" + "a" * 100_000,
        "names": "/search?" + "a&" * (size // 2),
        "a thousand wrong values": "/search?" + "tag=x&" * 950,
        "percent": "/search?q=" + "%41" * (size // 3) + "&limit=x",
        "malformed percent": "/search?limit=x&q=" + "%" * size,
        "invalid UTF-8": "/search?q=" + "%ff" * (size // 3),
        "digits": "/typed/" + "9" * 7_000 + "/x/y",
        "digits for a decimal": "/typed/1/x/y?cost=" + "9" * 7_000,
        "exponent": "/typed/1/x/y?cost=1e999999999",
        "a long date": "/typed/1/" + "2020-" * 1_000 + "/y",
        "a long duration": "/typed/1/2/y?wait=P" + "1Y" * 3_000,
        "slashes": "/" * size,
        "dots": "/static/" + "../" * (size // 3),
        "encoded dots": "/static/" + "%2e%2e%2f" * (size // 9),
        "twice encoded dots": "/static/" + "%252e%252e%252f" * (size // 15),
        "backslashes": "/static/" + "..%5c" * (size // 5) + "etc",
        "NUL": "/static/large.bin%00.png",
        "a long name": "/static/" + "a" * 5_000,
        "segments": "/typed" + "/a" * (size // 2),
    }
    return [Hostile(f"target: {name}", request("GET", target)) for name, target in paths.items()]


def everything() -> list[Hostile]:
    return [*json_requests(), *packed_requests(), *forms(), *heads(), *targets()]
