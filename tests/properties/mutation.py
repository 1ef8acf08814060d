"""Do the tests of binding notice when binding is changed? Mutants of both readings of a request, one at a time.

    python -m tests.properties.mutation [--sample 100] [--seed 1] [--examples 40] [--only decode.py] [--units]

Each mutant changes one thing in one file (a comparison, a constant, `and` into `or`, a statement gone) in a copy of the
package, and the property test runs against the copy with `--examples` requests of every kind; with `--units` the tests
in tests/binding as well. A mutant that makes nothing fail survives. Some survivors are the same program in other words,
or code that no random request reaches; the rest show what is not tested.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINDING = ROOT / "src" / "ketch" / "binding"
# printer.py itself is mostly about providers and threads, which have their own tests.
PRINTED = ["print_slots.py", "body.py", "text.py", "decode.py"]
INTERPRETED = [
    "interpreter.py",
    "interpret_text.py",
    "interpret_value.py",
    "interpret_choice.py",
    "interpret_record.py",
    "interpret_rules.py",
    "interpret_json.py",
]
OTHER_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

RUN_PROPERTY = """
import sys
from hypothesis import Phase, settings
settings.register_profile("mutation", derandomize=True, deadline=None, database=None, phases=[Phase.generate])
settings.load_profile("mutation")
from tests.properties.test_printer_equals_interpreter import EVERYTHING, every
for root in EVERYTHING:
    every(root, int(sys.argv[1]))
"""


@dataclass(frozen=True)
class Mutant:
    """A file with one thing changed."""

    file: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.change}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of the functions in one file."""
    tree = ast.parse(path.read_text())
    spots = [(at, node) for at, node in enumerate(ast.walk(tree)) if _inside_function(tree, node)]
    for at, node in spots:
        for change in _changes(node):
            mutated = copy.deepcopy(tree)
            twin = list(ast.walk(mutated))[at]
            before = ast.unparse(twin)
            twin = _apply(mutated, twin, change)
            after = "" if twin is None else ast.unparse(twin)
            shown = f"{_short(before)}  ->  {_short(after) or 'nothing'}"
            yield Mutant(path.name, getattr(node, "lineno", 0), shown, ast.unparse(ast.fix_missing_locations(mutated)))


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 80 else line[:77] + "..."


def _inside_function(tree: ast.Module, node: ast.AST) -> bool:
    if not hasattr(tree, "inside"):
        inside: set[int] = set()
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                body = function.body[1:] if ast.get_docstring(function) else function.body
                inside.update(id(below) for statement in body for below in ast.walk(statement))
        tree.inside = inside  # type: ignore[attr-defined]
    return id(node) in tree.inside  # type: ignore[attr-defined]


def _changes(node: ast.AST) -> list[str]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in OTHER_COMPARISON:
            return ["compare"]
        case ast.BoolOp():
            return ["boolean"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not"]
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return ["arithmetic"]
        case ast.Constant(value=bool() | int()):
            return ["constant"]
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise():
            return ["gone"]
        case ast.If():
            return ["always"]
    return []


def _apply(tree: ast.Module, node: ast.AST, change: str) -> ast.AST | None:
    """Change `node`; what stands in its place now, or None."""
    match change, node:
        case "compare", ast.Compare():
            node.ops = [OTHER_COMPARISON[type(node.ops[0])]()]
        case "boolean", ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case "arithmetic", ast.BinOp():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        case "constant", ast.Constant(value=value):
            node.value = not value if isinstance(value, bool) else value + 1
        case "not", ast.UnaryOp():
            return _replace(tree, node, node.operand)
        case "gone", _:
            return _replace(tree, node, ast.copy_location(ast.Pass(), node))
        case "always", ast.If():
            node.test = ast.Constant(value=True)
    return node


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.AST:
    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    Swap().visit(tree)
    return new


class Bench:
    """A copy of the package, in which one file at a time is replaced."""

    def __init__(self, folder: Path, examples: int, units: bool) -> None:
        self.source = folder / "src"
        self.examples = examples
        self.units = units
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        # .pyc files are off: a mutant of the same size in the same second would be taken for its original.
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{self.source}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def survives(self, mutant: Mutant | None) -> bool:
        """Whether no test notices; None is the package as it is."""
        if mutant is None:
            return self._passes()
        path = self.source / "ketch" / "binding" / mutant.file
        original = path.read_text()
        path.write_text(mutant.source)
        try:
            return self._passes()
        finally:
            path.write_text(original)

    def _passes(self) -> bool:
        commands = [[sys.executable, "-c", RUN_PROPERTY, str(self.examples)]]
        if self.units:
            tests = ["tests/binding", "-m", "not serial", "-q", "-x", "-p", "no:cacheprovider"]
            commands.append([sys.executable, "-m", "pytest", *tests, "--ignore=tests/binding/test_results.py"])
        return all(self._succeeds(command) for command in commands)

    def _succeeds(self, command: list[str]) -> bool:
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=self.environment, capture_output=True, timeout=180, check=False
            )
        except subprocess.TimeoutExpired:
            return False  # it noticed by never coming to an end
        return done.returncode == 0


def run(files: list[str], *, sample: int, seed: int, examples: int, units: bool = False) -> tuple[int, list[Mutant]]:
    """Try `sample` random mutants of `files`; how many were tried, and which survived."""
    every = [mutant for name in files for mutant in mutants(BINDING / name)]
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), examples, units)
        if not bench.survives(None):
            raise SystemExit("the tests fail without any mutant")
        for at, mutant in enumerate(chosen, 1):
            alive = bench.survives(mutant)
            survivors += [mutant] if alive else []
            print(f"{at}/{len(chosen)} {'SURVIVED' if alive else 'killed  '} {mutant}", flush=True)
    return len(chosen), survivors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=40)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--units", action="store_true")
    asked = parser.parse_args()
    files = asked.only or PRINTED + INTERPRETED
    tried, survivors = run(files, sample=asked.sample, seed=asked.seed, examples=asked.examples, units=asked.units)
    print(f"\n{tried - len(survivors)} of {tried} noticed ({100 * (tried - len(survivors)) / tried:.0f} %)")


if __name__ == "__main__":
    main()
