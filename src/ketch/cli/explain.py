"""`ketch explain GET /orders/7`: what a request would meet on its way, and why it goes that way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ketch.binding.framework import Framework
from ketch.binding.plan import Slot
from ketch.binding.signature import EMPTY
from ketch.cli.loading import PROBLEMS, app_option, frozen, json_option, load
from ketch.cli.terminal import paint, tell, tell_json
from ketch.inject.graph import Node
from ketch.inject.provider import Kind, name_of
from ketch.kernel.origin import origin_of, spell
from ketch.kernel.shapes import MISSING
from ketch.routing.entry import WEBSOCKET, Miss, MissKind, MountHit

if TYPE_CHECKING:
    from ketch.app.runtime import Runtime
    from ketch.routing.explain import Tried
    from ketch.serving.route import ServedRoute

_NEAREST = 5

_WORDS = {
    MissKind.NOT_FOUND: "404: no route has this path.",
    MissKind.METHOD_NOT_ALLOWED: "405: the path exists, but not for this method.",
    MissKind.OPTIONS: "204 with Allow: nobody declared OPTIONS here, so ketch answers it.",
    MissKind.REDIRECT: "308 to the other slash form.",
    MissKind.MALFORMED: "400: the path is not valid percent-encoded UTF-8.",
}


@click.command()
@click.argument("method")
@click.argument("path")
@app_option
@json_option
@click.option("--host", default="", help="The Host header, for routes that belong to a host.")
def explain(method: str, path: str, app: str | None, as_json: bool, host: str) -> None:
    """Show what METHOD PATH would meet: the route, what else was tried, middleware, guards, plan, printed functions.

    \b
    Example:  ketch explain GET /orders/7
              ketch explain WS /ws/board
    Exit code 1: no route takes it.
    """
    runtime = frozen(load(app, looking=True))
    method, path = _asked(method, path)
    found = runtime.table.match_raw(method, path.encode("utf-8") if path.isascii() else _quoted(path), host)
    tried = runtime.table.explain(method, path, host)
    if as_json:
        tell_json(_as_data(method, path, found, tried, runtime))
    elif isinstance(found, tuple) and not isinstance(found, MountHit):
        _tell_route(method, path, found, tried, runtime)
    else:
        _tell_other(method, path, found, tried, runtime)
    if isinstance(found, Miss) and found.kind is not MissKind.OPTIONS:
        raise click.exceptions.Exit(PROBLEMS)


def _asked(method: str, path: str) -> tuple[str, str]:
    """`ketch explain /orders GET` and a whole URL are understood, too."""
    if "/" in method and "/" not in path:
        method, path = path, method
    upper = method.upper()
    parts = urlsplit(path)
    path = parts.path if parts.scheme else path.partition("?")[0].partition("#")[0]
    return (WEBSOCKET if upper in ("WS", "WEBSOCKET") else upper), ("/" + path.lstrip("/") if path != "*" else path)


def _quoted(path: str) -> bytes:
    from ketch.http.percent import quote_path

    return quote_path(path).encode()


# --- for people -------------------------------------------------------------------------------------------------------


def _tell_route(method: str, path: str, found: Any, tried: list[Tried], runtime: Runtime) -> None:
    route, values, raw = found
    _heading(f"{method} {path}", f"-> {name_of(route.endpoint)}")
    _row("route", f"{route.label}   {route.origin}")
    _row("handler", f"{origin_of(route.endpoint)}   {origin_of(route.endpoint).text}")
    _row("name", f'url_for("{route.name}"{"".join(f", {name}=..." for name in route.path_names)})')
    for name, text, value in zip(route.path_names, raw, values or [MISSING] * len(raw), strict=False):
        shown = f"{value!r}" if values is not None else f'"{text}", which does not convert: the answer is 422'
        _row("path", f"{name} = {shown}")
    _tell_tried(tried, taken=route)
    _tell_onion(route, runtime)
    _section("Guards", (f"{line}" for node in route.guard_nodes for line in tree(node)), "none")
    _section("Plan", (line for plan in route.plans for line in plan_lines(plan)), "nothing is read from the request")
    _section("Dependencies", (line for node in handler_needs(route) for line in tree(node)), "none")
    if route.result is not None:
        _section("Result", [f"{route.result.kind}   {_spelt(route.result.annotation)}"])
    _section("Printed functions", (line for source in sources(route) for line in [*source.splitlines(), ""]))


def _tell_other(method: str, path: str, found: Any, tried: list[Tried], runtime: Runtime) -> None:
    if isinstance(found, MountHit):
        mounted = name_of(getattr(found.target, "app", found.target))
        _heading(f"{method} {path}", f"-> the mount {found.prefix or '/'} ({mounted}), which gets {found.rest or '/'}")
    else:
        _heading(f"{method} {path}", f"-> {_WORDS[found.kind]}")
        if found.allow:
            _row("allow", ", ".join(found.allow))
        if found.redirect:
            _row("to", found.redirect)
        closest = runtime.table.closest(path)
        if closest and found.kind is MissKind.NOT_FOUND:
            _row("closest", f'Did you mean "{closest}"?')
    _tell_tried(tried, taken=None)


def _tell_tried(tried: list[Tried], taken: Any) -> None:
    others = [one for one in tried if not one.taken or taken is None]
    lines = [str(one) for one in others[:_NEAREST]]
    more = len(others) - _NEAREST
    _section("Also tried, nearest first" if taken is not None else "Tried, nearest first", lines, "nothing else")
    if more > 0:
        tell(paint(f"  and {more} more", dim=True))


def _tell_onion(route: ServedRoute, runtime: Runtime) -> None:
    outer = [name_of(record.target) for record in reversed(runtime.app.declared.middleware)]
    lines = [f"{name}   (application)" for name in outer] + [f"{name}   (route)" for name in route.middleware]
    _section("Middleware, outermost first", lines, "none")


def _heading(text: str, rest: str) -> None:
    tell(f"{paint(text, bold=True)} {rest}")


def _row(label: str, text: str) -> None:
    tell(f"  {label:<8} {text}".rstrip())


def _section(title: str, lines: Any, empty: str = "") -> None:
    shown = list(lines)
    tell()
    tell(paint(title, bold=True) + (f": {empty}" if not shown and empty else ""))
    for line in shown:
        tell(f"  {line}".rstrip())


# --- what there is to say ---------------------------------------------------------------------------------------------


def plan_lines(plan: Any) -> Iterator[str]:
    """One line a slot: where it is read from, as what."""
    for slot in plan.slots:
        yield _slot_line(slot)
        for inner in slot.fields:
            yield "  " + _slot_line(inner)


def _spelt(annotation: Any) -> str:
    return "None" if annotation is type(None) else "not annotated" if annotation is EMPTY else spell(annotation)


def _slot_line(slot: Slot) -> str:
    default = " (required)" if slot.required else "" if slot.default is MISSING else f" = {slot.default!r}"
    alias = f' "{slot.alias}"' if slot.alias != slot.parameter else ""
    rules = "".join(f" {name}={bound!r}" for name, bound in slot.constraints.items())
    bare = (
        getattr(slot.shape.annotation, "__origin__", None) if hasattr(slot.shape.annotation, "__metadata__") else None
    )
    kind = spell(bare if bare is not None else slot.shape.annotation)
    return f"{slot.source.value:<6} {slot.parameter}{alias}: {kind}{rules}{default}"


def tree(node: Node, depth: int = 0) -> Iterator[str]:
    """A dependency with what it needs below it."""
    provider = node.provider
    kind = "value" if provider.kind is Kind.VALUE else provider.kind.value
    key = name_of(provider.key)
    name = key if key == provider.name else f"{key} from {provider.name}"
    yield f"{'  ' * depth}{name}   {kind}, {provider.scope} scope   {provider.origin}"
    for wanted, below in node.arguments:
        if isinstance(below, Node):
            yield from tree(below, depth + 1)
        elif isinstance(below, Framework):
            yield f"{'  ' * (depth + 1)}{wanted.name}: the {below.kind}"
        elif isinstance(below, Slot):
            yield f"{'  ' * (depth + 1)}{wanted.name}: from the {below.source.value}"


def handler_needs(route: ServedRoute) -> list[Node]:
    """What the handler needs directly; the handler is the last of the nodes."""
    return list(route.nodes[-1].below()) if route.nodes else []


def sources(route: ServedRoute) -> list[str]:
    """The text of the printed functions: the guards' and the handler's."""
    calls = (*route.guards, route.call)
    return [getattr(call, "__source__", "") for call in calls]


# --- for programs -----------------------------------------------------------------------------------------------------


def _as_data(method: str, path: str, found: Any, tried: list[Tried], runtime: Runtime) -> dict[str, Any]:
    data: dict[str, Any] = {"method": method, "path": path}
    data["tried"] = [{"entry": str(one).rpartition(": ")[0], "reason": one.reason} for one in tried]
    if isinstance(found, MountHit):
        return {**data, "outcome": "mount", "prefix": found.prefix, "rest": found.rest}
    if isinstance(found, Miss):
        closest = runtime.table.closest(path)
        return {
            **data,
            "outcome": found.kind.value,
            "allow": list(found.allow),
            "to": found.redirect,
            "closest": closest,
        }
    route, values, raw = found
    return {
        **data,
        "outcome": "route",
        "route": route.label,
        "name": route.name,
        "file": route.origin.file,
        "line": route.origin.line,
        "converts": values is not None,
        "values": dict(zip(route.path_names, values if values is not None else raw, strict=False)),
        "middleware": [*(name_of(r.target) for r in reversed(runtime.app.declared.middleware)), *route.middleware],
        "guards": [node.provider.name for node in route.guard_nodes],
        "plan": [line for plan in route.plans for line in plan_lines(plan)],
        "dependencies": [line for node in handler_needs(route) for line in tree(node)],
        "functions": sources(route),
    }
