"""Security schemes and requirements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ketch.openapi.names import Namer, clean, unique_names
from ketch.openapi.operation import Operation, SecurityUse


class SecuritySchemes:
    """The schemes of one document, each under its own name: two header keys of one class stay apart."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        schemes: dict[tuple[str, str], SecurityUse] = {}
        for operation in operations:
            for use in operation.security:
                schemes.setdefault(_key(use), use)
        names = unique_names([_namer(use) for use in schemes.values()])
        self._names = dict(zip(schemes, names, strict=True))
        objects = zip(names, (dict(use.scheme) for use in schemes.values()), strict=True)
        self.objects: dict[str, dict[str, Any]] = dict(sorted(objects))

    def requirements(self, uses: Iterable[SecurityUse]) -> list[dict[str, list[str]]]:
        """Alternatives: all that is required; that and one optional scheme; nothing at all if nothing is required."""
        together: dict[str, list[str]] = {}
        optional: list[dict[str, list[str]]] = []
        for use in uses:
            name = self._names[_key(use)]
            if use.required:
                together[name] = list(dict.fromkeys([*together.get(name, ()), *use.scopes]))
            else:
                optional.append({name: list(use.scopes)})
        richer = [{**together, **one} for one in optional if not one.keys() <= together.keys()]
        return [together, *richer] if together else [*richer, {}]


def _key(use: SecurityUse) -> tuple[str, str]:
    return use.name, repr(_sorted(use.scheme))


def _sorted(value: Any) -> Any:
    return sorted((k, _sorted(v)) for k, v in value.items()) if isinstance(value, Mapping) else value


def _namer(use: SecurityUse) -> Namer:
    what = use.scheme.get("name") or use.scheme.get("scheme") or use.scheme.get("type", "")
    return lambda level: clean(f"{use.name}_{what}" if level else use.name)
