"""`App(settings=Settings)`: a Struct, dataclass or pydantic class filled from the environment and injected by type.

A field `smtp_port` is the variable SMTP_PORT; a field of a nested record is SMTP__PORT. The first that says something
counts: flag (`--set`), environment, secret file (SMTP_PORT_FILE, /run/secrets/SMTP_PORT), `.env` (dev only), the
class's own default. Text is read as in a query string; a list is written with commas or as JSON, a mapping or a whole
nested record as JSON. An empty text is no value, except for `str`. Every mistake is told at once.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ketch.app.environment import Environment, Text, here
from ketch.app.mode import mode
from ketch.binding.error_types import FAILED, Problems
from ketch.binding.interpret_json import loose
from ketch.binding.interpret_record import construct, validate
from ketch.binding.interpret_text import TextReader
from ketch.binding.interpret_value import ValueReader, by_class
from ketch.http.redact import looks_secret
from ketch.inject.provider import Kind, Provider, name_of, provider_for
from ketch.kernel.annotations import shape_of
from ketch.kernel.errors import Faults, Place, SetupError
from ketch.kernel.origin import Origin, origin_of, spell
from ketch.kernel.shapes import (
    AnyShape,
    DictShape,
    FieldShape,
    ListShape,
    NoneShape,
    OpaqueShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
    is_scalar,
    list_within,
)

S = TypeVar("S")

_SHOWN = 60  # characters of a wrong value


def settings_provider(settings: Any) -> Provider:
    """Who provides `App(settings=...)`: an app-scoped value under its class. An instance is taken as it is.

    Raises SetupError (KETCH-SET-001, -002) with everything that is wrong.
    """
    if not isinstance(settings, type):
        return provider_for(type(settings), value=settings)
    return provider_for(settings, value=load_settings(settings))


def deferred_settings(settings: type) -> Provider:
    """The same, read when it is first needed: for an application whose settings are overridden by a test."""

    def load() -> Any:
        return load_settings(settings)

    load.__name__ = settings.__name__
    return Provider(settings, load, Kind.CLASS, "app", True, origin_of(settings))


def load_settings(settings: type[S], environment: Environment | None = None) -> S:
    """An instance of `settings` from the environment (of this process, unless one is given).

    Raises SetupError: KETCH-SET-001 for everything that is missing or wrong, naming variable and place; KETCH-SET-002
    for a class that is no Struct, dataclass, attrs or pydantic class.
    """
    if hasattr(settings, "settings_customise_sources"):
        return _by_itself(settings)
    shape = shape_of(settings)
    if not isinstance(shape, RecordShape):
        raise SetupError(
            "KETCH-SET-002",
            f"{name_of(settings)} cannot be read from the environment.",
            places=[Place("class", origin_of(settings))],
            why="Settings are a Struct, a dataclass, an attrs or a pydantic class.",
            fix=f"class {name_of(settings)}(Struct): ...",
        )
    reader = _Reader(settings, environment or here(mode()), _variables(shape, ""))
    made = reader.record(shape, "")
    reader.faults.raise_all()
    loaded: S = made
    return loaded


def _by_itself(settings: type[S]) -> S:
    """A class of pydantic-settings has rules of its own; only its mistakes are told in our way."""
    try:
        return settings()
    except ValueError as error:
        faults = Faults()
        errors = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
        for one in errors:
            name = ".".join(map(str, one["loc"])) or settings.__name__
            faults.add(_fault(f"{name}: {one['msg']}.", [Place("settings", origin_of(settings))]))
        raise SetupError.gather(faults.errors) from None


class _Reader:
    """One walk over the class. What is wrong goes to `faults`; then the result does not count."""

    def __init__(self, settings: type, environment: Environment, known: set[str]) -> None:
        self.environment = environment
        self.known = known
        self.faults = Faults()
        self.home = origin_of(settings)

    # --- records ------------------------------------------------------------------------------------------------------

    def record(self, shape: RecordShape, prefix: str) -> Any:
        """The record whose fields' variables begin with `prefix`, or FAILED."""
        if shape.kind == "pydantic":
            return self._pydantic(shape, prefix)
        before, outer, self.home = len(self.faults.errors), self.home, origin_of(shape.type)
        made: dict[str, Any] = {}
        for item in shape.fields:
            value = self._field(item, _variable(item, prefix))
            if value is not _ABSENT:
                made[item.name] = value
        self.home = outer
        if len(self.faults.errors) != before:
            return FAILED
        problems = Problems()
        result = construct(shape, made, None, (), problems)
        for problem in problems.errors:
            self.faults.add(_fault(f"{shape.name}: {problem['msg']}.", [Place("settings", self.home)]))
        return result

    def _field(self, item: FieldShape, name: str) -> Any:
        try:
            text = self.environment.text(name)
        except SetupError as error:
            self.faults.add(error)
            return FAILED
        record = _record_within(item.shape)
        if record is not None and (text is None or not text.value.strip()):
            if (item.required and not _nullable(item.shape)) or self.environment.below(f"{name}__"):
                return self.record(record, f"{name}__")
            return _ABSENT if not item.required else None
        if text is None or (not text.value and not _takes_empty(item.shape)):
            if not item.required:
                return _ABSENT
            return self._missing(item, name, text)
        return self._read(item.shape, text, name, item)

    def _missing(self, item: FieldShape, name: str, text: Text | None) -> Any:
        from ketch.kernel.suggest import did_you_mean

        places = [self._declared(item), *([text.place] if text is not None else [])]
        guess = did_you_mean(name, [other for other in self.environment.names() if other not in self.known])
        close = guess is not None and abs(len(guess) - len(name)) <= 2
        fix = f'There is "{guess}": did you mean that?' if close else f"export {name}=..."
        self.faults.add(_fault(f"{name} is {'empty' if text is not None else 'not set'}.", places, fix))
        return FAILED

    def _declared(self, item: FieldShape) -> Place:
        return Place("setting", Origin(self.home.file, self.home.line, f"{item.name}: {_spelt(item.shape)}"))

    # --- values -------------------------------------------------------------------------------------------------------

    def _read(self, shape: Shape, text: Text, name: str, item: FieldShape) -> Any:
        problems = Problems()
        value = _value(shape, text.value, problems)
        for problem in problems.errors[:5]:
            where = "".join(f"[{part}]" for part in problem["loc"])
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            what = f"{_equals(name, text)}: {where + ' ' if where else ''}{message}."
            self.faults.add(_fault(what, [self._declared(item), text.place]))
        return FAILED if problems else value

    # --- pydantic -----------------------------------------------------------------------------------------------------

    def _pydantic(self, shape: RecordShape, prefix: str) -> Any:
        """pydantic judges values by its own rules: it gets the texts."""
        texts: dict[tuple[str, ...], tuple[str, Text]] = {}
        raw = self._raw(shape, prefix, (), texts)
        made, errors = validate(shape.annotation, raw)
        for error in errors:
            loc = tuple(str(part) for part in error["loc"])
            name, text = next((texts[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in texts), (None, None))
            if text is None:
                variable = prefix + "__".join(part.upper() for part in loc)
                what = f"{variable} is not set." if error["type"] == "missing" else f"{variable}: {error['msg']}."
                self.faults.add(_fault(what, [Place("settings", self.home)], f"export {variable}=..."))
                continue
            what = f"{_equals(str(name), text)}: {error['msg']}."
            self.faults.add(_fault(what, [Place("settings", self.home), text.place]))
        return made

    def _raw(
        self, shape: RecordShape, prefix: str, loc: tuple[str, ...], texts: dict[tuple[str, ...], tuple[str, Text]]
    ) -> dict[str, Any]:
        raw: dict[str, Any] = {}
        for item in shape.fields:
            name = _variable(item, prefix)
            try:
                text = self.environment.text(name)
            except SetupError as error:
                self.faults.add(error)
                continue
            record = _record_within(item.shape)
            if text is not None and (text.value or _takes_empty(item.shape)):
                texts[(*loc, item.alias)] = (name, text)
                raw[item.alias] = _loosened(item.shape, text.value)
            elif record is not None and self.environment.below(f"{name}__"):
                raw[item.alias] = self._raw(record, f"{name}__", (*loc, item.alias), texts)
        return raw


class _Absent:
    """Nothing says anything: the class's own default counts."""


_ABSENT: Any = _Absent()
_TEXTS = shape_of(list[str])


# --- from text to values ----------------------------------------------------------------------------------------------


def _value(shape: Shape, text: str, problems: Problems) -> Any:
    """What `text` says as `shape`, or FAILED."""
    if is_scalar(shape):
        return TextReader(problems).value(shape, _trimmed(shape, text), ())
    members = [member for member in getattr(shape, "members", ()) if not isinstance(member, NoneShape)]
    if isinstance(shape, UnionShape) and len(members) == 1:
        return _value(members[0], text, problems)
    found = list_within(shape)
    if found is not None and not text.lstrip().startswith("["):
        return TextReader(problems).values(found, _split(text), ())
    if isinstance(shape, OpaqueShape):
        return by_class(shape, text, (), problems)
    if isinstance(shape, AnyShape):
        return text
    if isinstance(shape, ListShape) and isinstance(shape.item, OpaqueShape):
        texts = _json(_TEXTS, text, problems) if text.lstrip().startswith("[") else _split(text)
        return texts if texts is FAILED else shape.type(by_class(shape.item, part, (), problems) for part in texts)
    return _json(shape, text, problems)


def _json(shape: Shape, text: str, problems: Problems) -> Any:
    try:
        document = loose(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        example = "{...}" if isinstance(shape, (DictShape, RecordShape)) else "[...]"
        return problems.add("value_error", (), text, f"should be JSON, like {example}")
    return ValueReader(problems).value(shape, document, ())


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _trimmed(shape: Shape, text: str) -> str:
    return text if _takes_empty(shape) else text.strip()


def _loosened(shape: Shape, text: str) -> Any:
    """Text for pydantic: containers from JSON, lists also from commas."""
    members = [member for member in getattr(shape, "members", ()) if not isinstance(member, NoneShape)]
    if len(members) == 1:
        return _loosened(members[0], text)
    if not isinstance(shape, (ListShape, TupleShape, DictShape, RecordShape)):
        return text
    if text.lstrip()[:1] in ("[", "{"):
        import msgspec

        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return text
    return _split(text) if isinstance(shape, (ListShape, TupleShape)) else text


# --- words ------------------------------------------------------------------------------------------------------------


def _variable(item: FieldShape, prefix: str) -> str:
    """The field's name in capitals; an alias that is written in capitals names the variable itself."""
    return prefix + (item.alias if item.alias.isupper() else item.name.upper())


def _variables(shape: RecordShape, prefix: str, depth: int = 4) -> set[str]:
    """The names of all variables that a class reads; of a class inside itself, some."""
    found: set[str] = set()
    for item in shape.fields:
        name = _variable(item, prefix)
        found.add(name)
        record = _record_within(item.shape)
        if record is not None and depth:
            found |= _variables(record, f"{name}__", depth - 1)
    return found


def _record_within(shape: Shape) -> RecordShape | None:
    members = [member for member in getattr(shape, "members", ()) if not isinstance(member, NoneShape)]
    only = members[0] if isinstance(shape, UnionShape) and len(members) == 1 else shape
    return only if isinstance(only, RecordShape) else None


def _nullable(shape: Shape) -> bool:
    return isinstance(shape, UnionShape) and shape.nullable


def _takes_empty(shape: Shape) -> bool:
    match shape:
        case ScalarShape(type=kind):
            return kind in (str, bytes)
        case AnyShape():
            return True
        case UnionShape(members=members):
            return any(map(_takes_empty, members))
    return False


def _spelt(shape: Shape) -> str:
    return spell(
        getattr(shape.annotation, "__origin__", shape.annotation) if _is_annotated(shape) else shape.annotation
    )


def _is_annotated(shape: Shape) -> bool:
    return hasattr(shape.annotation, "__metadata__")


def _equals(name: str, text: Text) -> str:
    """`PORT="abc"`; the value of what looks like a secret is kept to ourselves."""
    if looks_secret(name):
        return name
    value = text.value if len(text.value) <= _SHOWN else text.value[: _SHOWN - 1] + "…"
    return f'{name}="{value.encode("utf-8", "replace").decode()}"'.replace("\n", "\\n")


def _fault(what: str, places: list[Place], fix: str = "") -> SetupError:
    return SetupError("KETCH-SET-001", what, places=places, fix=fix)


__all__ = ["deferred_settings", "load_settings", "settings_provider"]
