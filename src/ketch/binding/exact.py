"""Is a result already what its annotation promises? One printed expression per type decides.

    type(value) is Order and type(value.customer) is Customer and type(value.items) is list
        and kinds.issuperset(map(type, value.items))

PERF: on the happy path a result is exact, and this is all that is done with it (T4: 0.9 us instead of 3.5). What is not
exact, or is of a kind no expression is written for, goes through `conform`, which copies or refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from ketch.binding.conform import Conform, deep, exact_types, renames
from ketch.kernel.codegen import Lines, compile_function
from ketch.kernel.shapes import DictShape, ListShape, NoneShape, RecordShape, ScalarShape, Shape, UnionShape

Exact = Callable[[object], bool]


def exactness(shape: Shape, conform: Conform, ready: Callable[[Exact], None]) -> Exact | None:
    """The printed test for `shape`, or None where only `conform` can say.

    PERF: it is compiled when it is first called, and then handed to `ready`: a fifth of the start-up time of a thousand
    routes is not spent.
    """
    lines = Lines({"conform": conform})
    lines.reserved |= {"value", "part"}
    try:
        test = _Test(lines).of(shape, "value", ())
    except NotImplementedError:
        return None
    with lines.block("def exact(value):"):
        lines.add(f"return {test or 'True'}")

    def first_call(value: object) -> bool:
        exact: Exact = compile_function("exact", str(lines), lines.namespace, label=f"exactly {shape.annotation}")
        ready(exact)
        return exact(value)

    return first_call


class _Test:
    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def of(self, shape: Shape, value: str, above: tuple[object, ...]) -> str:
        """The expression for `value`. Raises NotImplementedError where there is none."""
        match shape:
            case RecordShape():
                return self._record(shape, value, above)
            case ListShape(item=item):
                return self._elements(f"type({value}) is {self._bound(shape.type)}", item, value)
            case DictShape(value=item):
                return self._elements(f"type({value}) is dict", item, f"{value}.values()")
            case UnionShape(members=members):
                return self._optional(members, value, above)
            case ScalarShape(type=kind):
                return f"type({value}) is {self._bound(kind)}"
        raise NotImplementedError

    def _bound(self, kind: object) -> str:
        return self.lines.bind(getattr(kind, "__name__", "Kind"), kind)

    def _record(self, record: RecordShape, value: str, above: tuple[object, ...]) -> str:
        key = (record.type, record.arguments)
        if record.kind in ("typeddict", "pydantic") or renames(record) or key in above or len(above) > 8:
            raise NotImplementedError
        tests = [f"type({value}) is {self._bound(record.type)}"]
        for item in record.fields:
            if deep(item.shape):
                tests.append(f"({self.of(item.shape, f'{value}.{item.name}', (*above, key))})")
        return " and ".join(tests)

    def _elements(self, container: str, item: Shape, values: str) -> str:
        kinds = exact_types(item)
        if kinds is None:
            raise NotImplementedError
        return f"{container} and {self.lines.bind('kinds', kinds)}.issuperset(map(type, {values}))"

    def _optional(self, members: tuple[Shape, ...], value: str, above: tuple[object, ...]) -> str:
        rest = [member for member in members if not isinstance(member, NoneShape)]
        if len(rest) != 1 or len(rest) == len(members):
            raise NotImplementedError
        return f"{value} is None or ({self.of(rest[0], value, above)})"
