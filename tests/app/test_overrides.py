"""`app.dependency_overrides`: a mapping whose every way of being changed changes the plans too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from ketch import App, Depends, Request
from ketch.testing import TestClient


def number() -> int:
    return 1


def word() -> str:
    return "one"


class Marked(Exception): ...


def application() -> App:
    app = App(openapi_url=None, docs_url=None)

    @app.get("/")
    async def show(a: Annotated[int, Depends(number)], b: Annotated[str, Depends(word)]) -> list[Any]:
        return [a, b]

    return app


def update(app: App) -> None:
    app.dependency_overrides.update({number: lambda: 2})


def set_default(app: App) -> None:
    app.dependency_overrides.setdefault(number, lambda: 2)


def join(app: App) -> None:
    app.dependency_overrides |= {number: lambda: 2}  # type: ignore[operator]  # mypy asks for __or__


def join_a_name_for_it(app: App) -> None:
    overrides = app.dependency_overrides
    overrides |= {number: lambda: 2}


@pytest.mark.parametrize("change", [update, set_default, join, join_a_name_for_it])
def test_every_way_to_set_one(change: Callable[[App], None]) -> None:
    app = application()
    with TestClient(app) as client:
        change(app)
        assert client.get("/").json() == [2, "one"]
        assert list(app.dependency_overrides) == [number]


@pytest.mark.parametrize(
    "change",
    [
        lambda app: app.dependency_overrides.pop(number),
        lambda app: app.dependency_overrides.pop(number, None),
        lambda app: app.dependency_overrides.popitem(),
        lambda app: app.dependency_overrides.clear(),
        lambda app: app.dependency_overrides.__delitem__(number),
    ],
    ids=["pop", "pop with a default", "popitem", "clear", "del"],
)
def test_every_way_to_remove_one(change: Callable[[App], Any]) -> None:
    app = application()
    with TestClient(app) as client:
        app.dependency_overrides[number] = lambda: 2
        assert client.get("/").json() == [2, "one"]
        change(app)
        assert client.get("/").json() == [1, "one"] and not app.dependency_overrides


def test_what_is_not_there() -> None:
    overrides = application().dependency_overrides
    assert overrides.pop(number, None) is None and overrides.get(number) is None
    with pytest.raises(KeyError):
        overrides.pop(number)
    with pytest.raises(KeyError):
        overrides[number]


def test_a_copy_is_kept_and_assigned_again() -> None:
    app = application()
    with TestClient(app) as client:
        app.dependency_overrides[number] = lambda: 2
        kept = app.dependency_overrides.copy()
        assert repr(app.dependency_overrides) == repr(kept) and app.dependency_overrides == kept
        app.dependency_overrides[word] = lambda: "two"
        assert client.get("/").json() == [2, "two"]
        app.dependency_overrides = kept
        assert client.get("/").json() == [2, "one"]


def test_only_what_depends_on_it_is_solved_again() -> None:
    """An exception handler has dependencies of its own, and is left alone by an override of somebody else's."""
    app = application()

    @app.exception_handler(Marked)
    async def sorry(request: Request, exc: Marked, b: Annotated[str, Depends(word)]) -> str:
        return f"sorry, {b}"

    @app.get("/fail")
    async def fail() -> None:
        raise Marked

    with TestClient(app) as client:
        app.dependency_overrides[number] = lambda: 2
        assert (client.get("/fail").text, client.get("/").json()) == ("sorry, one", [2, "one"])
        app.dependency_overrides[word] = lambda: "two"
        assert (client.get("/fail").text, client.get("/").json()) == ("sorry, two", [2, "two"])
