"""`ketch routes`: every route, in the order of the table."""

from __future__ import annotations

from typing import Any

import click

from ketch.cli.loading import app_argument, frozen, json_option, load
from ketch.cli.terminal import say, table, tell_json
from ketch.inject.provider import name_of


@click.command()
@app_argument
@json_option
@click.option("--all", "everything", is_flag=True, help="Also those that the API's document hides.")
def routes(app: str | None, as_json: bool, everything: bool) -> None:
    """List every route: methods, path, name, handler and where it stands.

    \b
    Example:  ketch routes
              ketch routes shop/app.py --json
    """
    runtime = frozen(load(app, looking=True))
    shown = [route for route in runtime.routes if everything or as_json or _is_shown(route)]
    mounts = runtime.table.mounts()
    if as_json:
        tell_json([_as_data(route) for route in runtime.routes] + [_mount_data(mount) for mount in mounts])
        return
    rows = [
        ("/".join(_methods(route)), f"{route.host or ''}{route.text or '/'}", route.name, str(route.origin))
        for route in shown
    ]
    rows += [("MOUNT", mount.prefix or "/", _mounted(mount), str(mount.origin)) for mount in mounts]
    if rows:
        table(("METHOD", "PATH", "NAME", "WHERE"), rows)
    else:
        say('There are none yet. Write one:  @app.get("/")')
    hidden = len(runtime.routes) - len(shown)
    if hidden:
        say(f"{hidden} more with --all (the API's document and page, static files and their like).")


def _is_shown(route: Any) -> bool:
    return bool(route.options.get("include_in_schema", True)) or not route.endpoint.__module__.startswith("ketch.")


def _methods(route: Any) -> tuple[str, ...]:
    return ("WS",) if route.websocket else route.methods


def _mounted(mount: Any) -> str:
    return name_of(getattr(mount.target, "app", mount.target))


def _as_data(route: Any) -> dict[str, Any]:
    return {
        "methods": list(_methods(route)),
        "path": route.text or "/",
        "host": str(route.host) if route.host is not None else None,
        "name": route.name,
        "handler": f"{getattr(route.endpoint, '__module__', '')}.{name_of(route.endpoint)}",
        "file": route.origin.file,
        "line": route.origin.line,
        "guards": [node.provider.name for node in route.guard_nodes],
        "middleware": list(route.middleware),
        "in_schema": bool(route.options.get("include_in_schema", True)),
    }


def _mount_data(mount: Any) -> dict[str, Any]:
    place = {"file": mount.origin.file, "line": mount.origin.line}
    return {"methods": ["MOUNT"], "path": mount.prefix or "/", "handler": _mounted(mount), **place}
