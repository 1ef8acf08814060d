"""Is it a session store? The kit of seams/sessions."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ketch.seams.sessions import SessionStore

_DATA: dict[str, Any] = {
    "user": 7,
    "name": "ünï©ode \U0001f6a2",
    "nothing": None,
    "seen": True,
    "share": 0.5,
    "cart": [{"sku": "rope", "qty": 2}, {"sku": "tar", "qty": 1}],
}

_NOT_OURS = (
    "nonsense",
    "0",
    "../../etc/passwd",
    "' OR 1=1 --",
    "a.b.c",
    "ünï©ode",
    "nul\0within",
    "line\r\nbreak",
    "x" * 10_000,
)

Later = Callable[[float], Awaitable[object] | object]


def sessions(
    make: Callable[[], SessionStore], *, max_age: int = 3, later: Later = asyncio.sleep, forgets: bool = True
) -> None:
    """The promises of seams/sessions: data comes back whole and belongs to nobody else, bad tickets are None.

    Sessions are kept for `max_age` seconds, and then must be gone. The kit waits for that, unless `later(seconds)`
    moves the clock that the store reads; the default takes about 5 seconds. `forgets=False` is for a store that keeps
    nothing on a server, as signed cookies do, and so cannot forget before the time.
    """
    asyncio.run(_promises(make, max_age, later, forgets))


async def _promises(make: Callable[[], SessionStore], max_age: int, later: Later, forgets: bool) -> None:
    store = make()
    for name in ("load", "save", "delete"):
        method = getattr(store, name, None)
        assert inspect.iscoroutinefunction(method), f"a session store has a method `async def {name}`"
    kit = _Kit(store, max_age)
    await kit.keeps()
    await kit.keeps_apart()
    await kit.keeps_copies()
    await kit.believes_only_its_own()
    await kit.deletes(forgets)
    ticket = await kit.save({"old": True}, None)
    waited = later(max_age + 1.5)  # a whole second more: many clocks count in seconds
    if inspect.isawaitable(waited):
        await waited
    assert await kit.load(ticket) is None, f"saved for {max_age} s, a session was still there afterwards"


class _Kit:
    def __init__(self, store: Any, max_age: int) -> None:
        self._store = store
        self._max_age = max_age

    async def save(self, data: dict[str, Any], ticket: str | None) -> str:
        given: Any = await self._store.save(data, ticket, self._max_age)
        assert isinstance(given, str) and given, f"save() gave {given!r}; a ticket is a text that is not empty"
        return given

    async def load(self, ticket: str) -> dict[str, Any] | None:
        try:
            found = await self._store.load(ticket)
            plain = self._store.read(ticket) if hasattr(self._store, "read") else found
        except Exception as error:
            shown = ticket if len(ticket) < 40 else f"{ticket[:40]}..."
            raise AssertionError(
                f"load({shown!r}) raised {type(error).__name__}: {error}; a bad ticket is None"
            ) from error
        assert plain == found, f"read() gave {plain!r} where load() gave {found!r}"
        return None if found is None else dict(found)

    async def keeps(self) -> None:
        ticket = await self.save(copy.deepcopy(_DATA), None)
        found = await self.load(ticket)
        assert found == _DATA, f"{_DATA!r} came back as {found!r}"
        assert str(found) == str(_DATA), f"{_DATA!r} came back with other types: {found!r}"
        ticket = await self.save({"user": 8}, ticket)
        found = await self.load(ticket)
        assert found == {"user": 8}, f"after saving {{'user': 8}} again over it, load() gave {found!r}"

    async def keeps_apart(self) -> None:
        ann, bob = await self.save({"user": "ann"}, None), await self.save({"user": "bob"}, None)
        assert ann != bob, "two new sessions got the same ticket"
        found = [await self.load(ann), await self.load(bob)]
        assert found == [{"user": "ann"}, {"user": "bob"}], f"two sessions were kept as one: {found!r}"

    async def keeps_copies(self) -> None:
        """Else a request that fails, and saves nothing, changes the session all the same."""
        data: dict[str, Any] = {"cart": [1]}
        ticket = await self.save(data, None)
        data["cart"].append(2)
        assert await self.load(ticket) == {"cart": [1]}, "what was changed after save() was kept: save a copy"
        found = await self.load(ticket)
        assert found is not None
        found["cart"].append(2)
        assert await self.load(ticket) == {"cart": [1]}, "what was changed after load() was kept: hand out a copy"

    async def believes_only_its_own(self) -> None:
        ticket = await self.save({"user": 1}, None)
        middle = len(ticket) // 2
        other = "A" if ticket[middle] != "A" else "B"
        for forged in (*_NOT_OURS, ticket[:-1], f"{ticket}x", ticket[:middle] + other + ticket[middle + 1 :]):
            found = await self.load(forged)
            assert found is None, f"load({forged[:40]!r}), a ticket it never gave, gave {found!r}"

    async def deletes(self, forgets: bool) -> None:
        ticket, other = await self.save({"user": 1}, None), await self.save({"user": 2}, None)
        for gone in (ticket, ticket, "nonsense"):
            try:
                await self._store.delete(gone)
            except Exception as error:
                what = f"delete() of a session that is gone raised {type(error).__name__}: {error}"
                raise AssertionError(what) from error
        assert await self.load(other) == {"user": 2}, "delete() took another session with it"
        if forgets:
            assert await self.load(ticket) is None, "after delete() the session was still there"
