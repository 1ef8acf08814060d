"""The OAuth2 scopes that a place in the dependency tree demands."""

from __future__ import annotations

from collections.abc import Iterable


class SecurityScopes:
    """Ask for it in a dependency: the scopes of every `Security(..., scopes=[...])` above it, outermost first.

    `scopes` is the list, `scope_str` the same joined by spaces, as RFC 6750 writes them in `WWW-Authenticate`.
    """

    __slots__ = ("scope_str", "scopes")

    def __init__(self, scopes: Iterable[str] | None = None) -> None:
        self.scopes: list[str] = list(scopes or ())
        self.scope_str = " ".join(self.scopes)

    def __repr__(self) -> str:
        return f"SecurityScopes({self.scopes!r})"
