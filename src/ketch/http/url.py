"""URLs and query strings as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .multidict import ImmutableMultiDict
from .percent import quote, unquote_bytes
from .problems import BadRequest

# RFC 3986, appendix B.
_URL = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL).fullmatch

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-.]{0,253}[A-Za-z0-9_.])?"
_IP6 = r"\[[0-9A-Fa-f:.]{2,45}\]"
_HOST = re.compile(rf"(?:{_NAME}|{_IP6})(?::[0-9]{{1,5}})?").fullmatch

# Stray percent signs cost 150 ns each, a hundred times an escape: bodies of megabytes may not have them.
_LENIENT = 65_536

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def valid_host(host: str) -> bool:
    """Whether `host` is a name or address with an optional port, as a Host header must be (RFC 9110, section 7.2)."""
    return _HOST(host) is not None


def host_name(host: str) -> str:
    """The name of a Host header without its port, in lower case, without the root's dot: what names are compared by."""
    name = host.lower()
    if not name.endswith("]"):
        head, colon, _ = name.rpartition(":")
        name = head if colon else name
    return name.removesuffix(".")


class URL:
    """A URL taken apart: `scheme netloc username password hostname port path query fragment`, all still encoded.

    Immutable; `replace(path="/x")` and the query methods return a new one. `str(url)` is the text.
    """

    __slots__ = ("_text", "fragment", "netloc", "path", "query", "scheme")

    def __init__(self, url: str | URL = "") -> None:
        self._text = str(url)
        match = _URL(self._text)
        scheme, netloc, path, query, fragment = match.groups() if match else (None, None, self._text, None, None)
        self.scheme: str = (scheme or "").lower()
        self.netloc: str = netloc or ""
        self.path: str = path or ""
        self.query: str = query or ""
        self.fragment: str = fragment or ""

    @property
    def username(self) -> str | None:
        return self._userinfo()[0]

    @property
    def password(self) -> str | None:
        return self._userinfo()[1]

    @property
    def hostname(self) -> str | None:
        """The host in lower case, without brackets; None if there is none."""
        host = self.netloc.rpartition("@")[2]
        if host.startswith("["):
            host = host[1:].partition("]")[0]
        else:
            host = host.partition(":")[0]
        return host.lower() or None

    @property
    def port(self) -> int | None:
        """The port that is written; None if none is, or if it is no number up to 65535."""
        digits = self.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
            return None
        return int(digits) if int(digits) <= 65_535 else None

    @property
    def is_secure(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port (the scheme's own where none is written): what browsers compare (RFC 6454)."""
        return self.scheme, self.hostname or "", self.port or DEFAULT_PORTS.get(self.scheme)

    def _userinfo(self) -> tuple[str | None, str | None]:
        userinfo, at, _ = self.netloc.rpartition("@")
        if not at:
            return None, None
        username, colon, password = userinfo.partition(":")
        return username, password if colon else None

    def replace(self, **components: Any) -> URL:
        """A URL with other components: any attribute's name is a keyword. Raises TypeError for an unknown one."""
        netloc = self._replaced_netloc(components)
        parts = {name: getattr(self, name) for name in ("scheme", "path", "query", "fragment")}
        parts["netloc"] = netloc
        unknown = components.keys() - parts.keys()
        if unknown:
            raise TypeError(f"a URL has no {', '.join(sorted(unknown))}")
        parts.update(components)
        return URL(_unsplit(**{name: str(part) for name, part in parts.items()}))

    def _replaced_netloc(self, components: dict[str, Any]) -> str:
        """Take the parts of a netloc out of `components` and put them together."""
        if not components.keys() & {"username", "password", "hostname", "port"}:
            return self.netloc
        username = components.pop("username", self.username)
        password = components.pop("password", self.password)
        hostname = components.pop("hostname", self.hostname)
        port = components.pop("port", self.port)
        host = str(hostname or "")
        netloc = f"[{host}]" if ":" in host else host
        if port is not None:
            netloc += f":{port}"
        if username is not None:
            netloc = (f"{username}:{password}" if password is not None else str(username)) + "@" + netloc
        return netloc

    def include_query_params(self, **params: Any) -> URL:
        """The URL with these query parameters set, others kept."""
        kept = [(k, v) for k, v in parse_query(self.query.encode()) if k not in params]
        return self.replace(query=encode_query([*kept, *((k, str(v)) for k, v in params.items())]))

    def replace_query_params(self, **params: Any) -> URL:
        """The URL with these query parameters and no others."""
        return self.replace(query=encode_query((k, str(v)) for k, v in params.items()))

    def remove_query_params(self, keys: str | Iterable[str]) -> URL:
        """The URL without these query parameters."""
        names = {keys} if isinstance(keys, str) else set(keys)
        return self.replace(query=encode_query((k, v) for k, v in parse_query(self.query.encode()) if k not in names))

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, URL | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        shown = self.replace(password="********") if self.password else self
        return f"URL({str(shown)!r})"


def _unsplit(scheme: str, netloc: str, path: str, query: str, fragment: str) -> str:
    text = path
    if netloc:
        text = f"//{netloc}{'' if not path or path.startswith('/') else '/'}{path}"
    if scheme:
        text = f"{scheme}:{text}"
    if query:
        text = f"{text}?{query}"
    return f"{text}#{fragment}" if fragment else text


def parse_query(raw: bytes, *, max_fields: int = 1_000, where: str = "query string") -> list[tuple[str, str]]:
    """The fields of `a=1&b=2`, decoded once; those without a name are skipped. Also the body of a urlencoded form.

    Raises BadRequest for more than `max_fields` fields, where the bytes are not UTF-8, and where more than 64 KiB hold
    a `%` that begins no escape (in less it stands for itself, as people type it into address bars).
    """
    if raw.count(b"&") >= max_fields:
        raise too_many_fields(max_fields, where)
    try:
        if b"%" not in raw and b"+" not in raw:
            parts = [field.partition("=") for field in raw.decode().split("&")]
            return [(name, value) for name, _, value in parts if name]
        return _unescaped_pairs(raw)
    except UnicodeDecodeError:
        raise not_text(where) from None
    except ValueError:
        raise BadRequest(f"The {where} is not percent-encoded.") from None


def _unescaped_pairs(raw: bytes) -> list[tuple[str, str]]:
    strict = len(raw) > _LENIENT
    pairs = []
    for field in raw.replace(b"+", b" ").split(b"&"):
        name, _, value = field.partition(b"=")
        if name:
            pairs.append((unquote_bytes(name, strict=strict).decode(), unquote_bytes(value, strict=strict).decode()))
    return pairs


def not_text(where: str = "query string") -> BadRequest:
    """What is raised for bytes that are not UTF-8; the encoding of a lone surrogate is not."""
    return BadRequest(f"The {where} is not valid UTF-8.")


def too_many_fields(most: int, where: str = "query string") -> BadRequest:
    """What is raised for a query or form of too many fields."""
    return BadRequest(f"The {where} has more than {most} fields.")


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """`a=1&b=2` of decoded pairs."""
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


class QueryParams(ImmutableMultiDict[str]):
    """Query parameters: the last value of a name by `[]`, all by `getlist`; from text, bytes, pairs or a mapping."""

    __slots__ = ()

    def __init__(self, query: str | bytes | Iterable[tuple[str, str]] | Mapping[str, str] = ()) -> None:
        if isinstance(query, str):
            query = query.encode()
        super().__init__(parse_query(query) if isinstance(query, bytes) else query)

    def __str__(self) -> str:
        return encode_query(self._list)
