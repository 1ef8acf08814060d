"""Where pydantic is the judge: its adapters, made once, and the hook by which msgspec asks for its types."""

from __future__ import annotations

from typing import Any

from ketch.kernel.families import complete_model
from ketch.kernel.shapes import RecordShape


def dec_hook(kind: Any, value: Any) -> Any:
    """msgspec asks here for types it does not know: pydantic's, and `object`, which is anything."""
    if hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__pydantic_fields__"):
        return adapter_of(kind).validate_python(value)
    if kind is object:
        return value
    raise NotImplementedError(f"{kind} cannot be decoded")


_adapters: dict[Any, Any] = {}


def adapter_of(kind: Any) -> Any:
    """pydantic's TypeAdapter of a type, made once."""
    if kind not in _adapters:
        from pydantic import TypeAdapter

        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def record_adapter(shape: RecordShape) -> Any:
    """The TypeAdapter of a pydantic record, with forward references resolved. Raises NameError for what is nowhere."""
    complete_model(shape.annotation)
    return adapter_of(shape.annotation)
