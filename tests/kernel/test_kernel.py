"""The bottom layer: mistakes, places, printed functions, order, suggestions."""

from __future__ import annotations

import functools
import linecache
import traceback

import pytest

from ketch.kernel.codegen import Lines, compile_function
from ketch.kernel.errors import Fault, Faults, Place, SetupError
from ketch.kernel.origin import Origin, caller, origin_of, outside
from ketch.kernel.suggest import did_you_mean, hint


def somewhere(a: int, *, b: str = "x") -> None: ...


class Callable_:
    def __call__(self, n: int) -> None: ...


@functools.cache
def decorated() -> None: ...


def test_origins_name_the_def_line() -> None:
    own = origin_of(somewhere)
    assert own.file == __file__
    assert linecache.getline(__file__, own.line).startswith("def somewhere")
    assert own.text == 'def somewhere(a: int, *, b: str = "x")'
    assert linecache.getline(__file__, origin_of(decorated).line).startswith("def decorated")
    assert linecache.getline(__file__, origin_of(functools.partial(somewhere, 1)).line).startswith("def somewhere")
    assert "__call__" in linecache.getline(__file__, origin_of(Callable_()).line)
    assert linecache.getline(__file__, origin_of(Callable_).line).startswith("class Callable_")
    assert origin_of(5).line >= 0
    assert str(Origin("/elsewhere/x.py", 3)) == "/elsewhere/x.py:3"


def test_the_origin_of_what_has_no_source() -> None:
    made: dict[str, object] = {}
    exec(compile("\n\ndef made_up(a: int, b: str) -> None: ...\n", "nowhere.py", "exec", dont_inherit=True), made)
    found = origin_of(made["made_up"])
    assert (found.file, found.line, found.text) == ("nowhere.py", 3, "def made_up(a: int, b: str)")


def test_caller_and_outside() -> None:
    here = caller(0)
    assert here.file == __file__
    assert outside("ketch").file == __file__


def test_setup_errors_are_gathered_once_each_and_read_well() -> None:
    one = SetupError("KETCH-X-001", "One.", places=[Place("here", Origin("a.py", 1, "code"))], why="Why.", fix="Fix.")
    two = SetupError("KETCH-X-002", "Two.")
    both = SetupError.gather([one, two, one])
    assert [fault.code for fault in both.faults] == ["KETCH-X-001", "KETCH-X-002"]
    assert both.code == "KETCH-X-001"
    assert str(both).startswith("2 mistakes were found:")
    assert str(one) == "KETCH-X-001  One.\n  here  a.py:1   code\n  Why.\n  Fix."
    placed = two.at(Place("added", Origin("b.py", 2)))
    assert placed.faults[0].places[0].origin.line == 2
    faults = Faults()
    faults.raise_all()
    faults.add(one)
    with pytest.raises(SetupError):
        faults.raise_all()
    assert isinstance(both.faults[0], Fault)


def test_printed_functions_show_their_lines_in_tracebacks() -> None:
    function = compile_function("f", "def f(x):\n    return 1 / x\n", {}, label="GET /x -> show")
    try:
        function(0)
    except ZeroDivisionError as error:
        text = "".join(traceback.format_exception(error))
    assert 'File "<GET /x -> show>", line 2, in f' in text
    assert "return 1 / x" in text


def test_names_in_printed_functions_never_collide() -> None:
    lines = Lines()
    lines.reserved.add("step")
    first, other = object(), object()
    assert lines.bind("x", first) == "x"
    assert lines.bind("x", first) == "x"
    assert lines.bind("x", other) == "x_2"
    assert lines.bind("step", first) == "step_2"
    assert lines.bind("1 odd-name", 5).isidentifier()


def test_suggestions() -> None:
    assert did_you_mean("Naem", ["name", "age"]) == "name"
    assert did_you_mean("qqq", ["name"]) is None
    assert hint("naem", ["name"]) == 'Did you mean "name"?'
    assert hint("qqq", ["name"]) == ""
