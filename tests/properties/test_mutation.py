"""Changed binding is noticed. Minutes long, so only `./dev soak` runs it; see mutation.py for the survivors by name."""

from __future__ import annotations

import pytest

from tests.properties.mutation import BINDING, INTERPRETED, PRINTED, mutants, run
from tests.soak.telling import tell


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("files", [PRINTED, INTERPRETED], ids=["printed", "interpreted"])
def test_most_mutants_are_noticed(files: list[str]) -> None:
    tried, survivors = run(files, sample=60, seed=7, examples=40, units=True)
    tell(f"{tried - len(survivors)} of {tried} mutants were noticed")
    assert len(survivors) <= tried * 0.3, "\n".join(map(str, survivors))


def test_a_mutant_is_another_program() -> None:
    found = list(mutants(BINDING / "text.py"))
    assert len({mutant.source for mutant in found}) == len(found) > 50
    for mutant in found:
        compile(mutant.source, mutant.file, "exec")
