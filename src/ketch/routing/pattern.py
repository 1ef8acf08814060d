"""Patterns of paths: what stands in `@app.get("/orders/{id:int}/{rest:path}")`, read once and checked.

A pattern is written decoded (`/café`, not `/caf%C3%A9`) and is compared with decoded segments. Paths are cut at
slashes first, so a parameter never takes part of two segments, except `{rest:path}`, which takes all that is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin
from ketch.kernel.suggest import did_you_mean

from .converters import INLINE
from .segment import BuildError, Param, Segment

__all__ = ["BuildError", "Param", "Pattern", "Segment", "join_path", "parse_pattern"]

BRACES = re.compile(r"\{([^{}]*)\}")
_SUSPECT = re.compile(r"[?#<>\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}|//|/\.\.?(?=/|$)|/:[A-Za-z_]\w*|\*")
_FOREIGN_KINDS = {"string": "str", "slug": "str", "integer": "int", "number": "float", "any": "str", "UUID": "uuid"}

_INFINITE = float("inf")

Mistake = Callable[..., SetupError]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed path. `text` is as written, `names` are the parameters in order."""

    text: str
    segments: tuple[Segment, ...]
    names: tuple[str, ...] = ()
    is_static: bool = field(default=True)

    @property
    def params(self) -> tuple[Param, ...]:
        return tuple(param for segment in self.segments for param in segment.params)

    @property
    def has_tail(self) -> bool:
        """Whether it ends in `{rest:path}`."""
        return bool(self.segments) and self.segments[-1].is_tail

    def __str__(self) -> str:
        return self.text

    def build(self, params: Mapping[str, object]) -> str:
        """The path with `params` filled in, each percent-encoded within its segment: ASCII, starting with one slash.

        Matching the result gives the same texts back if values have the types that the handler asks for. Raises
        BuildError for missing, unknown or impossible values.
        """
        values = texts_for(self.text, self.names, params)
        return "/" + "/".join([segment.build(values, params) for segment in self.segments])


def texts_for(pattern: str, names: tuple[str, ...], params: Mapping[str, object]) -> dict[str, str]:
    """The text of every parameter that `names` asks for; BuildError when `params` has others or too few."""
    missing = [name for name in names if name not in params]
    unknown = [name for name in params if name not in names]
    if missing or unknown:
        needs = ", ".join(names) if names else "no parameters"
        given = ", ".join(params) if params else "nothing"
        guess = next((g for name in unknown if (g := did_you_mean(name, missing))), None)
        raise BuildError(f'"{pattern}" needs {needs}; given: {given}.' + (f" Did you mean {guess}?" if guess else ""))
    return {name: _text_of(name, params[name]) for name in names}


def _text_of(name: str, value: object) -> str:
    """A value as the converters read it back: ISO dates, canonical UUIDs, `true` and `false`."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, (bytes, bytearray, memoryview)):
        raise BuildError(f'"{name}" is {type(value).__name__}; a path carries text, numbers, dates and UUIDs.')
    import msgspec

    try:
        plain = msgspec.to_builtins(value)
    except (TypeError, ValueError):
        plain = str(value) if type(value).__str__ is not object.__str__ else None
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float) and not -_INFINITE < plain < _INFINITE:
        raise BuildError(f'"{name}" is {plain}; only finite numbers have a URL.')
    if not isinstance(plain, (str, int, float)):
        raise BuildError(f'"{name}" is {type(value).__name__}; a path carries text, numbers, dates and UUIDs.')
    try:
        return str(plain)
    except ValueError:
        raise BuildError(f'"{name}" has too many digits for a URL.') from None


def join_path(*parts: str) -> str:
    """Prefixes and a path put together: `("/api/", "/orders", "")` is `/api/orders`. Empty parts add nothing."""
    *prefixes, last = parts
    return "".join(prefix.rstrip("/") for prefix in prefixes) + last


def parse_pattern(text: str, origin: Origin, *, label: str = "route") -> Pattern:
    """Read a path's pattern; "" is the empty path (a Router's own prefix).

    Raises SetupError (KETCH-ROUTE-001 to 010) when it is malformed or can never match; `origin` is where it is written,
    `label` says in the message what it belongs to.
    """

    def mistake(code: int, problem: str, why: str, fix: str) -> SetupError:
        shown = text if text.isprintable() else text.encode("unicode_escape").decode()
        place = Place(label, origin, "" if origin.text else f'"{shown}"')
        return SetupError(f"KETCH-ROUTE-{code:03}", f'The path "{shown}" {problem}.', places=[place], why=why, fix=fix)

    if text and text[0] != "/":
        why = "Every path starts at the root; a Router's prefix is put before it as it is."
        raise mistake(1, "does not start with a slash", why, f'Write "/{text.lstrip("./")}".')
    tokens = BRACES.split(text)
    literal = "".join(tokens[::2]) if len(tokens) > 1 else text
    if "{" in literal or "}" in literal:
        why = "Every { needs its }, with only a name and a kind between them."
        raise mistake(2, "has an unbalanced brace", why, 'Write parameters as "{name}" or "{name:int}".')
    if _SUSPECT.search("{}".join(tokens[::2]) if len(tokens) > 1 else text):
        _check_literals(text, "{}".join(tokens[::2]), mistake)
    segments = split_segments(tokens, "/", mistake)[1:]  # nothing stands before the first slash
    names = tuple(param.name for segment in segments for param in segment.params)
    if names:
        check_params(segments, names, mistake)
        _check_tails(segments, mistake)
    return Pattern(text, segments, names, not names)


def split_segments(tokens: list[str], separator: str, mistake: Mistake) -> tuple[Segment, ...]:
    """Segments from what stands outside (even places) and inside (odd places) of braces."""
    segments: list[Segment] = []
    literals: list[str] = [""]
    params: list[Param] = []
    for index, token in enumerate(tokens):
        if index % 2:
            params.append(_param(token, mistake))
            literals.append("")
            continue
        first, *rest = token.split(separator)
        literals[-1] += first
        for piece in rest:
            segments.append(Segment(tuple(literals), tuple(params)))
            literals, params = [piece], []
    segments.append(Segment(tuple(literals), tuple(params)))
    return tuple(segments)


def _param(inside: str, mistake: Mistake) -> Param:
    name, colon, kind = inside.partition(":")
    if name in INLINE and colon and kind not in INLINE and kind.isidentifier():
        why = "The name comes first, then the kind."
        raise mistake(8, f'has a parameter of no known kind: "{{{inside}}}"', why, f'Write "{{{kind}:{name}}}".')
    if not name.isidentifier():
        raise mistake(3, f'has a parameter without a usable name: "{{{inside}}}"', *_better_name(inside))
    if colon and kind not in INLINE:
        guess = _FOREIGN_KINDS.get(kind) or did_you_mean(kind, INLINE)
        fix = f'Write "{{{name}}}" and annotate the handler\'s parameter'
        fix += (
            "." if kind.isidentifier() or not kind else "; a regular expression is Annotated[str, Path(pattern=...)]."
        )
        fix = f'Write "{{{name}:{guess}}}".' if guess else fix
        why = f"The kinds are {', '.join(INLINE)}; every other type is said by the handler's annotation."
        raise mistake(8, f'has a parameter of no known kind: "{{{inside}}}"', why, fix)
    return Param(name, kind)


def _better_name(inside: str) -> tuple[str, str]:
    stripped = inside.strip().strip("*.").strip()
    if not inside.strip():
        return "A parameter needs a name, for the handler asks for it by name.", 'Write "{name}".'
    if "*" in inside or "..." in inside:
        return "A parameter that takes slashes is of the kind path.", f'Write "{{{stripped or "rest"}:path}}".'
    better = re.sub(r"\W+", "_", inside.partition(":")[0].strip()) or "name"
    better = better if better.isidentifier() else f"_{better}"
    return "A parameter's name must be a Python name, for the handler asks for it by name.", f'Write "{{{better}}}".'


def check_params(segments: tuple[Segment, ...], names: tuple[str, ...], mistake: Mistake) -> None:
    """Raises when a name stands twice or when two parameters touch."""
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        why = "Each parameter has one value, so each name can stand only once."
        raise mistake(4, f'has "{{{double}}}" twice', why, "Give one of them another name.")
    for segment in segments:
        if "" in segment.literals[1:-1]:
            why = "Nothing says where the first one ends."
            raise mistake(9, f'has parameters that touch in "{segment}"', why, 'Put text between them: "{a}-{b}".')


def _check_tails(segments: tuple[Segment, ...], mistake: Mistake) -> None:
    for index, segment in enumerate(segments):
        for param in segment.params:
            if param.kind == "path" and not (segment.is_tail and index == len(segments) - 1):
                why = "It takes everything that is left, slashes included, so nothing may stand beside or after it."
                fix = f'Make it the last segment, alone: ".../{{{param.name}:path}}".'
                raise mistake(5, f'goes on beside "{{{param.name}:path}}"', why, fix)


def _check_literals(text: str, literal: str, mistake: Mistake) -> None:
    """Raises for what can never arrive in a decoded path, or is another framework's spelling."""
    found = _SUSPECT.search(literal)
    bad = found[0] if found else ""
    if bad in ("<", ">", "*") or bad.startswith("/:"):
        why = "That is how other frameworks write parameters."
        raise mistake(10, f'has "{bad.lstrip("/")}"', why, f'Write "{_respell(text)}".')
    if bad == "//":
        why = "A path with an empty segment is never the same as one without; most often a prefix ended with a slash."
        raise mistake(6, "has an empty segment", why, f'Write "{re.sub("/{2,}", "/", text)}".')
    if bad in ("?", "#"):
        why = "Query strings and fragments are no part of the path; query parameters are the handler's own parameters."
        raise mistake(7, f'has "{bad}"', why, f'Write "{text.partition(bad)[0]}".')
    if bad.startswith("%"):
        why = "Patterns are compared with decoded paths."
        raise mistake(7, f'has "{bad}"', why, "Write the character itself instead of its percent-encoding.")
    if bad.startswith("/."):
        why = "Clients resolve it before they ask."
        raise mistake(7, f'has the segment "{bad[1:]}"', why, "Write the path it leads to.")
    why = "Clients never send backslashes and control characters in a path as they are meant here."
    raise mistake(7, f"has the character {bad!r}", why, "Leave it out.")


def _respell(text: str) -> str:
    """Another framework's parameters in our spelling: `<int:id>`, `:id` and `*rest`."""

    def angle(found: re.Match[str]) -> str:
        return f"{{{found[2]}:{found[1]}}}" if found[1] in INLINE else f"{{{found[2]}}}"

    text = re.sub(r"<(?:(\w+):)?(\w+)>", angle, text)
    text = re.sub(r"/:(\w+)", r"/{\1}", text)
    return re.sub(r"\*+(\w*)", lambda found: f"{{{found[1] or 'rest'}:path}}", text)
