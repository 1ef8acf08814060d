"""Reading bodies for the printed functions: JSON and what other codecs know, form fields, files.

Bad input raises ValueError, TypeError or KeyError here; the interpreter tells the client what is wrong with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec

from ketch.binding.decode import json_decoder, value_builder
from ketch.binding.plan import BodyPlan, Slot
from ketch.http.json_size import check_json
from ketch.http.request import Request
from ketch.http.uploads import UploadFile

Fresh = Callable[[], Any]

# What structured types of the five families carry.
_RECORDS = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__")


def fresh_default(slot: Slot) -> Fresh:
    """A function that gives the slot's default: a new one each time where it could be changed."""
    if slot.default_factory is not None:
        return slot.default_factory
    if isinstance(slot.default, (list, dict, set, bytearray)) or any(hasattr(slot.default, n) for n in _RECORDS):
        return lambda: copy.deepcopy(slot.default)
    return lambda: slot.default


class JsonBody:
    """The JSON body of one plan. `decode` is for bytes that are JSON for certain, `read` looks at the request first.

    Both return the value of the only slot, or with `embed` the tuple of the members' values.
    """

    def __init__(self, body: BodyPlan) -> None:
        self.body = body
        self.decode: Callable[[bytes], Any]
        if body.embed:
            self._members = [(slot, json_decoder(slot.shape), fresh_default(slot)) for slot in body.slots]
            self._split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
            self.decode = self._decode_members
        else:
            self.decode = json_decoder(body.slots[0].shape)
        self._builders: list[Callable[[Any], Any]] | None = None

    def _decode_members(self, raw: bytes) -> tuple[Any, ...]:
        given = self._split(raw)
        return tuple(
            decode(bytes(given[slot.alias])) if slot.alias in given else _absent(slot, default)
            for slot, decode, default in self._members
        )

    def read(self, request: Request, raw: bytes) -> Any:
        """The body as the Content-Type says. Raises ValueError for what the interpreter should explain."""
        kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
            check_json(raw, request.limits)
            raw.decode()  # what is not UTF-8 is refused wherever it stands; this raises UnicodeDecodeError
            return self.decode(raw)
        for codec in getattr(request.runtime, "codecs", ()):
            if codec.matches(kind):
                return self._build(codec.decode(raw))
        raise ValueError("unsupported media type")

    def _build(self, value: Any) -> Any:
        if self._builders is None:
            self._builders = [value_builder(slot.shape) for slot in self.body.slots]
        if not self.body.embed:
            return self._builders[0](value)
        return tuple(
            build(value[slot.alias]) if slot.alias in value else _absent(slot, fresh_default(slot))
            for slot, build in zip(self.body.slots, self._builders, strict=True)
        )


def _absent(slot: Slot, default: Fresh) -> Any:
    if slot.required:
        raise KeyError(slot.alias)
    return default()


def form_text(form: Any, alias: str) -> str | None:
    """A field's last text; None if absent. Raises TypeError for a file."""
    value = form.get(alias)
    if value is not None and not isinstance(value, str):
        raise TypeError("a file was sent for a text field")
    return value


def form_filled(form: Any, alias: str) -> str | None:
    """The same with an empty text counted as absent."""
    return form_text(form, alias) or None


def form_texts(form: Any, alias: str) -> list[str]:
    """All texts of a field. Raises TypeError for files."""
    values: list[str] = form.getlist(alias)
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a file was sent for a text field")
    return values


def form_filled_texts(form: Any, alias: str) -> list[str]:
    """The same without empty ones."""
    return [text for text in form_texts(form, alias) if text]


def form_files(form: Any, alias: str) -> list[UploadFile]:
    """All files of a field; a browser's empty file input counts as none. Raises TypeError for text."""
    files = [value for value in form.getlist(alias) if value != ""]
    if not all(isinstance(file, UploadFile) for file in files):
        raise TypeError("text was sent for a file")
    return [file for file in files if file.raw_filename or file.size]


def form_file(form: Any, alias: str) -> UploadFile | None:
    """The last file of a field, or None."""
    files = form_files(form, alias)
    return files[-1] if files else None


__all__ = [
    "JsonBody",
    "form_file",
    "form_files",
    "form_filled",
    "form_filled_texts",
    "form_text",
    "form_texts",
    "fresh_default",
]
