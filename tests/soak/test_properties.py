"""The printed functions and the interpreter, compared over many more random requests than the ordinary tests have time
for. How often these comparisons notice a changed line of binding is what tests/properties/test_mutation.py says.
"""

from __future__ import annotations

import time

import pytest

from tests.properties.test_printer_equals_interpreter import EVERYTHING, every
from tests.soak.telling import tell

EXAMPLES = 600
"""Random plans with a request each, for each kind of body."""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("root", EVERYTHING)
def test_printed_equals_interpreted_many_times(root: str) -> None:
    started = time.monotonic()
    every(root, EXAMPLES)
    tell(f"{root}: {EXAMPLES} random requests read alike in {time.monotonic() - started:.0f} s")
