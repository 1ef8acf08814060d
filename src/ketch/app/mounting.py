"""A mount that stands behind something: its guards and its Routers' middleware, as a route that no table holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ketch.app.build import Draft
from ketch.app.declare import MountRecord, RouteRecord
from ketch.http.request import Request
from ketch.http.response import Response
from ketch.http.websocket import WebSocket
from ketch.kernel.errors import Place, SetupError
from ketch.routing.pattern import parse_pattern
from ketch.serving.mounts import Mounted


async def hand_on(request: Request) -> Response:
    """The handler behind the guards: the mounted application answers."""
    return Mounted(request.mount)


async def admitted(websocket: WebSocket) -> None:
    """Never called: once the guards have passed, serving hands the handshake on itself."""


def mount_draft(
    record: MountRecord,
    path: str,
    options: Mapping[str, Any],
    around: list[Any],
    failures: Mapping[Any, Any],
    *,
    websocket: bool,
) -> Draft:
    """The draft of the route that guards a mount, for requests or for WebSockets."""
    endpoint = admitted if websocket else hand_on
    route = RouteRecord(path or "/", ("MOUNT",), endpoint, options, record.origin, websocket=websocket)
    pattern = parse_pattern(path or "/", record.origin)
    return Draft(route, pattern, None, options, record.name or path, around, failures, path)


def mount_below_host(record: MountRecord, host: Any) -> SetupError:
    """A mount has no host of its own, so it would answer for every host."""
    return SetupError(
        "KETCH-APP-009",
        f"{type(record.app).__name__} cannot be mounted on a Router of the host {host}.",
        places=[Place("mounted", record.origin)],
        why="Mounts answer for every host.",
        fix="Mount it on the App, or on a Router without a host.",
    )
