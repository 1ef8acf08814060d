"""`openapi_extra` and its like: what people add to an object by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(base: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """`base` with `extra` merged into it, in place: objects member by member, lists appended, all else replaced.

    In place, because references that still wait for their names are known by their dicts; `extra` stays as it is.
    """
    for name, value in (extra or {}).items():
        known = base.get(name)
        if isinstance(known, dict) and isinstance(value, Mapping):
            base[name] = merged(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            base[name] = [*known, *(item for item in value if item not in known)]
        else:
            base[name] = merged({}, value) if isinstance(value, Mapping) else value
    return base
