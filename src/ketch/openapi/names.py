"""Names in the document: the shortest that tell things apart, the same on every start.

Each thing offers names from short to long. Where two share one, *both* move on to their next, so that the result does
not depend on who came first; only what cannot be told apart otherwise is numbered.
"""

from __future__ import annotations

import re
import types
import typing
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


LAST_LEVEL = 3
Namer = Callable[[int], str]
"""The candidate at a level, from 0 (the shortest) to `LAST_LEVEL`. Only level 0 is asked of everybody."""


def unique_names(namers: Sequence[Namer], taken: Collection[str] = ()) -> list[str]:
    """One name for each entry, in order, none of which is in `taken`."""
    names = [namer(0) for namer in namers]
    levels = [0] * len(namers)
    while True:
        count = Counter(names)
        count.update(taken)
        moving = [i for i, name in enumerate(names) if count[name] > 1 and levels[i] < LAST_LEVEL]
        if not moving:
            return _numbered(names, count, set(taken))
        for i in moving:
            levels[i] += 1
            names[i] = namers[i](levels[i])


def _numbered(names: list[str], count: Counter[str], used: set[str]) -> list[str]:
    if len(count) == len(names) + len(used):
        return names
    used |= {name for name in names if count[name] == 1}
    result = []
    for name in names:
        unique, number = name, 1
        while count[name] > 1 and unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        result.append(unique)
    return result


def clean(text: str) -> str:
    """`text` with only the characters that a component's name may have in every tool: `P[int]` is `P_int`."""
    if text.isalnum() and text.isascii():
        return text
    return _UNSAFE.sub("_", text).strip("_") or "_"


def type_name(level: int, kind: Any, name: str, arguments: Sequence[Any] = ()) -> str:
    """A class's name, more and more exact: `Page_Task`, `Page_shop_Task`, `shop_Page_shop_Task`, then all."""
    plain = clean(name)
    if arguments:
        plain = "_".join([plain, *(_word(a, level > 0) for a in arguments)])
    if level < 2:
        return plain
    module = getattr(kind, "__module__", "")
    if level == 2:
        return clean(f"{module}_{plain}")
    around = getattr(kind, "__qualname__", "").replace(".<locals>", "").rpartition(".")[0]
    return clean(f"{module}_{around}_{plain}")


def _word(annotation: Any, qualified: bool) -> str:
    """A type argument as a part of a name: `list[Task] | None` is `list_Task_or_None`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _word(arguments[0], qualified)
    if origin in (Union, types.UnionType):
        return "_or_".join(_word(a, qualified) for a in arguments)
    if origin is not None and origin is not typing.Literal:
        return "_".join([_word(origin, qualified), *(_word(a, qualified) for a in arguments if a is not Ellipsis)])
    if annotation is None or annotation is type(None):
        return "None"
    if not isinstance(annotation, type):
        return clean("_".join(map(str, arguments)) if arguments else getattr(annotation, "__name__", str(annotation)))
    if qualified and annotation.__module__ != "builtins":
        return clean(f"{annotation.__module__}_{annotation.__name__}")
    return clean(annotation.__name__)
