"""`Submitted[T]` where no page is a template: the form draws itself, and says what it is."""

from __future__ import annotations

from ketch import App, HTMLResponse, Struct, Submitted
from ketch.testing import TestClient


class Task(Struct):
    title: str
    count: int = 1


def test_a_form_draws_itself_in_an_application_without_templates() -> None:
    app, seen = App(openapi_url=None, docs_url=None), list[str]()

    @app.route("/", methods=["GET", "POST"])
    async def edit(form: Submitted[Task]) -> HTMLResponse:
        seen.append(repr(form))
        return HTMLResponse(form.__html__())

    with TestClient(app) as client:
        empty = client.get("/").text
        again = client.post("/", data={"title": "Sail", "count": "many"}).text
        assert client.post("/", data={"title": "Sail"}).status_code == 200
    assert 'name="title"' in empty and 'name="count"' in empty
    assert 'value="Sail"' in again and 'value="many"' in again and "Should be an integer" in again
    assert seen[0].startswith("<Submitted value=None") and "errors={'count': [" in seen[1]
    assert "Task(title='Sail', count=1)" in seen[2]
