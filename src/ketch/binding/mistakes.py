"""The start-up mistakes of binding, in words. One function a mistake; every text has a snapshot in tests/errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import spell
from ketch.kernel.suggest import did_you_mean, hint

if TYPE_CHECKING:
    from ketch.binding.classify import Classifier
    from ketch.binding.plan import Slot
    from ketch.binding.signature import Parameter
    from ketch.inject.provider import Provider


def _places(where: Classifier, provider: Provider) -> list[Place]:
    label = "guard" if where.guard else "handler" if provider.key is where.given_to else "provider"
    return [Place("route", where.origin), Place(label, provider.origin)]


def _written(parameter: Parameter) -> str:
    return f"{parameter.name}: {spell(parameter.bare)}" if parameter.annotated else parameter.name


def path_name_unknown(where: Classifier, parameter: Parameter, provider: Provider, name: str) -> SetupError:
    """A `Path()` parameter whose name is not in the route's path."""
    return SetupError(
        "KETCH-BIND-001",
        f'{where.label} has no "{{{name}}}" in its path, but {provider.name} asks for it.',
        places=_places(where, provider),
        why=f'"{parameter.name}" is marked with Path().',
        fix=hint(name, where.paths) or f'Write "{{{name}}}" into the path, or mark the parameter with Query().',
    )


def path_name_unused(where: Classifier, provider: Provider, name: str, parameters: Iterable[str]) -> SetupError:
    """A name in the path that no parameter reads."""
    other = did_you_mean(name, parameters) or next(iter(parameters), None) if list(parameters) else None
    why, fix = "Nothing in the handler or its dependencies reads it.", f'Add the parameter "{name}" to {provider.name}.'
    if other is not None:
        why = f'"{other}" is not in the path, so it would be read from the query string.'
        text = provider.origin.text.replace(f"{other}:", f"{name}:").replace(f"({other})", f"({name})")
        fix = f"Did you mean:  {text}" if name in text else f'Did you mean "{name}" instead of "{other}"?'
    return SetupError(
        "KETCH-BIND-002",
        f'{where.label} never uses "{name}".',
        places=_places(where, provider),
        why=why,
        fix=fix,
    )


def unknown_type(where: Classifier, parameter: Parameter, provider: Provider, why: str = "") -> SetupError:
    """A type that neither a request nor a provider can fill."""
    name = getattr(parameter.bare, "__name__", spell(parameter.bare))
    guess = did_you_mean(name, where.registry.names())
    fix = f'Did you mean "{guess}"?' if guess and guess != name else f"Register it: app.provide({name}, make_it)"
    return SetupError(
        "KETCH-BIND-003",
        f'{where.label} cannot fill "{_written(parameter)}" of {provider.name}.',
        places=_places(where, provider),
        why=why or f"Nobody provides {name}, and it is no type that a request can carry.",
        fix=f"{fix}\nor say where it comes from: Annotated[{name}, Depends(make_it)]",
    )


def nothing_to_call(where: Classifier, parameter: Parameter, provider: Provider) -> SetupError:
    """`Depends()` around something that cannot be called, or around nothing where no annotation says what."""
    return SetupError(
        "KETCH-BIND-003",
        f'{where.label} cannot fill "{_written(parameter)}" of {provider.name}.',
        places=_places(where, provider),
        why="Depends() needs a function or class to call.",
        fix=f"Write:  {parameter.name}: Annotated[Thing, Depends(make_it)]",
    )


def unfit_in_thread(where: Classifier, parameter: Parameter, provider: Provider, instead: str) -> SetupError:
    """A `def` asks for what only works on the event loop."""
    name = spell(parameter.bare)
    return SetupError(
        "KETCH-BIND-015",
        f"{where.label} runs {provider.name} in a thread, where {name} does not work.",
        places=_places(where, provider),
        why=f"{name} belongs to the event loop; a def runs beside it.",
        fix=f'Ask for "{parameter.name}: {instead}", or make it async def.',
    )


def unfit_in_websocket(where: Classifier, parameter: Parameter, provider: Provider, instead: str) -> SetupError:
    """A WebSocket handler asks for what should not stay open as long as a connection does."""
    name = spell(parameter.bare)
    return SetupError(
        "KETCH-BIND-016",
        f"{where.label} would keep one {name} open as long as its connection.",
        places=_places(where, provider),
        why="A WebSocket lives for hours; a unit of work should be short.",
        fix=f'Ask for "{instead.lower()}: {instead}", and open one for each piece of work:\n'
        f"    async with {instead.lower()}() as {parameter.name}: ...",
    )


def two_bodies(where: Classifier, provider: Provider, slots: list[Slot]) -> SetupError:
    """Two parameters that would both be the whole body."""
    first, second = slots[0], slots[1]
    kinds = [spell(slot.shape.annotation) for slot in (first, second)]
    return SetupError(
        "KETCH-BIND-004",
        f'{where.label} would read two bodies: "{first.parameter}" and "{second.parameter}".',
        places=_places(where, provider),
        why="Both are structured types without a marker; a request has one body.",
        fix=(
            "To make them members of one JSON object, write:\n"
            f"  {first.parameter}: Annotated[{kinds[0]}, Body()], {second.parameter}: Annotated[{kinds[1]}, Body()]\n"
            "or say that one comes from elsewhere: Query(), Form(), Depends(...)."
        ),
    )


def body_on_get(where: Classifier, parameter: Parameter, provider: Provider) -> SetupError:
    """A structured type on a method that has no body."""
    name = getattr(parameter.bare, "__name__", spell(parameter.bare))
    methods = "WebSocket" if where.websocket else "/".join(sorted(where.methods))
    return SetupError(
        "KETCH-BIND-005",
        f'{where.label} would read "{_written(parameter)}" from a body.',
        places=_places(where, provider),
        why=f"A {methods} request has no body to read.",
        fix=(
            f"To read its fields from the query string: {parameter.name}: Annotated[{name}, Query()]\n"
            f"To have somebody make it: app.provide({name}, make_it), or Depends(make_it)"
        ),
    )


def nested_parameter_struct(where: Classifier, parameter: Parameter, provider: Provider, field: str) -> SetupError:
    """A parameter struct with a field that is itself structured."""
    return SetupError(
        "KETCH-BIND-006",
        f'{where.label}: the field "{field}" of "{_written(parameter)}" is no plain value.',
        places=_places(where, provider),
        why="Query strings, headers, cookies and forms carry text; only scalars and lists of them fit.",
        fix="Flatten the field, or read the parameter from the JSON body.",
    )


def guard_with_body(where: Classifier, parameter: Parameter, provider: Provider) -> SetupError:
    """A guard that wants the body."""
    return SetupError(
        "KETCH-BIND-007",
        f'The guard {provider.name} of {where.label} would read "{_written(parameter)}" from the body.',
        places=_places(where, provider),
        why="Guards run before the body is read, so that a refused request costs nothing.",
        fix="Ask for it in the handler or in a Depends(...) of the handler.",
    )


def cannot_be_read(where: Classifier, parameter: Parameter, provider: Provider, source: str) -> SetupError:
    """A type that text cannot say, marked as text."""
    return SetupError(
        "KETCH-BIND-011",
        f'{where.label} cannot read "{_written(parameter)}" from the {source}.',
        places=_places(where, provider),
        why="It is no scalar, list of scalars or flat structured type.",
        fix="Use a type that text can say, or take it from the JSON body.",
    )


def mixed_bodies(where: Classifier, provider: Provider, json: Slot, form: Slot) -> SetupError:
    """JSON and form at once."""
    return SetupError(
        "KETCH-BIND-013",
        f'{where.label} reads "{json.parameter}" as JSON and "{form.parameter}" as a form field.',
        places=_places(where, provider),
        why="A request has one body, in one format.",
        fix="Mark both with Form() (and File()), or make both JSON.",
    )


def wrong_generator(label: str, places: list[Place], why: str, fix: str) -> SetupError:
    """A generator where its kind cannot work."""
    return SetupError("KETCH-BIND-014", f"{label} is a generator of the wrong kind.", places=places, why=why, fix=fix)


def unserialisable(label: str, places: list[Place], annotation: object) -> SetupError:
    """A return type that no encoder knows."""
    return SetupError(
        "KETCH-BIND-008",
        f"{label} returns {spell(annotation)}, which cannot be written as JSON.",
        places=places,
        why="It is neither a structured type nor a plain value nor a Response.",
        fix="Return a Struct, dataclass, TypedDict, attrs or pydantic class, or a Response.",
    )
