"""Messages that outlive a redirect."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from ketch import App, RedirectResponse, Request, Template, flash
from ketch.http.flash import FlashMessage, take_messages
from ketch.sessions import Sessions
from ketch.testing import TestClient

PAGE = """{% if messages %}<ul>{% for message in messages %}
<li class="{{ message.category }}">{{ message }}</li>{% endfor %}</ul>{% endif %}{{ messages | length }}"""


def shop(folder: Path, *extensions: Any) -> App:
    (folder / "page.html").write_text(PAGE)
    (folder / "quiet.html").write_text("shows none")
    app = App(openapi_url=None, docs_url=None, templates=folder, extensions=extensions)

    @app.get("/")
    async def page(name: str = "page.html") -> Template:
        return Template(name)

    @app.post("/save")
    async def save(request: Request, text: str = "Saved", times: int = 1) -> RedirectResponse:
        for _ in range(times):
            flash(request, text, "success")
        return RedirectResponse("/", 303)

    return app


def test_a_message_is_shown_once_on_the_next_page_that_shows_messages(tmp_path: Path) -> None:
    with TestClient(shop(tmp_path, Sessions())) as client:
        assert client.get("/").text == "0"
        client.post("/save", follow_redirects=False)
        assert client.get("/?name=quiet.html").text == "shows none"
        assert client.get("/").text == '<ul>\n<li class="success">Saved</li></ul>1'
        assert client.get("/").text == "0"


def test_messages_are_escaped_cut_and_limited_in_number(tmp_path: Path) -> None:
    with TestClient(shop(tmp_path, Sessions())) as client:
        assert "&lt;b&gt;" in client.post("/save", params={"text": "<b>"}).text
        shown = client.post("/save", params={"text": "x" * 5_000}).text
        assert f"{'x' * 299}…" in shown and "x" * 300 not in shown
        assert 50 < int(client.post("/save?times=200&text=a").text.rpartition(">")[2]) < 100


@pytest.mark.parametrize(
    ("first", "last"), [(0x20, 0x7E), (0x400, 0x4FF), (0x4E00, 0x9FFF), (0x1F300, 0x1F6FF), (0, 8)]
)
def test_messages_alone_never_fill_a_cookie(tmp_path: Path, first: int, last: int) -> None:
    letters = Random(5)
    with TestClient(shop(tmp_path, Sessions())) as client:
        for _ in range(8):
            text = "".join(chr(letters.randint(first, last)) for _ in range(400))
            sent = client.post("/save", params={"text": text}, follow_redirects=False)
            assert sent.status_code == 303 and len(sent.headers["set-cookie"]) < 3_500
        assert int(client.get("/").text.rpartition(">")[2]) >= 1


def test_without_sessions_nothing_waits_and_flashing_says_what_is_missing(tmp_path: Path) -> None:
    with TestClient(shop(tmp_path)) as client:
        assert client.get("/").text == "0"
        with pytest.raises(RuntimeError, match="session extension"):
            client.post("/save")


@pytest.mark.parametrize("odd", [None, 7, "text", [], [1, 2], [["a"]], [["a", "b", "c"]], {"a": 1}])
def test_what_somebody_else_kept_under_the_name_is_no_message(odd: Any) -> None:
    request = Request({"type": "http", "headers": [], "session": {"_messages": odd}}, None)  # type: ignore[arg-type]
    assert take_messages(request) == []


def test_a_message_is_its_text() -> None:
    message = FlashMessage("Saved", "success")
    text, category = message
    assert (str(message), text, category) == ("Saved", "Saved", "success")
