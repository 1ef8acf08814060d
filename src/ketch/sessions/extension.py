"""The extension `Sessions`: two layers of the onion.

The outer one gives a request its session and keeps it afterwards if it changed; it stands outside the application's own
middleware, so that all of it has `request.session`. The inner one, next to the routes, refuses what other sites send in
a visitor's name: there the host and the scheme are known as proxies reported them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ketch.app.mode import mode
from ketch.app.secret_key import secret_keys
from ketch.http.connection import HTTPConnection
from ketch.http.cookies import SameSite
from ketch.http.problems import HTTPException
from ketch.http.response import Response
from ketch.http.url import URL
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import outside
from ketch.serving.failures import problem_response
from ketch.sessions.cookie import SessionCookie, SessionTooLarge, with_cookie
from ketch.sessions.csrf import SAFE, Guard
from ketch.sessions.session import Session

if TYPE_CHECKING:
    from ketch.seams.sessions import SessionStore

FORTNIGHT = 1_209_600


class Sessions:
    """`App(extensions=[Sessions()])` gives every request a `request.session`, and its forms protection from forgery.

    `secret` is the key that signs, or several, newest first; SECRET_KEY in the environment wins. `max_age` is seconds
    since the session last changed. `cookie` is the cookie's name; over https, and always in production, it has the
    prefix `__Host-`. `trusted_origins` are other origins ("https://app.example") that may send forms here. `store`
    keeps the data on the server instead (`ketch.seams.sessions.SessionStore`). `csrf=False` switches the protection
    off. What a streamed body or a mounted application changes in a session comes too late to be kept.

    Raises SetupError KETCH-SESSION-001 (no key in production) to -004.
    """

    name = "sessions"

    def __init__(
        self,
        secret: str | Sequence[str] | None = None,
        max_age: int = FORTNIGHT,
        *,
        cookie: str = "session",
        same_site: SameSite = "lax",
        trusted_origins: Iterable[str] = (),
        store: SessionStore | None = None,
        csrf: bool = True,
    ) -> None:
        self.origin = outside("ketch")
        self.csrf = csrf
        self.max_age = max_age
        self._secret = secret
        self._store: Any = store
        self._cookie_name = cookie
        self._same_site: SameSite = same_site
        self._trusted = frozenset(self._trusted_origin(origin) for origin in _listed(trusted_origins))
        seconds: object = max_age  # as given, by people who use no type checker
        if not isinstance(seconds, int) or seconds <= 0:
            raise self._wrong(f"Sessions(max_age={max_age!r}) is not a number of seconds.")
        self._check_cookie()
        self._cookie: SessionCookie
        self._warned = False

    # --- what an extension has ----------------------------------------------------------------------------------------

    def setup(self, declare: Any) -> None:
        """Declares the two layers. Raises SetupError without a key in production, or without itsdangerous."""
        if self._store is None:
            from ketch.app.rooms import load

            keys = secret_keys(self._secret, "Sessions()", self.origin)
            signed = load("ketch.sessions.adapters.signing:SignedCookies", "Sessions()", self.origin)
            self._store = signed(keys, self.max_age)
        production = mode() == "production"
        self._cookie = SessionCookie(self._cookie_name, self.max_age, self._same_site, production)
        declare.middleware(self.sessions)
        if self.csrf:
            declare.innermost(self.own_forms_only)

    def describe(self) -> dict[str, Any]:
        """What it does, as data."""
        return {"store": type(self._store).__name__, "max_age": self.max_age, "csrf": self.csrf}

    # --- the layers ---------------------------------------------------------------------------------------------------

    async def sessions(self, request: HTTPConnection, call_next: Any) -> Response:
        """The outer layer: a session on the way in, its cookie on the way out if it changed."""
        session = await self._open(request)
        scope = request.scope
        scope["session"] = session
        scope["csrf"] = Guard(request, session, self._trusted)
        response: Response = await call_next(request)
        if not session.touched:
            return response
        return await self._close(session, request, response)

    async def own_forms_only(self, request: HTTPConnection, call_next: Any) -> Response:
        """The inner layer: an unsafe request that carries a session comes from our own pages, or is refused."""
        try:
            if request.scope.get("method", "GET") not in SAFE and self._ticket(request):
                await request.scope["csrf"].check()
        except HTTPException as error:
            return problem_response(error, request)
        response: Response = await call_next(request)
        return response

    async def _open(self, request: HTTPConnection) -> Session:
        read = getattr(self._store, "read", None)
        if read is not None:
            return Session(lambda: self._read(request, read))
        ticket = self._ticket(request) if request.header(b"cookie") is not None else None
        return Session(await self._store.load(ticket) if ticket else None)

    def _read(self, request: HTTPConnection, read: Any) -> Any:
        ticket = self._ticket(request)
        return read(ticket) if ticket else None

    def _ticket(self, request: HTTPConnection) -> str | None:
        """What the session's cookie holds. Raises RequestHeaderFieldsTooLarge for too many cookies."""
        if request.header(b"cookie") is None:
            return None
        return request.cookies.get(self._cookie.full_name(request)) or None

    async def _close(self, session: Session, request: HTTPConnection, response: Response) -> Response:
        """Keep what changed. The answer depends on the cookie now, which caches have to know."""
        ticket = self._ticket(request)
        if session.changed:
            cookie = await self._kept(session, request, ticket)
            if cookie is not None:
                response = with_cookie(response, cookie)
        response.headers.add_vary("Cookie")
        return response

    async def _kept(self, session: Session, request: HTTPConnection, ticket: str | None) -> bytes | None:
        if not session:
            if ticket:
                await self._store.delete(ticket)
            return self._cookie.format(request, "") if ticket else None
        self._warn_without_https(request)
        if session.renewed and ticket:
            await self._store.delete(ticket)
        kept = ticket if session.known and not session.renewed else None
        ticket = await self._store.save(dict(session), kept, self.max_age)
        try:
            return self._cookie.format(request, ticket)
        except SessionTooLarge as error:
            # What filled it was most likely sent by a client, who must not be able to make a 500 of it.
            if mode() != "production":
                raise
            from logging import getLogger

            getLogger("ketch").error("%s: %s; the change to it is lost", request.scope["path"], error)
            return None

    def _warn_without_https(self, request: HTTPConnection) -> None:
        if self._warned or request.scope.get("scheme") in ("https", "wss") or mode() != "production":
            return
        from logging import getLogger

        self._warned = True
        getLogger("ketch").warning(
            "A session was started over plain http, as far as the server knows. Browsers keep its cookie over https "
            "only. Behind a proxy: app.add_middleware(ProxyHeadersMiddleware, ...); on your machine: ketch dev."
        )

    # --- options ------------------------------------------------------------------------------------------------------

    def _check_cookie(self) -> None:
        try:
            SessionCookie(self._cookie_name, self.max_age, self._same_site, True).format(_NO_REQUEST, "x")
        except ValueError as error:
            raise self._wrong(f"Sessions() cannot make its cookie: {error}.") from None

    def _trusted_origin(self, text: Any) -> tuple[str, str, int | None]:
        url = URL(text) if isinstance(text, str) else URL("")
        if url.scheme not in ("http", "https") or not url.hostname or str(url) != f"{url.scheme}://{url.netloc}":
            raise SetupError(
                "KETCH-SESSION-004",
                f"Sessions(trusted_origins=...): {text!r} is not an origin.",
                places=[Place("here", self.origin)],
                fix='An origin is scheme, host and perhaps port, no path: "https://app.example"',
            )
        return url.origin

    def _wrong(self, what: str) -> SetupError:
        return SetupError("KETCH-SESSION-003", what, places=[Place("here", self.origin)])


_NO_REQUEST = HTTPConnection({"type": "http", "scheme": "https", "headers": []}, None)  # type: ignore[arg-type]


def _listed(origins: Iterable[str]) -> Iterable[str]:
    """One str is what people write for a list of one."""
    return (origins,) if isinstance(origins, str) else origins


async def csrf_protected(request: HTTPConnection) -> None:
    """A guard for forms that are sent without a session, above all for signing in: `dependencies=[csrf_protected]`.

    Requests that carry a session are checked anyway. Raises Forbidden; RuntimeError without `Sessions()`.
    """
    guard = request.scope.get("csrf")
    if guard is None:
        raise RuntimeError("csrf_protected needs the extension Sessions()")
    await guard.check()
