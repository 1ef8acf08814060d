"""A callable's signature with its annotations resolved.

Looks through `functools.partial`, decorators that use `functools.wraps`, callable objects, methods and classes, and
resolves string annotations, those that name local types of the function that declared them included.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import origin_of
from ketch.kernel.shapes import MISSING

EMPTY = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """`annotation` is as written; `bare` is it without Annotated, whose objects are in `metadata`."""

    name: str
    annotation: Any
    bare: Any
    metadata: tuple[Any, ...]
    default: Any
    keyword: bool

    @property
    def annotated(self) -> bool:
        return self.annotation is not EMPTY


@dataclass(frozen=True, slots=True)
class Signature:
    """What a callable asks for and gives back. `returns` is EMPTY without an annotation."""

    target: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    returns: Any


def read_signature(target: Callable[..., Any], local_names: Mapping[str, Any] | None = None) -> Signature:
    """Read `target`; `*args` and `**kwargs` ask for nothing. Raises SetupError (KETCH-BIND-009, -010) for names that do
    not exist and annotations that are no types."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some built-in classes have none: they are called without arguments
        return Signature(target, (), EMPTY)
    hints = _hints(target, local_names)
    parameters = tuple(
        _parameter(p, hints.get(p.name, EMPTY))
        for p in signature.parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    )
    returns = target if inspect.isclass(target) else hints.get("return", EMPTY)
    return Signature(target, parameters, returns)


def _parameter(parameter: inspect.Parameter, annotation: Any) -> Parameter:
    metadata: tuple[Any, ...] = ()
    bare = annotation
    while type(bare).__name__ == "TypeAliasType" and _annotated_alias(bare):
        bare = bare.__value__
    if get_origin(bare) is Annotated:
        metadata = bare.__metadata__
        bare = bare.__origin__
    default = MISSING if parameter.default is EMPTY else parameter.default
    keyword = parameter.kind is parameter.KEYWORD_ONLY
    return Parameter(parameter.name, annotation, bare, metadata, default, keyword)


def _annotated_alias(alias: Any) -> bool:
    """`type Me = Annotated[...]` is looked through; other aliases stay themselves."""
    return get_origin(alias.__value__) is Annotated


def unwrap(target: Any) -> Any:
    """The function whose annotations count: behind partials, `functools.wraps`, methods and callable objects."""
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isclass(target):
        return target
    if not inspect.isroutine(target):
        target = getattr(type(target), "__call__", target)  # noqa: B004 (its annotations are wanted)
    return inspect.unwrap(target)


def _hints(target: Any, local_names: Mapping[str, Any] | None) -> dict[str, Any]:
    function = unwrap(target)
    if inspect.isclass(function):
        return _class_hints(function, local_names)
    function = getattr(function, "__func__", function)
    return _resolve(function, function, local_names)


def _class_hints(kind: type, local_names: Mapping[str, Any] | None) -> dict[str, Any]:
    """A class is called through `__init__`, or its fields are (dataclass, Struct and their like)."""
    initialiser: Any = vars(kind).get("__init__") or getattr(kind, "__init__", None)
    if hasattr(initialiser, "__code__") and "__annotations__" in dir(initialiser):
        generated = getattr(initialiser, "__annotations__", {})
        if generated and initialiser.__module__ == kind.__module__:
            return _resolve(initialiser, kind, local_names)
    return _resolve(kind, kind, local_names)


def _resolve(thing: Any, place: Any, local_names: Mapping[str, Any] | None) -> dict[str, Any]:
    names = dict(local_names or {})
    code = getattr(thing, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(thing, "__closure__", None) or (), strict=False):
        try:
            names.setdefault(name, cell.cell_contents)
        except ValueError:  # a cell that is not filled yet
            continue
    # PERF: where nothing is a string nothing is to be resolved (5 us instead of 25).
    if code is not None and not any(map(_has_forward, thing.__annotations__.values())):
        return {k: type(None) if v is None else v for k, v in thing.__annotations__.items()}
    try:
        return typing.get_type_hints(thing, localns=names or None, include_extras=True)
    except NameError as error:
        raise SetupError(
            "KETCH-BIND-009",
            f'The name "{error.name}" in an annotation of {getattr(place, "__name__", place)} cannot be found.',
            places=[Place("here", origin_of(place))],
            why="Annotations are read when the application starts, in the module where the function is defined.",
            fix=f'Import or define "{error.name}" in that module (outside "if TYPE_CHECKING:").',
        ) from None
    except SetupError as error:
        # A marker inside a string annotation: what is wrong is told with the place of the function around it.
        fault = error.faults[0]
        raise SetupError(
            fault.code, fault.what, places=[Place("here", origin_of(place))], why=fault.why, fix=fault.fix
        ) from None
    except (TypeError, AttributeError, SyntaxError) as error:
        raise SetupError(
            "KETCH-BIND-010",
            f"An annotation of {getattr(place, '__name__', place)} is not a type: {error}",
            places=[Place("here", origin_of(place))],
        ) from None


def _has_forward(note: Any) -> bool:
    if isinstance(note, (str, typing.ForwardRef)):
        return True
    if get_origin(note) is typing.Literal:
        return False
    return any(
        _has_forward(a) for a in get_args(note) if not isinstance(a, list) and not callable(getattr(a, "scopes", None))
    )


def _postponed(function: Any) -> bool:
    """True if annotations are strings here: the function's own, or (in such a module) those of its dependencies."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & annotations.compiler_flag:
        return True
    notes = getattr(function, "__annotations__", {})
    if inspect.isclass(function):
        notes = {**notes, **getattr(function.__init__, "__annotations__", {})}
    return any(isinstance(note, str) or "ForwardRef" in repr(note) for note in notes.values())


def local_names_of(target: Any, depth: int) -> Mapping[str, Any] | None:
    """The local names of the function that declares `target` with string annotations, if it is one.

    A type defined inside a test function cannot be found in its module; the frame that declares the route knows it.
    """
    function = unwrap(target)
    if "<locals>" not in getattr(function, "__qualname__", "") or not _postponed(function):
        return None
    module = getattr(function, "__module__", None)
    names: dict[str, Any] = {}
    frame = sys._getframe(depth + 1)
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            names = {**frame.f_locals, **names}
            if frame.f_code.co_name == "<module>":
                break
        if frame.f_back is None:
            break
        frame = frame.f_back
    return names
