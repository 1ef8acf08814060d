"""The small things stay small: finding a route among many, and what a dependency adds to a request.

`./dev bench MICRO=1` prints all of them. Nanoseconds of CPU time; the bounds are several times what a quiet machine
shows.
"""

from __future__ import annotations

import pytest

from benchmarks import micro
from tests.soak.telling import tell

pytestmark = [pytest.mark.soak, pytest.mark.serial]

A_FEW_HUNDRED = 1_000
GENERATOR = 3_000


def test_finding_a_route_does_not_depend_on_how_many_there_are() -> None:
    few, many = micro.matching(10), micro.matching(10_000)
    for kind in few:
        tell(f"{kind}: {few[kind]:.0f} ns among 10 routes, {many[kind]:.0f} among 10,000")
        assert many[kind] < few[kind] * 1.5 + 100


def test_a_dependency_costs_its_own_call_and_little_more() -> None:
    for kind, (added, own) in micro.dependencies().items():
        tell(f"{kind}: adds {added:.0f} ns, of which its own call {own:.0f}")
        if "thread" not in kind:
            assert added - own < (GENERATOR if "generator" in kind else A_FEW_HUNDRED)
