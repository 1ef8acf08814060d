"""The plain page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from ketch.openapi import build, operations_of
from ketch.openapi.reference import prose, reference_page, spell
from ketch.openapi.routes import info_of
from ketch.openapi.samples import sample
from tests.openapi.harbour import make

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects anchors and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert not {name for name in named if name.startswith("on")} | ({"style"} & named.keys())
        if (anchor := named.get("id")) is not None:
            assert anchor not in self.anchors
            self.anchors.add(anchor)
        if (link := named.get("href")) is not None:
            self.links.add(link)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = make()
    return build(info_of(app), operations_of(app.runtime.routes))


def test_it_is_well_formed_and_every_link_leads_somewhere(document: dict[str, Any]) -> None:
    reader = Reader()
    reader.feed(reference_page(document, "openapi.json", "x.css"))
    assert reader.open == []
    assert {link[1:] for link in reader.links if link.startswith("#")} <= reader.anchors
    assert len(reader.anchors) == 16 + len(document["components"]["schemas"])


def test_it_shows_what_the_document_says(document: dict[str, Any]) -> None:
    page = reference_page(document, "openapi.json", "x.css")
    assert "Harbour &amp; co" in page
    assert "And &lt;more&gt;." in page
    assert "<code>airports</code>" in page
    assert "OAuth2PasswordBearer (read)" in page
    assert "APIKeyHeader_X_Key and APIKeyHeader_X_Other" in page
    assert "-F 'file=@file' -F 'title=text'" in page
    assert "-d 'username=text' -d 'password=text'" in page
    assert "<h2>Webhooks</h2>" in page


def test_an_empty_document() -> None:
    reader = Reader()
    reader.feed(reference_page({"info": {"title": "T", "version": "1"}, "paths": {}}, "a", "b"))
    assert reader.open == []


def test_text_is_never_markup() -> None:
    evil = "<script>alert(1)</script>\"'"
    document = {
        "info": {"title": evil, "version": evil, "description": evil},
        "tags": [{"name": evil, "description": evil}],
        "paths": {
            f"/{evil}": {
                "post": {
                    "operationId": evil,
                    "summary": evil,
                    "description": evil,
                    "tags": [evil],
                    "parameters": [{"name": evil, "in": "query", "required": True, "description": evil, "schema": {}}],
                    "requestBody": {"content": {"application/json": {"schema": {"enum": [evil], "default": evil}}}},
                    "responses": {"200": {"description": evil, "content": {evil: {"schema": {"$ref": evil}}}}},
                    "security": [{evil: [evil]}],
                }
            }
        },
        "components": {"schemas": {evil: {"properties": {evil: {"description": evil}}}}},
    }
    page = reference_page(document, "a", "b")
    assert "<script" not in page
    Reader().feed(page)


def test_prose() -> None:
    assert prose("a\nb\n\n`c<d`") == "<p>a b</p><p><code>c&lt;d</code></p>"
    assert prose("") == ""


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 1, "default": 3}, "integer <small>≥ 1</small> <small>= 3</small>"),
        ({"type": "string", "format": "date"}, "string <small>date</small>"),
        ({"$ref": "#/components/schemas/A"}, '<a href="#schema-A">A</a>'),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {}], "maxItems": 2}, "(string, anything)"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"allOf": [{"type": "string"}, {"type": "object"}]}, "string &amp; object"),
        ({"enum": ["a", 1]}, "<code>&quot;a&quot;</code> | <code>1</code>"),
        ({"const": None}, "<code>null</code>"),
        ({"type": ["string", "null"]}, "string | null"),
        ({}, "anything"),
        (True, "anything"),
        (False, "nothing"),
    ],
)
def test_types_in_words(schema: Any, text: str) -> None:
    assert spell(schema) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "examples": ["Rome"]}, "Rome"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "string", "minLength": 6}, "texttext"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "uuid"}, "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}]}, [1, "x"]),
        ({"type": "object", "properties": {"a": {"type": "null"}, "b": {}}, "required": ["a"]}, {"a": None}),
        ({"type": "object", "properties": {"a": {"default": 3}}}, {"a": 3}),
        ({"oneOf": [{"type": "number"}]}, 1.5),
        ({}, None),
        (True, None),
    ],
)
def test_samples(schema: Any, value: Any) -> None:
    assert sample(schema, {}) == value


def test_a_sample_of_a_type_that_contains_itself_ends() -> None:
    tree = {"type": "object", "properties": {"kid": {"$ref": "#/components/schemas/Tree"}}, "required": ["kid"]}
    assert sample(tree, {"components": {"schemas": {"Tree": tree}}})["kid"]["kid"]
