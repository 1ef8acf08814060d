"""From a result to a Response: one function per route, made at start-up from its ResultPlan."""

from __future__ import annotations

import collections.abc
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from ketch.binding.conform import Conform, conformer
from ketch.binding.exact import Exact, exactness
from ketch.binding.hints import hint_html, hint_tuple
from ketch.binding.results import ResultPlan
from ketch.http.defaults import Base, base_headers
from ketch.http.page import Template
from ketch.http.response import Rendered, Response
from ketch.http.stream import EventSourceResponse, JSONLinesResponse
from ketch.kernel.shapes import AnyShape, RecordShape, Shape

Render = Callable[[Any, Any], Response]

JSON = base_headers(b"application/json")
TEXT = base_headers(b"text/plain; charset=utf-8")
BYTES = base_headers(b"application/octet-stream")
EMPTY_BASE = base_headers(None)


class ResultMismatch(Exception):
    """A handler returned what its annotation does not allow; answered with 500, and logged with handler and type."""


def renderer(plan: ResultPlan, page: Callable[[Template, Any, int | None], Response]) -> Render:
    """The function that turns a result into a response. `page` renders a Template (the templates seam)."""
    inner = _RENDERERS[plan.kind](plan)

    def render(result: Any, request: Any) -> Response:
        if isinstance(result, Response):
            return result
        if type(result) is Template:
            return page(result, request, plan.status if plan.status != 200 else None)
        return inner(result, request)

    if plan.kind == "json" and not plan.templates and plan.response_class is None:
        return inner  # PERF: the typed path looks for a Response only when the value is not what was promised
    if plan.kind == "text" and plan.response_class is None:
        return _text_first(plan.status, render)
    return render


def _text_first(status: int, otherwise: Render) -> Render:
    """PERF: plain text as it should be is one call instead of three."""

    def render(result: Any, request: Any) -> Response:
        if type(result) is str and result[:1] != "<":
            return Rendered(result.encode(), status, TEXT)
        return otherwise(result, request)

    return render


def enc_hook(value: Any) -> Any:
    """msgspec asks here for what it does not know: pydantic's objects, and scalars' subclasses."""
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(mode="json", by_alias=True)
    kinds: tuple[Any, ...] = (str, int, float, bytes)
    for kind in kinds:
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")


_ENCODE = msgspec.json.Encoder(enc_hook=enc_hook).encode


def _json(plan: ResultPlan) -> Render:
    if plan.response_class is not None:
        return _by_class(plan)
    shape = plan.shape
    assert shape is not None  # a json plan has one
    if _only_pydantic(shape):
        return _pydantic_json(plan, shape)
    conform, encode, status = conformer(shape), _ENCODE, plan.status
    exact: Exact | None = None

    def ready(compiled: Exact) -> None:
        nonlocal exact
        exact = compiled

    if conform is not None:
        exact = exactness(shape, conform, ready)
    base = JSON if status not in (204, 304) else EMPTY_BASE

    def render(result: Any, request: Any) -> Response:
        try:
            if conform is None:
                if isinstance(result, Response):
                    return result
            elif exact is None or not exact(result):
                result = conform(result)
            if request.codec is not None:
                return _coded(request.codec, result, status)
            return Rendered(encode(result), status, base)
        except Exception as error:
            return _mismatch(plan, result, error)

    return render


def _coded(codec: Any, value: Any, status: int) -> Response:
    """In the codec that Accept asked for. A cache must not give it to who did not ask (RFC 9110, 12.5.5)."""
    return Rendered(codec.encode(value), status, _coded_base(codec.media_type))


@lru_cache(maxsize=64)
def _coded_base(media_type: str) -> Base:
    return Base((*base_headers(media_type.encode()), (b"vary", b"accept")))


def _mismatch(plan: ResultPlan, result: Any, error: Exception) -> Response:
    if isinstance(result, Response):
        return result
    raise ResultMismatch(
        f"{plan.label} returned {type(result).__name__}, which cannot become {plan.annotation}: {error}"
    ) from error


def _only_pydantic(shape: Shape) -> bool:
    match shape:
        case RecordShape(kind="pydantic"):
            return True
    item = getattr(shape, "item", None)
    return isinstance(item, Shape) and _only_pydantic(item)


def _pydantic_json(plan: ResultPlan, shape: Shape) -> Render:
    """Pydantic encodes its own: quicker than by way of dicts, and with its serializers."""
    from ketch.binding.pydantic_types import adapter_of

    dump, conform = adapter_of(shape.annotation).dump_json, conformer(shape)

    def render(result: Any, request: Any) -> Response:
        try:
            raw = dump(result if conform is None else conform(result), by_alias=True)
        except Exception as error:
            return _mismatch(plan, result, error)
        if request.codec is not None:
            return _coded(request.codec, msgspec.json.decode(raw), plan.status)
        return Rendered(raw, plan.status, JSON)

    return render


def _text(plan: ResultPlan) -> Render:
    if plan.response_class is not None:
        return _by_class(plan)
    status = plan.status

    def render(result: Any, request: Any) -> Response:
        if not isinstance(result, str):
            return _mismatch(plan, result, TypeError("expected str"))
        if result[:1] == "<":
            hint_html(plan.label)
        return Rendered(result.encode(), status, TEXT)

    return render


def _bytes(plan: ResultPlan) -> Render:
    if plan.response_class is not None:
        return _by_class(plan)

    def render(result: Any, request: Any) -> Response:
        if not isinstance(result, (bytes, bytearray, memoryview)):
            return _mismatch(plan, result, TypeError("expected bytes"))
        return Rendered(bytes(result), plan.status, BYTES)

    return render


def _empty(plan: ResultPlan) -> Render:
    def render(result: Any, request: Any) -> Response:
        if result is not None:
            return _mismatch(plan, result, TypeError("expected None"))
        return Rendered(b"", plan.status, EMPTY_BASE)

    return render


def _by_class(plan: ResultPlan) -> Render:
    conform = conformer(plan.shape) if plan.shape is not None else None

    def render(result: Any, request: Any) -> Response:
        try:
            value = conform(result) if conform is not None else result
            made: Response = plan.response_class(value, status_code=plan.status)
        except Exception as error:
            return _mismatch(plan, result, error)
        return made

    return render


def _response(plan: ResultPlan) -> Render:
    if plan.response_class is not None:
        return _by_class(plan)

    def render(result: Any, request: Any) -> Response:
        return _mismatch(plan, result, TypeError("expected a Response"))

    return render


def _lines(plan: ResultPlan) -> Render:
    conform = conformer(plan.shape) if plan.shape is not None else None

    def encode(item: Any) -> bytes:
        return _ENCODE(conform(item) if conform is not None else item)

    return lambda result, request: JSONLinesResponse(result, encode, status_code=plan.status)


def _events(plan: ResultPlan) -> Render:
    return lambda result, request: EventSourceResponse(result, status_code=plan.status)


_dynamic_conform: Conform | None = conformer(AnyShape())


def _dynamic(plan: ResultPlan) -> Render:
    """Without an annotation the value decides."""

    def render(result: Any, request: Any) -> Response:
        if isinstance(result, str):
            if result[:1] == "<":
                hint_html(plan.label)
            return Rendered(result.encode(), plan.status, TEXT)
        if isinstance(result, bytes):
            return Rendered(result, plan.status, BYTES)
        if result is None:
            return Rendered(b"", 204 if plan.status == 200 else plan.status, EMPTY_BASE)
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], int):
            hint_tuple(plan.label)
        if isinstance(result, (collections.abc.AsyncIterator, types.GeneratorType)):
            return JSONLinesResponse(result, _ENCODE, status_code=plan.status)
        try:
            if request.codec is not None:
                return _coded(request.codec, result, plan.status)
            return Rendered(_ENCODE(result), plan.status, JSON)
        except (TypeError, ValueError, RecursionError, NotImplementedError) as error:
            return _mismatch(plan, result, error)

    return render


_RENDERERS: dict[str, Callable[[ResultPlan], Render]] = {
    "json": _json,
    "text": _text,
    "bytes": _bytes,
    "empty": _empty,
    "template": _response,
    "response": _response,
    "lines": _lines,
    "events": _events,
    "dynamic": _dynamic,
}
