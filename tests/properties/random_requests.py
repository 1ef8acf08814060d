"""Random plans, requests for them, and the two ways of reading one: printed and interpreted."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec import Meta

from ketch.binding.interpreter import interpret
from ketch.binding.plan import Plan, Slot
from ketch.binding.printer import Phase, Tools, print_call
from ketch.binding.sources import Source
from ketch.http.percent import quote
from ketch.http.problems import HTTPException
from ketch.inject.graph import Node, Wanted
from ketch.inject.provider import Kind as ProviderKind
from ketch.inject.provider import Provider
from tests.binding import asking
from tests.properties.random_kinds import (
    WORDS,
    Kind,
    Lit,
    Member,
    Pairs,
    a_dataclass,
    a_pydantic,
    an_attrs,
    dumps,
    kinds,
    scalars,
    struct,
    text_lists,
    typed_dict,
)

# --- trees, right and spoiled ----------------------------------------------------------------------------------------

GARBAGE: SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**70,
        "",
        "x",
        "1",
        "2030-01-01T00:00:00",
        "0001-01-01T00:00:00+05:00",
        [],
        {},
        [None],
        {"a": 1},
        [[]],
        Lit("1.0"),
        Lit("1e400"),
        Lit("0.30000000000000004"),
        Lit("1" * 4_301),
        Lit("-0.0"),
        Lit("NaN"),
    ]
)


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(tree, Pairs):
        return found
    if isinstance(tree, dict):
        for name, value in tree.items():
            found += _places(value, (*path, name))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            found += _places(value, (*path, at))
    return found


def _changed(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(tree)
    copied = tree.copy()
    copied[path[0]] = _changed(tree[path[0]], path[1:], change)
    return copied


@st.composite
def trees(draw: DrawFn, good: SearchStrategy[Any], spoil: int) -> Any:
    """A tree that says a value, with up to `spoil` things wrong with it (or merely odd)."""
    tree = draw(good)
    for _ in range(min(draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2])), spoil)):
        path = draw(st.sampled_from(_places(tree)))
        tree = _changed(tree, path, lambda node: _spoiled(draw, node))
    return tree


def _spoiled(draw: DrawFn, node: Any) -> Any:
    match draw(st.sampled_from(["garbage", "less", "more", "more", "again"])):
        case "less" if isinstance(node, dict) and node:
            gone = draw(st.sampled_from(sorted(node)))
            return {name: value for name, value in node.items() if name != gone}
        case "less" if isinstance(node, list) and node:
            return node[:-1]
        case "again" if isinstance(node, dict) and node:
            name = draw(st.sampled_from(sorted(node)))
            twice = (name, draw(st.sampled_from([node[name], None, 1])))
            return Pairs([*node.items(), twice] if draw(st.booleans()) else [twice, *node.items()])
        case "more" if isinstance(node, dict):
            return {**node, draw(st.sampled_from(["unknown", "alpha", "what", "betaX"])): draw(GARBAGE)}
        case "more" if isinstance(node, list):
            return [*node, draw(GARBAGE)]
        case "more" if isinstance(node, str) and not isinstance(node, Lit):
            return node + draw(st.sampled_from(["a", "1", " ", "\n"]))
    return draw(GARBAGE)


@st.composite
def bodies(draw: DrawFn, good: SearchStrategy[Any]) -> bytes:
    """The bytes of a JSON body: mostly JSON, mostly near what is wanted."""
    body = dumps(draw(trees(good, 2))).encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["whole"] * 24 + ["cut", "byte", "space", "deep", "empty"])):
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "byte" if body:
            at = draw(st.integers(0, len(body) - 1))
            return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
        case "space":
            return b" \n" + body + b"\t"
        case "deep":
            return b"[" * 70 + body + b"]" * 70
        case "empty":
            return b""
    return body


# --- texts -----------------------------------------------------------------------------------------------------------

ODD = st.sampled_from(
    ["", "x", "-1", "1e400", "1_0", " 1", "nan", "None", "2030-01-01T10:00:00", "2030-01-01T10:00", "٣"]
)


@st.composite
def texts(draw: DrawFn, good: SearchStrategy[str]) -> str:
    """A text that says a value, or nearly."""
    match draw(st.sampled_from(["good"] * 12 + ["odd", "more", "any"])):
        case "odd":
            return draw(ODD)
        case "more":
            return draw(good) + draw(st.sampled_from(["0", " ", "x", "\n", "-"]))
        case "any":
            return draw(st.text(max_size=5))
    return draw(good)


# --- plans -----------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A plan with a request for it."""

    plan: Plan
    sent: dict[str, Any] = field(default_factory=dict)
    path_values: tuple[Any, ...] | None = None


@dataclass
class _Made:
    slots: list[Slot] = field(default_factory=list)
    pairs: dict[Source, list[tuple[str, str]]] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)


CONTENT_TYPES = [b"application/json"] * 16 + [b"application/a+json", b"text/plain", None]


WITHOUT_BODY = [Source.QUERY, Source.QUERY, Source.HEADER, Source.COOKIE, Source.PATH]
FORM_FIELDS = [Source.FORM, Source.FORM, Source.FORM, Source.QUERY]


@st.composite
def cases(draw: DrawFn, root: str) -> Case:
    """A plan and a request for it. `root` is texts, form, files, embed, or what the JSON body is (`ROOTS`)."""
    made, sent = _Made(), dict[str, Any]()
    if root in ("texts", "form", "files"):
        for at in range(draw(st.integers(1, 3))):
            _text_slot(draw, made, draw(st.sampled_from(WITHOUT_BODY if root == "texts" else FORM_FIELDS)), f"p{at}")
    else:
        sent["body"] = _json_slots(draw, made, root)
        sent["content_type"] = draw(st.sampled_from(CONTENT_TYPES))
        if draw(st.integers(0, 3)) == 3:
            _text_slot(draw, made, draw(st.sampled_from(WITHOUT_BODY)), "p0")
    if root == "files":
        _file_slots(draw, made)
        sent["body"], sent["content_type"] = _multipart(draw, made), b"multipart/form-data; boundary=cut"
    elif any(slot.source is Source.FORM for slot in made.slots):
        sent["body"] = _encoded(made.pairs.get(Source.FORM, [])) or b"x=1"
        sent["content_type"] = asking.URLENCODED
    sent["query"] = _encoded(made.pairs.get(Source.QUERY, []))
    sent["headers"] = [(n.lower().encode("latin-1"), _header(v)) for n, v in made.pairs.get(Source.HEADER, [])]
    cookies = "; ".join(f"{name}={_cookie(value)}" for name, value in made.pairs.get(Source.COOKIE, []))
    if cookies:
        sent["headers"].append((b"cookie", cookies.encode()))
    sent["path"] = made.path
    plan = asking.plan(*made.slots, embed=root == "embed", timezone=draw(st.sampled_from(["UTC", "Europe/Berlin"])))
    return Case(plan, sent, _path_values(plan, made.path))


def _encoded(pairs: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()


def _header(text: str) -> bytes:
    return text.encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ").strip()


def _cookie(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in ' ",;\\')


def _json_slots(draw: DrawFn, made: _Made, root: str) -> bytes:
    if root != "embed":
        kind = draw(kinds(root=root))
        made.slots.append(_slot(draw, Source.BODY, "body", kind))
        return draw(bodies(kind.json))
    members = {}
    for at in range(draw(st.integers(1, 3))):
        kind = draw(kinds(1))
        made.slots.append(_slot(draw, Source.BODY, f"m{at}", kind))
        members[f"m{at}"] = kind.json
    everything = st.fixed_dictionaries(members)
    return draw(bodies(everything | everything | everything | st.fixed_dictionaries({}, optional=members)))


DEFAULTS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"default": None},
    {"default": 7},
    {"default_factory": list},
    {"default": []},
]


def _file_slots(draw: DrawFn, made: _Made) -> None:
    for at in range(draw(st.integers(1, 2))):
        default = draw(st.sampled_from([{}, {"default": None}]))
        match draw(st.sampled_from(["one", "many", "bytes"])):
            case "one":
                made.slots.append(asking.slot(Source.FILE, f"f{at}", Any, upload=True, **default))
            case "many":
                annotation = draw(st.sampled_from([list[Any], Annotated[list[Any], Meta(max_length=1)]]))
                made.slots.append(asking.slot(Source.FILE, f"f{at}", annotation, upload=True, many=True, **default))
            case _:
                made.slots.append(asking.slot(Source.FILE, f"f{at}", bytes, **default))


def _multipart(draw: DrawFn, made: _Made) -> bytes:
    """Every field, and for each file slot some files, or texts, or a file input in which nothing was chosen."""
    parts = [(name, None, value) for name, value in made.pairs.get(Source.FORM, [])]
    for slot in made.slots:
        names = [slot.alias] if slot.source is Source.FILE else [one.alias for one in slot.fields[:1]]
        for name in names if slot.source in (Source.FORM, Source.FILE) else []:
            count = draw(st.integers(0, 2))
            parts += [(name, draw(st.sampled_from(["a.txt", "b.png", "", None])), draw(WORDS)) for _ in range(count)]
    body = b""
    for name, filename, content in parts:
        known = f'; filename="{filename}"' if filename is not None else ""
        body += f'--cut\r\nContent-Disposition: form-data; name="{name}"{known}\r\n\r\n{content}\r\n'.encode(
            "utf-8", "surrogatepass"
        )
    return body + b"--cut--\r\n"


def _slot(draw: DrawFn, source: Source, name: str, kind: Kind, **more: Any) -> Slot:
    return asking.slot(source, name, kind.annotation, **draw(st.sampled_from(DEFAULTS)), **more)


def _text_slot(draw: DrawFn, made: _Made, source: Source, name: str) -> None:
    if source is Source.PATH:
        kind = draw(scalars())
        assert kind.text is not None
        made.slots.append(asking.slot(source, name, kind.annotation, index=len(made.path)))
        made.path.append(draw(texts(kind.text)))
        return
    if draw(st.integers(0, 3)) == 0 and not any(slot.record for slot in made.slots):
        _record_slot(draw, made, source, name)
        return
    kind = draw(scalars() | text_lists())
    made.slots.append(_slot(draw, source, name, kind))
    _send(draw, made, source, made.slots[-1].alias, kind)


def _record_slot(draw: DrawFn, made: _Made, source: Source, name: str) -> None:
    """A parameter struct of one of the families."""
    names = draw(st.lists(st.sampled_from(["one", "two_x", "three"]), min_size=1, max_size=3, unique=True))
    fields = []
    for one in names:
        kind, default = draw(scalars() | text_lists()), draw(st.sampled_from([None, None, lambda: None, list]))
        if default is list and kind.list_of is None:
            default = lambda: 7  # noqa: E731
        fields.append(Member(one, kind, default))
    fields.sort(key=lambda member: member.default is not None)
    families: list[Any] = [struct, lambda f: struct(f, forbid_unknown_fields=True), lambda f: struct(f, rename="camel")]
    maker = draw(st.sampled_from([*families, a_dataclass, typed_dict, an_attrs, a_pydantic]))
    kind = Kind(maker(fields), st.nothing())
    slot = asking.slot(source, name, kind.annotation, **draw(st.sampled_from([{}, {}, {"default": None}])))
    made.slots.append(slot)
    known = {member.name: member.kind for member in fields}
    for item in slot.fields:
        _send(draw, made, source, item.alias, known[item.parameter])
    if draw(st.integers(0, 4)) == 0:
        made.pairs.setdefault(source, []).append(("unknown", "1"))


def _send(draw: DrawFn, made: _Made, source: Source, alias: str, kind: Kind) -> None:
    assert kind.text is not None
    count = draw(st.sampled_from([1] * 8 + [2, 0] if kind.list_of is None else [1, 2, 1, 2, 3, 0]))
    for _ in range(count):
        made.pairs.setdefault(source, []).append((alias, draw(texts(kind.text))))


def _path_values(plan: Plan, path: list[str]) -> tuple[Any, ...] | None:
    """What routing makes of the path's texts; None where it finds no route."""
    from ketch.app.freeze import _converter

    try:
        slots = [slot for slot in plan.slots if slot.source is Source.PATH]
        return tuple(_converter(slot).convert(text) for slot, text in zip(slots, path, strict=True))
    except (ValueError, ArithmeticError):
        return None


# --- the two readings ------------------------------------------------------------------------------------------------


class Stumbled(Exception):
    """The printed function would ask the interpreter now."""


@dataclass
class Outcome:
    """Values by slot name, or the status of a refusal; 0 is a printed function that stumbled."""

    values: dict[str, Any] | None = None
    status: int = 200
    errors: Any = None


def printed(case: Case) -> Outcome:
    """What the printed function makes of the request, without the interpreter's help."""
    names = [slot.name for slot in case.plan.slots]

    async def collect(*arguments: Any) -> dict[str, Any]:
        return dict(zip(names, arguments, strict=True))

    async def stumble(plan: Plan, request: Any) -> Any:
        raise Stumbled

    provider = Provider(collect, collect, ProviderKind.COROUTINE)
    target = Node(provider, tuple((Wanted(slot.name, slot), slot) for slot in case.plan.slots))
    # Nothing but the interpreter is asked for where all that is called is `collect`.
    tools = Tools(**{**{item.name: None for item in dataclasses.fields(Tools)}, "interpret": stumble})
    call = print_call(Phase(case.plan, [], target), tools)
    request = asking.request(**case.sent)
    request.values = case.path_values
    try:
        return Outcome(asyncio.run(call(request, None)))
    except Stumbled:
        return Outcome(status=0)
    except HTTPException as problem:
        return Outcome(status=problem.status_code)


def interpreted(case: Case) -> Outcome:
    """What the interpreter makes of it."""
    request = asking.request(**case.sent)
    request.values = case.path_values
    try:
        return Outcome(asyncio.run(interpret(case.plan, request)))
    except HTTPException as problem:
        return Outcome(status=problem.status_code, errors=problem.errors)


__all__ = ["Case", "Outcome", "cases", "interpreted", "printed"]
