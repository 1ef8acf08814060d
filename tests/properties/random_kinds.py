"""Random types, and JSON and texts that say values of them: right, nearly right, and anything.

A `Kind` is an annotation with two strategies: `json` draws trees that say a value of it, `text` (for scalars) texts. A
tree is made of dict, list, str, int, float, bool and None; `Lit` is a piece of JSON written exactly like that, and
`Pairs` an object whose names may repeat.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import annotated_types as at
import attrs
import msgspec
import pydantic
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec import Meta

from ketch.binding.sources import Field


class Lit(str):
    """JSON as it is written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object's members in order, names repeated or not."""


@dataclass(frozen=True)
class Kind:
    annotation: Any
    json: SearchStrategy[Any]
    text: SearchStrategy[str] | None = None
    hashable: bool = True
    list_of: Kind | None = None


def dumps(tree: Any) -> str:
    """The JSON text of a tree."""
    if isinstance(tree, Lit):
        return str(tree)
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{json.dumps(name)}: {dumps(value)}" for name, value in tree) + "}"
    if isinstance(tree, dict):
        return dumps(Pairs(tree.items()))
    if isinstance(tree, list):
        return "[" + ", ".join(map(dumps, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


# --- scalars ---------------------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    MIDDLE = 2
    HIGH = 30


class Mood(enum.StrEnum):
    GOOD = "good"
    BAD = "1"


WORDS = st.text(alphabet='abz01 é😀\n"\\/&=%+', max_size=6)
SMALL = st.integers(-20, 120)
INTEGERS = SMALL | st.integers() | st.sampled_from([2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30])
DECIMALS = st.decimals(-100, 100, places=2, allow_nan=False).map(str)
NUMBERS = st.sampled_from(["0", "-0", "1.0", "0.3", "1e2", "1E-2", "1.10", "-0.0", "2.5e+1", "99999999999999999999"])
OFFSETS = st.sampled_from(["Z", "z", "+02:00", "-11:30", "+0000"])
AWARE = st.builds(lambda at_, z: at_.isoformat() + z, st.datetimes(), OFFSETS)
NAIVE = st.datetimes().map(dt.datetime.isoformat)
TIMES = st.times().map(dt.time.isoformat)
TIMES_OF_BOTH_KINDS = st.builds(lambda at_, z: at_ + z, TIMES, st.sampled_from(["", "", "Z", "+01:00"]))
DATES = st.dates().map(dt.date.isoformat)
DURATIONS = st.sampled_from(["P1D", "PT0.5S", "-P2DT3H", "PT1H30M", "+PT1S", "pt1s"])
IDS = st.uuids().map(str)
BASE64 = st.sampled_from(["", "aGk=", "AAAA", "/+8="])
BOOLS = st.sampled_from(["1", "true", "On", "YES", "t", "y", "0", "false", "off", "no", "F", "n"])


def quoted(texts: SearchStrategy[str]) -> SearchStrategy[Any]:
    return texts


def numbers(texts: SearchStrategy[str]) -> SearchStrategy[Any]:
    return texts.map(Lit)


def scalar(annotation: Any, json: SearchStrategy[Any], text: SearchStrategy[str]) -> Kind:
    return Kind(annotation, json, text)


DIGITS = INTEGERS.map(str)
PLAIN = [
    scalar(int, numbers(DIGITS), DIGITS),
    scalar(int, numbers(SMALL.map(str)), SMALL.map(str)),
    scalar(float, numbers(NUMBERS | DIGITS), NUMBERS | DIGITS),
    scalar(bool, st.booleans(), BOOLS),
    scalar(str, WORDS, WORDS),
    scalar(bytes, quoted(BASE64), BASE64),
    scalar(Decimal, numbers(NUMBERS | DECIMALS) | quoted(DECIMALS), NUMBERS | DECIMALS),
    scalar(UUID, quoted(IDS), IDS),
    scalar(dt.date, quoted(DATES), DATES),
    scalar(dt.time, quoted(TIMES), TIMES),
    scalar(dt.timedelta, quoted(DURATIONS), DURATIONS),
    scalar(dt.datetime, quoted(AWARE), AWARE),
    scalar(Annotated[dt.datetime, Meta(tz=True)], quoted(AWARE), AWARE),
    scalar(Annotated[dt.datetime, Meta(tz=False)], quoted(NAIVE), NAIVE),
    scalar(Annotated[dt.time, Meta(tz=False)], TIMES_OF_BOTH_KINDS, TIMES_OF_BOTH_KINDS),
    scalar(Annotated[dt.time, Meta(tz=True)], TIMES_OF_BOTH_KINDS, TIMES_OF_BOTH_KINDS),
    scalar(Colour, quoted(st.sampled_from(["red", "blue"])), st.sampled_from(["red", "blue"])),
    scalar(Mood, quoted(st.sampled_from(["good", "1"])), st.sampled_from(["good", "1"])),
    scalar(Level, st.sampled_from([1, 2, 30]), st.sampled_from(["1", "02", "30"])),
    scalar(Literal["a", "1"], st.sampled_from(["a", "1"]), st.sampled_from(["a", "1"])),
    scalar(Literal["a", 1, None], st.sampled_from(["a", 1, None]), st.sampled_from(["a", "1", "01"])),
    scalar(Literal[1, 2], st.sampled_from([1, 2]), st.sampled_from(["1", "2"])),
]
BOUNDED = st.sampled_from(["1", "5", "10", "30", "99"])
CONSTRAINED = [
    scalar(Annotated[Decimal, Field(gt=0, le=Decimal("99.5"))], numbers(BOUNDED) | DECIMALS, BOUNDED | DECIMALS),
    scalar(Annotated[int, Field(ge=1)] | None, numbers(BOUNDED) | st.none(), BOUNDED),  # type: ignore[operator]
    scalar(Annotated[dt.timedelta, at.Gt(dt.timedelta(0))], DURATIONS, DURATIONS),
    scalar(Annotated[int, Meta(ge=1, le=100)], numbers(BOUNDED), BOUNDED),
    scalar(
        Annotated[int, Meta(gt=0, multiple_of=5)], numbers(st.sampled_from(["5", "10"])), st.sampled_from(["5", "10"])
    ),
    scalar(Annotated[int, at.Ge(1), at.Lt(100)], numbers(BOUNDED), BOUNDED),
    scalar(Annotated[float, Meta(gt=0.5, lt=100)], numbers(BOUNDED), BOUNDED),
    scalar(Annotated[float, at.MultipleOf(0.1)], numbers(st.sampled_from(["0.3", "7"])), st.sampled_from(["0.3", "7"])),
    scalar(
        Annotated[float, Meta(multiple_of=0.1)], numbers(st.sampled_from(["0.3", "7"])), st.sampled_from(["0.3", "7"])
    ),
    scalar(
        Annotated[str, Meta(min_length=1, max_length=3)],
        st.sampled_from(["a", "éé", "😀bc"]),
        st.sampled_from(["a", "éé"]),
    ),
    scalar(
        Annotated[str, Meta(pattern="^[a-z]+$")], st.sampled_from(["a", "zzz", "b\n"]), st.sampled_from(["a", "zz"])
    ),
    scalar(Annotated[str, at.MaxLen(3)], st.sampled_from(["a", "éé"]), st.sampled_from(["a", "éé"])),
    scalar(
        Annotated[Decimal, at.Gt(0), at.MultipleOf(Decimal("0.1"))],
        st.sampled_from(["0.1", "2"]),
        st.sampled_from(["0.1"]),
    ),
    scalar(
        Annotated[dt.date, at.Ge(dt.date(2000, 1, 1))], st.sampled_from(["2030-01-01"]), st.sampled_from(["2030-01-01"])
    ),
    scalar(Annotated[bytes, Meta(max_length=3)], st.sampled_from(["aGk="]), st.sampled_from(["aGk="])),
]
TEMPORAL = [kind for kind in PLAIN if "time" in repr(kind.annotation)]
SCALARS = st.sampled_from([*PLAIN, *CONSTRAINED, *TEMPORAL, *TEMPORAL])


def optional(kind: Kind) -> Kind:
    return Kind(kind.annotation | None, st.none() | kind.json, kind.text, kind.hashable, kind.list_of)


def either(kinds: list[Kind]) -> Kind:
    annotation: Any = kinds[0].annotation
    for kind in kinds[1:]:
        annotation = annotation | kind.annotation
    texts = [kind.text for kind in kinds if kind.text is not None]
    text = st.one_of(texts) if len(texts) == len(kinds) else None
    return Kind(annotation, st.one_of([kind.json for kind in kinds]), text, all(kind.hashable for kind in kinds))


@st.composite
def scalars(draw: DrawFn) -> Kind:
    """A scalar, perhaps optional, perhaps one of several."""
    shape = draw(st.sampled_from(["plain"] * 5 + ["optional", "union", "union"]))
    if shape == "plain":
        return draw(SCALARS)
    if shape == "optional":
        return optional(draw(SCALARS))
    members = draw(st.lists(SCALARS, min_size=2, max_size=3, unique_by=lambda kind: repr(kind.annotation)))
    made = either(members)
    return optional(made) if draw(st.booleans()) else made


@st.composite
def text_lists(draw: DrawFn) -> Kind:
    """A list, set or tuple of scalars, as several texts say it."""
    item = draw(scalars())
    kind: Any = draw(st.sampled_from([list, set, frozenset, tuple]))
    annotation = tuple[item.annotation, ...] if kind is tuple else kind[item.annotation]  # type: ignore[name-defined]
    if draw(st.booleans()):
        annotation = Annotated[annotation, Meta(min_length=1, max_length=2)]
    made = Kind(annotation, st.nothing(), item.text, list_of=item)
    return optional(made) if draw(st.integers(0, 4)) == 0 else made


# --- containers ------------------------------------------------------------------------------------------------------


def sequence(draw: DrawFn, item: Kind) -> Kind:
    kinds: list[Any] = [list, list, tuple, set, frozenset] if item.hashable else [list, list, tuple]
    kind = draw(st.sampled_from(kinds))
    annotation: Any = tuple[item.annotation, ...] if kind is tuple else kind[item.annotation]  # type: ignore[name-defined]
    sizes = {"max_size": 3}
    if draw(st.integers(0, 3)) == 0:
        limit = draw(st.sampled_from([Meta(min_length=1, max_length=2), at.Len(1, 2)]))
        annotation, sizes = Annotated[annotation, limit], {"min_size": 1, "max_size": 2}
    return Kind(annotation, st.lists(item.json, **sizes), hashable=kind in (tuple, frozenset) and item.hashable)  # type: ignore[arg-type]


def fixed(items: list[Kind]) -> Kind:
    annotation = tuple[tuple(item.annotation for item in items)]  # type: ignore[misc]
    return Kind(
        annotation, st.tuples(*[item.json for item in items]).map(list), hashable=all(i.hashable for i in items)
    )


KEYS = [
    scalar(str, WORDS, WORDS),
    scalar(int, st.nothing(), SMALL.map(str)),
    scalar(Colour, st.nothing(), st.sampled_from(["red", "blue"])),
    scalar(Level, st.nothing(), st.sampled_from(["1", "30"])),
    scalar(UUID, st.nothing(), IDS),
    scalar(dt.date, st.nothing(), DATES),
    scalar(float, st.nothing(), st.sampled_from(["1", "0.5"])),
    scalar(Decimal, st.nothing(), st.sampled_from(["1", "0.5"])),
    scalar(Annotated[str, Meta(max_length=2)], WORDS, st.sampled_from(["a", "bb"])),
    scalar(Annotated[int, at.Ge(1)], st.nothing(), st.sampled_from(["1", "2"])),
]


def mapping(draw: DrawFn, value: Kind) -> Kind:
    key = draw(st.sampled_from(KEYS))
    assert key.text is not None
    return Kind(
        dict[key.annotation, value.annotation], st.dictionaries(key.text, value.json, max_size=3), hashable=False
    )  # type: ignore[name-defined]


# --- records ---------------------------------------------------------------------------------------------------------

NAMES = ["alpha", "beta_x", "gamma", "kind_", "delta"]
_count = iter(range(10**9))


def fresh() -> str:
    return f"Made{next(_count)}"


@dataclass(frozen=True)
class Member:
    """A field of a record that is to be made. `default` is a function that makes one, or None."""

    name: str
    kind: Kind
    default: Callable[[], Any] | None = None


@st.composite
def members(draw: DrawFn, kinds: SearchStrategy[Kind]) -> list[Member]:
    """Fields, those with defaults last; a default is a value of its field."""
    made = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)):
        kind = draw(kinds)
        match draw(st.sampled_from(["none", "none", "null", "int", "text", "list"])):
            case "null":
                made.append(Member(name, optional(kind), lambda: None))
            case "int":
                made.append(Member(name, PLAIN[0], lambda: 7))
            case "text":
                made.append(Member(name, Kind(str, WORDS, WORDS), lambda: "text"))
            case "list":
                made.append(
                    Member(name, Kind(list[kind.annotation], st.lists(kind.json, max_size=2), hashable=False), list)
                )  # type: ignore[name-defined]
            case _:
                made.append(Member(name, kind))
    return sorted(made, key=lambda member: member.default is not None)


def _mutable(default: Callable[[], Any]) -> bool:
    return default is list


def struct(fields: list[Member], **config: Any) -> Any:
    made: list[Any] = []
    for member in fields:
        if member.default is None:
            made.append((member.name, member.kind.annotation))
        elif _mutable(member.default):
            made.append((member.name, member.kind.annotation, msgspec.field(default_factory=member.default)))
        else:
            made.append((member.name, member.kind.annotation, member.default()))
    return msgspec.defstruct(fresh(), made, module=__name__, **config)


def a_dataclass(fields: list[Member]) -> Any:
    made: list[Any] = []
    for member in fields:
        if member.default is None:
            made.append((member.name, member.kind.annotation))
        elif _mutable(member.default):
            made.append((member.name, member.kind.annotation, dataclasses.field(default_factory=member.default)))
        else:
            made.append((member.name, member.kind.annotation, dataclasses.field(default=member.default())))
    return dataclasses.make_dataclass(fresh(), made)


def aliased(fields: list[Member]) -> list[Member]:
    """The same fields with names on the wire that only Ketch's Field knows."""
    return [
        dataclasses.replace(
            member,
            kind=dataclasses.replace(
                member.kind, annotation=Annotated[member.kind.annotation, Field(alias=f"{member.name}Alias")]
            ),
        )
        for member in fields
    ]


def guarded(fields: list[Member]) -> Any:
    """A dataclass with a field that is not the client's, and a mind of its own."""
    made: Any = a_dataclass(fields)
    first = fields[0].name

    def __post_init__(self: Any) -> None:
        if getattr(self, first) in (0, "", None):
            raise ValueError(f"{first} is empty")
        self.secret = 1

    namespace = {"__post_init__": __post_init__}
    return dataclasses.make_dataclass(
        fresh(), [("secret", int, dataclasses.field(init=False, default=0))], bases=(made,), namespace=namespace
    )


def converting(fields: list[Member]) -> Any:
    """An attrs class with a converter and a validator on its first field."""
    made: Any = an_attrs(fields)
    first = fields[0].name

    def refuse(_: Any, __: Any, value: Any) -> None:
        if value in (0, "", None):
            raise ValueError("empty")

    changed = {item.name: item for item in attrs.fields(made)}[first]
    field = attrs.field(type=changed.type, converter=lambda value: value, validator=refuse)
    rest = [item for item in attrs.fields(made) if item.name != first]
    others = {item.name: attrs.field(type=item.type, default=item.default) for item in rest}
    return attrs.make_class(fresh(), {first: field, **others})


def typed_dict(fields: list[Member]) -> Any:
    hints = {f.name: f.kind.annotation if f.default is None else NotRequired[f.kind.annotation] for f in fields}  # type: ignore[name-defined]
    return TypedDict(fresh(), hints)  # type: ignore[operator]


def an_attrs(fields: list[Member]) -> Any:
    made: dict[str, Any] = {}
    for member in fields:
        if member.default is None:
            made[member.name] = attrs.field(type=member.kind.annotation)
        elif _mutable(member.default):
            made[member.name] = attrs.field(type=member.kind.annotation, factory=member.default)
        else:
            made[member.name] = attrs.field(type=member.kind.annotation, default=member.default())
    return attrs.make_class(fresh(), made)


def named_tuple(fields: list[Member]) -> Any:
    made: Any = NamedTuple(fresh(), [(f.name, f.kind.annotation) for f in fields])  # type: ignore[misc]
    defaults = tuple(f.default() for f in fields if f.default is not None)
    made.__new__.__defaults__ = defaults
    made._field_defaults = dict(zip([f.name for f in fields][len(fields) - len(defaults) :], defaults, strict=True))
    return made


def a_pydantic(fields: list[Member]) -> Any:
    made: dict[str, Any] = {}
    for member in fields:
        if member.default is None:
            made[member.name] = (member.kind.annotation, ...)
        else:
            made[member.name] = (member.kind.annotation, pydantic.Field(default_factory=member.default))
    return pydantic.create_model(fresh(), **made)


def of_members(fields: list[Member], names: dict[str, str] | None = None) -> SearchStrategy[Any]:
    """Objects with every required member, and some of the others."""
    wire = names or {}
    required = {wire.get(f.name, f.name): f.kind.json for f in fields if f.default is None}
    others = {wire.get(f.name, f.name): f.kind.json for f in fields if f.default is not None}
    return st.fixed_dictionaries(required, optional=others)


FAMILIES = [
    *["struct"] * 4,
    *["dataclass", "typeddict", "pydantic", "strict"] * 2,
    *["renamed", "array", "attrs", "namedtuple", "aliased", "guarded", "converting"],
]
MAKERS = {
    "dataclass": a_dataclass,
    "typeddict": typed_dict,
    "attrs": an_attrs,
    "pydantic": a_pydantic,
    "guarded": guarded,
    "converting": converting,
}


@st.composite
def records(draw: DrawFn, inside: SearchStrategy[Kind], family: str | None = None) -> Kind:
    """A record of `family`, or of any."""
    family = family or draw(st.sampled_from(FAMILIES))
    # pydantic cannot hold the other families: that is its own limit.
    fields = draw(members(scalars() if family == "pydantic" else inside))
    if family == "struct":
        return Kind(struct(fields), of_members(fields), hashable=False)
    if family == "renamed":
        made = struct(fields, rename="camel", kw_only=True, frozen=draw(st.booleans()))
        names = dict(zip(made.__struct_fields__, made.__struct_encode_fields__, strict=True))
        return Kind(made, of_members(fields, names), hashable=False)
    if family == "strict":
        return Kind(struct(fields, forbid_unknown_fields=True), of_members(fields), hashable=False)
    if family in ("array", "namedtuple"):
        made = struct(fields, array_like=True) if family == "array" else named_tuple(fields)
        return Kind(made, st.tuples(*[f.kind.json for f in fields]).map(list), hashable=False)
    if family == "aliased":
        made = draw(st.sampled_from([struct, a_dataclass, typed_dict]))(aliased(fields))
        return Kind(made, of_members(fields, {f.name: f"{f.name}Alias" for f in fields}), hashable=False)
    return Kind(MAKERS[family](fields), of_members(fields), hashable=False)


@st.composite
def tagged(draw: DrawFn, inside: SearchStrategy[Kind], array: bool = False) -> Kind:
    """A discriminated union of up to three Structs."""
    tags: list[Any] = draw(st.sampled_from([["cat", "dog", "cow"], [1, 2, 3]]))[: draw(st.sampled_from([2, 3, 1]))]
    branches = []
    for tag in tags:
        fields = draw(members(inside))
        config = {"tag": tag, "tag_field": "what", "forbid_unknown_fields": draw(st.booleans()), "array_like": array}
        branches.append(Kind(struct(fields, **config), _with_tag(fields, tag, array), hashable=False))
    return either(branches)


def _with_tag(fields: list[Member], tag: Any, array: bool) -> SearchStrategy[Any]:
    if array:
        return st.tuples(st.just(tag), *[f.kind.json for f in fields]).map(list)
    return of_members(fields).map(lambda tree: {"what": tag, **tree})


class Tree(msgspec.Struct):
    value: int
    at: dt.datetime | None = None
    children: list[Tree] = []
    by_name: dict[str, Tree] = {}


@dataclasses.dataclass
class Chain:
    value: Annotated[str, Meta(max_length=3)]
    next: Chain | None = None


TREES = st.recursive(
    st.fixed_dictionaries({"value": SMALL}, optional={"at": AWARE | st.none()}),
    lambda inner: st.fixed_dictionaries(
        {"value": SMALL},
        optional={"children": st.lists(inner, max_size=2), "by_name": st.dictionaries(WORDS, inner, max_size=2)},
    ),
    max_leaves=5,
)
CHAINS = st.recursive(
    st.fixed_dictionaries({"value": st.sampled_from(["a", "bc"])}),
    lambda inner: st.fixed_dictionaries({"value": st.just("x"), "next": inner | st.none()}),
    max_leaves=4,
)
RECURSIVE = [Kind(Tree, TREES, hashable=False), Kind(Chain, CHAINS, hashable=False)]
ANYTHING = Kind(
    Any, st.recursive(st.none() | SMALL | WORDS, lambda i: st.lists(i, max_size=2), max_leaves=4), hashable=False
)


ROOTS = [
    "scalar",
    "list",
    "tuple",
    "dict",
    "tagged",
    "tagged array",
    "union",
    "records",
    "recursive",
    *sorted(set(FAMILIES)),
]


@st.composite
def kinds(draw: DrawFn, depth: int = 2, root: str | None = None) -> Kind:
    """Anything that a JSON body can be, or something of the kind of `root`."""
    if depth == 0:
        return draw(scalars())
    inside = kinds(depth - 1)
    root = root or draw(st.sampled_from(["scalar", "union", "recursive", *ROOTS, *FAMILIES]))
    match root:
        case "scalar":
            return draw(scalars())
        case "list":
            return sequence(draw, draw(inside))
        case "tuple":
            return fixed(draw(st.lists(inside, max_size=3)))
        case "dict":
            return mapping(draw, draw(inside))
        case "tagged" | "tagged array":
            return draw(tagged(inside, root == "tagged array"))
        case "union":
            made = either([draw(inside), draw(SCALARS)])
            return optional(made) if draw(st.booleans()) else made
        case "records":
            return either(draw(st.lists(records(kinds(depth - 1)), min_size=2, max_size=2)))
        case "recursive":
            return draw(st.sampled_from([*RECURSIVE, ANYTHING]))
    return draw(records(inside, root))
