"""From what a handler returned to a Response: the return annotation decides once, at start-up.

`result_plan` reads it and the route's options; `render.py` makes the function that serving calls.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import msgspec

from ketch.binding.signature import EMPTY
from ketch.http.page import Template
from ketch.http.response import Response
from ketch.http.stream import ServerSentEvent
from ketch.kernel.annotations import shape_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.shapes import OpaqueShape, Shape, parts

_ITERATORS: dict[Any, bool] = {
    collections.abc.Iterator: False,
    collections.abc.Iterable: False,
    collections.abc.Generator: False,
    collections.abc.AsyncIterator: True,
    collections.abc.AsyncIterable: True,
    collections.abc.AsyncGenerator: True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPlan:
    """`kind`: json, text, bytes, empty, template, lines, events, response or dynamic; `shape` what is inside.

    `status` is the success status, `responses` the Response classes the annotation names, `asynchronous` the colour of
    an iterator.
    """

    kind: str
    status: int
    shape: Shape | None = None
    annotation: Any = EMPTY
    responses: tuple[type[Response], ...] = ()
    response_class: Any = None
    templates: bool = False
    asynchronous: bool = False
    label: str = ""

    @property
    def negotiable(self) -> bool:
        """True where another codec may encode the same value."""
        return self.kind in ("json", "dynamic") and self.response_class is None


def result_plan(annotation: Any, options: typing.Mapping[str, Any], label: str, places: list[Place]) -> ResultPlan:
    """Read a return annotation. Raises SetupError (KETCH-BIND-008) for what cannot be encoded."""
    wanted = options.get("response_model", ...)
    if wanted is not ...:
        annotation = EMPTY if wanted is None else wanted  # as in FastAPI, None switches the model off
    response_class = options.get("response_class")
    status: int | None = options.get("status_code") or _own_status(response_class)
    if annotation is EMPTY:
        kind = "response" if response_class is not None else "dynamic"
        return ResultPlan(kind=kind, status=status or 200, response_class=response_class, label=label)
    rest, responses, templates = _split(annotation)
    common: dict[str, Any] = {
        "annotation": annotation,
        "responses": responses,
        "response_class": response_class,
        "templates": templates,
        "label": label,
    }
    if not rest:
        return ResultPlan(kind="template" if templates else "response", status=status or 200, **common)
    inner = rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]  # noqa: UP007
    return _typed(inner, status, common, places)


def _own_status(response_class: Any) -> int | None:
    """The status a response class has by itself, 307 of a RedirectResponse for one."""
    if response_class is None:
        return None
    try:
        parameter = inspect.signature(response_class).parameters.get("status_code")
    except (TypeError, ValueError):
        return None
    return parameter.default if parameter is not None and isinstance(parameter.default, int) else None


def _split(annotation: Any) -> tuple[list[Any], tuple[type[Response], ...], bool]:
    """The union's members that are values, those that are responses, and whether a Template is among them."""
    origin = get_origin(annotation)
    members = get_args(annotation) if origin in (typing.Union, types.UnionType) else (annotation,)
    values: list[Any] = []
    responses: list[type[Response]] = []
    templates = False
    for member in members:
        bare = get_args(member)[0] if get_origin(member) is Annotated else member
        if isinstance(bare, type) and issubclass(bare, Response):
            responses.append(bare)
        elif bare is Template:
            templates = True
        else:
            values.append(member)
    return values, tuple(responses), templates


def _typed(inner: Any, status: int | None, common: dict[str, Any], places: list[Place]) -> ResultPlan:
    if inner is None or inner is type(None):
        return ResultPlan(kind="empty", status=status or 204, **common)
    if inner in (str, bytes):
        return ResultPlan(kind="text" if inner is str else "bytes", status=status or 200, **common)
    bare = get_args(inner)[0] if get_origin(inner) is Annotated else inner
    origin = get_origin(bare) or bare
    if _is_iterator(origin):
        item = (get_args(bare) or (Any,))[0]
        common |= {"status": status or 200, "asynchronous": _ITERATORS[origin]}
        if item is ServerSentEvent:
            return ResultPlan(kind="events", **common)
        return ResultPlan(kind="lines", shape=shape_of(item), **common)
    shape = _shape(inner, common["label"], places)
    return ResultPlan(kind="json", status=status or 200, shape=shape, **common)


def _is_iterator(origin: Any) -> bool:
    try:
        return origin in _ITERATORS
    except TypeError:
        return False


def _shape(annotation: Any, label: str, places: list[Place]) -> Shape:
    from ketch.binding.mistakes import unserialisable

    try:
        shape = shape_of(annotation)
        odd = next((part for part in parts(shape) if isinstance(part, OpaqueShape) and not _encodable(part)), None)
    except (TypeError, NameError) as error:
        raise SetupError("KETCH-BIND-008", f"{label}: {error}", places=places) from None
    if odd is not None:
        raise unserialisable(label, places, odd.annotation)
    return shape


def _encodable(shape: OpaqueShape) -> bool:
    """Types msgspec writes although the shapes have no word for them."""
    return shape.type in (bytearray, memoryview, msgspec.Raw, msgspec.UnsetType)
