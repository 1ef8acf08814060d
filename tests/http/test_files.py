"""File responses from outside: headers, conditions, ranges, and files that change under the hand."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http import files as files_module
from ketch.http.files import FileResponse
from ketch.http.limits import Limits
from ketch.http.problems import NotFound, PreconditionFailed, RangeNotSatisfiable
from tests.support.exchange import Exchange

CONTENT = bytes(range(256)) * 4  # 1024 bytes
STAMP = 1_000_000_000
AT = "Sun, 09 Sep 2001 01:46:40 GMT"
BEFORE = "Sun, 09 Sep 2001 01:46:39 GMT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "data.bin"
    place.write_bytes(CONTENT)
    os.utime(place, (STAMP, STAMP))
    return place


def answer(response: FileResponse, method: str = "GET", **options: Any) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in options.pop("fields", {}).items()}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]

    async def run() -> Exchange:
        return await Exchange(method, headers=headers, **options).answer(response)

    return asyncio.run(run())


def test_a_whole_file(path: Path) -> None:
    exchange = answer(FileResponse(path))
    assert (exchange.status, exchange.body, exchange.complete) == (200, CONTENT, True)
    assert exchange.headers["content-length"] == "1024"
    assert exchange.headers["content-type"] == "application/octet-stream"
    assert exchange.headers["last-modified"] == AT
    assert exchange.headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]+-400"', exchange.headers["etag"])
    assert exchange.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in exchange.headers


def test_head(path: Path) -> None:
    exchange = answer(FileResponse(path), "HEAD")
    assert (exchange.status, exchange.body, exchange.headers["content-length"]) == (200, b"", "1024")
    assert answer(FileResponse(path), "HEAD", fields={"range": "bytes=0-1"}).status == 200


def test_another_status_and_method_have_no_conditions(path: Path) -> None:
    fields = {"if_none_match": "*", "range": "bytes=0-1"}
    assert answer(FileResponse(path, status_code=404), fields=fields).status == 404
    assert answer(FileResponse(path), "POST", fields=fields).body == CONTENT


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_000_000])
def test_sizes(tmp_path: Path, size: int) -> None:
    place = tmp_path / "x"
    place.write_bytes(b"x" * size)
    exchange = answer(FileResponse(place))
    assert (len(exchange.body), exchange.headers["content-length"], exchange.complete) == (size, str(size), True)


def test_names_and_types(path: Path, tmp_path: Path) -> None:
    headers = answer(FileResponse(path, filename="Größe\r\n.txt")).headers
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert (
        headers["content-disposition"] == "attachment; filename=\"Gr__e__.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe__.txt"
    )
    inline = answer(FileResponse(path, filename="a.pdf", content_disposition_type="inline")).headers
    assert (inline["content-disposition"], inline["content-type"]) == ('inline; filename="a.pdf"', "application/pdf")
    own = answer(FileResponse(path, media_type="image/png", headers={"Content-Disposition": "inline"}, filename="x"))
    assert (own.headers["content-type"], own.headers["content-disposition"]) == ("image/png", "inline")
    page = tmp_path / "page.html"
    page.write_text("<p>")
    assert "content-security-policy" in answer(FileResponse(str(page))).headers
    with pytest.raises(ValueError, match="content_disposition_type"):
        FileResponse(path, filename="x", content_disposition_type="other")


def test_what_is_no_file_is_not_found(tmp_path: Path, path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("loop", tmp_path / "loop")
    names: list[Any] = [tmp_path, tmp_path / "none", path / "below", tmp_path / "pipe", tmp_path / "loop"]
    names += [str(tmp_path / "a\0b"), str(tmp_path / ("x" * 5_000)), str(tmp_path / "a\ud800b"), "/dev/null", ""]
    for name in names:
        with pytest.raises(NotFound):
            answer(FileResponse(name))
        with pytest.raises(NotFound):
            asyncio.run(FileResponse(name).prepare(Exchange().request))


def test_a_file_that_may_not_be_read_is_the_servers_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "refused")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError):
        answer(FileResponse(path))


# Conditions


def test_revalidation(path: Path) -> None:
    etag = answer(FileResponse(path)).headers["etag"]
    for fields in ({"if_none_match": etag}, {"if_none_match": f'"x", W/{etag}'}, {"if_modified_since": AT}):
        exchange = answer(FileResponse(path, headers={"Cache-Control": "no-cache"}, filename="a.txt"), fields=fields)
        assert (exchange.status, exchange.body) == (304, b"")
        assert exchange.headers["etag"] == etag
        assert exchange.headers["cache-control"] == "no-cache"
        unwanted = {"content-length", "content-type", "content-disposition", "accept-ranges"}
        assert not unwanted & exchange.headers.keys()
    assert answer(FileResponse(path), fields={"if_none_match": '"x"', "if_modified_since": AT}).status == 200
    assert answer(FileResponse(path), "HEAD", fields={"if_none_match": etag}).status == 304


@pytest.mark.parametrize("fields", [{"if_match": '"x"'}, {"if_unmodified_since": BEFORE}])
def test_preconditions(path: Path, fields: dict[str, str]) -> None:
    for method in ("GET", "HEAD"):
        with pytest.raises(PreconditionFailed):
            answer(FileResponse(path), method, fields=fields)


def test_repeated_fields_are_one_list(path: Path) -> None:
    etag = answer(FileResponse(path)).headers["etag"].encode()

    async def run() -> int:
        headers = [(b"if-none-match", b'"x"'), (b"if-none-match", etag)]
        return (await Exchange(headers=headers).answer(FileResponse(path))).status

    assert asyncio.run(run()) == 304


def test_own_validators(path: Path) -> None:
    headers = {"ETag": '"mine"', "Last-Modified": BEFORE}
    sent = answer(FileResponse(path, headers=headers))
    assert (sent.headers["etag"], sent.headers["last-modified"]) == ('"mine"', BEFORE)
    assert [name for name, _ in sent.sent[0]["headers"]].count(b"etag") == 1
    assert answer(FileResponse(path, headers=headers), fields={"if_none_match": '"mine"'}).status == 304
    assert answer(FileResponse(path, headers=headers), fields={"if_modified_since": BEFORE}).status == 304


def test_a_fresh_file_has_a_weak_tag(path: Path) -> None:
    os.utime(path)
    etag = answer(FileResponse(path)).headers["etag"]
    assert etag.startswith('W/"')
    assert answer(FileResponse(path), fields={"if_none_match": etag}).status == 304
    assert answer(FileResponse(path), fields={"if_none_match": etag.removeprefix("W/")}).status == 304
    assert answer(FileResponse(path), fields={"range": "bytes=0-1", "if_range": etag}).status == 200
    assert answer(FileResponse(path), fields={"range": "bytes=0-1"}).status == 206


def test_a_time_stamp_in_the_future_is_not_told(path: Path) -> None:
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert "2096" not in answer(FileResponse(path)).headers["last-modified"]


# Ranges


def test_one_range(path: Path) -> None:
    exchange = answer(FileResponse(path), fields={"range": "bytes=10-19"})
    assert (exchange.status, exchange.body) == (206, CONTENT[10:20])
    assert exchange.headers["content-range"] == "bytes 10-19/1024"
    assert exchange.headers["content-length"] == "10"
    assert "etag" in exchange.headers


def test_if_range(path: Path) -> None:
    etag = answer(FileResponse(path)).headers["etag"]
    for if_range, status in ((etag, 206), (AT, 206), ('"x"', 200), (BEFORE, 200)):
        assert answer(FileResponse(path), fields={"range": "bytes=0-1", "if_range": if_range}).status == status
    # A range that cannot be satisfied does not matter when it does not apply.
    assert answer(FileResponse(path), fields={"range": "bytes=9999-", "if_range": '"x"'}).status == 200


def test_conditions_come_before_ranges(path: Path) -> None:
    etag = answer(FileResponse(path)).headers["etag"]
    assert answer(FileResponse(path), fields={"range": "bytes=9999-", "if_none_match": etag}).status == 304


@pytest.mark.parametrize("field", ["bytes=1024-", "bytes=x", "bytes=2-1", "bytes=" + ",".join(["0-0"] * 17)])
def test_ranges_that_cannot_be_sent(path: Path, field: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        answer(FileResponse(path), fields={"range": field})
    assert dict(caught.value.headers or {}) == {"Content-Range": "bytes */1024"}
    assert caught.value.detail


def test_the_limit_of_ranges_is_the_applications(path: Path) -> None:
    with pytest.raises(RangeNotSatisfiable):
        answer(FileResponse(path), fields={"range": "bytes=0-0,5-5,9-9"}, limits=Limits(ranges=2))


def read_byteranges(exchange: Exchange) -> list[tuple[int, int, bytes]]:
    kind = exchange.headers["content-type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    boundary = kind.partition("boundary=")[2].encode()
    first, *parts, last = (b"\r\n" + exchange.body).split(b"\r\n--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        match = re.search(rb"content-range: bytes (\d+)-(\d+)/(\d+)", head)
        assert match
        assert b"content-type: " in head
        found.append((int(match[1]), int(match[2]), content))
    return found


@pytest.mark.parametrize("large", [False, True])
def test_several_ranges(path: Path, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if large:
        monkeypatch.setattr(files_module, "_PIECE", 16)
    exchange = answer(FileResponse(path, filename="a.txt"), fields={"range": "bytes=100-199,0-9,-4"})
    assert exchange.status == 206
    assert "content-range" not in exchange.headers
    assert int(exchange.headers["content-length"]) == len(exchange.body)
    assert read_byteranges(exchange) == [
        (100, 199, CONTENT[100:200]),
        (0, 9, CONTENT[:10]),
        (1020, 1023, CONTENT[-4:]),
    ]


span = st.tuples(st.integers(0, 1_200), st.integers(0, 200)).map(lambda s: f"{s[0]}-{s[0] + s[1]}")
suffix = st.integers(0, 1_200).map(lambda n: f"-{n}")


@given(st.lists(st.one_of(span, suffix), min_size=1, max_size=16))
def test_any_ranges_send_exactly_what_was_asked(tmp_path_factory: pytest.TempPathFactory, specs: list[str]) -> None:
    place = tmp_path_factory.getbasetemp() / "ranged.bin"
    if not place.exists():
        place.write_bytes(CONTENT)
    wanted: set[int] = set()
    for spec in specs:
        first, _, last = spec.partition("-")
        wanted |= set(range(1024)[int(first) : int(last) + 1] if first else range(1024)[max(0, 1024 - int(last)) :])
    try:
        exchange = answer(FileResponse(place), fields={"range": f"bytes={','.join(specs)}"})
    except RangeNotSatisfiable:
        assert not wanted
        return
    assert int(exchange.headers["content-length"]) == len(exchange.body)
    if "content-range" in exchange.headers:
        numbers = [int(n) for n in re.findall(r"\d+", exchange.headers["content-range"])]
        parts = [(numbers[0], numbers[1], exchange.body)]
    else:
        parts = read_byteranges(exchange)
    sent: list[int] = []
    for first_byte, last_byte, content in parts:
        assert content == CONTENT[first_byte : last_byte + 1]
        sent += range(first_byte, last_byte + 1)
    assert sorted(sent) == sorted(wanted)


# Files that change, clients that leave, servers that can do it themselves


def sent_before_closing(place: Path, change: Any, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """Send `place` in pieces of 16 bytes; `change` runs after the third message."""
    monkeypatch.setattr(files_module, "_PIECE", 16)

    async def run() -> Exchange:
        exchange = Exchange()

        async def send(message: Any) -> None:
            await exchange.send(message)
            if len(exchange.sent) == 3:
                change()

        try:
            await FileResponse(place).send(send, exchange.request)
        except RuntimeError as error:
            assert "shorter" in str(error)
        return exchange

    return asyncio.run(run())


def test_a_file_that_shrinks_is_never_passed_off_as_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = sent_before_closing(path, lambda: os.truncate(path, 100), monkeypatch)
    assert not exchange.complete
    assert exchange.body == CONTENT[:100]


def test_a_file_that_grows_is_sent_as_long_as_was_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    exchange = sent_before_closing(path, grow, monkeypatch)
    assert exchange.complete
    assert exchange.body == CONTENT


def test_a_file_replaced_after_the_decision_is_decided_upon_again(path: Path) -> None:
    async def run() -> None:
        exchange = Exchange()
        response = FileResponse(path)
        await response.prepare(exchange.request)
        path.write_bytes(b"new")  # noqa: ASYNC240
        await exchange.answer(response)
        assert (exchange.body, exchange.headers["content-length"]) == (b"new", "3")
        assert exchange.headers["etag"].endswith('-3"')

    asyncio.run(run())


def test_a_file_removed_after_the_decision_is_not_found(path: Path) -> None:
    async def run() -> None:
        exchange = Exchange()
        response = FileResponse(path)
        await response.prepare(exchange.request)
        path.unlink()  # noqa: ASYNC240
        with pytest.raises(NotFound):
            await exchange.answer(response)
        assert exchange.sent == []

    asyncio.run(run())


@pytest.mark.parametrize("how", ["leave", "refuse", "cancel", "shrink"])
def test_the_file_is_closed_on_every_path(path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "_PIECE", 16)
    opened: list[Any] = []
    original = files_module._open_file
    monkeypatch.setattr(files_module, "_open_file", lambda name: opened.append(original(name)) or opened[-1])

    async def run() -> None:
        exchange = Exchange(refuse_after=3 if how == "refuse" else None)

        async def send(message: Any) -> None:
            await exchange.send(message)
            if len(exchange.sent) == 3 and how != "refuse":
                if how == "leave":
                    exchange.leave()
                elif how == "shrink":
                    os.truncate(path, 20)
                await asyncio.sleep(0.02 if how != "cancel" else 60)

        async with asyncio.timeout(0.1 if how == "cancel" else 10):
            await FileResponse(path).send(send, exchange.request)

    try:
        asyncio.run(run())
    except (TimeoutError, RuntimeError):
        assert how in ("cancel", "shrink")
    assert opened[0].closed


def test_the_server_may_send_the_file_itself(path: Path) -> None:
    extensions: dict[str, Any] = {"http.response.pathsend": {}}
    exchange = answer(FileResponse(path), extensions=extensions)
    assert exchange.sent[1] == {"type": "http.response.pathsend", "path": str(path)}
    assert exchange.headers["content-length"] == "1024"
    assert len(exchange.sent) == 2
    assert answer(FileResponse(path), fields={"range": "bytes=0-1"}, extensions=extensions).body == CONTENT[:2]
    assert answer(FileResponse(path), "HEAD", extensions=extensions).complete


def test_sending_does_not_look_at_the_disk_on_the_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    loop_thread = threading.get_ident()

    def off_the_loop(function: Any) -> Any:
        def checked(*args: Any, **kwargs: Any) -> Any:
            assert threading.get_ident() != loop_thread
            return function(*args, **kwargs)

        return checked

    for name in ("_look_up", "_open_file", "_read", "_read_span"):
        monkeypatch.setattr(files_module, name, off_the_loop(getattr(files_module, name)))
    assert answer(FileResponse(path)).body == CONTENT
    monkeypatch.setattr(files_module, "_PIECE", 16)
    assert answer(FileResponse(path)).body == CONTENT
