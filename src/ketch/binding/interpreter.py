"""The meaning of a plan: a request read slot by slot, as plan.py says, with every problem told.

The printed function (printer.py) is the same thing in a hurry. When it stumbles, `interpret` reads the request again
from here: it raises ValidationProblem with all that is wrong with all slots, or BadRequest or UnsupportedMediaType for
a body that cannot be read at all; and where it finds nothing wrong, what it returns counts. The two share no code but
the plan, the shapes, the HTTP values and msgspec, and a property test holds them equal.

Reading happens in two steps: first what has to be awaited (body, form, files), then a walk without waiting, which for
a large body runs in a thread, because walking megabytes takes longer than the event loop may stand still.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

import msgspec

from ketch.binding.error_types import FAILED, Enough, Loc, Problems
from ketch.binding.interpret_json import loose
from ketch.binding.interpret_record import construct, tell_pydantic, validate
from ketch.binding.interpret_text import TextReader
from ketch.binding.interpret_value import ValueReader
from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Source
from ketch.http.connection import HTTPConnection
from ketch.http.formdata import TOKEN_FIELD
from ketch.http.json_size import check_json
from ketch.http.problems import BadRequest, UnsupportedMediaType, ValidationProblem
from ketch.http.request import Request
from ketch.http.uploads import UploadFile
from ketch.kernel.shapes import (
    MISSING,
    AnyShape,
    FieldShape,
    ListShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    list_within,
)

THREAD_FROM = 65_536
"""Bytes of a body from which the walk runs in a thread; a smaller one takes at most about 20 ms."""


async def interpret(plan: Plan, request: HTTPConnection) -> dict[str, Any]:
    """The values of `plan`'s slots by their names.

    Raises ValidationProblem (422) with every problem (of the first hundred), UnsupportedMediaType (415), BadRequest
    (400) for malformed syntax, encoding or nesting, and what reading the body raises (413).
    """
    body = await _receive(plan, request)
    reading = _Reading(plan, request, body)
    if len(body.raw) < THREAD_FROM:
        return reading.run()
    from ketch.http.threads import in_thread

    return await in_thread(reading.run)


@dataclass(slots=True)
class _Body:
    """What arrived: a text to decode, or a form; `files` holds the contents of those asked for as bytes."""

    raw: bytes = b""
    decode: Callable[[bytes], Any] | None = None
    form: Any = None
    files: dict[int, bytes] = field(default_factory=dict)


async def _receive(plan: Plan, request: HTTPConnection) -> _Body:
    if plan.body is None or not isinstance(request, Request):
        return _Body()
    if plan.body.kind == "json":
        raw = await request.body()
        return _Body(raw, _decoder(request, raw) if raw else None)
    body = _Body(form=await request.form())
    for slot in (item for top in plan.body.slots for item in (top.fields or (top,))):
        if slot.source is Source.FILE and not slot.upload:
            for upload in _files(body.form, slot)[-1:]:
                if not isinstance(upload, UploadFile):
                    break
                await upload.seek(0)
                body.files[id(slot)] = await upload.read()
                await upload.seek(0)
    return body


def _decoder(request: Request, raw: bytes) -> Callable[[bytes], Any]:
    """The codec that the Content-Type names. Raises UnsupportedMediaType, and what `check_json` does."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        check_json(raw, request.limits)
        return loose
    codecs = getattr(request.runtime, "codecs", ())
    for codec in codecs:
        if codec.matches(kind):
            decode: Callable[[bytes], Any] = codec.decode
            return decode
    known = ", ".join(["application/json", *(codec.media_type for codec in codecs)])
    raise UnsupportedMediaType(f"The body should be one of: {known}." if codecs else f"The body should be {known}.")


def _files(form: Any, slot: Slot) -> list[Any]:
    """What was sent for a file slot; a file input in which nothing was chosen sends an empty text or an empty file."""
    sent = [value for value in form.getlist(slot.alias) if value != ""]
    return [value for value in sent if not isinstance(value, UploadFile) or value.raw_filename or value.size]


class _Reading:
    """One walk of a plan over one request."""

    def __init__(self, plan: Plan, request: HTTPConnection, body: _Body) -> None:
        self.plan = plan
        self.request = request
        self.body = body
        self.problems = Problems()
        self.texts = TextReader(self.problems)
        self.form_texts = TextReader(self.problems, _zone(plan.timezone))

    def run(self) -> dict[str, Any]:
        """All values by slot name. Raises as `interpret` does."""
        document = self._document()
        values: dict[str, Any] = {}
        try:
            for slot in self.plan.slots:
                if slot.source is not Source.BODY:
                    values[slot.name] = self._slot(slot)
            if self.plan.body is not None and self.plan.body.kind == "json":
                values.update(self._json(self.plan.body, document))
        except Enough:
            pass
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None
        if self.problems:
            raise ValidationProblem(self.problems.errors)
        return {slot.name: values[slot.name] for slot in self.plan.slots}

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _document(self) -> Any:
        """The body as plain values, MISSING without one. Raises BadRequest if it is not what its Content-Type says."""
        if self.body.decode is None:
            return MISSING
        try:
            return self.body.decode(self.body.raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._refuse_coding()
            raise BadRequest(f"The body is not valid JSON: {error}") from None
        except (ValueError, TypeError, LookupError, EOFError, ArithmeticError):
            self._refuse_coding()
            raise BadRequest("The body is malformed.") from None
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None

    def _refuse_coding(self) -> None:
        """What cannot be read may be compressed. Looked at only here: the printed function would pay for looking."""
        if isinstance(self.request, Request):
            self.request.refuse_coding()

    def _json(self, body: BodyPlan, document: Any) -> dict[str, Any]:
        reader = ValueReader(self.problems)
        if not body.embed:
            slot = body.slots[0]
            if document is MISSING:
                return {slot.name: self._absent(slot, ("body",))}
            if isinstance(slot.shape, RecordShape) and slot.shape.kind == "pydantic" and self.body.decode is loose:
                return {slot.name: self._pydantic_json(slot.shape, document, self.body.raw, ("body",), reader)}
            return {slot.name: reader.value(slot.shape, document, ("body",))}
        given = {} if document is MISSING else document
        if not isinstance(given, dict):
            self.problems.add("model_type", ("body",), document)
            return {}
        return {slot.name: self._member(slot, given, reader) for slot in body.slots}

    def _member(self, slot: Slot, given: dict[str, Any], reader: ValueReader) -> Any:
        loc: Loc = ("body", slot.alias)
        if slot.alias not in given:
            return self._absent(slot, loc)
        if isinstance(slot.shape, RecordShape) and slot.shape.kind == "pydantic" and self.body.decode is loose:
            text = msgspec.json.decode(self.body.raw, type=dict[str, msgspec.Raw])[slot.alias]
            return self._pydantic_json(slot.shape, given[slot.alias], bytes(text), loc, reader)
        return reader.value(slot.shape, given[slot.alias], loc)

    def _pydantic_json(self, shape: RecordShape, document: Any, text: bytes, loc: Loc, reader: ValueReader) -> Any:
        """A model that is the body, or a member of it, reads its text itself, once that is known to be JSON of finite
        numbers: of JSON pydantic makes other things than of Python's values, where it has the choice."""
        before = len(self.problems)
        reader.value(_ANYTHING, document, loc)
        if len(self.problems) != before:
            return FAILED
        made, errors = validate(shape.annotation, text, json=True)
        return tell_pydantic(errors, loc, self.problems) if errors else made

    # --- one slot -----------------------------------------------------------------------------------------------------

    def _slot(self, slot: Slot) -> Any:
        if slot.record is not None:
            return self._record(slot, slot.record)
        loc: Loc = (_word(slot.source), slot.alias)
        if slot.source is Source.FILE:
            return self._file(slot, loc)
        within = list_within(slot.shape)
        if within is not None:
            return self._list(slot, within, loc)
        text = self._last(slot)
        if text is None:
            return False if _is_checkbox(slot) else self._absent(slot, loc)
        if not isinstance(text, str):
            return self.problems.add("string_type", loc, text)
        return self._reader(slot).value(slot.shape, text, loc)

    def _list(self, slot: Slot, within: ListShape | TupleShape, loc: Loc) -> Any:
        texts = self._filled(slot, within)
        if not texts:
            return self._absent(slot, loc)
        for at, text in enumerate(texts):
            if not isinstance(text, str):
                return self.problems.add("string_type", (*loc, at), text)
        return self._reader(slot).values(within, texts, loc)

    def _file(self, slot: Slot, loc: Loc) -> Any:
        files = _files(self.body.form, slot)
        if not files:
            return self._absent(slot, loc)
        for at, file in enumerate(files):
            if not isinstance(file, UploadFile):
                return self.problems.add("file_type", (*loc, at) if slot.many else loc, file)
        if not slot.upload:
            return self.body.files[id(slot)]
        if not slot.many:
            return files[-1]
        from ketch.binding.interpret_rules import obey

        return obey(slot.shape.constraints, files, None, loc, self.problems)

    def _absent(self, slot: Slot, loc: Loc) -> Any:
        """A value that was not sent: its default, else a problem."""
        if slot.default_factory is not None:
            return slot.default_factory()
        if slot.default is MISSING or slot.required:
            return self.problems.add("missing", loc)
        return copy.deepcopy(slot.default) if _may_change(slot.default) else slot.default

    def _reader(self, slot: Slot) -> TextReader:
        return self.form_texts if slot.source is Source.FORM else self.texts

    # --- what was sent ------------------------------------------------------------------------------------------------

    def _sent(self, slot: Slot) -> list[Any]:
        """Everything the client sent for a slot, in its order."""
        request = self.request
        match slot.source:
            case Source.PATH:
                return [request.raw_values[slot.index]] if 0 <= slot.index < len(request.raw_values) else []
            case Source.QUERY:
                return request.query_params.getlist(slot.alias)
            case Source.HEADER:
                return request.header_list(slot.alias.lower().encode("latin-1"))
            case Source.COOKIE:
                return [request.cookies[slot.alias]] if slot.alias in request.cookies else []
            case Source.FORM:
                sent: list[Any] = self.body.form.getlist(slot.alias)
                return sent
        return _files(self.body.form, slot)

    def _last(self, slot: Slot) -> Any:
        """The last of what was sent (of headers the first), or None; an empty text in a form speaks to a str only."""
        sent = self._sent(slot)[:1] if slot.source is Source.HEADER else self._sent(slot)
        if not sent or (sent[-1] == "" and slot.source is Source.FORM and not _is_str(slot.shape)):
            return None
        return sent[-1]

    def _filled(self, slot: Slot, within: ListShape | TupleShape) -> list[Any]:
        sent = self._sent(slot)
        items = (within.item,) if isinstance(within, ListShape) else within.items[:1]
        if slot.source is Source.FORM and not all(map(_is_str, items)):
            return [text for text in sent if text != ""]
        return sent

    # --- parameter structs --------------------------------------------------------------------------------------------

    def _record(self, slot: Slot, record: RecordShape) -> Any:
        if record.forbid_unknown:
            self._forbid(slot)
        if not slot.required and not any(self._is_there(item) for item in slot.fields):
            return self._absent(slot, (_word(slot.source),))
        if record.kind == "pydantic":
            return self._pydantic(slot, record)
        before = len(self.problems)
        made: dict[str, Any] = {}
        for item, own in zip(slot.fields, record.fields, strict=True):
            if not _may_be_left_out(own) or self._is_there(item):
                made[own.name] = self._slot(item)
        if len(self.problems) != before:
            return FAILED
        return construct(record, made, None, (_word(slot.source),), self.problems)

    def _is_there(self, item: Slot) -> bool:
        within = list_within(item.shape)
        if item.source is Source.FILE:
            return bool(self._sent(item))
        return bool(self._filled(item, within)) if within is not None else self._last(item) is not None

    def _pydantic(self, slot: Slot, record: RecordShape) -> Any:
        """The texts as they are: pydantic coerces and explains in its own way."""
        given: dict[str, Any] = {}
        names: dict[str | int, str] = {}
        for item, own in zip(slot.fields, record.fields, strict=True):
            names[own.alias] = item.alias
            within = list_within(item.shape)
            if self._is_there(item):
                given[own.alias] = self._filled(item, within) if within is not None else self._last(item)
        made, errors = validate(record.annotation, given)
        if not errors:
            return made
        as_sent = [
            {**e, "loc": [names.get(e["loc"][0], e["loc"][0]), *e["loc"][1:]] if e["loc"] else []} for e in errors
        ]
        return tell_pydantic(as_sent, (_word(slot.source),), self.problems)

    def _forbid(self, slot: Slot) -> None:
        """Names that nothing in the whole plan reads; headers and cookies always carry others."""
        if slot.source not in (Source.QUERY, Source.FORM):
            return
        sources = (Source.QUERY,) if slot.source is Source.QUERY else (Source.FORM, Source.FILE)
        known = {one.alias for top in self.plan.slots if top.source in sources for one in (top.fields or (top,))}
        sent = self.request.query_params if slot.source is Source.QUERY else self.body.form
        for name in sent:
            if name not in known and not (name == TOKEN_FIELD and slot.source is Source.FORM):
                self.problems.add("extra_forbidden", (_word(slot.source), name), sent[name])


_ANYTHING = AnyShape()


def _word(source: Source) -> str:
    """The first word of a `loc`: forms and their files are the body."""
    return "body" if source in (Source.FORM, Source.FILE) else source.value


def _is_str(shape: Shape) -> bool:
    return isinstance(shape, ScalarShape) and shape.type is str


def _may_change(default: Any) -> bool:
    """Whether a handler that changes its default would change it for the next request as well."""
    if isinstance(default, msgspec.Struct | list | dict | set | bytearray) or dataclasses.is_dataclass(default):
        return True
    return hasattr(default, "__attrs_attrs__") or hasattr(default, "__pydantic_fields__")


def _is_checkbox(slot: Slot) -> bool:
    """Browsers send nothing for a box that is not ticked."""
    return slot.source is Source.FORM and isinstance(slot.shape, ScalarShape) and slot.shape.type is bool


def _may_be_left_out(own: FieldShape) -> bool:
    """Only a TypedDict has fields that are neither required nor filled by a default."""
    return not own.required and own.default is MISSING and own.default_factory is None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
