"""An application's own commands: parameters from the command line, the rest injected, the application started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import ketch, ketch_process, project
from tests.errors.snapshot import check

APP = '''\
import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from ketch import App, Depends, Field, NotFound, Query, Struct


class Stock:
    def __init__(self) -> None:
        self.open = True


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    app.state.started = True
    yield
    print("stopped")


async def unit() -> AsyncIterator[str]:
    yield "unit"
    print("committed")


app = App(lifespan=lifespan)
app.provide(Stock, Stock)


@app.command("import-csv")
async def import_csv(
    file: Path,
    stock: Stock,
    app: App,
    unit: Annotated[str, Depends(unit)],
    limit: Annotated[int, Field(ge=1, description="At most so many rows.")] = 10,
    colour: Colour = Colour.RED,
    tags: list[str] = [],
    since: date | None = None,
    dry_run: bool = False,
    *,
    price: Decimal,
) -> str:
    """Read rows from a file.

    The file is not changed.
    """
    print(file, type(stock).__name__, app.state.started, unit, limit, colour, tags, since, dry_run, price)
    return "done"


@app.command
def add_up(numbers: list[int], by: int = Query(1, description="Factor.")) -> dict[str, int]:
    return {"sum": sum(numbers) * by}


@app.command
async def missing() -> None:
    raise NotFound("There is no such thing.")


@app.command
async def broken() -> None:
    raise RuntimeError("boom")


@app.command
async def leave() -> None:
    raise SystemExit(5)
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("own"), {"app.py": APP})


def test_arguments_options_and_injection(shop: Path) -> None:
    done = ketch_process("import-csv", "rows.csv", "--price", "0.10", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "rows.csv Stock True unit 10 Colour.RED [] None False 0.10",
        "committed",
        "stopped",
        "done",
    ]


def test_every_option(shop: Path) -> None:
    words = ["--price", "2", "--limit", "3", "--colour", "blue", "--tags", "a", "--tags", "b"]
    words += ["--since", "2030-12-31", "--dry-run"]
    done = ketch("import-csv", "rows.csv", *words, cwd=shop)
    assert done.stdout.splitlines()[0] == "rows.csv Stock True unit 3 Colour.BLUE ['a', 'b'] 2030-12-31 True 2"


def test_help_comes_from_the_function(shop: Path) -> None:
    done = ketch("import-csv", "--help", cwd=shop)
    assert done.returncode == 0
    check("cli-own-help", done.stdout)


def test_results_are_printed(shop: Path) -> None:
    done = ketch("add-up", "1", "2", "3", "--by", "2", cwd=shop)
    assert json.loads(done.stdout.rpartition("stopped")[2]) == {"sum": 12}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("import-csv",), 2, "Missing argument 'FILE'"),
        (("import-csv", "x"), 2, "Missing option '--price'"),
        (("import-csv", "x", "--price", "1", "--limit", "0"), 2, "Should be at least 1"),
        (("import-csv", "x", "--price", "1", "--limit", "ten"), 2, "Should be an integer"),
        (("import-csv", "x", "--price", "1", "--colour", "green"), 2, "Should be 'red' or 'blue'"),
        (("import-csv", "x", "--prise", "1"), 2, "--price"),
        (("add-up", "1", "x"), 2, "Should be an integer"),
        (("import-csw", "x"), 2, 'Did you mean "import-csv"?'),
        (("missing",), 1, "404 There is no such thing."),
        (("broken",), 1, "RuntimeError: boom"),
        (("leave",), 5, ""),
    ],
)
def test_what_goes_wrong(shop: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = ketch(*arguments, cwd=shop)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert ("Traceback" in done.stderr) is (arguments == ("broken",))


def test_commands_are_listed(shop: Path) -> None:
    done = ketch("commands", cwd=shop)
    assert done.stdout.splitlines()[1].startswith("add-up")
    found = json.loads(ketch("commands", "--json", cwd=shop).stdout)
    row = next(one for one in found if one["name"] == "import-csv")
    assert row["help"] == "Read rows from a file."


def test_a_command_of_a_broken_application_is_told_why(tmp_path: Path) -> None:
    project(tmp_path, {"app.py": "import nothing_like_this\n"})
    done = ketch("import-csv", cwd=tmp_path)
    assert done.returncode == 3
    assert "No module named 'nothing_like_this'" in done.stderr


def test_an_extension_brings_a_command_of_a_later_room(tmp_path: Path) -> None:
    text = (
        "from ketch import App\n\n\nclass Data:\n    name = 'data'\n\n    def setup(self, declare):\n"
        "        declare.command('migrate', lambda: 'migrated')\n\n\napp = App(extensions=[Data()])\n"
    )
    project(tmp_path, {"app.py": text})
    assert ketch("migrate", cwd=tmp_path).stdout == "migrated\n"
