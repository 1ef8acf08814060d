"""Forms from outside: bytes in, fields and files or a 4xx out, on both spellings."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.limits import Limits
from ketch.http.multipart import FormData, UploadFile, parse_form, parse_urlencoded
from ketch.http.problems import BadRequest, ContentTooLarge, HTTPException, UnsupportedMediaType
from ketch.http.request import ClientDisconnect
from tests.support.exchange import Exchange

B = "boundary-7"
TYPE = f"multipart/form-data; boundary={B}"
URLENCODED = "application/x-www-form-urlencoded"


def part(content: bytes, disposition: str = 'form-data; name="a"', *headers: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *headers]
    return f"--{B}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{B}--\r\n".encode()


def file_part(content: bytes, filename: str = "a.txt", name: str = "f", kind: str = "text/plain") -> bytes:
    return part(content, f'form-data; name="{name}"; filename="{filename}"', f"Content-Type: {kind}")


async def read(
    chunks: Iterable[bytes], content_type: str = TYPE, limits: Limits = Limits(), **headers: str
) -> FormData:
    raw = [(b"content-type", content_type.encode("latin-1"))]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    exchange = Exchange("POST", headers=raw, body=list(chunks) or [b""], limits=limits)
    return await parse_form(exchange.request)


def plain(chunks: Iterable[bytes], content_type: str = TYPE, limits: Limits = Limits(), **headers: str) -> list[Any]:
    """The form as comparable values; uploads as (filename, raw filename, content type, content)."""

    async def run() -> list[Any]:
        form = await read(chunks, content_type, limits, **headers)
        out: list[Any] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                out.append((name, (value.filename, value.raw_filename, value.content_type, await value.read())))
            else:
                out.append((name, value))
        await form.close()
        return out

    return asyncio.run(run())


def refusal(
    chunks: Iterable[bytes], content_type: str = TYPE, limits: Limits = Limits(), **headers: str
) -> HTTPException:
    with pytest.raises(HTTPException) as caught:
        plain(chunks, content_type, limits, **headers)
    return caught.value


def test_fields_and_files_in_order() -> None:
    whole = body(part(b"one"), file_part(b"\x00\xff data"), part("zwölf".encode()), part(b"", 'form-data; name="e"'))
    assert plain([whole]) == [
        ("a", "one"),
        ("f", ("a.txt", "a.txt", "text/plain", b"\x00\xff data")),
        ("a", "zwölf"),
        ("e", ""),
    ]


def test_the_form_is_a_multi_mapping() -> None:
    async def run() -> None:
        form = await read([body(part(b"1"), part(b"2"), file_part(b"x"))])
        assert form["a"] == "2"
        assert form.getlist("a") == ["1", "2"]
        assert set(form) == {"a", "f"}
        assert form.get("none") is None
        assert [upload.filename for upload in form.files] == ["a.txt"]

    asyncio.run(run())


def test_content_that_looks_like_boundaries_survives() -> None:
    content = b"\r\n--boundary-\r\n\r\n--boundary-6\r\n--\r--boundary-7\n--boundary-7"
    assert plain([body(file_part(content))])[0][1][3] == content


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ('form-data; name="f"; filename="../../etc/passwd"', ("passwd", "../../etc/passwd")),
        ('form-data; name="f"; filename="a%22b.txt"', ("a_b.txt", 'a"b.txt')),
        ('form-data; name="f"; filename="C:\\dir\\x.txt"', ("x.txt", "x.txt")),
        ('form-data; name="f"; filename="naïve.txt"', ("naïve.txt", "naïve.txt")),
        ("form-data; name=f; filename=plain.txt", ("plain.txt", "plain.txt")),
        ("form-data; name=\"f\"; filename*=UTF-8''na%C3%AFve.txt", ("naïve.txt", "naïve.txt")),
        ('form-data; name="f"; filename="x"; filename*=utf-8\'en\'%e2%82%ac.txt', ("€.txt", "€.txt")),
        ('form-data; name="f"; filename="a; filename*=UTF-8\'\'evil"', None),
        ('form-data; name="f"; filename="CON"', ("_CON", "CON")),
        ('form-data; name="f"; filename=""', ("upload", "")),
        ('form-data; name="f"; filename=".."', ("upload", "..")),
    ],
)
def test_file_names(disposition: str, expected: tuple[str, str] | None) -> None:
    ((name, value),) = plain([body(part(b"x", disposition))])
    assert name == "f"
    assert value[:2] == (expected or ("a; filename_=UTF-8''evil", "a; filename*=UTF-8''evil"))


def test_a_file_input_left_empty_is_no_file() -> None:
    assert plain([body(part(b"1"), file_part(b"", filename=""))]) == [("a", "1")]
    assert len(plain([body(file_part(b"", filename="empty.txt"))])) == 1


@pytest.mark.parametrize("end", ["", "\r\n", "\r\nepilogue", "--x"])
@pytest.mark.parametrize("start", ["", "\r\n"])
def test_around_the_parts(start: str, end: str) -> None:
    whole = start.encode() + b"".join([part(b"1")]) + f"--{B}--{end}".encode()
    assert plain([whole]) == plain([whole[i : i + 1] for i in range(len(whole))]) == [("a", "1")]


def test_no_parts_at_all() -> None:
    assert plain([f"--{B}--".encode()]) == []
    assert plain([f"--{B}--\r\n".encode()]) == []


# Bad input: 400

GOOD = body(part(b"one"), file_part(b"two"))


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=" + "x" * 100_000,
        'multipart/form-data; boundary="a b "',
        'multipart/form-data; boundary="a\\\x01b"',
        "multipart/form-data; boundary=ä",
        "multipart/form-data; boundary=other",
    ],
)
def test_boundaries_that_are_refused(content_type: str) -> None:
    assert refusal([GOOD], content_type).status_code == 400


@pytest.mark.parametrize("cut", range(len(GOOD) - 4))
def test_every_truncation_is_refused(cut: int) -> None:
    assert refusal([GOOD[:cut]]).status_code == 400


@pytest.mark.parametrize(
    "whole",
    [
        b"garbage",
        b"preamble\r\n" + GOOD,
        GOOD.replace(b"\r\n", b"\n"),
        body(part(b"x", "form-data")),
        body(part(b"x", 'attachment; name="a"')),
        body(f"--{B}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode()),
        body(f"--{B}\r\nnonsense\r\n\r\nx\r\n".encode()),
        body(f"--{B}\r\n: x\r\n\r\nx\r\n".encode()),
        body(f"--{B}\r\nBad Name: x\r\n\r\nx\r\n".encode()),
        body(part(b"x", 'form-data; name="a"', "X-Folded: a", " b")),
        body(part(b"x", 'form-data; name="a"', 'Content-Disposition: form-data; name="b"')),
        body(part(b"x", 'form-data; name="a"', "Content-Transfer-Encoding: base64")),
        body(part(b"x", 'form-data; name="a"', "Content-Type: text/plain; charset=iso-8859-1")),
        body(part(b"x", 'form-data; name="a"', "Content-Length: 5")),
        body(part(b"x", 'form-data; name="a"', "Content-Length: many")),
        body(part(b"x", "form-data; name=\"f\"; filename*=latin-1''x")),
        body(part(b"x", "form-data; name=\"f\"; filename*=utf-8''%ff")),
        body(part(b"\xff\xfe")),
        body(part(b"\xed\xa0\x80")),
        body(part(b"\xc3")),
        f'--{B}\r\nContent-Disposition: form-data; name="'.encode() + b"\xff" + b'"\r\n\r\nx\r\n' + f"--{B}--".encode(),
        f"--{B}junk\r\n".encode() + GOOD,
    ],
)
def test_malformed_is_400(whole: bytes) -> None:
    error = refusal([whole])
    assert error.status_code == 400
    assert error.detail
    assert refusal([whole[i : i + 3] for i in range(0, len(whole), 3)]).status_code == 400


def test_another_type_or_charset_is_415() -> None:
    for content_type in ("application/json", "", "multipart/mixed; boundary=x", f"{TYPE}; charset=utf-16"):
        assert refusal([GOOD], content_type).status_code == 415
    assert refusal([b"a=1"], f"{URLENCODED}; charset=iso-8859-1").status_code == 415
    assert plain([b"a=1"], f"{URLENCODED}; charset=UTF-8") == [("a", "1")]


# Limits: 413, with Content-Length and without

SMALL = Limits(
    body=200,
    multipart=4_000,
    file=100,
    files=2,
    form_fields=3,
    parts=4,
    part_headers=3,
    part_header_size=120,
    field_size=50,
)


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    "whole",
    [
        body(*[part(b"x")] * 4),
        body(*[file_part(b"x")] * 3),
        body(*[part(b"x")] * 3, *[file_part(b"x")] * 2),
        body(part(b"x" * 51)),
        body(file_part(b"x" * 101)),
        body(part(b"x", 'form-data; name="a"', "A: 1", "B: 2", "C: 3")),
        body(part(b"x", 'form-data; name="' + "a" * 200 + '"')),
        body(part(b"x", 'form-data; name="a"', "X: " + "y" * 60, "Z: " + "y" * 60)),
        body(file_part(b"x" * 90), *[part(b"")] * 2) + b"epilogue" * 500,
    ],
    ids=["fields", "files", "parts", "field", "file", "headers", "header", "headers together", "whole body"],
)
def test_multipart_limits(whole: bytes, length: bool, chunk: int) -> None:
    headers = {"content_length": str(len(whole))} if length else {}
    chunks = [whole[i : i + chunk] for i in range(0, len(whole), chunk)]
    assert refusal(chunks, limits=SMALL, **headers).status_code == 413


def test_a_refusal_says_what_is_too_much() -> None:
    for whole, told in (
        (body(*[part(b"x")] * 4), "more than 3 fields"),
        (body(*[file_part(b"x")] * 3), "more than 2 files"),
        (body(*[part(b"x")] * 3, *[file_part(b"x")] * 2), "more than 4 parts"),
        (body(part(b"x" * 51)), "larger than 50 bytes"),
        (body(file_part(b"x" * 101)), "larger than 100 bytes"),
        (body(part(b"x", 'form-data; name="a"', "A: 1", "B: 2", "C: 3")), "maximum part header count"),
        (body(part(b"x", 'form-data; name="a"', "Content-Length: 51")), "larger than 50 bytes"),
    ):
        assert told in (refusal([whole], limits=SMALL).detail or "")


def test_the_fields_of_a_multipart_form_count_together() -> None:
    limits = Limits(body=100, field_size=60)
    assert refusal([body(part(b"x" * 60), part(b"x" * 41))], limits=limits).status_code == 413
    assert len(plain([body(part(b"x" * 60), part(b"x" * 40))], limits=limits)) == 2


def test_at_the_limits_all_is_well() -> None:
    whole = body(*[part(b"x" * 50)] * 2, *[file_part(b"x" * 100)] * 2)
    for chunk in (1, 64, 100_000):
        assert len(plain([whole[i : i + chunk] for i in range(0, len(whole), chunk)], limits=SMALL)) == 4


def test_a_header_line_at_the_limit_does_not_depend_on_the_cut() -> None:
    for size in range(115, 122):
        line = "X: " + "y" * (size - 3)
        whole = body(f"--{B}\r\n{line}\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n".encode())
        limits = Limits(part_header_size=120)
        outcomes = {refusal([whole[:cut], whole[cut:]], limits=limits).status_code for cut in range(1, len(whole))}
        assert outcomes == {413}


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    "whole", [b"a=1&b=2&c=3&d=4", b"a=" + b"x" * 51, b"a=" + b"x" * 300, b"&" * 10, b"a=" + "é".encode() * 26]
)
def test_urlencoded_limits(whole: bytes, length: bool) -> None:
    headers = {"content_length": str(len(whole))} if length else {}
    assert refusal([whole[:2], whole[2:]], URLENCODED, SMALL, **headers).status_code == 413


def test_a_refusal_by_length_reads_nothing() -> None:
    async def run() -> None:
        for content_type, length in ((TYPE, 4_001), (URLENCODED, 201)):
            raw = [(b"content-type", content_type.encode()), (b"content-length", str(length).encode())]
            exchange = Exchange("POST", headers=raw, body=[b"x"], limits=SMALL)
            with pytest.raises(ContentTooLarge):
                await parse_form(exchange.request)
            assert exchange.asked_for == 0

    asyncio.run(run())


# urlencoded


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (b"", []),
        (b"a=1&a=2&b", [("a", "1"), ("a", "2"), ("b", "")]),
        (b"a=%C3%A4+b%2Bc", [("a", "ä b+c")]),
        ("a=ä".encode(), [("a", "ä")]),
        (b"a=1=2&&b", [("a", "1=2"), ("b", "")]),
        (b"a=%", [("a", "%")]),
        (b"a=%zz", [("a", "%zz")]),
    ],
)
def test_urlencoded(raw: bytes, pairs: list[tuple[str, str]]) -> None:
    assert plain([raw], URLENCODED) == pairs


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=\xff", b"%ff=a", b"a=%ED%A0%80"])
def test_urlencoded_that_is_not_utf8(raw: bytes) -> None:
    assert refusal([raw], URLENCODED).status_code == 400


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_urlencoded_round_trip(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    assert parse_urlencoded(urlencode(pairs).encode(), Limits()).multi_items() == pairs


# Properties

names = st.text(st.characters(codec="utf-8", exclude_characters='"\\%\r\n;\0'), min_size=1, max_size=8)
texts = st.text(max_size=30).map(str.encode)
raws = st.lists(st.sampled_from([b"\r", b"\n", b"--", B.encode(), b"x", b"\0\xff"]), max_size=12).map(b"".join)
fields = st.tuples(names, texts).map(lambda f: part(f[1], f'form-data; name="{f[0]}"'))
files = st.tuples(names, names, raws).map(lambda f: part(f[2], f'form-data; name="{f[0]}"; filename="{f[1]}"'))
forms = st.lists(st.one_of(fields, files), max_size=5).map(lambda parts: body(*parts))


def cuts(whole: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted({i % (len(whole) + 1) for i in at}), len(whole)]
    return [whole[a:b] for a, b in pairwise(edges)]


def outcome(chunks: list[bytes], limits: Limits = Limits()) -> Any:
    try:
        return plain(chunks, limits=limits)
    except HTTPException as error:
        return error.status_code


@given(forms, st.lists(st.integers(0, 10_000), max_size=20))
def test_the_cut_does_not_show(whole: bytes, at: list[int]) -> None:
    assert outcome(cuts(whole, at)) == outcome([whole])


@given(forms, st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 10_000), st.binary(max_size=3))
def test_neither_does_it_in_damaged_forms(whole: bytes, at: list[int], where: int, damage: bytes) -> None:
    where %= len(whole)
    damaged = whole[:where] + damage + whole[where + len(damage) :]
    first = outcome([damaged])
    assert isinstance(first, list) or first in (400, 413)
    assert outcome(cuts(damaged, at)) == first


@given(forms, st.lists(st.integers(0, 10_000), max_size=8))
def test_nor_at_limits(whole: bytes, at: list[int]) -> None:
    limits = Limits(file=12, field_size=12, form_fields=2, files=2, part_header_size=60, spool=4)
    assert outcome(cuts(whole, at), limits) == outcome([whole], limits)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_form_or_a_4xx(raw: bytes) -> None:
    for content in (raw, f"--{B}\r\n".encode() + raw):
        result = outcome([content])
        assert isinstance(result, list) or result in (400, 413)


# Spooling, and cleaning up


def open_files() -> int:
    import os

    return len(os.listdir("/proc/self/fd"))


SPOOLED = Limits(spool=1_000)


def test_small_stays_in_memory_and_large_goes_to_disk() -> None:
    async def run() -> None:
        small, large = b"s" * 1_000, bytes(range(256)) * 4_000
        form = await read([body(file_part(small, name="s"), file_part(large, name="l"))], limits=SPOOLED)
        first, second = form.files
        assert (first.size, second.size) == (len(small), len(large))
        assert type(first.file).__name__ == "BytesIO"
        second.file.fileno()
        assert await second.read(5) == large[:5]
        await second.seek(1_000)
        assert await second.read() == large[1_000:]
        assert second.file.read() == b""
        await form.close()
        await form.close()
        with pytest.raises(ValueError, match="uploads end with their request"):
            await second.read()

    before = open_files()
    asyncio.run(run())
    assert open_files() <= before


class _Fault(Exception):
    pass


@pytest.mark.parametrize("how", ["malformed", "too large", "truncated", "disconnect", "fault", "cancel"])
def test_files_are_closed_on_every_path(how: str) -> None:
    start = body(file_part(b"x" * 300_000), part(b"1"))[:-18]
    limits = Limits(spool=1_000, field_size=5)
    ends: dict[str, list[bytes]] = {"malformed": [b"\r\n--" + B.encode() + b"junkjunkjunk"], "too large": [b"x" * 99]}

    async def run() -> None:
        raw = [(b"content-type", TYPE.encode())]
        exchange = Exchange("POST", headers=raw, body=[start, *ends.get(how, [])], limits=limits)
        if how in ("disconnect", "fault", "cancel"):
            delivered = False

            async def receive() -> dict[str, Any]:
                nonlocal delivered
                if not delivered:
                    delivered = True
                    return {"type": "http.request", "body": start, "more_body": True}
                if how == "fault":
                    raise _Fault
                if how == "cancel":
                    await asyncio.Event().wait()
                return {"type": "http.disconnect"}

            exchange.request.receive = receive
        async with asyncio.timeout(0.05 if how == "cancel" else 10):
            await parse_form(exchange.request)

    expected = {
        "malformed": BadRequest,
        "too large": ContentTooLarge,
        "truncated": BadRequest,
        "disconnect": ClientDisconnect,
        "fault": _Fault,
        "cancel": TimeoutError,
    }
    gc.collect()
    gc.disable()
    before = open_files()
    try:
        with pytest.raises(expected[how]):
            asyncio.run(run())
        assert open_files() <= before
    finally:
        gc.enable()


def test_cancelling_in_the_middle_of_a_write_leaves_nothing_open() -> None:
    async def run(after: float) -> None:
        task = asyncio.create_task(read([body(file_part(b"x" * 8_000_000))], limits=SPOOLED))
        await asyncio.sleep(after)
        task.cancel()
        try:
            form = await task
        except asyncio.CancelledError:
            return
        await form.close()

    gc.disable()
    before = open_files()
    try:
        for step in range(12):
            asyncio.run(run(step * 0.001))
        assert open_files() <= before
    finally:
        gc.enable()


def test_the_request_closes_its_form() -> None:
    async def run() -> None:
        raw = [(b"content-type", TYPE.encode())]
        request = Exchange("POST", headers=raw, body=[body(file_part(b"x" * 5_000))], limits=SPOOLED).request
        form = await request.form()
        assert await request.form() is form
        (upload,) = form.files
        assert request.closers
        for closer in request.closers:
            await closer()
        assert upload.closed

    asyncio.run(run())


def test_an_upload_can_be_made_by_hand() -> None:
    async def run() -> None:
        upload = UploadFile(filename="../x.txt", headers={"content-type": "text/plain"}, spool=10)
        assert (upload.filename, upload.raw_filename, upload.content_type) == ("x.txt", "../x.txt", "text/plain")
        await upload.write(b"12345")
        await upload.write(b"67890")
        await upload.write(b"abc")
        assert upload.size == 13
        await upload.seek(0)
        assert await upload.read() == b"1234567890abc"
        assert "x.txt" in repr(upload)
        await upload.close()
        assert upload.closed

    asyncio.run(run())


# Time and memory


def stall_while(work: Any) -> tuple[float, Any]:
    """The longest time that the loop worked without turning, in seconds of CPU time, and the result."""

    async def run() -> tuple[float, Any]:
        longest, last, stop = 0.0, time.process_time(), False

        async def tick() -> None:
            nonlocal longest, last
            while not stop:
                await asyncio.sleep(0)
                now = time.process_time()  # a thread that keeps the interpreter counts too
                longest, last = max(longest, now - last), now

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        longest = 0.0
        try:
            result = await work()
        except HTTPException as error:
            result = error.status_code
        await asyncio.sleep(0)
        stop = True
        await ticking
        return longest, result

    return asyncio.run(run())


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize(
    "whole",
    [
        body(file_part(b"x" * 16_000_000)),
        body(file_part(b"\r\n--boundary-" * 1_200_000)),
        body(file_part(b"\r" * 16_000_000)),
        body(*[part(b"x")] * 1_000, *[file_part(b"x")] * 32),
        body(*[part(b"x", 'form-data; name="a"', *["X: " + "y" * 200] * 14)] * 1_000),
        body(*[part(b"x", 'form-data; name="a"' + '; a="\\' * 600)] * 1_000),
    ],
    ids=["large", "near boundaries", "returns", "many parts", "many headers", "parameters"],
)
def test_the_loop_never_stalls_on_multipart(whole: bytes) -> None:
    # What happens now and then (a full garbage collection) is not the input's doing.
    assert min(stall_while(lambda: read([whole]))[0] for _ in range(3)) < 0.05


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize(
    "whole", [b"a=" + b"%41" * 340_000 + b"&b=" + b"%41" * 340_000, b"&a=1" * 999, b"a=" + b"+" * 1_000_000]
)
def test_the_loop_never_stalls_on_urlencoded(whole: bytes) -> None:
    stalls = [stall_while(lambda: read([whole], URLENCODED)) for _ in range(3)]
    assert all(isinstance(result, FormData) for _, result in stalls)
    assert min(longest for longest, _ in stalls) < 0.05


def test_a_field_in_tiny_pieces_takes_no_more_memory_than_its_size() -> None:
    whole = body(part(b"x" * 30_000))
    chunks = [whole[i : i + 1] for i in range(len(whole))]

    async def run() -> int:
        exchange = Exchange("POST", headers=[(b"content-type", TYPE.encode())], body=chunks)
        tracemalloc.start()
        await parse_form(exchange.request)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert asyncio.run(run()) < 500_000


def test_wrong_type_is_told() -> None:
    with pytest.raises(UnsupportedMediaType):
        asyncio.run(read([b"{}"], "application/json"))
