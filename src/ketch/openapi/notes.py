"""Words in the document: descriptions from docstrings, titles and examples from notes, defaults as JSON."""

from __future__ import annotations

import inspect
from typing import Any

from ketch.kernel.shapes import MISSING, PLAIN, Note


def annotate(schema: dict[str, Any], note: Note) -> dict[str, Any]:
    """Writes a note into `schema` (in place, so that its references stay what they are) and returns it."""
    if note is PLAIN:
        return schema
    if note.title is not None:
        schema["title"] = note.title
    if note.description is not None:
        schema["description"] = note.description
    if note.examples:
        schema["examples"] = [shown for example in note.examples if (shown := jsonable(example)) is not MISSING]
    if note.deprecated:
        schema["deprecated"] = True
    if isinstance(note.extra_json_schema, dict):
        schema.update(note.extra_json_schema)
    return schema


def default_of(default: Any, factory: Any) -> Any:
    """A default as JSON; MISSING where there is none, or none that JSON can say. Only list, dict and set are called."""
    if factory in (list, dict, set, frozenset, tuple):
        return {} if factory is dict else []
    if default is MISSING or default is ... or is_unset(default):
        return MISSING
    return jsonable(default)


def is_unset(value: Any) -> bool:
    """msgspec.UNSET: a field with this default is left out of answers until it has a value."""
    return type(value).__name__ == "UnsetType"


def jsonable(value: Any) -> Any:
    """`value` as JSON would show it; MISSING if it cannot."""
    import msgspec

    try:
        return msgspec.to_builtins(value, str_keys=True, order="deterministic", enc_hook=_foreign)
    except (TypeError, ValueError, NotImplementedError, RecursionError):
        return MISSING


def _foreign(value: Any) -> Any:
    """pydantic's models say themselves what they are in JSON."""
    dump = getattr(value, "model_dump", None)
    if dump is None or isinstance(value, type):
        raise NotImplementedError
    return dump(mode="json")


def class_description(kind: Any, name: str) -> str:
    """A class's own docstring; never one inherited or made up by `dataclass` and `namedtuple` (`Point(x, y)`)."""
    text = getattr(kind, "__dict__", {}).get("__doc__")
    if not isinstance(text, str) or text.startswith(f"{name}(") or text == "An enumeration.":
        return ""
    return inspect.cleandoc(text)


def docstring_of(endpoint: Any) -> tuple[str, str]:
    """The docstring of a handler as summary (its first paragraph, if that is short) and description (the rest).

    What follows a form feed is for readers of the code only, as in FastAPI.
    """
    while hasattr(endpoint, "func"):
        endpoint = endpoint.func  # functools.partial
    text = getattr(endpoint, "__doc__", None) if endpoint is not None else None
    if not isinstance(text, str) or not text.strip():
        return "", ""
    first, _, rest = inspect.cleandoc(text.partition("\f")[0]).partition("\n\n")
    summary = " ".join(first.split())
    if len(summary) > 120:
        return "", f"{first}\n\n{rest}".strip()
    return summary.removesuffix("."), rest.strip()
