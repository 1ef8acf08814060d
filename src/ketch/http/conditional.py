"""Conditional requests (RFC 9110, section 13): what the `If-*` fields of a request ask, and the answer.

    conditions = Conditions.of(request, request.method)
    outcome = conditions.evaluate(etag=etag, modified=mtime)     # Outcome.SEND, NOT_MODIFIED or FAILED

Nothing here does I/O or knows what is being sent: files, documents and applications' own handlers use it alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from .dates import parse_http_date

_ENTITY_TAG = re.compile(r'[ \t]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|\Z)')


class Outcome(Enum):
    """What to do with a request after its preconditions were looked at."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


class _HasHeaders(Protocol):
    def header(self, name: bytes, /) -> str | None: ...
    def header_list(self, name: bytes, /) -> Sequence[str]: ...


def entity_tags(field: str) -> list[str]:
    """The entity tags of a list field, weakness prefix included; what is not a tag ends the list (linear time)."""
    tags: list[str] = []
    position = 0
    while position < len(field):
        found = _ENTITY_TAG.match(field, position)
        if found is None:
            break
        tags.append(found[1])
        position = found.end()
    return tags


def strong_match(a: str, b: str) -> bool:
    """Strong comparison (RFC 9110, 8.8.3.2): equal and neither is weak."""
    return a == b and not a.startswith("W/")


def weak_match(a: str, b: str) -> bool:
    """Weak comparison (RFC 9110, 8.8.3.2): equal apart from weakness."""
    return a.removeprefix("W/") == b.removeprefix("W/")


def seconds_of(field: str) -> int | None:
    """The HTTP date in a field as seconds since 1970; None if it holds none."""
    date = parse_http_date(field)
    return None if date is None else int(date.timestamp())


class Conditions:
    """The conditional fields of one request, taken out once so that a worker thread may evaluate them."""

    __slots__ = ("if_match", "if_modified_since", "if_none_match", "if_range", "if_unmodified_since", "method", "range")

    def __init__(
        self,
        method: str = "GET",
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
        if_modified_since: str | None = None,
        if_unmodified_since: str | None = None,
        if_range: str | None = None,
        range: str | None = None,
    ) -> None:
        self.method = method
        self.if_match = if_match
        self.if_none_match = if_none_match
        self.if_modified_since = if_modified_since
        self.if_unmodified_since = if_unmodified_since
        self.if_range = if_range
        self.range = range

    @classmethod
    def of(cls, request: _HasHeaders, method: str) -> Conditions:
        """Read the fields of a request; repeated list fields are joined, as RFC 9110, 5.3 allows."""
        return cls(
            method,
            if_match=_joined(request, b"if-match"),
            if_none_match=_joined(request, b"if-none-match"),
            if_modified_since=request.header(b"if-modified-since"),
            if_unmodified_since=request.header(b"if-unmodified-since"),
            if_range=request.header(b"if-range"),
            range=_joined(request, b"range"),
        )

    def evaluate(self, *, etag: str | None, modified: float | None) -> Outcome:
        """Apply the preconditions in the order of RFC 9110, 13.2.2.

        `etag` is the current entity tag with its quotes (and `W/`), `modified` the time of the last change in seconds
        since 1970; None for a validator that the resource does not have.
        """
        if self.if_match is not None:
            if not self._matches(self.if_match, etag, strong_match):
                return Outcome.FAILED
        elif self._changed_since(self.if_unmodified_since, modified):
            return Outcome.FAILED
        safe = self.method in ("GET", "HEAD")
        if self.if_none_match is not None:
            if self._matches(self.if_none_match, etag, weak_match):
                return Outcome.NOT_MODIFIED if safe else Outcome.FAILED
        elif safe and self._unchanged_since(self.if_modified_since, modified):
            return Outcome.NOT_MODIFIED
        return Outcome.SEND

    def wants_range(self, *, etag: str | None, modified: float | None) -> str | None:
        """The Range field if it applies: only to GET, and only when If-Range names the current version (13.1.5)."""
        if self.range is None or self.method != "GET":
            return None
        wanted = self.if_range
        if wanted is None:
            return self.range
        wanted = wanted.strip(" \t")
        if wanted.endswith('"'):
            same = etag is not None and strong_match(wanted, etag)
        else:
            # A date is a strong validator only if it equals the stamp exactly.
            same = modified is not None and seconds_of(wanted) == int(modified) and not _weak(etag)
        return self.range if same else None

    @staticmethod
    def _matches(field: str, etag: str | None, same: Callable[[str, str], bool]) -> bool:
        if field.strip(" \t") == "*":
            return True  # the resource exists: whoever asks has a representation to send
        return etag is not None and any(same(tag, etag) for tag in entity_tags(field))

    @staticmethod
    def _changed_since(field: str | None, modified: float | None) -> bool:
        if field is None or modified is None:
            return False
        since = seconds_of(field)
        return since is not None and int(modified) > since

    @staticmethod
    def _unchanged_since(field: str | None, modified: float | None) -> bool:
        if field is None or modified is None:
            return False
        since = seconds_of(field)
        return since is not None and int(modified) <= since


def _weak(etag: str | None) -> bool:
    return etag is not None and etag.startswith("W/")


def _joined(request: _HasHeaders, name: bytes) -> str | None:
    first = request.header(name)
    if first is None:
        return None
    values = request.header_list(name)
    return first if len(values) < 2 else ", ".join(values)
