"""Tracebacks with only the reader's own lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import ketch
from ketch.kernel.tracebacks import is_own, own_lines, own_traceback


def raised(code: str, file: str = "/srv/shop/app.py") -> BaseException:
    try:
        exec(compile(code, file, "exec"), {"json": json})
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/srv/shop/app.py", True),
        (__file__, True),
        (json.__file__, False),
        (ketch.__file__, False),
        (pytest.__file__, False),
        ("<GET / -> home>", False),
        ("<string>", False),
        ("/srv/shop/.venv/lib/python3.13/site-packages/x/y.py", False),
    ],
)
def test_whose_file(file: str, own: bool) -> None:
    assert is_own(file) is own


def test_foreign_lines_are_left_out() -> None:
    text = own_traceback(raised("def f():\n    json.loads('{')\nf()"))
    assert "/srv/shop/app.py" in text
    assert json.__file__ not in text
    assert text.splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")


def test_causes_are_kept() -> None:
    text = own_traceback(raised("try:\n    json.loads('{')\nexcept ValueError as e:\n    raise KeyError(1) from e"))
    assert "direct cause" in text
    assert "JSONDecodeError" in text
    assert json.__file__ not in text


def test_groups_are_looked_into() -> None:
    text = own_traceback(
        raised("try:\n    json.loads('{')\nexcept ValueError as e:\n    raise ExceptionGroup('g', [e])")
    )
    assert "JSONDecodeError" in text
    assert json.__file__ not in text


def test_a_syntax_error_shows_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("def f(\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SyntaxError) as caught:
        __import__("broken_module")
    caught.value.__traceback__ = None
    text = own_traceback(caught.value)
    assert "broken_module.py" in text
    assert "importlib" not in text


def test_where_nobody_is_to_blame_everybody_is_shown() -> None:
    error = ValueError("nobody")
    try:
        json.loads("{")
    except ValueError as other:
        error = other
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    assert "json" in own_traceback(error)


def test_own_lines_of_a_stack() -> None:
    lines = own_lines(sys._getframe())
    assert lines[-1].endswith("in test_own_lines_of_a_stack: lines = own_lines(sys._getframe())")
    assert not any("site-packages" in line for line in lines)
