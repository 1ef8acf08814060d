"""Start-up mistakes around the database: what is said, and what to write instead."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ketch import App, Depends, SetupError, WebSocket
from ketch.data import Database, Session, Sessions, SyncSession
from tests.data.ships import Fleet


def mistakes(declare: Callable[[App], Any], monkeypatch: pytest.MonkeyPatch) -> SetupError:
    monkeypatch.setenv("KETCH_ENV", "test")
    app = App(extensions=[Database(metadata=Fleet.metadata)])
    declare(app)
    with pytest.raises(SetupError) as error:
        _ = app.runtime
    return error.value


def test_an_async_session_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def declare(app: App) -> None:
        @app.get("/a")
        def a(session: Session) -> int:
            return 0

        def count(session: Session) -> int:
            return 0

        @app.get("/b")
        async def b(number: int = Depends(count)) -> int:
            return number

        @app.get("/fine")
        def fine(session: SyncSession) -> int:
            return 0

    error = mistakes(declare, monkeypatch)
    assert [fault.code for fault in error.faults] == ["KETCH-BIND-015"] * 2
    assert 'Ask for "session: SyncSession", or make it async def.' in str(error)


def test_a_session_in_a_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    def declare(app: App) -> None:
        @app.websocket("/a")
        async def a(socket: WebSocket, session: Session) -> None: ...

        @app.websocket("/fine")
        async def fine(socket: WebSocket, sessions: Sessions) -> None: ...

    error = mistakes(declare, monkeypatch)
    assert [fault.code for fault in error.faults] == ["KETCH-BIND-016"]
    assert "async with sessions() as session" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/x.db",
        "postgresql://ann:s3cret@127.0.0.1:1/shop",
        "mysql://ann:s3cret@127.0.0.1:1/shop",
    ],
)
def test_a_database_that_cannot_be_opened(url: str) -> None:
    with pytest.raises(SetupError) as error:
        asyncio.run(Database(url, metadata=Fleet.metadata).open())
    assert error.value.code == "KETCH-DATA-004"
    assert "s3cret" not in str(error.value)


def test_a_missing_extra_names_the_line_to_type() -> None:
    without = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'greenlet' else find(name, *rest)\n"
        "import ketch\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "import ketch.data\n"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    assert 'pip install "ketch[sql]"' in done.stderr
    assert done.stderr.strip().splitlines()[-1].strip() == 'pip install "ketch[sql]"'
