"""The edge, without a test client: what is closed, logged and answered when things go wrong at odd moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from ketch import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    PlainTextResponse,
    Request,
    Response,
    Router,
    StreamingResponse,
    UploadFile,
)
from ketch.serving import flight


class Wire:
    """One request as a server would hand it over; `receive` may wait for ever, `send` may fail."""

    def __init__(self, app: Any, path: str = "/", method: str = "GET", body: bytes = b"", headers: Any = ()) -> None:
        self.app = app
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": list(headers),
            "scheme": "http",
            "root_path": "",
        }
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self.sent: list[Any] = []
        self.broken: BaseException | None = None

    async def send(self, message: Any) -> None:
        if self.broken is not None:
            raise self.broken
        self.sent.append(message)

    def start(self) -> asyncio.Task[None]:
        return asyncio.ensure_future(self.app(self.scope, self.inbox.get, self.send))

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.sent if m["type"] == "http.response.start"), None)


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def form(name: str, content: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode()
        + content
        + b"\r\n--b--\r\n"
    )
    return body, [(b"content-type", b"multipart/form-data; boundary=b")]


def test_a_cancelled_request_closes_everything_it_held() -> None:
    log: list[str] = []
    uploads: list[UploadFile] = []

    def opening(name: str, how: str) -> Any:
        async def opened() -> AsyncIterator[str]:
            try:
                yield name
            except BaseException as error:
                log.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                log.append(f"close {name}")

        def opened_in_thread() -> Iterator[str]:
            try:
                yield name
            finally:
                log.append(f"close {name}")

        return opened if how == "async" else opened_in_thread

    app = quiet()

    @app.post("/")
    async def slow(
        file: UploadFile,
        late: Annotated[str, Depends(opening("late", "async"), scope="request")],
        soon: Annotated[str, Depends(opening("soon", "async"))],
        threaded: Annotated[str, Depends(opening("threaded", "def"))],
    ) -> None:
        uploads.append(file)
        await asyncio.sleep(60)

    async def main() -> None:
        body, headers = form("file", b"x" * 10)
        wire = Wire(app, method="POST", body=body, headers=headers)
        task = wire.start()
        await until(lambda: uploads)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert wire.sent == []

    asyncio.run(main())
    assert log == ["close threaded", "soon saw CancelledError", "close soon", "late saw CancelledError", "close late"]
    assert uploads[0].file.closed


def test_cancelling_while_a_thread_opens_a_generator_closes_it() -> None:
    """What a thread opened for somebody who was cancelled meanwhile is nobody's: it has to be closed at once."""
    import threading

    log: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def opened() -> Iterator[int]:
        begun.set()
        go_on.wait(5)
        log.append("opened")
        try:
            yield 1
        finally:
            log.append("closed")

    app = quiet()

    @app.get("/")
    async def show(n: Annotated[int, Depends(opened)]) -> int:
        log.append("handler")
        return n

    async def main() -> None:
        task = Wire(app).start()
        await until(begun.is_set)
        task.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log == ["opened", "closed"]


def test_a_client_that_left_is_no_error(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A disconnect cancels GET; for the server the request is simply over."""
    monkeypatch.setattr(flight, "_SWEEP", 0.02)
    log: list[str] = []
    app = quiet()

    @app.get("/")
    async def slow(request: Request) -> str:
        request.add_closer(lambda: log.append("closer"))
        log.append("begun")
        await asyncio.sleep(60)
        return "never"

    async def main() -> None:
        wire = Wire(app)
        task = wire.start()
        await until(lambda: log == ["begun"])
        await asyncio.sleep(0.1)
        wire.inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(task, 2)  # nothing is raised
        assert task.cancelling() == 0
        assert wire.sent == []
        assert len(app.runtime.flight) == 0

    asyncio.run(main())
    assert log == ["begun", "closer"]
    assert "failed" not in caplog.text


def test_a_server_that_stops_meanwhile_still_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "_SWEEP", 0.02)
    app = quiet()
    entered: list[int] = []

    @app.get("/")
    async def slow() -> None:
        entered.append(1)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            raise

    async def main() -> None:
        wire = Wire(app)
        task = wire.start()
        await until(lambda: entered)
        await asyncio.sleep(0.1)
        wire.inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_client_that_leaves_while_its_body_is_read_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    app, log = quiet(), list[str]()

    @app.post("/")
    async def read(request: Request) -> str:
        request.add_closer(lambda: log.append("closer"))
        return str(len(await request.body()))

    async def main() -> None:
        wire = Wire(app, method="POST")
        await wire.inbox.get()
        wire.inbox.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
        wire.inbox.put_nowait({"type": "http.disconnect"})
        await wire.start()
        assert wire.sent == []

    asyncio.run(main())
    assert log == ["closer"]
    assert caplog.text == ""


def test_closers_all_run_last_first_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    app, log = quiet(), list[str]()

    @app.get("/")
    async def show(request: Request, tasks: BackgroundTasks) -> str:
        def fail() -> None:
            raise OSError("closer one")

        async def cancelled() -> None:
            log.append("cancelled")
            raise asyncio.CancelledError

        async def plain() -> None:
            log.append("plain")

        request.add_closer(lambda: log.append("first"))
        request.add_closer(fail)
        request.add_closer(cancelled)
        request.add_closer(plain)
        tasks.add_task(log.append, "background")
        return "x"

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await Wire(app).start()

    asyncio.run(main())
    assert log == ["plain", "cancelled", "first"]
    assert "clean-up after GET / failed" in caplog.text and "closer one" in caplog.text


def test_a_response_that_cannot_be_sent_was_a_success_all_the_same() -> None:
    """The unit of work has committed; that the client has gone changes nothing for what comes after."""
    app, log = quiet(), list[str]()

    @app.post("/")
    async def save(tasks: BackgroundTasks) -> str:
        tasks.add_task(log.append, "background")
        return "x"

    async def main() -> None:
        wire = Wire(app, method="POST")
        wire.broken = OSError("gone")
        with pytest.raises(OSError, match="gone"):
            await wire.start()

    asyncio.run(main())
    assert log == ["background"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [ValueError("stream"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_a_stream_that_fails(when: str, error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    app, log = quiet(), list[str]()

    async def opened() -> AsyncIterator[int]:
        try:
            yield 1
        except BaseException as seen:
            log.append(f"saw {type(seen).__name__}")
            raise

    @app.get("/")
    async def stream(tasks: BackgroundTasks, n: Annotated[int, Depends(opened)]) -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            if when == "after":
                yield b"x"
            raise error

        tasks.add_task(log.append, "background")
        return StreamingResponse(body())

    async def main() -> Wire:
        wire = Wire(app)
        if isinstance(error, ValueError) and when == "before":
            await wire.start()
            return wire
        with pytest.raises(type(error)):
            await app(wire.scope, wire.inbox.get, wire.send)
        return wire

    try:
        wire = asyncio.run(main())
    except KeyboardInterrupt:  # asyncio.run's own handling of it
        return
    assert log == [f"saw {type(error).__name__}"]
    if isinstance(error, ValueError):
        assert wire.status == (500 if when == "before" else 200)
        assert "GET / failed" in caplog.text


def test_a_replaced_stream_is_closed() -> None:
    """Middleware may answer something else; what the stream would have read from is closed all the same."""
    app, log = quiet(), list[str]()

    async def replace(request: Request, call_next: Any) -> Response:
        await call_next(request)
        return PlainTextResponse("instead")

    app.add_middleware(replace)

    async def opened() -> AsyncIterator[int]:
        yield 1
        log.append("closed")

    @app.get("/")
    async def stream(n: Annotated[int, Depends(opened)]) -> AsyncIterator[int]:
        yield n

    async def main() -> Wire:
        wire = Wire(app)
        await wire.start()
        return wire

    wire = asyncio.run(main())
    assert (wire.status, log) == (200, ["closed"])


def test_an_error_in_middleware_after_the_response_is_a_500_and_closes_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, log = quiet(), list[str]()

    async def fail(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        request.error_headers = [(b"x-seen", b"yes")]
        raise LookupError(f"after {response.status_code}")

    app.add_middleware(fail)

    async def opened() -> AsyncIterator[int]:
        try:
            yield 1
        except BaseException as seen:
            log.append(f"saw {type(seen).__name__}")
            raise

    @app.get("/")
    async def stream(n: Annotated[int, Depends(opened)]) -> AsyncIterator[int]:
        yield n

    async def main() -> Wire:
        wire = Wire(app)
        await wire.start()
        return wire

    wire = asyncio.run(main())
    assert wire.status == 500
    assert (b"x-seen", b"yes") in wire.sent[0]["headers"]
    assert log == ["saw LookupError"]
    assert "after 200" in caplog.text


def test_two_event_loops_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that is used without a lifespan, from one loop and then from another."""
    monkeypatch.setattr(flight, "_SWEEP", 0.02)
    app, log = quiet(), list[str]()

    @app.get("/{how}")
    async def slow(how: str) -> str:
        if how == "slow":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                log.append("cancelled")
                raise
        return how

    async def quick() -> None:
        wire = Wire(app, "/quick")
        await wire.start()
        assert wire.status == 200

    async def leaving() -> None:
        wire = Wire(app, "/slow")
        task = wire.start()
        await asyncio.sleep(0.1)
        wire.inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(task, 2)

    asyncio.run(quick())
    asyncio.run(leaving())
    asyncio.run(leaving())
    assert log == ["cancelled", "cancelled"]


def test_a_request_too_large_in_its_head_is_refused_before_anything() -> None:
    app = quiet()
    app.get("/")(lambda: "x")

    async def main() -> list[int | None]:
        many = Wire(app, headers=[(b"x-%d" % n, b"1") for n in range(500)])
        long = Wire(app, path="/" + "x" * 10_000)
        for wire in (many, long):
            await wire.start()
        return [many.status, long.status]

    assert asyncio.run(main()) == [431, 414]


def test_lifespan_messages() -> None:
    """ASGI's lifespan: what goes wrong is told to the server in words; a server that gives up stops the application."""
    log: list[str] = []

    class Noting:
        name = "noting"

        def setup(self, declare: Any) -> None: ...

        def lifespan(self, app: App) -> Any:
            import contextlib

            @contextlib.asynccontextmanager
            async def running() -> AsyncIterator[None]:
                log.append("start")
                try:
                    yield
                finally:
                    log.append("stop")
                    if failing:
                        raise OSError("cannot stop")

            return running()

    failing = False

    async def talk(app: App, *kinds: str) -> list[Any]:
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        for kind in kinds:
            inbox.put_nowait({"type": kind})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        task = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, inbox.get, send))
        await asyncio.sleep(0.05)
        if not task.done():
            task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        return [*sent, *(r for r in results if r is not None)]

    app = quiet(extensions=[Noting()])
    told = asyncio.run(talk(app, "lifespan.startup", "odd.message", "lifespan.shutdown"))
    assert [m["type"] for m in told] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert asyncio.run(talk(app, "lifespan.shutdown")) == []
    told = asyncio.run(talk(app, "lifespan.startup"))
    assert isinstance(told[-1], asyncio.CancelledError)
    assert log == ["start", "stop"] * 2
    failing = True
    told = asyncio.run(talk(app, "lifespan.startup", "lifespan.shutdown"))
    assert told[1] == {"type": "lifespan.shutdown.failed", "message": "cannot stop"}
    wrong = quiet()

    @wrong.get("/{a}")
    async def show() -> None: ...

    told = asyncio.run(talk(wrong, "lifespan.startup"))
    assert told[0]["type"] == "lifespan.startup.failed" and "KETCH-BIND-002" in told[0]["message"]


@pytest.mark.parametrize("level", ["app", "router"])
def test_middleware_that_forgets_to_return(level: str, caplog: pytest.LogCaptureFixture) -> None:
    app, log = quiet(), list[str]()

    async def forget(request: Request, call_next: Any) -> Any:
        await call_next(request)

    async def opened() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            log.append("closed")

    router = Router(prefix="/r", middleware=[forget] if level == "router" else [])
    if level == "app":
        app.add_middleware(forget)

    @router.get("/x")
    async def stream(n: Annotated[int, Depends(opened, scope="request")]) -> str:
        return "x"

    app.include_router(router)

    async def main() -> int | None:
        wire = Wire(app, "/r/x")
        await wire.start()
        return wire.status

    assert asyncio.run(main()) == 500
    assert log == ["closed"]
    assert "a middleware answered NoneType, not a Response" in caplog.text


def test_refusals_of_middleware_have_the_applications_handlers() -> None:
    app = quiet()

    async def refuse(request: Request, call_next: Any) -> Any:
        raise HTTPException(403, detail="not you")

    app.add_middleware(refuse)

    @app.exception_handler(403)
    async def sorry(request: Request, exc: HTTPException) -> Response:
        return PlainTextResponse(f"sorry: {exc.detail}", 403)

    app.get("/")(lambda: "x")

    async def main() -> bytes:
        wire = Wire(app)
        await wire.start()
        body: bytes = wire.sent[1]["body"]
        return body

    assert asyncio.run(main()) == b"sorry: not you"


@pytest.mark.parametrize(
    "path", ["/ok", "/def", "/missing", "/missing-def", "/dependency", "/stream", "/nowhere", "/x"]
)
def test_an_ordinary_request_leaves_nothing_to_the_garbage_collector(path: str) -> None:
    """What is in a circle is freed only when the collector comes, and a request's body with it."""
    import gc

    app = quiet()

    async def opened() -> AsyncIterator[int]:
        yield 1

    def opened_in_thread() -> Iterator[int]:
        yield 1

    Both = Annotated[int, Depends(opened)]
    Late = Annotated[int, Depends(opened_in_thread, scope="request")]
    app.get("/ok")(lambda: "x")

    @app.get("/def")
    def plain() -> str:
        return "x"

    @app.get("/missing")
    async def missing() -> str:
        raise HTTPException(404)

    @app.get("/missing-def")
    def missing_in_thread(a: Annotated[int, Depends(opened_in_thread)]) -> str:
        raise HTTPException(404)

    @app.get("/dependency")
    async def dependency(a: Both, b: Late) -> str:
        raise HTTPException(409)

    @app.get("/stream")
    async def stream(a: Both, b: Late) -> AsyncIterator[int]:
        yield a

    @app.get("/{n}")
    async def number(n: int) -> int:
        return n

    async def main() -> int:
        gc.freeze()  # what earlier tests left is not looked at: that would take half a second each time
        try:
            return min([await measured() for _ in range(4)])  # other threads of the test run make garbage of their own
        finally:
            gc.unfreeze()

    async def measured() -> int:
        await asyncio.sleep(0.01)
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                wire = Wire(app, path)
                await app(wire.scope, wire.inbox.get, wire.send)
                del wire
            await asyncio.sleep(0.01)
            return gc.collect()
        finally:
            gc.enable()

    assert asyncio.run(main()) < 5
