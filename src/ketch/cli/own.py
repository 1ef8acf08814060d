"""An application's own commands: `@app.command("import-csv")` over a function.

What somebody provides is injected, as in a handler. Every other parameter is the command line's: one without default is
an argument, one with a default or keyword-only is an option (`--dry-run`), a bool is a flag, a list takes several. The
function runs in the started application, in a unit of work of its own; a `def` runs in a thread. What it returns is
printed: a text as it is, anything else as JSON.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

import click

from ketch.binding.sources import Marker
from ketch.cli.loading import PROBLEMS, Unloadable, app_argument, frozen, json_option, load, report
from ketch.cli.terminal import say, table, tell, tell_json
from ketch.kernel.annotations import shape_of
from ketch.kernel.errors import Fault, Place, SetupError
from ketch.kernel.origin import origin_of, spell
from ketch.kernel.shapes import (
    MISSING,
    AnyShape,
    EnumShape,
    ListShape,
    LiteralShape,
    NoneShape,
    OpaqueShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
    is_scalar,
    list_within,
)


def own_command(name: str) -> tuple[click.Command | None, list[str], Unloadable | None]:
    """The application's command `name`, the names of all of them, and what is wrong if they cannot be known.

    That there is no application is not wrong: most directories have none.
    """
    try:
        found = load(None)
        runtime = frozen(found)
    except Unloadable as error:
        return None, [], None if error.absent else error
    commands = found.app.commands
    if name not in commands:
        return None, list(commands), None
    try:
        return as_click(name, commands[name], runtime), list(commands), None
    except SetupError as error:
        raise Unloadable(report(error)) from None


@click.command("commands")
@app_argument
@json_option
def commands(app: str | None, as_json: bool) -> None:
    """List the application's own commands.

    \b
    Example:  ketch commands shop/app.py
    """
    found = load(app, looking=True)
    frozen(found)
    rows = [
        (name, _help(function).partition("\n")[0], str(origin_of(function)))
        for name, function in sorted(found.app.commands.items())
    ]
    if as_json:
        tell_json([{"name": name, "help": text, "origin": place} for name, text, place in rows])
    elif rows:
        table(("COMMAND", "WHAT IT DOES", "WHERE"), rows)
    else:
        say('It has none. Write one:  @app.command("import-csv")')


def as_click(name: str, function: Callable[..., Any], runtime: Any) -> click.Command:
    """The function as a click command. Raises SetupError (KETCH-CMD-001) for a parameter nobody can fill."""
    parameters: list[click.Parameter] = []
    names: set[str] = set()
    for parameter in _signature(function):
        if _is_injected(parameter, runtime):
            continue
        made = _parameter(parameter, function)
        names.add(parameter.name)
        parameters.append(made)

    def callback(**values: Any) -> int:
        return _call(function, {key: value for key, value in values.items() if key in names}, runtime)

    return click.Command(name, params=parameters, callback=callback, help=_help(function) or None)


def check_command(name: str, function: Callable[..., Any], runtime: Any) -> tuple[Fault, ...]:
    """What is wrong with a command's parameters and dependencies."""
    try:
        command = as_click(name, function, runtime)
        runtime.container.solve(function, {str(parameter.name) for parameter in command.params}, 0)
    except SetupError as error:
        return error.faults
    return ()


def _signature(function: Callable[..., Any]) -> Sequence[Any]:
    from ketch.binding.signature import read_signature

    return read_signature(function).parameters


def _is_injected(parameter: Any, runtime: Any) -> bool:
    """Whether the container fills it: a provided type, a qualified one, `Depends`, or what the framework gives."""
    from ketch.binding.classify import key_of, marker_of
    from ketch.binding.framework import framework_leaf
    from ketch.binding.sources import DependsMarker

    if isinstance(marker_of(parameter), DependsMarker) or framework_leaf(parameter, ()) is not None:
        return True
    key = key_of(parameter)
    return key is not None and runtime.container.registry.find(key) is not None


def _help(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function) or ""


# --- parameters -------------------------------------------------------------------------------------------------------


def _parameter(parameter: Any, function: Callable[..., Any]) -> click.Parameter:
    shape = shape_of(parameter.annotation) if parameter.annotated else ScalarShape(annotation=str, type=str)
    marker = parameter.default if isinstance(parameter.default, Marker) else _marker(parameter)
    described = (marker.description if marker is not None else None) or shape.note.description
    default = _default(parameter) if parameter.default is not MISSING or _has_default(marker) else MISSING
    default = MISSING if isinstance(parameter.default, Marker) and not _has_default(marker) else default
    many = _many(shape)
    kind = _Text(many.item if isinstance(many, ListShape) else shape, parameter, function)
    if default is MISSING and not parameter.keyword and not _is_flag(shape):
        words: dict[str, Any] = {"nargs": -1} if many is not None else {}
        return click.Argument([parameter.name], type=kind, required=True, **words)
    return _option(parameter, shape, kind, default, described, many is not None)


def _marker(parameter: Any) -> Marker | None:
    return next((item for item in parameter.metadata if isinstance(item, Marker)), None)


def _has_default(marker: Marker | None) -> bool:
    return marker is not None and (marker.default is not MISSING or marker.default_factory is not None)


def _option(parameter: Any, shape: Shape, kind: _Text, default: Any, described: str | None, many: bool) -> click.Option:
    word = parameter.name.strip("_").replace("_", "-")
    if _is_flag(shape):
        on = default is True
        declaration = f"--{word}/--no-{word}"
        return click.Option([parameter.name, declaration], default=on, help=described, show_default=True)
    # No default for click: where nothing is given the function's own counts (see _with_defaults).
    return click.Option(
        [parameter.name, f"--{word}"],
        type=kind,
        required=default is MISSING,
        multiple=many,
        help=_with_default(described, default) or None,
    )


def _with_default(described: str | None, default: Any) -> str:
    plain = default is MISSING or default is None or default in ([], (), "")
    shown = "" if plain else f"[default: {getattr(default, 'value', default)}]"
    return " ".join(text for text in (described, shown) if text)


def _is_flag(shape: Shape) -> bool:
    return isinstance(shape, ScalarShape) and shape.type is bool


def _many(shape: Shape) -> ListShape | TupleShape | None:
    if isinstance(shape, ListShape) and isinstance(shape.item, OpaqueShape):
        return shape
    return list_within(shape)


class _Text(click.ParamType):  # type: ignore[type-arg]  # it takes an argument from click 8.4 on
    """Text read as in a query string, with the same words for what is wrong."""

    name = "text"

    def __init__(self, shape: Shape, parameter: Any, function: Callable[..., Any]) -> None:
        self.shape = _only(shape)
        self.name = _word(self.shape)
        readable = is_scalar(self.shape) or isinstance(self.shape, (AnyShape, TupleShape)) or self._is_path()
        if not readable:
            raise SetupError(
                "KETCH-CMD-001",
                f'The command line cannot say "{parameter.name}: {spell(parameter.bare)}".',
                places=[Place("command", origin_of(function))],
                why="Nobody provides that type, and it is no text, number, date, choice, path or list of them.",
                fix=f"app.provide({getattr(parameter.bare, '__name__', 'T')}, make_it), or take its parts one by one.",
            )

    def _is_path(self) -> bool:
        kind = getattr(self.shape, "type", None)
        return isinstance(self.shape, OpaqueShape) and isinstance(kind, type) and issubclass(kind, PurePath)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The choices, where there are some."""
        match self.shape:
            case EnumShape(type=kind):
                return f"[{'|'.join(str(member.value) for member in kind)}]"
            case LiteralShape(values=values):
                return f"[{'|'.join(map(str, values))}]"
        return None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The typed value. Raises click.BadParameter in the words of a 422."""
        from ketch.binding.error_types import Problems
        from ketch.binding.interpret_text import TextReader

        if not isinstance(value, str):
            return value
        if isinstance(self.shape, OpaqueShape):
            return self.shape.type(value)
        problems = Problems()
        made = TextReader(problems).value(self.shape, value, ())
        if problems:
            self.fail(f"{value!r}: {problems.errors[0]['msg']}.", param, ctx)
        return made


def _only(shape: Shape) -> Shape:
    members = [member for member in getattr(shape, "members", ()) if not isinstance(member, NoneShape)]
    return members[0] if isinstance(shape, UnionShape) and len(members) == 1 else shape


def _word(shape: Shape) -> str:
    kind = getattr(shape, "type", str)
    return "text" if kind is str else getattr(kind, "__name__", "text").lower()


# --- calling ----------------------------------------------------------------------------------------------------------


def _call(function: Callable[..., Any], values: dict[str, Any], runtime: Any) -> int:
    """Call it in the started application and print what it returns. Returns the exit code."""
    import asyncio

    from ketch.http.problems import HTTPException

    given = _with_defaults(function, values)
    try:
        result = asyncio.run(_started(function, given, runtime))
    except HTTPException as error:  # what the handlers' helpers raise: NotFound("no user ann")
        say(f"{error.status_code} {error.detail or error.title}")
        return PROBLEMS
    except SetupError as error:
        say(report(error))
        return PROBLEMS
    if isinstance(result, str):
        tell(result)
    elif result is not None:
        tell_json(result)
    return 0


def _with_defaults(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """click's tuples as the types that the parameters ask for; the function's own default where nothing is given."""
    made: dict[str, Any] = {}
    for parameter in _signature(function):
        if parameter.name not in values:
            continue
        value = values[parameter.name]
        many = _many(shape_of(parameter.annotation)) if parameter.annotated else None
        if value is None or value == ():
            made[parameter.name] = _default(parameter)
        else:
            made[parameter.name] = value if many is None else getattr(many, "type", tuple)(value)
    return made


def _default(parameter: Any) -> Any:
    """The default as written, or the one inside a marker; None for an option that has to be given never gets here."""
    marker = parameter.default if isinstance(parameter.default, Marker) else _marker(parameter)
    if marker is not None and marker.default_factory is not None:
        return marker.default_factory()
    if isinstance(parameter.default, Marker) or parameter.default is MISSING:
        return marker.default if marker is not None and marker.default is not MISSING else None
    return parameter.default


async def _started(function: Callable[..., Any], values: dict[str, Any], runtime: Any) -> Any:
    await runtime.start()
    try:
        return await runtime.container.run(function, (), values)
    finally:
        await runtime.stop()
