"""Middleware as it was declared becomes layers of the onion, or wrappers of the ASGI edge.

A layer is `async def layer(request, call_next) -> Response`: a function, or an object made from a class with its
options. A class whose constructor begins with `app` is ASGI-style and wraps the edge.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ketch.inject.provider import Kind, kind_of, name_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin, origin_of
from ketch.kernel.suggest import hint


def is_asgi_style(target: Any) -> bool:
    """A class `(app, **options)`, as Starlette's, Sentry's and OpenTelemetry's are."""
    if not inspect.isclass(target):
        return False
    try:
        first = next(iter(inspect.signature(target).parameters.values()), None)
    except (TypeError, ValueError):
        return False
    return first is not None and first.name == "app"


def make_layer(target: Any, options: Mapping[str, Any], origin: Origin) -> Any:
    """The layer. Raises SetupError (KETCH-MW-001, -002) for wrong options or the wrong shape."""
    if inspect.isclass(target):
        target = _construct(target, options, origin)
    elif options:
        raise SetupError(
            "KETCH-MW-001",
            f"{name_of(target)} is a middleware already; options are for classes.",
            places=[Place("added", origin), Place("middleware", origin_of(target))],
            fix="Use functools.partial, or a class with these options.",
        )
    _check_shape(target, origin)
    return target


def _construct(kind: type, options: Mapping[str, Any], origin: Origin) -> Any:
    _check_options(kind, options, origin)
    try:
        return kind(**options)
    except SetupError as error:
        raise error.at(Place("added", origin)) from None
    except TypeError as error:
        raise _not_made(kind, error, origin) from error


def wrap(edge: Any, kind: type, options: Mapping[str, Any], origin: Origin) -> Any:
    """ASGI-style middleware around the edge. Raises SetupError (KETCH-MW-001) for options that it does not take."""
    _check_options(kind, options, origin)
    try:
        return kind(edge, **options)
    except TypeError as error:
        raise _not_made(kind, error, origin) from error


def _not_made(kind: type, error: TypeError, origin: Origin) -> SetupError:
    return SetupError(
        "KETCH-MW-001",
        f"{kind.__name__} could not be made: {error}.",
        places=[Place("added", origin), Place("middleware", origin_of(kind))],
    )


def _check_options(kind: type, options: Mapping[str, Any], origin: Origin) -> None:
    try:
        parameters = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in options:
        if parameters and name not in parameters and not open_ended:
            raise SetupError(
                "KETCH-MW-001",
                f'{kind.__name__} has no option "{name}".',
                places=[Place("added", origin), Place("middleware", origin_of(kind))],
                fix=hint(name, parameters) or f"Its options are {', '.join(parameters)}.",
            )


def _check_shape(target: Any, origin: Origin) -> None:
    wrong = ""
    if not callable(target):
        wrong = "It cannot be called."
    elif kind_of(target) is not Kind.COROUTINE:
        wrong = "It is not async."
    elif not _takes_two(target):
        wrong = "It does not take (request, call_next)."
    if wrong:
        raise SetupError(
            "KETCH-MW-002",
            f"The middleware {name_of(target)} has the wrong shape.",
            places=[Place("added", origin), Place("middleware", origin_of(target))],
            why=wrong,
            fix="Write:  async def middleware(request, call_next): return await call_next(request)",
        )


def _takes_two(target: Any) -> bool:
    try:
        inspect.signature(target).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
