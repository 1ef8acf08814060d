"""What a signature says, as frozen data. The printer prints it, the interpreter obeys it, documentation shows it.

A `Plan` lists the slots that have to be read from a request, in the order in which their parameters were declared.
Reading a slot is pure: it may be done twice with the same result (once printed, once interpreted to explain).

How each source is read, exactly (printer and interpreter both follow this page and share no code):

Text (path, query, header, cookie, form): the grammar of a value
    str        as it is
    int        -?[0-9]+ (ASCII, at most 4,300 digits)
    float      -?[0-9]+(.[0-9]*)?([eE][+-]?[0-9]+)? or -?.[0-9]+..., and finite
    bool       1 true on yes t y, 0 false off no f n, in any case
    Decimal    the grammar of float, exactly kept; at most 4,300 characters
    UUID, date, datetime, time, timedelta
               what `msgspec.convert(text, T, strict=False)` accepts; a datetime is turned into UTC and must be aware
               unless `tz=False` says naive; in forms `YYYY-MM-DDTHH:MM[:SS[.f]]` is naive and read in the
               application's time zone, and a time may be `HH:MM`
    Enum, Literal
               the member whose value is this text, else the first whose value equals this text read by the grammar
               of its type (int, float, bool)
    None       never from text
    union      the members in order, the first that converts (constraints included)
A missing value takes the default (a fresh one from `default_factory`), else it is a problem `missing`. In forms an
empty text for anything but str counts as missing, and an absent bool is False.
The last one counts when a scalar is repeated (of headers the first); a list takes all. An absent list without default
is a problem. Headers: `_` in the parameter's name is `-` on the wire; a repeated header makes a list; a list is never
split at commas.
A form's hidden `_csrf_token` is no unknown name.
A parameter struct (fields of one record from one source) reads each field as a slot of its own with that field's
alias, then makes the record; fields with underscores in headers are dashed as well.

JSON body: one whole value (`embed` False) or an object whose members are slots. Content-Type must be application/json
or application/*+json, or one an installed codec knows (else UnsupportedMediaType; a missing Content-Type with a body
too). An empty body is a problem `missing` unless every member has a default. Syntax, encoding and depth are
BadRequest. msgspec's rules are strict here. Datetimes must be aware and become UTC unless `tz` says otherwise.
`foreign` constraints count the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ketch.binding.sources import Source
from ketch.kernel.errors import Place
from ketch.kernel.shapes import FREE, MISSING, PLAIN, Constraints, Note, RecordShape, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One value to be read from a request.

    `name` is the variable (unique within a plan), `alias` the name that the client sees. A parameter struct has
    `fields` (one slot for each of its fields, same source) and `record`. `index` is a path parameter's position.
    `upload` is True for UploadFile, `many` for lists of it. `parameter` is the name in the user's signature.
    `embed`, `inferred` and `media_type` are what was written about a body; `place` is where, for messages.
    """

    name: str
    source: Source
    alias: str
    shape: Shape
    parameter: str = ""
    required: bool = True
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    index: int = -1
    fields: tuple[Slot, ...] = ()
    record: RecordShape | None = None
    upload: bool = False
    many: bool = False
    note: Note = PLAIN
    include_in_schema: bool = True
    embed: bool = False
    inferred: bool = False
    media_type: str | None = None
    place: Place | None = None

    @property
    def constraints(self) -> Constraints:
        return self.shape.constraints or FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPlan:
    """How the body is read. `kind` is "json" or "form".

    For JSON with `embed` False there is exactly one slot: the whole body. For forms the slots have source FORM or FILE.
    """

    kind: str
    slots: tuple[Slot, ...]
    embed: bool = False
    media_type: str | None = None

    @property
    def required(self) -> bool:
        return any(slot.required for slot in self.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one printed function binds. `slots` includes the body's; `label` is for messages and tracebacks."""

    label: str
    slots: tuple[Slot, ...] = ()
    body: BodyPlan | None = None
    timezone: str = "UTC"

    @property
    def outside_body(self) -> tuple[Slot, ...]:
        return tuple(s for s in self.slots if s.source not in (Source.BODY, Source.FORM, Source.FILE))
