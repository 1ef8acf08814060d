"""Forms: drawn empty, drawn again with what was typed and what is wrong, and read back as they were drawn."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pydantic
import pytest

from ketch import App, Field, RedirectResponse, Request, Struct, Submitted, Template, UploadFile
from ketch.sessions import Sessions
from ketch.testing import TestClient

Make = Callable[..., App]
Write = Callable[..., Path]


class Priority(enum.Enum):
    LOW = "low"
    VERY_HIGH = "very_high"


class Task(Struct):
    title: Annotated[str, Field(min_length=2, max_length=80, title="What", description="In <a few> words")]
    count: Annotated[int, Field(ge=1, le=9)] = 1
    price: Decimal | None = None
    done: bool = False
    urgent: bool = True
    due: date | None = None
    at: datetime | None = None
    priority: Priority = Priority.LOW
    size: Literal["s", "m"] | None = None
    tags: list[Literal["a", "b", "c"]] = []
    numbers: list[int] = []
    password: str = ""
    notes: Annotated[str, Field(max_length=1_000)] = ""


class Element:
    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""
        self.options: list[tuple[str | None, bool]] = []


class Page(HTMLParser):
    """The controls and labels of a page, read as a browser would."""

    VOID = ("input", "br", "meta", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(text)
        assert not self.open, f"not closed: {[element.tag for element in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute twice: {attrs}"
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag == "option":
            select = next(e for e in reversed(self.open) if e.tag == "select")
            select.options.append((element.attributes.get("value"), "selected" in element.attributes))
        if tag not in self.VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def by(self, **wanted: str) -> Element:
        found = [e for e in self.elements if all(e.attributes.get(name) == value for name, value in wanted.items())]
        assert len(found) == 1, f"{len(found)} with {wanted}"
        return found[0]

    def control(self, name: str) -> dict[str, str | None]:
        return self.by(name=name).attributes

    def fields(self) -> list[tuple[str, str]]:
        """What a browser would send."""
        sent: list[tuple[str, str]] = []
        for element in self.elements:
            own = element.attributes
            name = own.get("name") or ""
            if element.tag == "select":
                chosen = [value for value, selected in element.options if selected]
                sent.append((name, (chosen or [element.options[0][0]])[0] or ""))
            elif element.tag == "textarea":
                sent.append((name, element.text.removeprefix("\n")))
            elif element.tag == "input" and own.get("type") in ("checkbox", "radio"):
                sent += [(name, own.get("value") or "on")] if "checked" in own else []
            elif element.tag == "input" and own.get("type") != "file":
                sent.append((name, own.get("value") or ""))
        return sent


def desk(app: App, kind: Any = Task, initial: Any = None) -> list[Any]:
    """`/` shows and takes the form; what was taken is in the list that comes back."""
    taken: list[Any] = []

    async def page(form: Any) -> Template | RedirectResponse:
        form.initial = initial
        if not form:
            return Template("page.html", form=form)
        taken.append(form.value)
        return RedirectResponse("/", 303)

    page.__annotations__["form"] = Submitted[kind]
    page.__annotations__["return"] = Template | RedirectResponse
    app.route("/", methods=["GET", "POST"])(page)
    return taken


@pytest.fixture
def made(quiet: Make, write: Write) -> Callable[..., tuple[App, list[Any]]]:
    def make(kind: Any = Task, page: str = "{{ form }}", initial: Any = None, **options: Any) -> tuple[App, list[Any]]:
        app = quiet(templates=write({"page.html": page}), **options)
        return app, desk(app, kind, initial)

    return make


Made = Callable[..., tuple[App, list[Any]]]


def test_an_empty_form_shows_labels_constraints_and_defaults(made: Made) -> None:
    app, _ = made()
    with TestClient(app) as client:
        answer = client.get("/")
    page = Page(answer.text)
    assert answer.status_code == 200 and "error" not in answer.text
    assert page.control("title") == {
        "type": "text",
        "id": "form-title",
        "name": "title",
        "aria-describedby": "form-title-hint",
        "minlength": "2",
        "maxlength": "80",
        "required": None,
    }
    assert page.by(**{"for": "form-title"}).text == "What"
    assert page.by(id="form-title-hint").text == "In <a few> words"
    assert page.control("count")["value"] == "1"
    assert "checked" not in page.control("done") and "checked" in page.control("urgent")
    assert page.by(name="priority").options == [("low", True), ("very_high", False)]
    assert page.by(name="size").options == [("", False), ("s", False), ("m", False)]
    assert page.by(name="notes").tag == "textarea"
    labels = {e.attributes.get("for") for e in page.elements if e.tag == "label"}
    controls = {e.attributes.get("id") for e in page.elements if e.tag in ("input", "select", "textarea")}
    assert controls == labels, "every control has a label, every label a control"


def test_what_is_drawn_comes_back_as_it_was(made: Made) -> None:
    task = Task(
        title='Fish & "chips" <b>',
        count=3,
        price=Decimal("1.50"),
        done=True,
        urgent=False,
        due=date(2026, 2, 3),
        at=datetime(2026, 7, 1, 10, 30, tzinfo=UTC),
        priority=Priority.VERY_HIGH,
        size="m",
        tags=["a", "c"],
        numbers=[1, 2],
        notes="\nfirst\n  second\n",
    )
    app, taken = made(initial=task, timezone="Europe/Zurich")
    with TestClient(app) as client:
        page = Page(client.get("/").text)
        assert page.control("at")["value"] == "2026-07-01T12:30"
        answer = client.post("/", content=encoded(page.fields()), headers=FORM, follow_redirects=False)
    assert (answer.status_code, taken) == (303, [task])


FORM = {"content-type": "application/x-www-form-urlencoded"}


def encoded(fields: list[tuple[str, str]]) -> bytes:
    from urllib.parse import urlencode

    return urlencode(fields).encode()


def test_an_invalid_form_is_shown_again_with_what_was_typed_and_what_is_wrong(made: Made) -> None:
    app, taken = made()
    typed = [
        ("title", "<"),
        ("count", "many"),
        ("due", "tomorrow"),
        ("done", "true"),
        ("priority", "huge"),
        ("tags", "a"),
        ("tags", "z"),
        ("numbers", "1"),
        ("numbers", "x"),
        ("password", "hunter2"),
        ("notes", "kept"),
    ]
    with TestClient(app) as client:
        answer = client.post("/", content=encoded(typed), headers=FORM)
    page = Page(answer.text)
    assert (answer.status_code, taken) == (422, [])
    title = page.control("title")
    assert (title["value"], title["aria-invalid"]) == ("<", "true")
    assert title["aria-describedby"] == "form-title-hint form-title-error"
    assert "at least 2 characters" in page.by(id="form-title-error").text
    # A number input would show nothing of what is no number.
    assert (page.control("count")["type"], page.control("count")["value"]) == ("text", "many")
    assert (page.control("due")["type"], page.control("due")["value"]) == ("text", "tomorrow")
    assert "checked" in page.control("done")
    assert ("huge", True) in page.by(name="priority").options
    assert [e.attributes["value"] for e in page.elements if e.attributes.get("name") == "numbers"] == ["1", "x"]
    assert page.by(name="notes").text == "\nkept"
    assert "hunter2" not in answer.text
    focused = [e.attributes["name"] for e in page.elements if "autofocus" in e.attributes]
    assert focused == ["title"]
    for element in page.elements:
        for id in (element.attributes.get("aria-describedby") or "").split():
            page.by(id=id)


def test_errors_of_the_whole_form_and_of_names_it_does_not_show(made: Made) -> None:
    class Strict(Struct, forbid_unknown_fields=True):
        name: str

        def __post_init__(self) -> None:
            if self.name == "root":
                raise ValueError("root is <taken>")

    app, _ = made(Strict)
    with TestClient(app) as client:
        whole = client.post("/", data={"name": "root"}).text
        unknown = client.post("/", data={"name": "x", "colour": "<red>"}).text
    assert '<div class="form-errors" role="alert"><p>' in whole and "root is &lt;taken&gt;" in whole
    assert "<p>Colour: Unknown name" in unknown and "<red>" not in unknown


def test_a_handlers_own_error(quiet: Make, write: Write) -> None:
    app = quiet(templates=write({"page.html": "{{ form }}"}))

    @app.route("/", methods=["GET", "POST"])
    async def page(form: Submitted[Task]) -> Template | str:
        if form.value is not None and form.value.title == "taken":
            form.add_error("title", "That is taken")
            form.add_error("", "Nothing was saved")
        return Template("page.html", form=form) if form.errors or not form else "saved"

    with TestClient(app) as client:
        answer = client.post("/", data={"title": "taken"})
        assert answer.status_code == 422
        assert Page(answer.text).by(id="form-title-error").text == "That is taken"
        assert "Nothing was saved" in answer.text
        assert client.post("/", data={"title": "free"}).text == "saved"


# --- parts ------------------------------------------------------------------------------------------------------------


def test_single_fields_and_their_parts(made: Made) -> None:
    page = (
        "{{ form['title'] }}|{{ form['title'].label }}|{{ form['title'].input }}|{{ form['title'].errors | join }}|"
        "{{ form['title'].hint }}|{{ form['title'].name }}|{{ form['title'].id }}|{{ form['title'].required }}|"
        "{{ form['count'].value }}|{% for field in form %}{{ field.name }} {% endfor %}"
    )
    app, _ = made(page=page)
    with TestClient(app) as client:
        whole, label, control, errors, hint, name, id, required, value, names = client.post(
            "/", data={"count": "7"}
        ).text.split("|")
    assert whole.startswith('<div class="field">') and control.startswith('<input type="text"')
    assert (label, errors, hint) == ("What", "Field required", "In &lt;a few&gt; words")
    assert (name, id, required, value) == ("title", "form-title", "True", "7")
    assert names.split() == list(Task.__struct_fields__)


def test_a_field_that_is_not_there(made: Made) -> None:
    app, _ = made(page="{{ form['titel'] }}")
    with TestClient(app) as client, pytest.raises(Exception, match="titel"):
        client.get("/")


def test_two_forms_on_one_page(quiet: Make, write: Write) -> None:
    class One(Struct):
        name: str = ""

    app = quiet(templates=write({"page.html": "{{ login }}{{ signup }}"}))

    @app.route("/", methods=["GET", "POST"])
    async def page(login: Submitted[One], signup: Submitted[One]) -> Template:
        return Template("page.html", login=login, signup=signup)

    with TestClient(app) as client:
        page_ = Page(client.get("/").text)
    assert {page_.by(id=f"{form}-name").tag for form in ("login", "signup")} == {"input"}


def test_the_token_is_part_of_the_form_and_the_round_trip_needs_it(made: Made) -> None:
    app, taken = made(extensions=[Sessions()])
    with TestClient(app) as client:
        del client.headers["sec-fetch-site"]
        page = Page(client.get("/").text)
        fields = [*page.fields(), ("title", "ok")]
        without = [field for field in fields if field[0] != "_csrf_token"]
        assert client.post("/", content=encoded(without), headers=FORM).status_code == 403
        assert client.post("/", content=encoded(fields), headers=FORM, follow_redirects=False).status_code == 303
    assert taken[0].title == "ok"


class Photo(Struct):
    file: UploadFile
    more: list[UploadFile] = []
    caption: str = ""


def test_files(made: Made) -> None:
    app, taken = made(Photo, "<form enctype='{{ form.enctype }}'>{{ form }}</form>")
    with TestClient(app) as client:
        page = Page(client.get("/").text)
        assert page.elements[0].attributes["enctype"] == "multipart/form-data"
        assert page.control("file") == {"type": "file", "id": "form-file", "name": "file", "required": None}
        assert "multiple" in page.control("more")
        answer = client.post("/", data={"caption": "kept"}, files={"more": b"x"})
        assert answer.status_code == 422
        assert Page(answer.text).control("caption")["value"] == "kept"
        client.post("/", data={"caption": "x"}, files={"file": ("a.txt", b"abc")}, follow_redirects=False)
    assert (taken[0].file.filename, taken[0].caption) == ("a.txt", "x")


def test_a_form_without_files_says_so(made: Made) -> None:
    app, _ = made(page="{{ form.enctype }}")
    with TestClient(app) as client:
        assert client.get("/").text == "application/x-www-form-urlencoded"


# --- every family of types --------------------------------------------------------------------------------------------


class Model(pydantic.BaseModel):
    title: str = pydantic.Field(min_length=2, alias="theTitle", title="What")
    count: int = 1


@dataclasses.dataclass
class Data:
    title: Annotated[str, Field(min_length=2, title="What")]
    count: int = 1


class Typed(TypedDict):
    title: Annotated[str, Field(min_length=2, title="What")]
    count: int


@pytest.mark.parametrize(("kind", "name"), [(Model, "theTitle"), (Data, "title"), (Typed, "title")])
def test_families(made: Made, kind: Any, name: str) -> None:
    app, taken = made(kind)
    with TestClient(app) as client:
        page = Page(client.get("/").text)
        assert page.control(name)["minlength"] == "2" and page.by(**{"for": f"form-{name}"}).text == "What"
        answer = client.post("/", data={name: "x", "count": "2"})
        assert answer.status_code == 422 and Page(answer.text).control(name)["aria-invalid"] == "true"
        client.post("/", data={name: "xy", "count": "2"}, follow_redirects=False)
    made_ = taken[0]
    assert (made_["title"] if isinstance(made_, dict) else made_.title) == "xy"


# --- what people and programs send ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", FORM["content-type"], 422),
        (b"title", FORM["content-type"], 422),
        (b"&&&=&=x&title=\x00", FORM["content-type"], 422),
        (b"title=%00%01%7f&count=%E2%80%AE", FORM["content-type"], 422),
        (b"title=" + b"%3C" * 100_000, FORM["content-type"], 422),
        (b"count=" + b"9" * 10_000, FORM["content-type"], 422),
        (b"title=ab&price=1e999", FORM["content-type"], 303),
        (b"title=a&price=1e999", FORM["content-type"], 422),
        (b"title=ab&count=1e999", FORM["content-type"], 422),
        (b"title=ab&price=NaN", FORM["content-type"], 422),
        (b"title=ab&at=9999-12-31T23:59", FORM["content-type"], 303),
        (b"title=ab&tags=" + b"&tags=".join([b"a"] * 500), FORM["content-type"], 303),
        (b"title=%ff", FORM["content-type"], 400),
        (b"x=1&" * 2_000, FORM["content-type"], 413),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data", 400),
        (b"{}", "application/json", 415),
        (
            b'--x\r\nContent-Disposition: form-data; name="title"; filename="a"\r\n\r\nb\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
    ],
)
def test_malformed_forms_survive(made: Made, body: bytes, kind: str, status: int) -> None:
    app, _ = made(extensions=[Sessions()])
    with TestClient(app) as client:
        answer = client.post("/", content=body, headers={"content-type": kind}, follow_redirects=False)
        assert answer.status_code == status, answer.text[:300]
        if status == 422:
            Page(answer.text)
        assert client.get("/").status_code == 200


def test_a_form_without_a_body(made: Made) -> None:
    app, _ = made()
    with TestClient(app) as client:
        assert client.post("/").status_code in (400, 415, 422)
        assert client.head("/").status_code == 200


def test_drawing_without_a_template(quiet: Make, write: Write) -> None:
    app = quiet(templates=write())

    @app.get("/")
    async def page(form: Submitted[Task], request: Request) -> str:
        return form.__html__()

    with TestClient(app) as client:
        assert Page(client.get("/").text).control("title")
