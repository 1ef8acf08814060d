"""The kit for session stores passes what is right and bites what is wrong."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from itsdangerous import TimestampSigner

from ketch.sessions.adapters.signing import SignedCookies
from ketch.testing import conformance


class Clock:
    """Seconds that pass when the kit says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def later(self, seconds: float) -> None:
        self.now += seconds


clock = Clock()


class InMemory:
    def __init__(self) -> None:
        self.rows: dict[str, tuple[float, dict[str, Any]]] = {}

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        until, data = self.rows.get(ticket, (0.0, {}))
        return copy.deepcopy(data) if until > clock.now else None

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        ticket = ticket or secrets.token_urlsafe(24)
        self.rows[ticket] = (clock.now + max_age, copy.deepcopy(dict(data)))
        return ticket

    async def delete(self, ticket: str) -> None:
        self.rows.pop(ticket, None)


def test_a_right_store_conforms() -> None:
    conformance.sessions(InMemory, later=clock.later)


def test_signed_cookies_conform_but_cannot_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(clock.now))
    make = lambda: SignedCookies(["a key for the tests"], 60)  # noqa: E731
    conformance.sessions(make, max_age=60, later=clock.later, forgets=False)
    with pytest.raises(AssertionError, match="after delete"):
        conformance.sessions(make, max_age=60, later=clock.later)


def test_without_a_clock_of_its_own_the_kit_waits() -> None:
    conformance.sessions(lambda: SignedCookies(["a key for the tests"], 1), max_age=1, forgets=False)


class Eternal(InMemory):
    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.rows[ticket][1]) if ticket in self.rows else None


class Forgetful(InMemory):
    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return {name: value for name, value in (await super().load(ticket) or {}).items() if value is not None}


class Texts(InMemory):
    """Booleans that come back as numbers, which are equal to them."""

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        found = await super().load(ticket)
        return found and {name: int(value) if value is True else value for name, value in found.items()}


class Shared(InMemory):
    """Copies on the way in only."""

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        until, data = self.rows.get(ticket, (0.0, {}))
        return data if until > clock.now else None


class Careless(InMemory):
    """Copies on the way out only."""

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        ticket = ticket or secrets.token_urlsafe(24)
        self.rows[ticket] = (clock.now + max_age, dict(data))
        return ticket


class Trusting(InMemory):
    """A ticket that a visitor made up is as good as any: session fixation."""

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return await super().load(ticket) or {}


class Raising(InMemory):
    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.rows[ticket][1])


class One(InMemory):
    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        return await super().save(data, "the session", max_age)


class Prefixes(InMemory):
    """Looks at the beginning of the ticket only, as a column that is too short does."""

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return await super().load(ticket[:32])


class Adding(InMemory):
    """Never forgets what a key held before."""

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        before = await self.load(ticket) if ticket else None
        return await super().save({**(before or {}), **data}, ticket, max_age)


class Numbers(InMemory):
    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> Any:
        await super().save(data, ticket, max_age)
        return len(self.rows)


class Strict(InMemory):
    async def delete(self, ticket: str) -> None:
        del self.rows[ticket]


class Sweeping(InMemory):
    async def delete(self, ticket: str) -> None:
        self.rows.clear()


class Keeping(InMemory):
    async def delete(self, ticket: str) -> None:
        pass


class Twofold(InMemory):
    def read(self, ticket: str) -> Mapping[str, Any] | None:
        return {"old": "data"}


class Plain(InMemory):
    def delete(self, ticket: str) -> None:  # type: ignore[override]
        self.rows.pop(ticket, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Eternal, "saved for 3 s, a session was still there"),
        (Forgetful, "came back as"),
        (Texts, "with other types"),
        (Shared, "hand out a copy"),
        (Careless, "save a copy"),
        (Trusting, "a ticket it never gave"),
        (Raising, "a bad ticket is None"),
        (One, "the same ticket"),
        (Prefixes, "a ticket it never gave"),
        (Adding, "again over it"),
        (Numbers, "a text that is not empty"),
        (Strict, "that is gone raised KeyError"),
        (Sweeping, "took another session with it"),
        (Keeping, "after delete"),
        (Twofold, "where load"),
        (Plain, "async def delete"),
    ],
)
def test_a_wrong_store_is_told_why(wrong: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        conformance.sessions(wrong, later=clock.later)
