"""The printed function and the interpreter read every request alike.

The interpreter is the meaning and the judge. What the printed function reads by itself has to be what the interpreter
reads; what it stumbles over, the interpreter refuses, apart from the few things that are left to the judge on purpose
(`left_to_the_judge`).
"""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings

from ketch.kernel.shapes import RecordShape, ScalarShape, Shape, UnionShape, parts
from tests.binding.asking import alike
from tests.properties.random_kinds import ROOTS
from tests.properties.random_requests import Case, cases, interpreted, printed

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EVERYTHING = ["texts", "form", "files", "embed", *ROOTS]


@pytest.mark.property
@pytest.mark.parametrize("root", EVERYTHING)
def test_printed_and_interpreted_are_the_same(root: str) -> None:
    every(root)


def every(root: str, examples: int | None = None) -> None:
    """Compare the two readings of `examples` random requests (a third of the profile's own number)."""
    number = max(20, settings.default.max_examples // 3) if examples is None else examples

    @settings(max_examples=number, suppress_health_check=SLOW)
    @given(case=cases(root))
    def compare(case: Case) -> None:
        the_same(case)

    compare()


def the_same(case: Case) -> None:
    """Raises AssertionError where the two differ."""
    quick, thorough = printed(case), interpreted(case)
    if quick.values is not None:
        assert thorough.values is not None, f"printed only: {quick.values}; the interpreter says {thorough.errors}"
        # Where msgspec cannot decode a type by itself, a Decimal written as a number loses trailing zeros.
        assert alike(quick.values, thorough.values, digits=False), f"{quick.values} is not {thorough.values}"
    elif quick.status:
        assert thorough.status == quick.status
    elif thorough.values is not None:
        assert left_to_the_judge(case), f"the printed function stumbled over {thorough.values}"


def left_to_the_judge(case: Case) -> bool:
    """What is valid and yet makes a printed function ask: an empty body, an odd one, and a few types."""
    body = case.sent.get("body", b"")
    if case.plan.body is not None and case.plan.body.kind == "json" and (not body or is_odd(body)):
        return True
    return any(_slow(part) for slot in case.plan.slots for part in parts(slot.shape))


def _slow(shape: Shape) -> bool:
    match shape:
        case ScalarShape(type=kind):  # msgspec's remainder is exact: 0.3 is no multiple of 0.1
            return kind is float and shape.constraints.multiple_of is not None
        case UnionShape(members=members):  # msgspec takes the first of two numbers, or texts, and no other
            records = sum(isinstance(member, RecordShape) for member in members) if shape.tag_field is None else 0
            plain = sum(map(_is_scalar_or_record, members))
            return any(member.constraints for member in members) or plain > 1 or records > 1
        case RecordShape():  # in types that msgspec cannot decode by itself, arrays are not built
            return shape.array_like or shape.kind == "namedtuple"
    return False


def _is_scalar_or_record(shape: Shape) -> bool:
    return isinstance(shape, ScalarShape) or (isinstance(shape, RecordShape) and shape.tag is None)


def is_odd(body: bytes) -> bool:
    """JSON that says a name twice, or (where nobody reads it) a number that Python has no int or float for."""
    odd = False

    def pairs(found: list[tuple[str, object]]) -> None:
        nonlocal odd
        odd = odd or len({name for name, _ in found}) < len(found)

    def number(text: str) -> None:
        nonlocal odd
        odd = odd or len(text) > 4_000 or math.isinf(float(text))

    json.loads(body, object_pairs_hook=pairs, parse_int=number, parse_float=number)
    return odd


def test_what_is_odd() -> None:
    assert is_odd(b'[{"a":1},{"b":{"c":1,"c":2}}]')
    assert is_odd(b'{"a":-1e400}')
    assert not is_odd(b'[{"a":1},{"a":{"c":1e300}}]')
