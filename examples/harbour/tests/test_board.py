from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from harbour.board import Bell
from ketch.testing import TestClient


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream: their id and data."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append({"id": int(fields["id"]), "event": fields["event"], **json.loads(fields["data"])})
    return found


def newest(client: TestClient) -> int:
    return int(events(client.get("/api/changes?after=0").text)[-1]["id"])


def test_changes_arrive_in_order(client: TestClient, airfield: str) -> None:
    before = newest(client)
    client.patch(f"/api/airports/{airfield}", json={"elevation": 7})
    client.patch(f"/api/airports/{airfield}", json={"elevation": 7})  # nothing differs: nothing to tell
    client.delete(f"/api/airports/{airfield}")
    told = events(client.get(f"/api/changes?after={before}").text)
    assert [(event["kind"], event["icao"]) for event in told] == [("changed", airfield), ("removed", airfield)]
    assert [event["id"] for event in told] == [before + 1, before + 2]
    assert {event["event"] for event in told} == {"change"}


def test_a_browser_that_comes_back_misses_nothing(client: TestClient, airfield: str) -> None:
    before = newest(client)
    client.patch(f"/api/airports/{airfield}", json={"elevation": 8})
    again = client.get("/api/changes?after=0", headers={"last-event-id": str(before)})
    assert [event["id"] for event in events(again.text)] == [before + 1]


def test_a_stream_begins_with_the_next_change(client: TestClient) -> None:
    assert events(client.get("/api/changes").text) == []


@pytest.mark.parametrize("seen", ["", "x", "-1", "²", "9" * 20])
def test_a_strange_last_event_id_does_no_harm(client: TestClient, seen: str) -> None:
    answer = client.get("/api/changes", headers={b"last-event-id": seen.encode()})
    assert answer.status_code == 200
    assert events(answer.text) == []


def test_what_was_rolled_back_was_never_told(client: TestClient, airfield: str) -> None:
    before = newest(client)
    assert client.patch(f"/api/airports/{airfield}", json={"iata": "LHR"}).status_code == 409
    assert newest(client) == before


def test_the_stream_says_what_it_is(client: TestClient) -> None:
    answer = client.get("/api/changes")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"


def test_the_bell_wakes_everybody_and_gives_up_in_time() -> None:
    async def run() -> None:
        bell = Bell()
        waiting = [asyncio.create_task(bell.wait(10)) for _ in range(3)]
        await asyncio.sleep(0)
        await bell.ring()
        async with asyncio.timeout(1):
            await asyncio.gather(*waiting)
            await bell.wait(0.01)
        assert not bell._waiting

    asyncio.run(run())
