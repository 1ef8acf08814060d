"""The page of `dev` for an unhandled error: what it shows, what it keeps back, and that nothing breaks it."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from typing import Annotated, Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch import App, Depends, Form, Header, Query, Request, Struct, WebSocket
from ketch.http.formdata import FormData
from ketch.http.headers import Headers
from ketch.serving.debug import MAX_PAGE, debug_response
from ketch.serving.debug.story import as_text, story
from ketch.serving.debug.values import MAX_VALUE, Budget, printable, scrubbed, shown
from ketch.testing import TestClient

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def request(accept: str = BROWSER, **scope: Any) -> Request:
    async def receive() -> Any: ...

    headers = [(b"accept", accept.encode()), *scope.pop("headers", [])]
    whole = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": headers, **scope}
    return Request(whole, receive)


def raised(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def html_of(error: BaseException, asked: Request | None = None) -> str:
    response = debug_response(error, asked or request())
    assert response.status_code == 500
    text = response.body.decode()
    Closed(text)
    return text


class Closed(HTMLParser):
    """Fails unless every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# --- through an application -------------------------------------------------------------------------------------------


class Order(Struct):
    id: int
    api_key: str = "sk-very-secret"


class StockEmpty(Exception):
    pass


async def who(x_user: Annotated[str | None, Header()] = None) -> str:
    return x_user or "nobody"


def reserve(order: Order, password: str = "swordfish") -> None:
    stock = {"bolt": 3, "token": "stock-token"}
    try:
        stock["screw"]
    except KeyError as error:
        error.add_note("Counted at 18:02.")
        raise StockEmpty(f"nothing left for <order> {order.id}") from error


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("KETCH_ENV", "dev")
    monkeypatch.setattr("ketch.serving.debug._SECONDS", 10.0)  # a busy machine shows as much as a quiet one
    app = App(openapi_url=None, docs_url=None)

    @app.get("/orders/{id}")
    async def show_order(
        id: int,
        user: Annotated[str, Depends(who)],
        limit: Annotated[int, Query(ge=1, alias="most")] = 10,
        token: str = "",
    ) -> None:
        reserve(Order(id))

    @app.post("/form")
    async def form(name: Annotated[str, Form()], password: Annotated[str, Form()]) -> None:
        raise RuntimeError("broken")

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        raise RuntimeError("broken before accept")

    with TestClient(
        app, base_url="http://localhost", raise_server_exceptions=False, headers={"accept": BROWSER}
    ) as client:
        yield client


SECRETS = {
    "authorization": "Bearer abc-secret",
    "cookie": "session=cookie-secret; theme=dark-secret",
    "x-api-key": "key-secret",
    "x-user": "ann",
}


def test_what_it_shows(client: TestClient) -> None:
    answer = client.get("/orders/7?most=5&token=query-secret&q=%3Cb%3E", headers=SECRETS)
    text = answer.text
    Closed(text)
    assert answer.status_code == 500 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "StockEmpty</h1>" in text and "nothing left for &lt;order&gt; 7" in text
    assert "<i>Caused by</i> KeyError" in text and "Counted at 18:02." in text
    assert "test_debug.py" in text and "reserve(" in text
    assert "<dt>order</dt><dd>Order(id=7, api_key=[redacted])</dd>" in text
    assert "/orders/7?most=5&amp;token=[redacted]&amp;q=&lt;b&gt;" in text
    assert re.search(r"<th scope=\"row\">x-user</th><td>ann</td>", text)
    # The route: its plan, and the function that was printed for it.
    assert "GET /orders/{id}" in text and "most (limit)" in text and "Annotated[int, Query(" in text
    assert "The printed function: bind and call" in text and "show_order" in text
    assert '<pre class="text"' in text and "The above exception was the direct cause" in text


def test_the_guards_and_the_defaults_of_a_route_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    app = App(openapi_url=None, docs_url=None)

    async def let_in(x_user: Annotated[str, Header()] = "nobody") -> None: ...

    @app.get("/", dependencies=[Depends(let_in)])
    async def show(tags: Annotated[list[str], Query(default_factory=list)]) -> None:
        import html.parser as somebodys_module

        raise RuntimeError(f"broken beside {somebodys_module.__name__}")

    with TestClient(app, raise_server_exceptions=False, headers={"accept": BROWSER}) as client:
        text = client.get("/").text
    Closed(text)
    assert "The printed function: guard 1" in text and "let_in" in text
    assert "list()" in text and "&#x27;nobody&#x27;" in text
    assert "broken beside html.parser" in text and "<dt>somebodys_module</dt>" not in text


def test_frames_of_a_library_are_folded_under_its_name() -> None:
    jinja2 = pytest.importorskip("jinja2")
    page = jinja2.Template("{{ 1 // 0 }}")
    text = html_of(raised(page.render))
    assert re.search(r"<summary>\d+ frames? in [^<]*jinja2", text)


def test_what_it_keeps_back(client: TestClient) -> None:
    text = client.get("/orders/7?token=query-secret", headers=SECRETS).text
    text += client.post("/form", data={"name": "ann", "password": "form-secret"}).text
    for secret in (
        "abc-secret",
        "cookie-secret",
        "dark-secret",
        "key-secret",
        "query-secret",
        "sk-very",
        "form-secret",
    ):
        assert secret not in text
    # In the source it stands for everybody to read; as a value it does not.
    assert "<dt>password</dt><dd>[redacted]</dd>" in text and "&#x27;token&#x27;: [redacted]" in text
    assert "session=[redacted]; theme=[redacted]" in text


def test_frames_of_others_are_folded_and_only_ones_own_show_their_variables(client: TestClient) -> None:
    text = client.get("/orders/7").text
    assert re.search(r"<summary>\d+ frames in the printed function, Ketch</summary>", text)
    assert text.index("reserve <span>") < text.index("show_order <span>") < text.index('<details class="others">')


def test_the_policy_allows_its_own_style_and_no_script(client: TestClient) -> None:
    answer = client.get("/orders/7")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';") and "unsafe" not in policy
    assert "<script" not in answer.text and not re.search(r"<[^>]* (style|on\w+)=", answer.text)


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_programs_get_a_problem_with_the_traceback(client: TestClient, accept: str) -> None:
    answer = client.get("/orders/7", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["detail"]) == (500, "StockEmpty: nothing left for <order> 7")
    assert problem["traceback"][0] == "Traceback (most recent call last):"
    assert any("in reserve" in line for line in problem["traceback"])


@pytest.mark.parametrize("mode", ["production", "test"])
def test_nobody_else_sees_any_of_it(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("KETCH_ENV", mode)
    app = App(openapi_url=None, docs_url=None)

    @app.get("/")
    async def broken() -> None:
        raise RuntimeError("inner workings")

    with TestClient(app, raise_server_exceptions=False) as client:
        for accept in (BROWSER, "*/*"):
            answer = client.get("/", headers={"accept": accept})
            assert answer.status_code == 500
            assert "inner workings" not in answer.text and "broken" not in answer.text


def test_a_denied_websocket_gets_it_too(client: TestClient) -> None:
    from ketch.testing.client import WebSocketDenied

    with pytest.raises(WebSocketDenied) as info, client.websocket_connect("/ws"):
        pass
    assert info.value.response.status_code == 500


# --- nothing breaks it ------------------------------------------------------------------------------------------------


class Evil:
    def __repr__(self) -> str:
        raise SystemExit("no")

    __str__ = __repr__


class NoText(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def asked(self: object) -> Any:
    raise RuntimeError("asked")


Liar = type("Liar", (), {"__class__": property(asked)})


class NotText:
    def __repr__(self) -> str:
        return 7  # type: ignore[return-value]


def fighting() -> BaseException:
    """An error among values that do what they can against being shown."""

    def function() -> None:
        evil, liar, not_text = Evil(), Liar(), NotText()
        surrogates, controls = "\ud800\udfff" * 10, "\x00\x1b[31m\u202e"
        deep: list[Any] = []
        number, huge = 10**100_000, ["x" * 1_000_000] * 1_000_000
        deep.append(deep)
        mapping = {evil: evil, "\ud800": liar, 1: huge}
        raise NoText(mapping, number, surrogates, controls, not_text, deep)

    return raised(function)


def test_values_that_fight_back() -> None:
    error = fighting()
    text = html_of(error)
    assert "whose repr() raises SystemExit" in text and "whose repr() raises TypeError" in text
    assert "int of 332,193 bits" in text and "1,000,000 in all" in text
    assert "\\ud800" in text and "\\u202e" in text and "\x1b" not in text
    assert "its str() raises ValueError" in text
    problem = msgspec.json.decode(debug_response(error, request("*/*")).body)
    assert problem["detail"] == "NoText: <its str() raises ValueError>"


@pytest.mark.soak
def test_values_that_fight_back_cost_no_time() -> None:
    error = fighting()
    started = time.perf_counter()
    html_of(error)
    assert time.perf_counter() - started < 1


def test_whoever_stops_the_server_is_obeyed() -> None:
    class Stopping(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

        __repr__ = __str__

    with pytest.raises(KeyboardInterrupt):
        debug_response(Stopping(), request())
    with pytest.raises(KeyboardInterrupt):
        shown(Stopping(), Budget(1, 10_000))


def test_an_error_that_cannot_be_looked_at_further_is_told_as_it_is() -> None:
    class Closed(AttributeError):
        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]
            raise RuntimeError("no notes")

    assert "nothing here" in html_of(Closed("nothing here"))


@pytest.mark.soak
def test_a_recursion_of_a_thousand_frames_is_short_and_quick() -> None:
    def f(n: int) -> int:
        return f(n + 1) + len("x" * 10_000)

    error = raised(lambda: f(0))
    html_of(error)  # what is loaded for the first page is not what a page costs
    started = time.perf_counter()
    text = html_of(error)
    assert time.perf_counter() - started < 0.5  # the aim on a quiet machine is 0.1
    assert len(text) < MAX_PAGE and re.search(r"[\d,]+ more frames in between are left out", text)
    assert len(debug_response(error, request("*/*")).body) < MAX_PAGE


def test_frames_with_many_large_variables_stay_within_bounds() -> None:
    code = (
        "def f(n):\n"
        + "".join(f"    v{i} = '<&' * 1000\n" for i in range(500))
        + "    return f(n - 1) if n else 1 / 0\n"
    )
    names: dict[str, Any] = {}
    exec(compile(code, "/nowhere/large.py", "exec"), names)
    text = html_of(raised(lambda: names["f"](100)))
    assert len(text.encode()) < MAX_PAGE and "461 more" in text


def test_long_chains_circles_and_groups() -> None:
    chain: BaseException = ValueError(0)
    for number in range(5_000):
        following = ValueError(number)
        following.__cause__ = chain
        chain = following
    assert html_of(chain).count('<div class="cause">') == 7

    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__context__ = two, one
    assert html_of(one).count('<div class="cause">') == 1

    group = ExceptionGroup("several", [ValueError("first <x>"), ExceptionGroup("inner", [KeyError("second")])])
    text = html_of(raised(lambda: (_ for _ in ()).throw(group)))
    assert text.count("One of the group") >= 3 and "first &lt;x&gt;" in text and "second" in text


def test_a_suppressed_context_is_not_told() -> None:
    def function() -> None:
        try:
            raise ValueError("hidden")
        except ValueError:
            raise KeyError("told") from None

    assert "hidden" not in [chapter.message for chapter in story(raised(function), Budget(1, 10_000))]


def test_a_syntax_error_shows_its_line(tmp_path: Any) -> None:
    file = tmp_path / "broken.py"
    file.write_text("a = 1\nb = = 2\n")
    text = html_of(raised(lambda: compile(file.read_text(), str(file), "exec")))
    assert "invalid syntax" in text and "broken.py" in text and '<b class="now"><i>2</i>b = ' in text


def test_the_part_of_the_line_that_was_running_is_marked() -> None:
    def function() -> Any:
        é: Any = {"x": None}
        nothing = 0
        return len(str(é["x"])) + é["x"].missing + nothing

    text = html_of(raised(function))
    assert re.search(r"<mark>é\[<span class=\"s\">&quot;x&quot;</span>\]\.missing</mark>", text)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="only the interpreter itself suggests in Python 3.11")
def test_pythons_own_suggestion_is_kept() -> None:
    class Ship:
        harbour = 1

    assert "Did you mean: &#x27;harbour&#x27;?" in html_of(raised(lambda: Ship().harbor))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "scope",
    [
        {"query_string": b"%ff=%ff"},
        {"query_string": b"a=" + b"x" * 100_000},
        {"path": "/\ud800" + "x" * 100_000},
        {"headers": [(b"host", b"\xff\xfe")] * 500},
        {"headers": [(b"cookie", b"a=b;" * 5_000)]},
        {"client": None, "method": "X" * 1_000},
    ],
)
def test_odd_requests(scope: dict[str, Any]) -> None:
    assert len(html_of(raised(lambda: 1 / 0), request(**scope))) < MAX_PAGE


def test_an_error_that_was_never_raised_and_a_request_without_a_route() -> None:
    assert "it was never raised" in html_of(ValueError("x"))


def test_if_all_fails_there_is_still_an_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import ketch.serving.debug as debug

    def broken(*_: Any) -> None:
        raise RuntimeError("the page is broken")

    monkeypatch.setattr(debug, "story", broken)
    response = debug_response(ValueError("x"), request("*/*"))
    assert (response.status_code, response.body) == (500, b"500: ValueError. Its traceback is in the log.")
    assert "the page is broken" in caplog.text


def test_the_text_is_pythons_own_form() -> None:
    def function() -> None:
        raise ValueError("text")

    lines = as_text(story(raised(function), Budget(1, 10_000))).splitlines()
    assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "ValueError: text"
    assert re.fullmatch(r'  File ".*test_debug\.py", line \d+, in .*function', lines[-3])
    assert lines[-2] == '    raise ValueError("text")'


# --- values -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Card:
    holder: str
    cvc: str = "123"
    hidden: str = dataclasses.field(default="out of sight", repr=False)


class Quiet(dict[str, Any]):
    pass


@attrs.define
class Lock:
    place: str
    secret_key: tuple[str, ...] = ("a(b", "c)d")
    hidden: str = attrs.field(default="out of sight", repr=False)


class Rows(list[Any]):
    pass


def one(value: Any, name: str = "") -> str:
    return shown(value, Budget(1, 100_000), name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("it's", '"it\'s"'),
        (b"x" * 3, "b'xxx'"),
        ([1, [2, [3, [4]]]], "[1, [2, [3, …]]]"),
        ((1,), "(1,)"),
        ((), "()"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        (frozenset(), "frozenset()"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (20 in all)]"),
        ({"a": 1, "password": "x"}, "{'a': 1, 'password': [redacted]}"),
        (Quiet(api_key="x"), "{'api_key': [redacted]}"),
        (Card("Ann"), "Card(holder='Ann', cvc=[redacted])"),
        (Order(7), "Order(id=7, api_key=[redacted])"),
        (Lock("door"), "Lock(place='door', secret_key=[redacted])"),
        (Rows([1, "a"]), "Rows[1, 'a']"),
        (1.5, "1.5"),
        (FormData([("a", "1"), ("password", "x")]), "FormData([('a', '1'), ('password', [redacted])])"),
        (Headers([(b"cookie", b"a=b")]), "Headers([('cookie', [redacted])])"),
        ({"headers": [(b"authorization", b"Basic x")]}, "{'headers': [(b'authorization', [redacted])]}"),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert one(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("password", "x", "[redacted]"),
        ("API_KEY", b"x", "[redacted]"),
        ("accessToken", 7, "[redacted]"),
        ("has_password", True, "True"),
        ("token", None, "None"),
        ("monkey", "x", "'x'"),
    ],
)
def test_secrets_by_name(name: str, value: Any, text: str) -> None:
    assert one(value, name) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("User(name='ann', password='x y')", "User(name='ann', password=[redacted])"),
        ('{"api_key": "x", "b": 1}', '{"api_key": [redacted], "b": 1}'),
        ("postgres://ann:x@host/db", "postgres://ann:[redacted]@host/db"),
        ("https://host/?access_token=x&b=1", "https://host/?access_token=[redacted]&b=1"),
        ("[('cookie', 'a=b'), ('x', 'y')]", "[('cookie', [redacted]), ('x', 'y')]"),
        ("(b'authorization', b'Bearer x')", "(b'authorization', [redacted])"),
        ("unexpected token: ')'", "unexpected token: ')'"),
        ("if token == other", "if token == other"),
    ],
)
def test_secrets_within_a_text(text: str, kept: str) -> None:
    assert scrubbed(text) == kept


@given(
    st.recursive(
        st.none() | st.text() | st.binary() | st.integers() | st.floats(),
        lambda i: st.lists(i) | st.dictionaries(st.text(), i),
    )
)
def test_any_value_is_short_and_can_be_encoded(value: Any) -> None:
    text = one(value)
    assert len(text) <= 6 * MAX_VALUE
    text.encode()


@given(st.text())
def test_any_text_can_be_printed(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in printable(text))


@pytest.mark.parametrize(
    "text", ["password" * 50_000, "a://" * 50_000, "token=" * 50_000, "x" * 400_000, "'" * 100_000]
)
def test_scrubbing_is_linear(text: str) -> None:
    started = time.perf_counter()
    scrubbed(text)
    assert time.perf_counter() - started < 5


def test_a_spent_budget_says_what_things_are() -> None:
    assert shown([1, 2], Budget(-1, 100)) == "<list>"
    assert shown(Evil(), Budget(1, 0)) == "<Evil>"
