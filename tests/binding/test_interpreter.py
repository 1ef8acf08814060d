"""A plan read from a request: every source, every problem, bounded time."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from decimal import Decimal
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from msgspec import Meta, Struct

from ketch.binding.interpreter import interpret
from ketch.binding.plan import Plan
from ketch.binding.sources import Source
from ketch.http.limits import Limits
from ketch.http.problems import BadRequest, ContentTooLarge, UnsupportedMediaType, ValidationProblem
from ketch.http.uploads import UploadFile
from tests.binding.asking import URLENCODED, plan, read, refused, request, slot, status, told

Q, P, H, C, B, F, U = (
    Source.QUERY,
    Source.PATH,
    Source.HEADER,
    Source.COOKIE,
    Source.BODY,
    Source.FORM,
    Source.FILE,
)


class Item(Struct):
    sku: str
    qty: Annotated[int, Meta(ge=1)] = 1


class Sort(TypedDict):
    by: str
    down: NotRequired[bool]


class Nested(Struct):
    a: Nested | None = None


# --- where values come from ------------------------------------------------------------------------------------------


def test_every_source_at_once() -> None:
    values = read(
        plan(
            slot(P, "order_id", int, index=1),
            slot(Q, "limit", int, 10),
            slot(Q, "tag", list[str], default_factory=list),
            slot(H, "user_agent", str),
            slot(C, "theme", str | None, None),
            slot(B, "item", Item),
        ),
        path=["x", "7"],
        query="limit=3&tag=a&tag=%C3%A9",
        headers=[(b"user-agent", b"me"), (b"cookie", b"theme=dark")],
        body=b'{"sku":"s"}',
    )
    assert values == {
        "order_id": 7,
        "limit": 3,
        "tag": ["a", "é"],
        "user_agent": "me",
        "theme": "dark",
        "item": Item("s"),
    }


def test_every_problem_of_every_source_in_the_order_of_declaration() -> None:
    errors = refused(
        plan(
            slot(P, "order_id", int, index=0),
            slot(Q, "limit", Annotated[int, Meta(le=5)]),
            slot(Q, "n", list[int]),
            slot(H, "x_count", int),
            slot(C, "theme", str),
            slot(B, "item", Item),
        ),
        path=["seven"],
        query="limit=9&n=1&n=x",
        body=b'{"qty":0}',
    )
    assert told(errors) == [
        (["path", "order_id"], "int_parsing"),
        (["query", "limit"], "less_than_equal"),
        (["query", "n", 1], "int_parsing"),
        (["header", "x-count"], "missing"),
        (["cookie", "theme"], "missing"),
        (["body", "sku"], "missing"),
        (["body", "qty"], "greater_than_equal"),
    ]
    assert errors[0]["input"] == "seven"


def test_values_of_headers_and_cookies_are_never_shown() -> None:
    errors = refused(plan(slot(H, "n", int), slot(C, "m", int)), headers=[(b"n", b"x"), (b"cookie", b"m=x")])
    assert [("input" in error, error["type"]) for error in errors] == [(False, "int_parsing")] * 2


def test_the_alias_is_what_the_client_sees() -> None:
    assert told(refused(plan(slot(Q, "from_", int, alias="from")), query="from=x")) == [
        (["query", "from"], "int_parsing")
    ]


def test_defaults_are_fresh() -> None:
    shared: list[int] = []
    a_plan = plan(slot(Q, "a", list[int], shared), slot(Q, "b", list[int], default_factory=list))
    first, second = read(a_plan), read(a_plan)
    assert first == second == {"a": [], "b": []}
    assert first["a"] is not shared
    assert first["b"] is not second["b"]


def test_the_last_of_repeated_scalars_counts() -> None:
    assert read(plan(slot(Q, "a", int)), query="a=x&a=2") == {"a": 2}
    assert told(refused(plan(slot(Q, "a", int)), query="a=2&a=x")) == [(["query", "a"], "int_parsing")]


def test_an_empty_text_is_a_text_outside_forms() -> None:
    assert read(plan(slot(Q, "a", str)), query="a=") == {"a": ""}
    assert told(refused(plan(slot(Q, "a", int, 3)), query="a=")) == [(["query", "a"], "int_parsing")]


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"%ff=1"])
def test_a_query_that_is_not_utf8_is_a_bad_request(query: bytes) -> None:
    with pytest.raises(BadRequest):
        read(plan(slot(Q, "a", str, "")), query=query)


# --- parameter structs -----------------------------------------------------------------------------------------------


class Filters(Struct, rename={"page_size": "pageSize"}, forbid_unknown_fields=True):
    q: str
    page_size: Annotated[int, Meta(le=100)] = 10
    tags: list[str] = []


def test_a_parameter_struct_adds_no_segment() -> None:
    a_plan = plan(slot(Q, "filters", Filters), slot(Q, "other", int, 0))
    assert read(a_plan, query="q=x&pageSize=5&tags=a&tags=b&other=1") == {
        "filters": Filters("x", 5, ["a", "b"]),
        "other": 1,
    }
    assert told(refused(a_plan, query="pageSize=500&more=1")) == [
        (["query", "more"], "extra_forbidden"),
        (["query", "q"], "missing"),
        (["query", "pageSize"], "less_than_equal"),
    ]


def test_a_parameter_struct_with_a_default_is_it_when_nothing_was_sent() -> None:
    fallback = Filters("fallback")
    a_plan = plan(slot(Q, "filters", Filters, fallback))
    assert read(a_plan)["filters"] == fallback
    assert told(refused(a_plan, query="pageSize=5")) == [(["query", "q"], "missing")]


def test_a_parameter_struct_of_headers_is_dashed() -> None:
    class Client(Struct):
        user_agent: str
        x_retries: int = 0

    a_plan = plan(slot(H, "client", Client))
    assert read(a_plan, headers=[(b"user-agent", b"me"), (b"x-retries", b"2")]) == {"client": Client("me", 2)}
    assert told(refused(a_plan, headers=[(b"x-retries", b"x")])) == [
        (["header", "user-agent"], "missing"),
        (["header", "x-retries"], "int_parsing"),
    ]


def test_a_type_that_refuses_its_fields_is_told_at_the_source() -> None:
    class Range(Struct):
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    errors = refused(plan(slot(Q, "range", Range)), query="low=2&high=1")
    assert told(errors) == [(["query"], "value_error")]
    assert errors[0]["msg"] == "low is above high"


def test_a_typed_dict_leaves_out_what_was_not_sent() -> None:
    a_plan = plan(slot(Q, "sort", Sort))
    assert read(a_plan, query="by=x") == {"sort": {"by": "x"}}
    assert read(a_plan, query="by=x&down=1") == {"sort": {"by": "x", "down": True}}
    assert told(refused(a_plan, query="down=x")) == [(["query", "by"], "missing"), (["query", "down"], "bool_parsing")]


# --- JSON bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", 200),
        (b"application/json; charset=utf-8", 200),
        (b"Application/JSON ;x=y", 200),
        (b"application/vnd.shop+json", 200),
        (None, 415),
        (b"text/plain", 415),
        (b"application/json,x", 415),
        (b"text/json", 415),
        (b"application/jsonx", 415),
        (b"application/x-www-form-urlencoded", 415),
    ],
)
def test_content_types(content_type: bytes | None, expected: int) -> None:
    assert status(plan(slot(B, "item", Item)), body=b'{"sku":"x"}', content_type=content_type) == expected


def test_415_and_400_come_before_422() -> None:
    a_plan = plan(slot(Q, "n", int), slot(B, "item", Item))
    assert status(a_plan, query="n=x", body=b"{", content_type=b"text/plain") == 415
    assert status(a_plan, query="n=x", body=b"{") == 400
    assert status(a_plan, query="n=x", body=b"{}") == 422


def test_an_empty_body_is_missing_unless_there_is_a_default() -> None:
    assert told(refused(plan(slot(B, "item", Item)))) == [(["body"], "missing")]
    assert read(plan(slot(B, "item", Item | None, None))) == {"item": None}
    assert read(plan(slot(B, "a", int, 1), slot(B, "b", int, 2), embed=True)) == {"a": 1, "b": 2}
    assert told(refused(plan(slot(B, "a", int, 1), slot(B, "b", int), embed=True))) == [(["body", "b"], "missing")]


def test_embedded_members() -> None:
    a_plan = plan(slot(B, "item", Item), slot(B, "count", int, 1, alias="n"), embed=True)
    assert read(a_plan, body=b'{"item":{"sku":"x"},"n":3,"other":1}') == {"item": Item("x"), "count": 3}
    assert told(refused(a_plan, body=b'{"n":"x"}')) == [(["body", "item"], "missing"), (["body", "n"], "int_type")]
    assert told(refused(a_plan, body=b"[]")) == [(["body"], "model_type")]


def test_the_depth_limit_is_the_requests() -> None:
    deep = b"[" * 10 + b"]" * 10
    assert status(plan(slot(B, "it", Any)), body=deep, limits=Limits(json_depth=9)) == 400
    assert status(plan(slot(B, "it", Any)), body=deep, limits=Limits(json_depth=10)) == 200


def test_a_limit_beyond_what_python_can_recurse_is_still_a_bad_request() -> None:
    deep = b'{"a":' * 100_000 + b"null" + b"}" * 100_000
    assert status(plan(slot(B, "it", Nested)), body=deep, limits=Limits(json_depth=1_000_000)) == 400
    almost = b'{"a":' * 900 + b"null" + b"}" * 900
    assert status(plan(slot(B, "it", Nested)), body=almost, limits=Limits(json_depth=1_000_000)) in (200, 400)


def test_a_body_over_the_limit() -> None:
    with pytest.raises(ContentTooLarge):
        read(plan(slot(B, "it", Any)), body=b'"123456789"', limits=Limits(body=10))


class MessagePack:
    media_type = "application/msgpack"

    def matches(self, content_type: str) -> bool:
        return content_type == self.media_type

    def decode(self, body: bytes) -> Any:
        return msgspec.msgpack.decode(body)


def test_other_codecs() -> None:
    class Event(Struct):
        at: dt.datetime
        data: bytes
        counts: dict[int, int]

    def ask(value: Any) -> dict[str, Any]:
        return {
            "body": msgspec.msgpack.encode(value),
            "content_type": b"application/msgpack",
            "codecs": [MessagePack()],
        }

    a_plan = plan(slot(B, "event", Event))
    at = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert read(a_plan, **ask({"at": at, "data": b"\xff", "counts": {1: 2}})) == {"event": Event(at, b"\xff", {1: 2})}
    assert told(refused(a_plan, **ask({"at": 1, "data": 1, "counts": {"x": 2}}))) == [
        (["body", "at"], "datetime_type"),
        (["body", "data"], "bytes_type"),
        (["body", "counts", "x", "[key]"], "int_parsing"),
    ]
    assert status(a_plan, body=b"\xc1", content_type=b"application/msgpack", codecs=[MessagePack()]) == 400
    with pytest.raises(UnsupportedMediaType, match="application/msgpack"):
        read(a_plan, body=b"x", content_type=b"text/plain", codecs=[MessagePack()])


# --- forms and files -------------------------------------------------------------------------------------------------


def form(text: str) -> dict[str, Any]:
    return {"body": text.encode(), "content_type": URLENCODED}


def multipart(*parts: tuple[str, str | None, bytes]) -> dict[str, Any]:
    body = b""
    for name, filename, content in parts:
        known = f'; filename="{filename}"' if filename is not None else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{known}\r\n\r\n'.encode() + content + b"\r\n"
    return {"body": body + b"--b--\r\n", "content_type": b"multipart/form-data; boundary=b"}


def test_forms_are_the_body() -> None:
    a_plan = plan(slot(F, "name", str), slot(F, "age", int | None, None), slot(F, "tags", list[str], []))
    assert read(a_plan, **form("name=&age=&tags=a&tags=")) == {"name": "", "age": None, "tags": ["a", ""]}
    assert told(refused(a_plan, **form("age=x"))) == [(["body", "name"], "missing"), (["body", "age"], "int_parsing")]


def test_empty_texts_in_forms_are_missing_but_to_a_str() -> None:
    a_plan = plan(slot(F, "n", int), slot(F, "ns", list[int]), slot(F, "nick", str | None, None))
    assert told(refused(a_plan, **form("n=&ns=&nick="))) == [(["body", "n"], "missing"), (["body", "ns"], "missing")]
    assert read(a_plan, **form("n=1&ns=&ns=2&nick=")) == {"n": 1, "ns": [2], "nick": None}
    assert told(refused(plan(slot(F, "n", int)), **form("n=1&n="))) == [(["body", "n"], "missing")]


def test_a_box_that_is_not_ticked() -> None:
    a_plan = plan(slot(F, "a", bool), slot(F, "b", bool, True), slot(F, "c", bool | None, None))
    assert read(a_plan, **form("x=1")) == {"a": False, "b": False, "c": None}
    assert read(a_plan, **form("a=on&b=1&c=off")) == {"a": True, "b": True, "c": False}


def test_a_form_struct() -> None:
    class Crop(Struct, forbid_unknown_fields=True):
        x: int
        round: bool = False

    a_plan = plan(slot(F, "crop", Crop), slot(U, "file", Any, upload=True))
    sent = multipart(("x", None, b"3"), ("file", "a.png", b"png"), ("other", None, b"1"))
    assert told(refused(a_plan, **sent)) == [(["body", "other"], "extra_forbidden")]


def test_local_datetimes_of_a_form() -> None:
    a_plan = plan(slot(F, "at", dt.datetime), timezone="Europe/Berlin")
    assert read(a_plan, **form("at=2030-07-01T10:00")) == {"at": dt.datetime(2030, 7, 1, 8, tzinfo=dt.UTC)}


def test_files() -> None:
    a_plan = plan(
        slot(U, "one", Any, upload=True),
        slot(U, "many", list[Any], upload=True, many=True),
        slot(U, "raw", bytes),
        slot(U, "none", Any, None, upload=True),
    )
    sent = multipart(
        ("one", "a.txt", b"a"),
        ("many", "b.txt", b"b"),
        ("many", "c.txt", b"c"),
        ("raw", "d.bin", b"\x00d"),
        ("none", "", b""),
    )
    values = read(a_plan, **sent)
    assert values["one"].filename == "a.txt"
    assert [file.filename for file in values["many"]] == ["b.txt", "c.txt"]
    assert values["raw"] == b"\x00d"
    assert values["none"] is None


def test_text_for_a_file_and_a_file_for_text() -> None:
    a_plan = plan(
        slot(U, "one", Any, upload=True),
        slot(U, "many", list[Any], upload=True, many=True),
        slot(U, "raw", bytes),
        slot(F, "name", str),
        slot(F, "names", list[str]),
    )
    sent = multipart(
        ("one", None, b"a"),
        ("many", "b.txt", b"b"),
        ("many", None, b"c"),
        ("raw", None, b"c"),
        ("name", "d.txt", b"d"),
        ("names", None, b"d"),
        ("names", "e.txt", b"e"),
    )
    assert told(refused(a_plan, **sent)) == [
        (["body", "one"], "file_type"),
        (["body", "many", 1], "file_type"),
        (["body", "raw"], "file_type"),
        (["body", "name"], "string_type"),
        (["body", "names", 1], "string_type"),
    ]


def test_the_number_of_files_is_checked() -> None:
    a_plan = plan(slot(U, "many", Annotated[list[Any], Meta(max_length=1)], upload=True, many=True))
    sent = multipart(("many", "b.txt", b"b"), ("many", "c.txt", b"c"))
    assert told(refused(a_plan, **sent)) == [(["body", "many"], "too_long")]


def test_bytes_can_be_read_twice() -> None:
    a_plan = plan(slot(U, "raw", bytes))
    asked = request(**multipart(("raw", "d.bin", b"d" * 10)))

    async def twice() -> tuple[Any, Any]:
        upload = (await asked.form())["raw"]
        assert isinstance(upload, UploadFile)
        await upload.read(3)
        return (await interpret(a_plan, asked))["raw"], (await interpret(a_plan, asked))["raw"]

    assert asyncio.run(twice()) == (b"d" * 10, b"d" * 10)


def test_a_form_of_another_kind() -> None:
    assert status(plan(slot(F, "a", int)), body=b"{}") == 415


# --- pydantic --------------------------------------------------------------------------------------------------------


class Address(pydantic.BaseModel):
    street: str
    zip_code: int = pydantic.Field(alias="zipCode", ge=1)


class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    born: dt.date
    score: float = 0.0
    addresses: list[Address] = []


def test_a_pydantic_body_says_what_pydantic_says() -> None:
    a_plan = plan(slot(B, "person", Person))
    good = read(a_plan, body=b'{"born":"2000-01-01","addresses":[{"street":"s","zipCode":1}]}')["person"]
    assert good == Person(born=dt.date(2000, 1, 1), addresses=[Address(street="s", zipCode=1)])
    errors = refused(a_plan, body=b'{"born":1,"addresses":[{"zipCode":0}]}')
    with pytest.raises(pydantic.ValidationError) as caught:
        Person.model_validate_json(b'{"born":1,"addresses":[{"zipCode":0}]}')
    expected = [(["body", *error["loc"]], error["msg"], error["type"]) for error in caught.value.errors()]
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == expected
    assert len(errors) == 3


def test_pydantic_bodies_are_json_of_finite_numbers() -> None:
    a_plan = plan(slot(Q, "n", int), slot(B, "person", Person))
    assert status(a_plan, body=b'{"born":"2000-01-01","score":NaN}') == 400
    assert told(refused(a_plan, query="n=x", body=b'{"born":"2000-01-01","score":1e999}')) == [
        (["query", "n"], "int_parsing"),
        (["body", "score"], "finite_number"),
    ]


def test_pydantic_inside_a_struct() -> None:
    class Order(Struct):
        to: Address
        n: int

    a_plan = plan(slot(B, "order", Order))
    made = read(a_plan, body=b'{"to":{"street":"s","zipCode":2},"n":1}')["order"]
    assert made == Order(Address(street="s", zipCode=2), 1)
    assert told(refused(a_plan, body=b'{"to":{"zipCode":0},"n":"x"}')) == [
        (["body", "to", "street"], "missing"),
        (["body", "to", "zipCode"], "greater_than_equal"),
        (["body", "n"], "int_type"),
    ]


def test_a_pydantic_parameter_struct_coerces_in_its_own_way() -> None:
    class Search(pydantic.BaseModel):
        page_size: int = pydantic.Field(10, alias="pageSize", le=100)
        tags: list[int] = []
        x_on: bool = False

    a_plan = plan(slot(Q, "search", Search))
    assert read(a_plan, query="pageSize=1_0&tags=1&tags=2")["search"] == Search(pageSize=10, tags=[1, 2])
    assert told(refused(a_plan, query="pageSize=500&tags=x")) == [
        (["query", "pageSize"], "less_than_equal"),
        (["query", "tags", 0], "int_parsing"),
    ]
    dashed = refused(plan(slot(H, "search", Search)), headers=[(b"x-on", b"maybe")])
    assert told(dashed) == [(["header", "x-on"], "bool_parsing")]


# --- hostile input ---------------------------------------------------------------------------------------------------


def test_a_million_problems_cost_no_more_than_a_hundred() -> None:
    a_plan = plan(slot(B, "items", list[Item]))
    with pytest.raises(ValidationProblem) as caught:
        read(a_plan, body=b"[" + b'{"x":1},' * 300_000 + b"1]", limits=Limits(json_values=10_000_000))
    assert (len(caught.value.errors), caught.value.truncated) == (100, True)


# Each within the limits: what is larger, or has more values, is refused before it is looked at.
HOSTILE: dict[str, tuple[Any, bytes]] = {
    "one wrong at the end": (list[int], b"[" + b"1," * 99_000 + b'"x"]'),
    "many names": (dict[str, int], b"{" + b",".join(b'"%d":1' % n for n in range(99_000)) + b',"x":"y"}'),
    "a long integer": (list[int], b"[" + b"1" * 2_500_000 + b"]"),
    "long integers": (list[int], b"[" + (b"1" * 4_301 + b",") * 600 + b"1]"),
    "a long float": (list[int], b"[" + b"1" * 1_250_000 + b"." + b"1" * 1_250_000 + b"]"),
    "a long text": (int, b'"' + b"x" * 2_500_000 + b'"'),
    "strings before a long integer": (list[int], b"[" + b'"",' * 99_000 + b"1" * 5_000 + b"]"),
    "unknown names": (Item, b'{"sku":1,' + b",".join(b'"%d":[]' % n for n in range(49_000)) + b"}"),
    "empty objects": (list[Item | int | list[Item]], b"[" + b"{}," * 49_000 + b"1]"),
    "very many of pydantic's errors": (Address, b'{"street":' + b"[" * 60 + b"1," * 99_000 + b"1" + b"]" * 60 + b"}"),
}


async def longest_stall(a_plan: Plan, body: bytes) -> float:
    """The longest time in seconds for which nothing else could run while `body` was refused."""
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.005)
    with pytest.raises(ValidationProblem):
        await interpret(a_plan, request(body=body))
    watcher.cancel()
    return max(stalls)


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize("name", HOSTILE)
def test_the_event_loop_goes_on_while_a_large_body_is_walked(name: str) -> None:
    annotation, body = HOSTILE[name]
    a_plan = plan(slot(B, "it", annotation))
    # 50 ms is the aim on a quiet machine; a shared one gets room for others, and three attempts.
    assert any(asyncio.run(longest_stall(a_plan, body)) < 0.2 for _ in range(3))


def test_keys_and_texts_of_every_kind_are_quoted_safely() -> None:
    errors = refused(plan(slot(B, "it", dict[str, int])), body='{"\\u0000é": "\\ud83d\\ude00"}'.encode())
    assert told(errors) == [(["body", "\x00é"], "int_type")]


def test_more_values_than_the_limit_are_not_read() -> None:
    a_plan = plan(slot(B, "it", list[int]))
    few = Limits(json_values=10)
    assert status(a_plan, body=b"[1,2,3,4,5,6,7,8,9,10]", limits=few) == 200
    assert status(a_plan, body=b"[1,2,3,4,5,6,7,8,9,10,11]", limits=few) == 413
    assert status(a_plan, body=b'["1,2,3,4,5,6,7,8,9,10,11"]', limits=few) == 422


def test_a_text_that_is_too_long_is_kept_from_the_pattern() -> None:
    """It would take years."""
    name = Annotated[str, Meta(max_length=20, pattern="^(a+)+$")]
    long = "a" * 60 + "!"
    assert told(refused(plan(slot(B, "name", name)), body=f'"{long}"'.encode())) == [(["body"], "string_too_long")]
    assert told(refused(plan(slot(Q, "name", name)), query=f"name={long}")) == [(["query", "name"], "string_too_long")]
    assert told(refused(plan(slot(B, "name", name)), body=b'"b"')) == [(["body"], "string_pattern_mismatch")]


def test_a_pydantic_member_reads_json_as_a_whole_body_does() -> None:
    class Price(pydantic.BaseModel):
        amount: Decimal | float

    embedded = plan(slot(B, "price", Price), slot(B, "number", int), embed=True)
    whole = read(plan(slot(B, "price", Price)), body=b'{"amount":0}')["price"]
    member = read(embedded, body=b'{"price":{"amount":0},"number":1}')["price"]
    assert repr(member) == repr(whole)
    assert told(refused(embedded, body=b'{"price":{"amount":"x"},"number":"y"}'))[-1] == (
        ["body", "number"],
        "int_type",
    )
