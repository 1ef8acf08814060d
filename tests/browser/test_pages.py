"""Forms, flashed messages, protection from forgery and the pages about errors, in a real browser over a real socket."""

from __future__ import annotations

import enum
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from ketch import App, Field, HTMLResponse, RedirectResponse, Request, Struct, Submitted, Template, UploadFile, flash
from ketch.sessions import Sessions

pytestmark = [pytest.mark.browser, pytest.mark.serial]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tasks</title></head><body>
{% for message in messages %}<p class="flash {{ message.category }}">{{ message }}</p>{% endfor %}
<form method="post" enctype="{{ form.enctype }}">{{ form }}<button>Save</button></form>
</body></html>"""


class Priority(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Task(Struct):
    title: Annotated[str, Field(min_length=2, max_length=20, description="A few words")]
    file: UploadFile | None = None
    count: Annotated[int, Field(ge=1, le=9)] = 1
    price: Annotated[Decimal, Field(ge=0, multiple_of=Decimal("0.05"))] | None = None
    done: bool = False
    due: date | None = None
    at: datetime | None = None
    priority: Priority = Priority.LOW
    tags: list[Literal["a", "b"]] = []
    code: Annotated[str, Field(pattern=r"^\d{3}$")] = "123"
    word: Annotated[str, Field(pattern="an|am")] = "banana"
    notes: Annotated[str, Field(max_length=1_000)] = ""


def desk(folder: Path, taken: list[Any]) -> App:
    (folder / "page.html").write_text(PAGE)
    app = App(templates=folder, extensions=[Sessions()], timezone="Europe/Zurich", debug=True)

    @app.route("/", methods=["GET", "POST"])
    async def page(form: Submitted[Task], request: Request) -> Template | RedirectResponse:
        if form.value is None:
            return Template("page.html", form=form)
        taken.append(form.value)
        flash(request, f"Saved <{form.value.title}>", "success")
        return RedirectResponse("/", 303)

    @app.get("/evil")
    async def evil(target: str) -> HTMLResponse:
        return HTMLResponse(
            f'<form method="post" action="{target}"><input name="title" value="forged"><button>Go</button></form>'
        )

    @app.get("/broken/{id}")
    async def broken(id: int) -> str:
        prices = {"bolt": 3}
        return str(prices["screw"] + id)

    return app


@contextmanager
def served(app: App) -> Iterator[str]:
    import uvicorn

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def taken() -> list[Any]:
    return []


@pytest.fixture(scope="module")
def address(chromium: str, taken: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(desk(tmp_path_factory.mktemp("desk"), taken)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if is_complaint(message) else None)
    yield page
    context.close()


def is_complaint(message: Any) -> bool:
    """A browser also says that there is no icon, and that an answer was an error."""
    return "the server responded with a status of" not in message.text


def test_a_form_goes_round(page: Any, address: str, taken: list[Any], tmp_path: Path) -> None:
    page.goto(address)
    assert page.evaluate("document.querySelector('form').checkValidity()") is False  # the title is missing
    page.get_by_label("Title").fill("Fish & chips")
    page.get_by_label("Count").fill("3")
    page.get_by_label("Price").fill("1.15")
    page.get_by_label("Done").check()
    page.get_by_label("Due").fill("2026-02-03")
    page.get_by_label("At").fill("2026-07-01T12:30")
    page.get_by_label("Priority").select_option("High")
    page.get_by_role("group", name="Tags").get_by_label("B").check()
    page.get_by_label("Notes").fill("one\n two")
    (tmp_path / "a.txt").write_text("abc")
    page.get_by_label("File").set_input_files(tmp_path / "a.txt")
    page.get_by_role("button", name="Save").click()
    assert page.locator(".flash.success").text_content() == "Saved <Fish & chips>"
    page.reload()
    assert page.locator(".flash").count() == 0
    task = taken.pop()
    assert (task.title, task.count, task.price, task.done) == ("Fish & chips", 3, Decimal("1.15"), True)
    assert (task.due, task.at.isoformat()) == (date(2026, 2, 3), "2026-07-01T10:30:00+00:00")
    assert (task.priority, task.tags, task.notes) == (Priority.HIGH, ["b"], "one\r\n two")
    assert task.file.filename == "a.txt"
    assert page.complaints == []


def test_what_is_wrong_is_shown_where_it_is(page: Any, address: str, taken: list[Any]) -> None:
    page.goto(address)
    page.evaluate("document.querySelector('form').noValidate = true")
    page.get_by_label("Title").fill("x")
    page.get_by_label("Count").fill("77")
    page.get_by_label("Notes").fill("kept")
    with page.expect_response(address + "/") as response:
        page.get_by_role("button", name="Save").click()
    assert response.value.status == 422
    title = page.get_by_label("Title")
    assert title.get_attribute("aria-invalid") == "true"
    described = title.evaluate(
        "e => e.getAttribute('aria-describedby').split(' ').map(i => document.getElementById(i).innerText)"
    )
    assert described == ["A few words", "Should have at least 2 characters"]
    assert title.evaluate("e => document.activeElement === e")
    assert page.get_by_label("Count").input_value() == "77"
    assert page.get_by_label("Notes").input_value() == "kept"
    title.fill("mended")
    page.get_by_label("Count").fill("7")
    page.get_by_role("button", name="Save").click()
    page.locator(".flash").wait_for()
    assert taken.pop().title == "mended"


@pytest.mark.parametrize(
    ("label", "text", "valid"),
    [
        ("Count", "9", True),
        ("Count", "10", False),
        ("Price", "0.15", True),
        ("Price", "0.16", False),
        ("Code", "456", True),
        ("Code", "45", False),
        ("Word", "a jam", True),
        ("Word", "nothing", False),
        ("Title", "x", False),
    ],
)
def test_the_browser_refuses_what_the_server_would(page: Any, address: str, label: str, text: str, valid: bool) -> None:
    page.goto(address)
    field = page.get_by_label(label)
    field.fill("")
    field.press_sequentially(text)  # as a person types: lengths are checked only then
    assert field.evaluate("e => e.checkValidity()") is valid
    assert page.complaints == []


def test_a_form_of_another_origin_is_refused(page: Any, address: str, taken: list[Any], tmp_path: Path) -> None:
    page.goto(address)  # a session is there now
    with served(desk(tmp_path, [])) as neighbour:  # another port of one host: the browser sends the cookie
        page.goto(f"{neighbour}/evil?target={address}/")
        with page.expect_response(address + "/") as response:
            page.get_by_role("button", name="Go").click()
    assert response.value.status == 403
    assert "session=" in response.value.request.all_headers().get("cookie", "")
    assert "not from a page of this site" in page.text_content("main")
    assert taken == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/broken/7", "/nowhere", "/broken/x"])
def test_pages_about_errors_are_styled_and_fit(browser: Any, address: str, path: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    page.goto(address + path)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(251, 250, 248)" if scheme == "light" else "rgb(20, 24, 28)")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert complaints == []
    context.close()


def test_the_page_of_an_unhandled_error_opens_without_a_script(page: Any, address: str) -> None:
    page.goto(f"{address}/broken/7")
    assert page.get_by_role("heading", level=1).text_content() == "KeyError"
    assert page.get_by_text("{'bolt': 3}").is_visible()
    inside = page.get_by_role("heading", name="Edge.__call__")
    assert not inside.is_visible()
    page.locator("details.others > summary").click()
    assert page.locator("article.other").first.is_visible()
    page.get_by_role("link", name="Route").click()
    assert page.get_by_text("GET /broken/{id}").first.is_visible()
