"""A bag of attributes: `app.state.db`, `request.state.started`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class State:
    """Whatever attributes you set; also by key (`state["db"]`). It writes through to the dict it was given."""

    __slots__ = ("_state",)
    _state: dict[str, Any]

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        object.__setattr__(self, "_state", {} if state is None else state)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._state[name]
        except KeyError:
            raise AttributeError(f"state has no {name!r}: nothing has set it") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._state[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self._state:
            raise AttributeError(f"state has no {name!r}: nothing has set it")
        del self._state[name]

    def __getitem__(self, name: str) -> Any:
        return self._state[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._state[name] = value

    def __delitem__(self, name: str) -> None:
        del self._state[name]

    def __contains__(self, name: object) -> bool:
        return name in self._state

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def __repr__(self) -> str:
        return f"State({', '.join(sorted(self._state))})"
