"""Constraints on a value that has its type already: which ones it breaks, in what words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ketch.binding.error_types import FAILED, Loc, Problems, choices, counted
from ketch.kernel.shapes import FREE, Constraints

_ORDER: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": ("greater_than", lambda value, bound: value > bound),
    "ge": ("greater_than_equal", lambda value, bound: value >= bound),
    "lt": ("less_than", lambda value, bound: value < bound),
    "le": ("less_than_equal", lambda value, bound: value <= bound),
    "multiple_of": ("multiple_of", lambda value, bound: is_multiple(value, bound)),
}


def obey(constraints: Constraints, value: Any, given: Any, loc: Loc, problems: Problems) -> Any:
    """`value`, or FAILED after telling every constraint it breaks. `given` is what the client sent for it."""
    if constraints is FREE:
        return value
    before = len(problems)
    for word, bound in constraints.items():
        if word in _ORDER:
            kind, holds = _ORDER[word]
            if not _safely(holds, value, bound):
                problems.add(kind, loc, given, str(bound))
        elif word in ("min_length", "max_length"):
            _length(word, bound, value, given, loc, problems)
        elif word == "pattern" and not _too_long(value, constraints) and not _safely(_matches, value, bound):
            problems.add("string_pattern_mismatch", loc, given, choices([bound]))
    return value if len(problems) == before else FAILED


def _safely(holds: Callable[[Any, Any], bool], value: Any, bound: Any) -> bool:
    """Decimal raises for what it cannot compare or divide (NaN, 1E+999999 % 3), and so do types that have no order."""
    try:
        return bool(holds(value, bound))
    except (TypeError, ValueError, ArithmeticError):
        return False


def _matches(value: str, pattern: str) -> bool:
    return re.search(pattern, value) is not None


def _too_long(value: Any, constraints: Constraints) -> bool:
    """A text that is too long anyway is kept from the pattern, which may take for ever over one."""
    return constraints.max_length is not None and isinstance(value, str) and len(value) > constraints.max_length


def _length(word: str, bound: int, value: Any, given: Any, loc: Loc, problems: Problems) -> None:
    try:
        size = len(value)
    except TypeError:
        return
    if size < bound if word == "min_length" else size > bound:
        end = "short" if word == "min_length" else "long"
        prefix, noun = ("string_", "character") if isinstance(value, str) else ("", "item")
        if isinstance(value, bytes | bytearray):
            prefix, noun = "bytes_", "byte"
        problems.add(f"{prefix}too_{end}", loc, given, counted(bound, noun))


def is_multiple(value: Any, step: Any) -> bool:
    """Exact for int and Decimal; floats within their rounding: 0.3 is a multiple of 0.1 to everybody but a float."""
    if isinstance(value, Decimal) and not isinstance(step, float):
        return bool(value % step == 0)
    if isinstance(value, float) or isinstance(step, float):
        number, unit = float(value), float(step)
        rest = abs(math.remainder(number, unit)) if math.isfinite(number) else math.inf
        return rest <= 4 * math.ulp(number)
    return bool(value % step == 0)
