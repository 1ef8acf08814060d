"""Tables in the guide that repeat what the source says are held equal to it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from ketch import middleware
from ketch.binding.error_types import MESSAGES
from ketch.http.limits import Limits
from ketch.routing.route import OPTIONS

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table whose first line is `head`."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    start = lines.index(head) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def test_the_types_of_validation_errors() -> None:
    told = {kind.strip("`"): message for kind, message in rows("problems.md", "| type | message |")}
    assert told == {kind: message.replace("{limit}", "…") for kind, message in MESSAGES.items()}


def test_the_options_of_a_route() -> None:
    named = {name for cells in rows("routing.md", "| option | |") for name in re.findall(r"`(\w+)`", cells[0])}
    assert named == set(OPTIONS)


def test_the_limits() -> None:
    table = rows("limits.md", "| limit | default | what | over it |")
    told = {cells[0].strip("`"): (cells[1], cells[2]) for cells in table}
    lines = re.findall(r"^(\w+): (.+)$", inspect.getdoc(Limits) or "", re.MULTILINE)
    words = {name: text.partition(" (")[0] for name, text in lines}
    assert told == {name: (f"{getattr(Limits(), name):,}", words[name]) for name in Limits.__dataclass_fields__}


@pytest.mark.parametrize("name", middleware.__all__)
def test_the_options_of_middleware(name: str) -> None:
    table = {cells[0].strip("`"): cells[2] for cells in rows("middleware.md", MIDDLEWARE_HEAD)}
    parameters = list(inspect.signature(getattr(middleware, name)).parameters.values())
    assert table[name] == ", ".join(f"`{_shown(parameter)}`" for parameter in parameters)


MIDDLEWARE_HEAD = "| middleware | what it does | options, with their defaults |"


def _shown(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return parameter.name
    default = getattr(parameter.default, "__name__", None) or repr(parameter.default).replace("'", '"')
    return f"{parameter.name}={default}"
