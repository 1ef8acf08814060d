"""`/docs` without Swagger UI: the document as one plain page, rendered here, without any script.

`reference_page(document, ...)` reads nothing but the finished document, so it shows exactly what the document says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from ketch.http.status import phrase
from ketch.openapi.parameters import MULTIPART, URLENCODED
from ketch.openapi.samples import sample
from ketch.openapi.schema import PREFIX

HOST_MARK = "\x00host\x00"
"""Stands in the rendered page where the application's own address goes."""

WEBHOOKS = "Webhooks"
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_INLINE_CODE = re.compile(r"`([^`\n]+)`")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{css}">
</head>
<body>
<header>
<h1>{title} <small>{version}</small></h1>
{description}
<p class="hint">The document: <a href="{document}">{document}</a>. To try requests on this page:
<code>pip install "ketch[standard]"</code></p>
</header>
<div class="columns">
<nav aria-label="Operations">{contents}</nav>
<main>{groups}{schemas}</main>
</div>
</body>
</html>
"""


def reference_page(document: Mapping[str, Any], document_url: str, css_url: str) -> str:
    """The whole page; `HOST_MARK` stands for the address of the application."""
    info = document["info"]
    groups = _groups(document)
    return _PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=prose(info.get("description") or ""),
        document=escape(document_url),
        css=escape(css_url),
        contents="".join(_contents(name, operations) for name, operations in groups.items()),
        groups="".join(_group(name, operations, document) for name, operations in groups.items()),
        schemas=_schemas(document.get("components", {}).get("schemas", {})),
    )


def with_address(page: str, request: Any) -> str:
    """`page` with the address at which the client reaches the application."""
    return page.replace(HOST_MARK, escape(str(request.base_url).rstrip("/"))) if HOST_MARK in page else page


def prose(text: str) -> str:
    """Plain text as paragraphs; `code` between backticks is the only mark-up."""
    parts = (" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    return "".join("<p>" + _INLINE_CODE.sub(r"<code>\1</code>", escape(part)) + "</p>" for part in parts)


def _groups(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    """Method, path and operation by first tag: declared tags in their order, then the others as they come."""
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {tag["name"]: [] for tag in document.get("tags", ())}
    for section in ("paths", "webhooks"):
        for path, item in document.get(section, {}).items():
            for method in _METHODS:
                if method in item:
                    name = (item[method].get("tags") or ("",))[0] if section == "paths" else WEBHOOKS
                    groups.setdefault(name, []).append((method, path, item[method]))
    groups = {name: operations for name, operations in groups.items() if operations}
    if len(groups) > 1 and "" in groups:
        groups["Other"] = groups.pop("")
    if WEBHOOKS in groups:
        groups[WEBHOOKS] = groups.pop(WEBHOOKS)
    return groups


def _contents(name: str, operations: list[tuple[str, str, Mapping[str, Any]]]) -> str:
    rows = "".join(
        f'<li><a href="#{escape(o["operationId"])}"><b class="{m}">{m.upper()}</b> {escape(path)}</a></li>'
        for m, path, o in operations
    )
    return f"{f'<h2>{escape(name)}</h2>' if name else ''}<ul>{rows}</ul>"


def _group(name: str, operations: list[tuple[str, str, Mapping[str, Any]]], document: Mapping[str, Any]) -> str:
    words = next((tag.get("description", "") for tag in document.get("tags", ()) if tag["name"] == name), "")
    heading = f"<h2>{escape(name)}</h2>{prose(words)}" if name else ""
    return f"<section>{heading}{''.join(_operation(*o, document) for o in operations)}</section>"


def _operation(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    gone = ' class="gone"' if operation.get("deprecated") else ""
    parts = [prose(operation.get("description", "")), _parameters(operation), _body(operation)]
    parts += [_security(operation), _responses(operation, document)]
    if path.startswith("/"):  # a webhook is called by the application, not by the reader
        parts.append(_curl(method, path, operation, document))
    head = f'<b class="{method}">{method.upper()}</b><code>{escape(path)}</code><span>{summary}</span>'
    return _card(operation["operationId"], f"<summary{gone}>{head}</summary>", "".join(parts))


def _card(anchor: str, summary: str, inside: str) -> str:
    # The anchor is inside, so that following a link to it opens the card.
    return f'<article><details>{summary}<div id="{escape(anchor)}">{inside}</div></details></article>'


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = "".join(
        _row(p["name"], p.get("schema", {}), bool(p.get("required")), p.get("description", ""), p["in"])
        for p in operation.get("parameters", ())
    )
    return f"<h4>Parameters</h4><table>{rows}</table>" if rows else ""


def _row(name: str, schema: Any, required: bool, words: str, place: str = "") -> str:
    note = words or (schema.get("description", "") if isinstance(schema, Mapping) else "")
    star = ' <i title="required">*</i>' if required else ""
    where = f" <small>{escape(place)}</small>" if place else ""
    return f"<tr><th><code>{escape(name)}</code>{star}{where}</th><td>{spell(schema)}</td><td>{prose(note)}</td></tr>"


def _body(operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    rows = []
    for media_type, media in body.get("content", {}).items():
        schema = media.get("schema", {})
        rows.append(f"<p><small>{escape(media_type)}</small> {spell(schema)}</p>{_properties(schema)}")
    return f"<h4>Body</h4>{prose(body.get('description', ''))}{''.join(rows)}"


def _properties(schema: Any) -> str:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not properties:
        return ""
    required = schema.get("required", ())
    return f"<table>{''.join(_row(name, value, name in required, '') for name, value in properties.items())}</table>"


def _security(operation: Mapping[str, Any]) -> str:
    alternatives = [
        " and ".join(f"{name} ({', '.join(scopes)})" if scopes else name for name, scopes in together.items())
        for together in operation.get("security", ())
    ]
    told = " or ".join(alternative or "nothing" for alternative in alternatives)
    return f"<h4>Needs</h4><p>{escape(told)}</p>" if told else ""


def _responses(operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    rows = []
    for status, response in operation.get("responses", {}).items():
        shared = response.get("$ref", "").rpartition("/")[2]
        said = document["components"]["responses"][shared] if shared else response
        kinds = "".join(
            f"<div><small>{escape(media_type)}</small> {spell(media.get('schema', {}))}</div>"
            for media_type, media in said.get("content", {}).items()
        )
        meaning = phrase(int(status)) if status.isdigit() else status
        words = said.get("description", "")
        told = prose(words) if words != meaning else ""
        rows.append(
            f"<tr><th>{escape(status)} <small>{escape(meaning)}</small></th><td>{kinds}</td><td>{told}</td></tr>"
        )
    return f"<h4>Responses</h4><table>{''.join(rows)}</table>"


def _curl(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A request to copy: path and required query filled in, a body made up."""
    words = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
    query = []
    for parameter in operation.get("parameters", ()):
        value = quote(_plain(sample(parameter.get("schema", {}), document)), safe="")
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", value)
        elif parameter["in"] == "query" and parameter.get("required"):
            query.append(f"{parameter['name']}={value}")
    words.append(_quoted(HOST_MARK + path + (f"?{'&'.join(query)}" if query else "")))
    content = operation.get("requestBody", {}).get("content", {})
    for media_type in ("application/json", URLENCODED, MULTIPART):
        if media_type in content:
            words += _body_words(media_type, content[media_type].get("schema", {}), document)
            break
    return f"<h4>Try it</h4><pre><code>{escape(' '.join(words), quote=False)}</code></pre>"


def _body_words(media_type: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    value = sample(schema, document)
    if media_type == "application/json":
        return ["-H 'content-type: application/json'", "-d", _quoted(json.dumps(value, ensure_ascii=False))]
    files = [name for name, said in schema.get("properties", {}).items() if "contentMediaType" in said]
    option = "-F" if media_type == MULTIPART else "-d"
    return [f"{option} {_quoted(f'{n}=@file' if n in files else f'{n}={_plain(v)}')}" for n, v in value.items()]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """For a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _schemas(schemas: Mapping[str, Any]) -> str:
    cards = []
    for name, schema in schemas.items():
        inside = prose(schema.get("description", "")) + (_properties(schema) or f"<p>{spell(schema)}</p>")
        cards.append(_card(f"schema-{name}", f"<summary><code>{escape(name)}</code></summary>", inside))
    return f"<section><h2>Schemas</h2>{''.join(cards)}</section>" if cards else ""


# --- types in words ---------------------------------------------------------------------------------------------------


def spell(schema: Any) -> str:
    """A schema as people say it, in HTML: `list of Order`, `"a" | "b"`, `integer ≥ 1`."""
    if not isinstance(schema, Mapping):
        return "nothing" if schema is False else "anything"
    return "".join(_spelled(schema)) + "".join(_limits(schema))


def _spelled(schema: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(PREFIX))
        yield f'<a href="#schema-{name}">{name}</a>'
    elif "const" in schema or "enum" in schema:
        values = schema.get("enum") or [schema.get("const")]
        yield " | ".join(f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>" for value in values)
    elif any(word in schema for word in ("anyOf", "oneOf", "allOf")):
        joint = " &amp; " if "allOf" in schema else " | "
        yield joint.join(spell(part) for word in ("anyOf", "oneOf", "allOf") for part in schema.get(word, ()))
    elif schema.get("type") == "array" and "prefixItems" in schema:
        yield f"({', '.join(spell(item) for item in schema['prefixItems'])})"
    elif schema.get("type") == "array":
        yield f"list of {spell(schema.get('items', {}))}"
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        yield f"object of {spell(schema['additionalProperties'])}"
    else:
        kind = schema.get("type", "anything")
        yield escape(" | ".join(kind) if isinstance(kind, list) else kind)
        if "format" in schema:
            yield f" <small>{escape(schema['format'])}</small>"


_WORDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "&gt; {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "&lt; {}",
    "multipleOf": "in steps of {}",
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "default": "= {}",
}


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _WORDS.items():
        if name in schema and "prefixItems" not in schema:
            value = escape(json.dumps(schema[name], ensure_ascii=False))
            yield f" <small>{words.format(value)}</small>"
