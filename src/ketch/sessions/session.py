"""`request.session`: a mapping of JSON values that knows whether it was looked at and whether it was changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

Read = Callable[[], Mapping[str, Any] | None]


class Session(MutableMapping[str, Any]):
    """What the next requests of this visitor shall know. Keys are str, values what JSON can say.

    It is read from its ticket when it is first looked at, and kept again only if it changed, in depth too:
    `session["cart"].append(7)` counts. Raises TypeError for a value that would come back as another type.
    """

    __slots__ = ("_before", "_data", "_read", "known", "renewed")

    def __init__(self, read: Read | Mapping[str, Any] | None = None) -> None:
        self._read: Read | None = read if callable(read) else None
        self._data: dict[str, Any] | None = None
        self._before = "{}"
        self.known = False
        """Whether its ticket was believed: a ticket that somebody made up must not become this session's."""
        self.renewed = False
        if read is not None and not callable(read):
            self.known = True
            self._fill(read)

    @property
    def touched(self) -> bool:
        """Whether somebody looked at it: then the answer depends on the cookie."""
        return self._data is not None

    @property
    def changed(self) -> bool:
        """Whether it has to be kept again. Raises TypeError for a value that JSON cannot say."""
        if self._data is None:
            return False
        for key, value in self._data.items():
            check_value(value, key)
        return self.renewed or encode(self._data) != self._before

    def renew(self) -> None:
        """Keep the data, but under a new ticket, and with a new token for forms: call it when somebody signs in."""
        self.renewed = True
        self._look().pop(TOKEN_KEY, None)

    def _look(self) -> dict[str, Any]:
        if self._data is None:
            found = self._read() if self._read is not None else None
            self.known = found is not None
            self._fill(found or {})
        assert self._data is not None  # filled above
        return self._data

    def _fill(self, data: Mapping[str, Any]) -> None:
        self._before = encode(data)
        # By way of the text, so that nobody else holds the lists inside.
        self._data = json.loads(self._before)

    def __getitem__(self, key: str) -> Any:
        return self._look()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a session's keys are str, not {type(key).__name__}: {key!r}")
        check_value(value, key)
        self._look()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._look()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._look()

    def __iter__(self) -> Iterator[str]:
        return iter(self._look())

    def __len__(self) -> int:
        return len(self._look())

    def __repr__(self) -> str:
        """Its keys; values are nobody's business in a log."""
        return f"<Session {', '.join(self._look()) or 'empty'}>"


TOKEN_KEY = "_csrf"


def encode(data: Mapping[str, Any]) -> str:
    """The data as JSON, the same text for the same data."""
    return json.dumps(dict(data), separators=(",", ":"), allow_nan=False)


_PLAIN = (str, int, bool, type(None))
_MAX_DEPTH = 32


def check_value(value: Any, key: str, depth: int = _MAX_DEPTH) -> None:
    """Raises TypeError unless `value` comes back from JSON as it is: str, int, float, bool, None, list, dict."""
    kind = type(value)
    if kind in _PLAIN or (kind is float and math.isfinite(value)):
        return
    if kind is list and depth:
        for item in value:
            check_value(item, key, depth - 1)
        return
    if kind is dict and depth:
        for name, item in value.items():
            if type(name) is not str:
                raise TypeError(f'session["{key}"] has a key that is no str: {name!r}')
            check_value(item, key, depth - 1)
        return
    raise TypeError(
        f'session["{key}"] holds {_called(value)}, which a session cannot keep. '
        "Keep str, int, float, bool, None, lists and dicts: a date as value.isoformat(), a row as its id."
    )


def _called(value: Any) -> str:
    if isinstance(value, float):
        return f"the number {value}"
    return "lists or dicts nested too deeply" if isinstance(value, list | dict) else f"a {type(value).__name__}"
