"""Headers that tell browsers to be careful, beyond those that every response has anyway (`ketch.http.defaults`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from secrets import token_urlsafe
from typing import Any

from ketch.http.connection import HTTPConnection
from ketch.http.defaults import CSP, FRAMES, REFERRER
from ketch.http.headers import RawHeaders
from ketch.http.response import Response
from ketch.kernel.errors import SetupError
from ketch.middleware.onion import CallNext, also_on_errors, header_text, is_secure, is_websocket, whole_number

YEAR = 31_536_000

STRICT_POLICY: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'self'",),
    "frame-ancestors": ("'self'",),
}
"""What nonces are added to when no policy of one's own is given."""

Policy = str | Mapping[str, str | Iterable[str]]


class SecurityHeadersMiddleware:
    """Adds Strict-Transport-Security (https only), Cross-Origin-Opener-Policy and whatever else is asked for.

    `hsts` in seconds, 0 for none; `hsts_preload` obeys the preload list's rules. `content_security_policy` replaces
    the default one on HTML: a text, or directives by name, `{"script-src": ["'self'", "https://cdn.example"]}`.
    `nonces=True` makes one for each request, `request.state.csp_nonce`, and adds it to script-src and style-src.
    `report_only=True` sends the policy for trial. `permissions_policy`: a text, or `{"camera": []}`, nobody, and
    `{"camera": ["self"]}`. None leaves a header out. What a handler set itself is never replaced. Raises SetupError
    KETCH-MW-010, 019 and 020.
    """

    def __init__(
        self,
        *,
        hsts: int = YEAR,
        hsts_include_subdomains: bool = False,
        hsts_preload: bool = False,
        content_security_policy: Policy | None = None,
        nonces: bool = False,
        report_only: bool = False,
        permissions_policy: Policy | None = None,
        referrer_policy: str | None = None,
        cross_origin_opener_policy: str | None = "same-origin",
        cross_origin_embedder_policy: str | None = None,
        cross_origin_resource_policy: str | None = None,
    ) -> None:
        self._hsts = _transport_security(hsts, hsts_include_subdomains, hsts_preload)
        self._fixed: RawHeaders = []
        for name, value in (
            ("cross_origin_opener_policy", cross_origin_opener_policy),
            ("cross_origin_embedder_policy", cross_origin_embedder_policy),
            ("cross_origin_resource_policy", cross_origin_resource_policy),
            ("permissions_policy", _permissions(permissions_policy)),
        ):
            if value is not None:
                header = name.replace("_", "-").encode()
                self._fixed.append((header, header_text("SecurityHeadersMiddleware", name, value)))
        self._referrer = None
        if referrer_policy is not None:
            self._referrer = header_text("SecurityHeadersMiddleware", "referrer_policy", referrer_policy).decode()
        if nonces and content_security_policy is None:
            content_security_policy = STRICT_POLICY
        self._policy = None if content_security_policy is None else _directives(content_security_policy)
        self._nonces = nonces
        self._report_only = report_only

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        if is_websocket(request):
            return await call_next(request)
        nonce = ""
        if self._nonces:
            nonce = request.state.csp_nonce = token_urlsafe(18)
        added = [*self._fixed, *self._hsts] if is_secure(request) else self._fixed
        also_on_errors(request, added)
        response = await call_next(request)
        raw = response.raw_headers
        present = {name for name, _ in raw}
        raw += [pair for pair in added if pair[0] not in present]
        if self._referrer is not None:
            _replace_default(response, REFERRER, self._referrer)
        if self._policy is not None and response.status_code != 304:
            # A 304 renews the headers of a page that the browser has, and that page bears the nonce of its own day.
            self._add_policy(response, nonce)
        return response

    def _add_policy(self, response: Response, nonce: str) -> None:
        kind = (response.headers.get("content-type") or "").lower()
        if self._policy is None or not kind.startswith(("text/html", "application/xhtml+xml")):
            return
        text = _policy_text(self._policy, nonce)
        if self._report_only:
            response.headers.setdefault("content-security-policy-report-only", text)
            return
        replaced = _replace_default(response, CSP, text)
        if replaced and "frame-ancestors" in self._policy and FRAMES in response.raw_headers:
            response.raw_headers.remove(FRAMES)  # the policy has the last word on frames


def _replace_default(response: Response, default: tuple[bytes, bytes], value: str) -> bool:
    """Set a header that has only its default value, or none; False if a handler has said something itself."""
    name = default[0].decode()
    present = response.headers.getlist(name)
    if present and present != [default[1].decode()]:
        return False
    response.headers[name] = value
    return True


def _transport_security(seconds: int, subdomains: bool, preload: bool) -> RawHeaders:
    seconds = whole_number("SecurityHeadersMiddleware", "hsts", seconds, 0, 100 * YEAR)
    if preload and (seconds < YEAR or not subdomains):
        raise SetupError(
            "KETCH-MW-020",
            "SecurityHeadersMiddleware(hsts_preload=True) needs hsts of a year or more, and hsts_include_subdomains.",
            why="Browsers take a host into their preload list only then (hstspreload.org).",
            fix=f"Write:  hsts={YEAR}, hsts_include_subdomains=True, hsts_preload=True",
        )
    if not seconds:
        return []
    text = f"max-age={seconds}{'; includeSubDomains' if subdomains else ''}{'; preload' if preload else ''}"
    return [(b"strict-transport-security", text.encode())]


def _directives(policy: Policy) -> dict[str, str]:
    """A policy as directives by lower-case name, their values in one text each. Raises SetupError KETCH-MW-019."""
    if isinstance(policy, str):
        text = header_text("SecurityHeadersMiddleware", "content_security_policy", policy).decode("latin-1")
        parts = [part.strip().partition(" ") for part in text.split(";") if part.strip()]
        return {name.lower(): value.strip() for name, _, value in parts}
    directives = {}
    for name, sources in policy.items():
        words = [sources] if isinstance(sources, str) else list(sources)
        for word in (name, *words):
            _check_word("content_security_policy", word, ";,")
        directives[name.lower()] = " ".join(words)
    return directives


def _policy_text(directives: Mapping[str, str], nonce: str) -> str:
    if nonce:
        default = directives.get("default-src", "")
        with_nonce = dict(directives)
        for name in ("script-src", "style-src"):
            sources = directives.get(name, default)
            # A nonce beside 'none' would do nothing: CSP 3, 6.7.2.7.
            with_nonce[name] = f"{'' if sources == chr(39) + 'none' + chr(39) else sources} 'nonce-{nonce}'".strip()
        directives = with_nonce
    return "; ".join(f"{name} {value}".strip() for name, value in directives.items())


def _permissions(policy: Policy | None) -> str | None:
    """`camera=(), geolocation=(self "https://maps.example")`: a structured field dictionary (RFC 9651)."""
    if policy is None or isinstance(policy, str):
        return policy
    members = []
    for name, allowed in policy.items():
        words = [allowed] if isinstance(allowed, str) else list(allowed)
        for word in (name, *words):
            _check_word("permissions_policy", word, '",;()')
        if words == ["*"]:
            members.append(f"{name}=*")
            continue
        members.append(f"{name}=({' '.join(word if word in ('self', 'src') else _quoted(word) for word in words)})")
    return ", ".join(members)


def _quoted(word: str) -> str:
    return f'"{word}"'


def _check_word(option: str, word: Any, forbidden: str) -> None:
    if isinstance(word, str) and word and not any(c in forbidden or ord(c) < 0x20 or ord(c) > 0x7E for c in word):
        return
    raise SetupError(
        "KETCH-MW-019",
        f"SecurityHeadersMiddleware({option}=...): {word!r} cannot stand there.",
        why="It would end its directive, or the header.",
        fix="Write one source a string, directives as the mapping's keys.",
    )
