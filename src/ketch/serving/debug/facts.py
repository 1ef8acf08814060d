"""The request and its route as rows of text, secrets left out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ketch.http.redact import REDACTED, looks_secret
from ketch.kernel.origin import origin_of, spell
from ketch.kernel.shapes import MISSING
from ketch.serving.debug.values import Budget, cut, printable, scrubbed, shown

Row = tuple[str, str]

_MOST = 60  # rows of one table
_LONG = 500  # characters of a header's or field's value


@dataclass(slots=True)
class SlotRow:
    """One parameter that a route reads."""

    name: str
    source: str
    type: str
    default: str


def first_line(request: Any) -> tuple[str, str]:
    """Method and path with its query, as it was asked for."""
    scope = request.scope
    method = str(scope.get("method", "WEBSOCKET"))[:20]
    query = "&".join(f"{name}={value}" if value else name for name, value in query_rows(request))
    path = cut(printable(str(scope.get("path", ""))), 400)
    return method, f"{path}?{cut(query, 400)}" if query else path


def query_rows(request: Any) -> list[Row]:
    """The query's names and values."""
    return _safely(lambda: [_row(name, value) for name, value in request.query_params.multi_items()])


def header_rows(request: Any) -> list[Row]:
    """The headers; of credentials and cookies only that they were there."""
    rows = []
    for name, value in list(request.scope.get("headers", ()))[:_MOST]:
        text = name.decode("latin-1")
        if text == "cookie":
            rows.append((text, _cookie_names(value.decode("latin-1"))))
        else:
            rows.append(_row(text, value.decode("latin-1")))
    return rows


def _cookie_names(header: str) -> str:
    names = [part.partition("=")[0].strip() for part in header[:4_000].split(";")]
    return cut(printable("; ".join(f"{name}={REDACTED}" for name in names)), _LONG)


def path_rows(request: Any) -> list[Row]:
    """The path's parameters."""
    return _safely(lambda: [_row(name, value) for name, value in request.path_params.items()])


def form_rows(request: Any) -> list[Row]:
    """The fields of a form that has been read already."""
    form = getattr(request, "_form", None)
    return _safely(lambda: [_row(name, value) for name, value in form.multi_items()]) if form is not None else []


def connection_rows(request: Any) -> list[Row]:
    """Who asked, and how."""
    scope = request.scope
    client = scope.get("client")
    told = {
        "client": f"{client[0]}:{client[1]}" if client else "",
        "scheme": f"{scope.get('scheme', '')}, HTTP/{scope.get('http_version', '')}",
        "root path": scope.get("root_path", ""),
        "Python": sys.version.split()[0],
        "Ketch": getattr(sys.modules.get("ketch"), "__version__", ""),
    }
    return [(name, cut(printable(str(value)), 200)) for name, value in told.items() if value]


def _row(name: Any, value: Any) -> Row:
    told = printable(cut(str(name), 200))
    if looks_secret(told):
        return told, REDACTED
    text = value if isinstance(value, str) else f"<{type(value).__name__} {getattr(value, 'filename', '')}>"
    text = str(value) if isinstance(value, int | float) else text
    return told, printable(scrubbed(cut(text, _LONG)))


def _safely(rows: Callable[[], list[Row]]) -> list[Row]:
    """What a client sent may be unreadable; then there is nothing to show."""
    try:
        return rows()[:_MOST]
    except Exception:
        return []


# --- the route --------------------------------------------------------------------------------------------------------


def slot_rows(route: Any, budget: Budget) -> list[SlotRow]:
    """The plan: every parameter, where it comes from, and what it is when it is missing."""
    rows: list[SlotRow] = []
    for plan in route.plans:
        for top in plan.slots:
            for slot in top.fields or (top,):
                rows.append(_slot_row(slot, budget))
    return rows[:_MOST]


def _slot_row(slot: Any, budget: Budget) -> SlotRow:
    if slot.default_factory is not None:
        default = f"{getattr(slot.default_factory, '__name__', 'made')}()"
    elif slot.default is MISSING:
        default = "required" if slot.required else ""
    else:
        default = shown(slot.default, budget, slot.parameter)
    named = slot.alias if slot.alias == slot.parameter else f"{slot.alias} ({slot.parameter})"
    return SlotRow(printable(named), slot.source.value, cut(printable(spell(slot.shape.annotation)), 200), default)


def route_rows(route: Any) -> list[Row]:
    """What the route is made of."""
    dependencies = [node.provider.name for node in route.nodes[:-1]]
    told = {
        "handler": f"{getattr(route.endpoint, '__qualname__', '')}  {origin_of(route.endpoint)}",
        "declared": str(route.origin),
        "name": route.name,
        "guards": ", ".join(node.provider.name for node in route.guard_nodes),
        "dependencies": ", ".join(dependencies),
        "middleware": ", ".join(route.middleware),
    }
    return [(name, cut(printable(value), 400)) for name, value in told.items() if value]


def printed_functions(route: Any) -> Iterator[tuple[str, str]]:
    """The functions that were printed for the route: what each does, and its text."""
    for number, guard in enumerate(route.guards, 1):
        yield f"guard {number}", printable(getattr(guard, "__source__", ""))[:20_000]
    yield "bind and call", printable(getattr(route.call, "__source__", ""))[:20_000]
