"""TestClient against hand-written ASGI applications: requests, responses, exceptions, time-outs."""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from ketch.testing import TestClient
from tests.testing import asgi_apps
from tests.testing.asgi_apps import App, Receive, Scope, Send, respond, show, whole_body


def client_for(**handlers: asgi_apps.Handler) -> TestClient:
    return TestClient(App(**handlers))


# -- the scope


def test_a_request_becomes_an_asgi_scope() -> None:
    with client_for(show=show) as client:
        shown = client.post("/show/a%2Fb%20c?x=1&y=%20", content=b"hello").json()
    assert shown["method"] == "POST"
    assert shown["path"] == "/show/a/b c"
    assert shown["raw_path"] == "/show/a%2Fb%20c"
    assert shown["query"] == "x=1&y=%20"
    assert shown["scheme"] == "http"
    assert shown["client"] == ["testclient", 50000]
    assert shown["server"] == ["testserver", 80]
    assert shown["body"] == "hello"
    assert shown["state"] == {"number": 7}
    assert shown["extensions"] == ["http.response.debug", "http.response.trailers", "ketch.raise"]
    headers = dict(shown["headers"])
    assert headers["host"] == "testserver"
    assert headers["user-agent"] == "testclient"
    assert headers["sec-fetch-site"] == "same-origin"
    assert headers["content-length"] == "5"


def test_the_options_reach_the_scope() -> None:
    client = TestClient(
        App(show=show),
        "https://shop.example:8443/show",
        raise_server_exceptions=False,
        root_path="/api",
        client=("10.0.0.1", 1),
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    with client:
        shown = client.get("/deep").json()
    assert (shown["scheme"], shown["server"], shown["path"]) == ("https", ["shop.example", 8443], "/show/deep")
    assert (shown["root_path"], shown["client"]) == ("/api", ["10.0.0.1", 1])
    assert "ketch.raise" not in shown["extensions"]
    assert ["sec-fetch-site", "cross-site"] in shown["headers"]


def test_a_path_that_no_url_can_hold() -> None:
    with client_for(show=show) as client:
        shown = client.get("/", extensions={"target": b"/show/../%00//x?q=\xff"}).json()
    assert shown["raw_path"] == "/show/../%00//x"
    assert shown["query"] == "q=\xff"


def test_every_request_has_its_own_copy_of_the_state() -> None:
    async def change(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["number"] += 1
        await respond(send, str(scope["state"]["number"]).encode())

    with client_for(index=change) as client:
        assert [client.get("/").text for _ in range(2)] == ["8", "8"]


# -- request bodies


def test_a_large_body_comes_in_pieces() -> None:
    sizes: list[int] = []

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await respond(send)

    with client_for(index=count) as client:
        client.post("/", content=b"x" * 150_000)
        client.get("/")
    assert sizes == [65_536, 65_536, 18_928, 0]


def test_an_iterator_is_pulled_in_the_tests_thread_only_as_far_as_the_application_reads() -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        number = 0
        while True:
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield b"x"
            number += 1

    async def read_three(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            assert (await receive())["more_body"] is True
        await respond(send, b"enough", 413)

    with client_for(index=read_three) as client:
        assert client.post("/", content=endless()).status_code == 413
    assert taken == [0, 1, 2]


def test_an_iterator_that_fails_fails_the_test() -> None:
    def bad() -> Iterator[bytes]:
        yield b"a"
        raise LookupError("mine")

    async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass
        await respond(send)

    with client_for(index=swallow) as client, pytest.raises(LookupError, match="mine"):
        client.post("/", content=bad())


def test_forms_and_files() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, await whole_body(receive))

    with client_for(index=echo) as client:
        assert client.post("/", data={"a": "1 2"}).text == "a=1+2"
        assert b'filename="n.txt"' in client.post("/", files={"f": ("n.txt", b"content")}).content


# -- responses


def test_status_headers_body() -> None:
    async def made(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"ok", 201, [(b"x-a", b"1"), (b"x-a", b"2"), (b"content-length", b"2")])

    with client_for(index=made) as client:
        response = client.get("/")
    assert (response.status_code, response.text) == (201, "ok")
    assert response.headers.get_list("x-a") == ["1", "2"]


def test_head_drops_the_body_and_keeps_the_length() -> None:
    async def made(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"ok", headers=[(b"content-length", b"2")])

    with client_for(index=made) as client:
        response = client.head("/")
    assert (response.content, response.headers["content-length"]) == (b"", "2")


def test_cookies_are_kept_and_sent() -> None:
    async def cookie(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"", headers=[(b"set-cookie", b"id=7; Path=/; HttpOnly")])

    with client_for(set=cookie, show=show) as client:
        client.get("/set")
        assert ["cookie", "id=7"] in client.get("/show").json()["headers"]


@pytest.mark.parametrize("follow", [True, False])
def test_redirects(follow: bool) -> None:
    async def away(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"", 307, [(b"location", b"/show?moved=1")])

    with TestClient(App(away=away, show=show), follow_redirects=follow) as client:
        response = client.post("/away", content=b"kept")
    if follow:
        shown = response.json()
        assert (shown["method"], shown["query"], shown["body"]) == ("POST", "moved=1", "kept")
        assert [r.status_code for r in response.history] == [307]
    else:
        assert response.status_code == 307


def test_trailers_and_debug_information_are_kept() -> None:
    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.debug", "info": {"template": "home.html"}})
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"x"})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]})

    with client_for(index=both) as client:
        response = client.get("/")
    assert response.extensions["http.response.trailers"] == [(b"x-sum", b"1")]
    assert response.extensions["http.response.debug"] == {"template": "home.html"}


def test_work_after_the_response_is_done_when_the_test_goes_on() -> None:
    done: list[str] = []

    async def later(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"ok")
        await asyncio.sleep(0.05)
        done.append("background")

    with client_for(index=later) as client:
        client.get("/")
        assert done == ["background"]


def test_context_variables_of_the_test_are_seen_by_the_application() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, variable.get().encode())

    with client_for(index=read) as client:
        variable.set("set")
        assert client.get("/").text == "set"


def test_one_event_loop_for_the_clients_whole_life() -> None:
    loops: set[int] = set()

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        loops.add(id(asyncio.get_running_loop()))
        await respond(send)

    with client_for(index=note) as client:
        for _ in range(3):
            client.get("/")
    assert len(loops) == 1


@pytest.mark.soak
@pytest.mark.serial
def test_a_client_may_be_used_from_several_threads() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await respond(send, b"ok")

    client = client_for(index=slow)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(client.get("/").text)) for _ in range(8)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert answers == ["ok"] * 8
    assert time.monotonic() - begin < 0.7


# -- exceptions


@pytest.mark.parametrize("handler", [asgi_apps.boom, asgi_apps.boom_after_500, asgi_apps.boom_midway])
def test_exceptions_reach_the_test(handler: asgi_apps.Handler) -> None:
    with client_for(index=handler) as client, pytest.raises(ValueError, match="boom"):
        client.get("/")


@pytest.mark.parametrize(("handler", "body"), [(asgi_apps.boom, ""), (asgi_apps.boom_after_500, "sorry")])
def test_or_the_test_sees_the_response(handler: asgi_apps.Handler, body: str) -> None:
    with TestClient(App(index=handler), raise_server_exceptions=False) as client:
        response = client.get("/")
    assert (response.status_code, response.text) == (500, body)


@pytest.mark.parametrize("handler", [asgi_apps.boom_midway, asgi_apps.half])
def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one(handler: asgi_apps.Handler) -> None:
    client = TestClient(App(index=handler), raise_server_exceptions=False)
    with client, pytest.raises(httpx2.RemoteProtocolError, match="broke off, GET /"):
        client.get("/")


@pytest.mark.parametrize(("handler", "words"), [(asgi_apps.silent, "without sending"), (asgi_apps.half, "completing")])
def test_an_application_that_forgets_to_answer(handler: asgi_apps.Handler, words: str) -> None:
    with client_for(index=handler) as client, pytest.raises(RuntimeError, match=words):
        client.get("/")


def test_the_client_survives_exceptions_even_exits() -> None:
    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        raise SystemExit(3)

    with client_for(leave=leave, show=show) as client:
        with pytest.raises(SystemExit):
            client.get("/leave")
        assert client.get("/show").status_code == 200


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"type": "http.response.body", "body": b""}], "before http.response.start"),
        ([{"type": "http.response.start", "status": 200}] * 2, "twice"),
        ([{"type": "http.response.start", "status": 99}], "not an HTTP status"),
        ([{"type": "http.response.start", "status": 200, "headers": [(b"a b", b"")]}], "refuse the header"),
        ([{"type": "http.response.start", "status": 200, "headers": [(b"a", b"1\r\nb: 2")]}], "refuse the header"),
        ([{"type": "http.response.start", "status": 200, "headers": [("a", "b")]}], "pairs of bytes"),
        ([{"type": "lifespan.startup.complete"}], "unexpected"),
        (
            [
                {"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"3")]},
                {"type": "http.response.body", "body": b"four"},
            ],
            "more body than Content-Length: 3",
        ),
        (
            [
                {"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"3")]},
                {"type": "http.response.body", "body": b"2b"},
            ],
            "less body than Content-Length: 3",
        ),
        (
            [{"type": "http.response.start", "status": 204}, {"type": "http.response.body", "body": b"x"}],
            "204 response has no body",
        ),
        (
            [
                {"type": "http.response.start", "status": 200},
                {"type": "http.response.body"},
                {"type": "http.response.body"},
            ],
            "after the response was complete",
        ),
    ],
)
def test_what_a_server_would_not_send_is_an_error(messages: list[dict[str, object]], words: str) -> None:
    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with client_for(index=wrong) as client, pytest.raises((RuntimeError, ValueError, TypeError), match=words):
        client.get("/")


# -- streaming


def test_pieces_arrive_as_they_are_sent() -> None:
    gate = threading.Event()

    async def lines(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one\n", "more_body": True})
        await asyncio.get_running_loop().run_in_executor(None, gate.wait, 10)
        await send({"type": "http.response.body", "body": b"two\n", "more_body": False})

    with client_for(index=lines) as client, client.stream("GET", "/") as response:
        arriving = response.iter_lines()
        assert next(arriving) == "one"  # the application cannot have sent the second yet
        gate.set()
        assert list(arriving) == ["two"]


def test_the_application_waits_for_a_slow_reader() -> None:
    sent: list[int] = []

    async def numbers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(1000):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            sent.append(number)

    with client_for(index=numbers) as client, client.stream("GET", "/") as response:
        arriving = response.iter_raw()
        next(arriving)
        time.sleep(0.05)
        assert len(sent) < 4


@pytest.mark.parametrize("how", ["receive", "send"])
def test_closing_early_is_a_client_that_goes_away(how: str) -> None:
    ended: list[str] = []

    async def ticker(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        if how == "receive":
            ended.append((await receive())["type"])
            return
        try:
            while True:
                await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        finally:
            ended.append("cleaned up")

    with client_for(index=ticker) as client:
        with client.stream("GET", "/") as response:
            arriving = response.iter_lines()  # httpx2 closes the response when this is garbage
            assert next(arriving) == "tick"
            assert ended == []
        assert ended == [{"receive": "http.disconnect", "send": "cleaned up"}[how]]


def test_an_application_that_does_not_notice_is_cancelled() -> None:
    ended: list[str] = []

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with client_for(index=deaf) as client:
        with client.stream("GET", "/"):
            pass
        assert ended == ["cancelled"]


def test_a_bug_in_the_clean_up_after_a_disconnect_is_told() -> None:
    async def buggy(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        raise LookupError("in the clean-up")

    with client_for(index=buggy) as client, pytest.raises(LookupError), client.stream("GET", "/"):
        pass


def test_closing_after_the_last_piece_was_sent_is_no_disconnect() -> None:
    done: list[str] = []

    async def quick(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await respond(send, b"all")
        done.append((await receive())["type"])
        await asyncio.sleep(0.05)
        done.append("after")

    with client_for(index=quick) as client:
        with client.stream("GET", "/"):
            pass
        assert done == ["http.disconnect", "after"]


def test_closing_the_client_ends_what_is_open_before_the_shutdown() -> None:
    app = App()

    async def ticker(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.sleep(3600)
        finally:
            app.events.append("ended")

    app.handlers["index"] = ticker
    with TestClient(app) as client:
        response = client.send(client.build_request("GET", "/"), stream=True)
    assert app.events == ["up", "ended", "down"]
    response.close()


# -- nothing hangs


def test_a_missing_response_is_a_timeout_that_says_where() -> None:
    with TestClient(App(index=asgi_apps.forever), timeout=0.1) as client, pytest.raises(TimeoutError) as caught:
        client.get("/")
    text = str(caught.value)
    assert text.startswith("waited 0.1 s for the response's head, GET /; the application is waiting in ")
    assert "sleep (" in text


@pytest.mark.soak
def test_every_request_may_say_its_own_timeout() -> None:
    with TestClient(App(index=asgi_apps.forever)) as client:
        begin = time.monotonic()
        with pytest.raises(TimeoutError, match=r"waited 0\.05 s"):
            client.get("/", timeout=0.05)
        assert time.monotonic() - begin < 1


def test_a_body_that_stops_coming_and_an_application_that_stays() -> None:
    async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asgi_apps.forever(scope, receive, send)

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)
        await asgi_apps.forever(scope, receive, send)

    with TestClient(App(stuck=stuck, lingering=lingering), timeout=0.1) as client:
        with pytest.raises(TimeoutError, match="more of the response's body, GET /stuck"):
            client.get("/stuck")
        with pytest.raises(TimeoutError, match=r"to return .*background task.*GET /lingering"):
            client.get("/lingering")


def test_an_application_that_blocks_the_loop_is_named() -> None:
    release = threading.Event()

    async def blocking(scope: Scope, receive: Receive, send: Send) -> None:
        release.wait(20)
        await respond(send)

    with TestClient(App(index=blocking), timeout=0.1) as client:
        with pytest.raises(TimeoutError, match="the event loop is blocked by"):
            client.get("/")
        release.set()


def test_an_application_that_refuses_cancellation_is_reported() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                pass

    with TestClient(App(index=stubborn), timeout=0.1) as client:
        with pytest.raises(TimeoutError, match="was cancelled, but is still running"):
            client.get("/")


# -- what is Ketch's own


def test_override_is_the_applications() -> None:
    class Overridable(App):
        def override(self, replacements: object) -> object:
            return ("replaced", replacements)

    assert TestClient(Overridable()).override({int: 3}) == ("replaced", {int: 3})
    with pytest.raises(TypeError, match=r"App has no override\(\)"):
        TestClient(App()).override({})


def test_what_is_not_an_application_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="drives an ASGI application, not 'app:app'"):
        TestClient("app:app")  # type: ignore[arg-type]


def test_the_mode_is_test_unless_another_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("KETCH_ENV", raising=False)
    TestClient(App())
    assert os.environ["KETCH_ENV"] == "test"
    monkeypatch.setenv("KETCH_ENV", "production")
    TestClient(App())
    assert os.environ["KETCH_ENV"] == "production"


def test_json_of_the_whole_round_trip() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, await whole_body(receive), headers=[(b"content-type", b"application/json")])

    data = {"a": [1, 2.5, None, "é"]}
    with client_for(index=echo) as client:
        assert client.post("/", json=data).json() == data
        assert json.loads(client.post("/", json=data).content) == data
