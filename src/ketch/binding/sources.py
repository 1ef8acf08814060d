"""The markers that say where a parameter comes from: `Annotated[int, Query(ge=1)]`.

The public names are functions that return `Any`, so that a type checker accepts both `Annotated[int, Query()]` and
the older `limit: int = Query(10)`. The objects they return are the frozen dataclasses below.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ketch.kernel.shapes import MISSING


class Source(enum.Enum):
    """Where a value is read from; the values are the first word of an error's `loc`."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    FORM = "form"
    FILE = "file"


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote about one parameter. PERF: a Struct; a dataclass of this size takes 3 ms to define."""

    source: Source
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    tz: bool | None = None
    embed: bool = False
    media_type: str | None = None
    convert_underscores: bool = True

    def __repr__(self) -> str:
        """As it was written: `Query(ge=1)`."""
        plain = Marker(source=self.source)
        names = [name for name in self.__struct_fields__ if getattr(self, name) != getattr(plain, name)]
        words = [f"{name}={getattr(self, name)!r}" for name in names]
        return f"{self.source.value.title()}({', '.join(words)})"


class DependsMarker(msgspec.Struct, frozen=True):
    """`Depends(f)`: `dependency` is None in `Annotated[T, Depends()]`, which means T itself."""

    dependency: Callable[..., Any] | None = None
    use_cache: bool = True
    scope: str | None = None
    inline: bool = False
    scopes: tuple[str, ...] = ()
    security: bool = False


def _marker(source: Source, default: Any, words: dict[str, Any]) -> Any:
    from ketch.kernel.errors import Place, SetupError
    from ketch.kernel.origin import outside
    from ketch.kernel.suggest import hint

    if default is ...:
        default = MISSING  # FastAPI's spelling of "required"
    for name in words:
        if name not in Marker.__struct_fields__ or name == "source":
            raise SetupError(
                "KETCH-BIND-012",
                f'{source.value.title()}() knows no option "{name}".',
                places=[Place("here", outside("ketch"))],
                fix=hint(name, [n for n in Marker.__struct_fields__ if n != "source"]),
            )
    if words.get("examples") is not None:
        words["examples"] = tuple(words["examples"])
    return Marker(source=source, default=default, **words)


def Path(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is a part of the path. Options: see `Query`."""
    return _marker(Source.PATH, default, words)


def Query(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is read from the query string.

    Options: `default`, `default_factory`, `alias`, the constraints `gt ge lt le multiple_of min_length max_length
    pattern tz`, and for the API's document `title description examples deprecated include_in_schema`.
    Raises SetupError (KETCH-BIND-012) for an option that does not exist.
    """
    return _marker(Source.QUERY, default, words)


def Header(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is a header: `user_agent` reads `User-Agent` unless `convert_underscores=False` or `alias=`."""
    return _marker(Source.HEADER, default, words)


def Cookie(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is a cookie. Options: see `Query`."""
    return _marker(Source.COOKIE, default, words)


def Body(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is the body, or with `embed=True` (or beside another `Body()`) one member of it."""
    return _marker(Source.BODY, default, words)


def Form(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is a form field; a structured type reads one field for each of its own."""
    return _marker(Source.FORM, default, words)


def File(default: Any = MISSING, **words: Any) -> Any:
    """The parameter is an uploaded file: `UploadFile`, a list of them, or `bytes`."""
    return _marker(Source.FILE, default, words)


def Depends(
    dependency: Callable[..., Any] | None = None,
    *,
    use_cache: bool = True,
    scope: str | None = None,
    inline: bool = False,
) -> Any:
    """The parameter is what `dependency` returns or yields.

    `scope` is "function" (clean-up before the response is sent, the default), "request" (after it) or "app" (made
    once). `inline=True` calls a `def` dependency on the event loop instead of in a thread. Within one request a
    dependency is called once unless `use_cache=False`.
    """
    return DependsMarker(dependency, use_cache, scope, inline)


def Security(
    dependency: Callable[..., Any] | None = None, *, scopes: Sequence[str] = (), use_cache: bool = True
) -> Any:
    """`Depends` for a security scheme, with the OAuth2 scopes it needs; it runs before the body is read."""
    return DependsMarker(dependency, use_cache, None, False, tuple(scopes), True)


def Field(
    default: Any = MISSING,
    *,
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    title: str | None = None,
    description: str | None = None,
    examples: Sequence[Any] | None = None,
    deprecated: bool = False,
    gt: Any = None,
    ge: Any = None,
    lt: Any = None,
    le: Any = None,
    multiple_of: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    tz: bool | None = None,
) -> Any:
    """Constraints and documentation inside a type: `qty: Annotated[int, Field(ge=1)] = 1`.

    Returns a msgspec.Meta, so msgspec enforces the constraints while it decodes. With `default` or `default_factory`
    the result is a msgspec field for use behind `=`: `qty: int = Field(default=1)`; constraints belong in Annotated.
    """
    if default is not MISSING or default_factory is not None:
        return _field_default(default, default_factory, alias)
    words: dict[str, Any] = {"gt": gt, "ge": ge, "lt": lt, "le": le, "multiple_of": multiple_of}
    words |= {"min_length": min_length, "max_length": max_length, "pattern": pattern, "tz": tz}
    extra: dict[str, Any] = {"alias": alias} if alias is not None else {}
    if deprecated:
        extra["deprecated"] = True
    notes: dict[str, Any] = {
        "title": title,
        "description": description,
        "examples": list(examples) if examples is not None else None,
    }
    if all(bound is None or type(bound) in (int, float) for bound in (gt, ge, lt, le, multiple_of)):
        return msgspec.Meta(**words, **notes, extra=extra or None)
    # msgspec compares with plain numbers only; bounds that are Decimals or dates are ours to check.
    return Bounds(**words, **notes, extra=extra)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What `Field` returns where msgspec has no word for a bound: the same attributes, read by kernel/constraints."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    tz: bool | None = None
    title: str | None = None
    description: str | None = None
    examples: list[Any] | None = None
    extra: dict[str, Any]

    def __hash__(self) -> int:
        """Equal ones have equal hashes; `Annotated[...] | None` asks for one on Python 3.11."""
        return hash((self.gt, self.ge, self.lt, self.le, self.multiple_of, self.title))


def _field_default(default: Any, factory: Callable[[], Any] | None, alias: str | None) -> Any:
    if factory is not None:
        return msgspec.field(default_factory=factory, name=alias)
    if isinstance(default, (list, dict, set)):
        return msgspec.field(default_factory=lambda: type(default)(default), name=alias)
    return msgspec.field(default=default, name=alias)
