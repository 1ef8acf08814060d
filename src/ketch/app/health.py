"""The endpoint that load balancers ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ketch.app.declare import RouteRecord
from ketch.kernel.origin import Origin


async def health() -> dict[str, str]:
    """All is well: whoever had to object has not raised."""
    return {"status": "ok"}


def health_route(path: str, check: Callable[..., Any] | None, origin: Origin, local_names: Any) -> RouteRecord:
    """The route; `check` is its guard, so its parameters are injected and what it raises is the answer."""
    options: dict[str, Any] = {"include_in_schema": False, "public": True, "name": "health"}
    if check is not None:
        options["dependencies"] = [check]
    return RouteRecord(path, ("GET",), health, options, origin, local_names)
