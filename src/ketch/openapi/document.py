"""The whole document: OpenAPI 3.1 from a list of operations.

    build(info, operations) -> dict        ready for JSON

Order of work: every operation is described with references left open, then the schemas choose their names, then what
people wrote by hand (`openapi_extra`) is merged over the result. No step looks at the same annotation twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ketch.kernel.errors import SetupError
from ketch.openapi.merge import merged
from ketch.openapi.names import Namer, clean, unique_names
from ketch.openapi.notes import docstring_of
from ketch.openapi.operation import JSON, Info, Operation
from ketch.openapi.parameters import body_of, parameters, request_body, template
from ketch.openapi.responses import Responses
from ketch.openapi.schema import Direction, Schemas
from ketch.openapi.security import SecuritySchemes

VERSION = "3.1.0"
JSON_ONLY = (JSON,)
METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
"""What a path item may hold; OpenAPI 3.1 has no place for other methods, so they are left out."""


def build(info: Info, operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI document as plain data. Operations with `include_in_schema=False` are left out."""
    shown = [o for o in operations if o.options.get("include_in_schema", True) and o.method.upper() in METHODS]
    webhooks = [o for o in info.webhooks if o.method.upper() in METHODS]
    writer = _Writer(info, [*shown, *webhooks])
    document: dict[str, Any] = {"openapi": VERSION, "info": _info(info)}
    if info.servers:
        document["servers"] = [{"url": s} if isinstance(s, str) else dict(s) for s in info.servers]
    document["paths"] = writer.items(shown)
    if webhooks:
        document["webhooks"] = writer.items(webhooks, webhook=True)
    document["components"] = writer.components()
    if info.tags:
        document["tags"] = [{"name": tag} if isinstance(tag, str) else dict(tag) for tag in info.tags]
    if info.external_docs:
        document["externalDocs"] = dict(info.external_docs)
    writer.merge_extras()
    return document


def _info(info: Info) -> dict[str, Any]:
    said = {
        "title": info.title,
        "summary": info.summary,
        "description": info.description,
        "termsOfService": info.terms_of_service,
        "contact": info.contact,
        "license": info.license,
        "version": info.version,
    }
    return {name: value for name, value in said.items() if value is not None}


class _Writer:
    """The parts that operations share while one document is written."""

    def __init__(self, info: Info, operations: Sequence[Operation]) -> None:
        self._info = info
        self._schemas = Schemas()
        self._responses = Responses(info, self._schemas)
        self._schemes = SecuritySchemes(operations)
        self._ids = dict(zip(map(id, operations), operation_ids(operations), strict=True))
        self._extras: list[tuple[dict[str, Any], Mapping[str, Any]]] = []

    def items(self, operations: Sequence[Operation], webhook: bool = False) -> dict[str, dict[str, Any]]:
        """Path items by path. Of two operations with one path and method (hosts, converters) the first is shown."""
        items: dict[str, dict[str, Any]] = {}
        for operation in operations:
            item = items.setdefault(operation.path if webhook else template(operation.path), {})
            if operation.method.lower() not in item:
                item[operation.method.lower()] = self._operation(operation, webhook)
        return items

    def _operation(self, operation: Operation, webhook: bool) -> dict[str, Any]:
        options = operation.options
        described: dict[str, Any] = {}
        if options.get("tags"):
            described["tags"] = list(dict.fromkeys(str(getattr(tag, "value", tag)) for tag in options["tags"]))
        described |= _words(operation)
        described["operationId"] = self._ids[id(operation)]
        found = parameters(operation.path, operation.plans, self._schemas)
        if found:
            described["parameters"] = found
        body = body_of(operation.plans)
        if body is not None:
            media_types, way = (JSON_ONLY, Direction.OUTPUT) if webhook else (self._info.media_types, Direction.INPUT)
            described["requestBody"] = request_body(body, media_types, self._schemas, way)
        described["responses"] = self._responses.of(operation, webhook)
        if options.get("deprecated"):
            described["deprecated"] = True
        if operation.security:
            described["security"] = self._schemes.requirements(operation.security)
        if options.get("openapi_extra"):
            self._extras.append((described, options["openapi_extra"]))
        return described

    def components(self) -> dict[str, Any]:
        """All shared parts, sorted by name. Chooses the schemas' names: nothing may be described after it."""
        groups = {
            "schemas": self._schemas.finish(),
            "responses": dict(sorted(self._responses.shared.items())),
            "securitySchemes": self._schemes.objects,
        }
        return {name: group for name, group in groups.items() if group}

    def merge_extras(self) -> None:
        """`openapi_extra`, over everything else."""
        for described, extra in self._extras:
            merged(described, extra)


def _words(operation: Operation) -> dict[str, Any]:
    """Summary and description: said outright, else from the docstring, else from the name."""
    summary, description = docstring_of(operation.endpoint) if operation.docs is None else (operation.docs, "")
    summary = operation.options.get("summary") or summary or _spoken(operation)
    description = operation.options.get("description") or description
    return {"summary": summary, **({"description": description} if description else {})}


def _spoken(operation: Operation) -> str:
    """`orders.show_order` said aloud: "Show order"."""
    words = _base_name(operation).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


# --- names ------------------------------------------------------------------------------------------------------------


def _base_name(operation: Operation) -> str:
    name = operation.name or getattr(operation.endpoint, "__name__", "")
    return str(name).rpartition(".")[2] or operation.method.lower()


def operation_ids(operations: Sequence[Operation]) -> list[str]:
    """An `operationId` for each: the given one, else the function's name, with method and path where it must be.

    Raises SetupError (KETCH-OPENAPI-001) if two operations were given the same one.
    """
    given = [operation.options.get("operation_id") for operation in operations]
    _refuse_doubles(operations, given)
    free = [i for i, name in enumerate(given) if not name]
    chosen = unique_names([_namer(operations[i]) for i in free], {name for name in given if name})
    names = dict(zip(free, chosen, strict=True))
    return [str(given[i] or names[i]) for i in range(len(operations))]


def _namer(operation: Operation) -> Namer:
    name, method = clean(_base_name(operation)), operation.method.lower()

    def candidate(level: int) -> str:
        if level < 2:
            return f"{name}_{method}" if level else name
        path = clean(template(operation.path)) if operation.path.strip("/") else "root"
        return f"{name}_{path}" if level == 2 else f"{name}_{path}_{method}"

    return candidate


def _refuse_doubles(operations: Sequence[Operation], given: Sequence[Any]) -> None:
    by_id: dict[str, list[Operation]] = {}
    for operation, name in zip(operations, given, strict=True):
        if name:
            by_id.setdefault(name, []).append(operation)
    errors = [
        SetupError(
            "KETCH-OPENAPI-001",
            f'{len(claimants)} routes have operation_id="{name}": '
            + ", ".join(f"{o.method.upper()} {o.path}" for o in claimants)
            + ".",
            places=[place for o in claimants for place in o.places],
            why="Generated clients name their functions by it, so it must be unique (OpenAPI 3.1, Operation Object).",
            fix="Give each its own operation_id, or leave it out: it is then made from the function's name.",
        )
        for name, claimants in by_id.items()
        if len(claimants) > 1
    ]
    if errors:
        raise SetupError.gather(errors)
