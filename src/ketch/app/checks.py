"""What `ketch check` asks: the mistakes of start-up, extensions' own checks, links, and with `deploy` what is unsafe.

An extension's `check` (and `declare.check(f)`) returns nothing, or a text, a Fault, a SetupError, a Finding, or several
of them; or it raises SetupError. If it has a parameter `deploy` it is told whether the question is for production.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketch.app.environment import here
from ketch.app.links import broken_links
from ketch.inject.provider import name_of
from ketch.kernel.errors import Fault, Place, SetupError
from ketch.kernel.origin import origin_of

if TYPE_CHECKING:
    from ketch.app.application import App
    from ketch.app.runtime import Runtime

ERROR, WARNING = "error", "warning"

_SIGNING = frozenset({"sessions", "auth", "admin"})
_SHORT = 32  # characters of a SECRET_KEY that could be guessed
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "WEBSOCKET"})
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (`level` error) or doubtful (warning)."""

    level: str
    fault: Fault

    @property
    def is_error(self) -> bool:
        return self.level == ERROR


def check(app: App, *, deploy: bool = False) -> list[Finding]:
    """Everything that is found about `app`, errors first. Freezes it if that has not happened; never raises."""
    try:
        runtime = app.runtime
    except SetupError as error:
        return [Finding(ERROR, fault) for fault in error.faults]
    found = [finding for one in runtime.checks for finding in _asked(one, deploy)]
    found += [Finding(ERROR, fault) for fault in broken_links(runtime)]
    if deploy:
        found += [Finding(WARNING, fault) for fault in deploy_faults(runtime)]
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.is_error)


# --- extensions' checks -----------------------------------------------------------------------------------------------


def _asked(function: Callable[..., Any], deploy: bool) -> list[Finding]:
    words = {"deploy": deploy} if _takes_deploy(function) else {}
    try:
        outcome = function(**words)
        if inspect.iscoroutine(outcome):
            import asyncio

            outcome = asyncio.run(outcome)
        return list(_findings(outcome, function))
    except SetupError as error:
        return list(_findings(error, function))
    except Exception as error:  # a check that fails is itself a finding
        what = f"The check {name_of(function)} failed: {type(error).__name__}: {error}"
        return [Finding(ERROR, Fault("KETCH-CHECK-001", what, (Place("check", origin_of(function)),)))]


def _takes_deploy(function: Callable[..., Any]) -> bool:
    try:
        return "deploy" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _findings(outcome: Any, function: Callable[..., Any]) -> Iterator[Finding]:
    if outcome is None:
        return
    if isinstance(outcome, Finding):
        yield outcome
    elif isinstance(outcome, SetupError):
        yield from (Finding(ERROR, fault) for fault in outcome.faults)
    elif isinstance(outcome, Fault):
        yield Finding(ERROR, outcome)
    elif isinstance(outcome, str):
        yield Finding(WARNING, Fault("KETCH-CHECK-002", outcome, (Place("check", origin_of(function)),)))
    elif isinstance(outcome, Iterable):
        for one in outcome:
            yield from _findings(one, function)


# --- before production ------------------------------------------------------------------------------------------------


def deploy_faults(runtime: Runtime) -> list[Fault]:
    """What would be unsafe in production, as far as the application itself can tell."""
    return [fault for look in (_debug, _secret_key, _hosts, _open_routes) if (fault := look(runtime)) is not None]


def _debug(runtime: Runtime) -> Fault | None:
    app = Place("app", runtime.app.origin)
    if runtime.app.debug:
        return Fault(
            "KETCH-DEPLOY-001",
            "debug=True shows tracebacks and local variables to everybody.",
            (app,),
            fix="Take it away: `ketch dev` shows them without it.",
        )
    if runtime.mode != "production":
        return Fault(
            "KETCH-DEPLOY-001",
            f"KETCH_ENV is {runtime.mode}.",
            why="In production it is production, which is also what it is when nothing is said.",
        )
    return None


def _secret_key(runtime: Runtime) -> Fault | None:
    said = here(runtime.mode).text("SECRET_KEY")
    key = said.value if said is not None else None
    signing = [name for e in runtime.app.extensions if (name := getattr(e, "name", "")) in _SIGNING]
    fix = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
    if key is None:
        if not signing or _has_own_secret(runtime):
            return None
        why = f"{', '.join(signing)} must sign with it, and will not start in production without."
        return Fault("KETCH-DEPLOY-002", "SECRET_KEY is not set.", why=why, fix=fix)
    if len(key) < _SHORT or len(set(key)) < 10:
        return Fault(
            "KETCH-DEPLOY-002",
            "SECRET_KEY is short or simple enough to be guessed.",
            why="Who knows it can sign sessions and tokens.",
            fix=fix,
        )
    return None


def _has_own_secret(runtime: Runtime) -> bool:
    return any(getattr(extension, "_secret", None) for extension in runtime.app.extensions)


def _hosts(runtime: Runtime) -> Fault | None:
    named = {name_of(record.target) for record in runtime.app.declared.middleware}
    kinds = {type(record.target).__name__ for record in runtime.app.declared.middleware}
    if "TrustedHostMiddleware" in named | kinds:
        return None
    return Fault(
        "KETCH-DEPLOY-003",
        "Requests for any host are answered.",
        (Place("app", runtime.app.origin),),
        why="A client chooses the Host header; links and redirects would lead where it says.",
        fix='app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])',
    )


def _open_routes(runtime: Runtime) -> Fault | None:
    """Unsafe routes that nobody guards and that do not say that they are for everybody."""
    bare = [
        route
        for route in runtime.routes
        if not route.guard_nodes and not route.options.get("public") and not _SAFE.issuperset(route.methods)
    ]
    if not bare:
        return None
    places = tuple(Place(route.label, route.origin) for route in bare[:_LISTED])
    count = "One unsafe route" if len(bare) == 1 else f"{len(bare)} unsafe routes"
    return Fault(
        "KETCH-DEPLOY-004",
        f"{count} can be used by anybody.",
        places,
        why=f"(The first {_LISTED} are shown.)" if len(bare) > _LISTED else "",
        fix="A guard: dependencies=[guard] on route, Router or App; or public=True to say that it is meant.",
    )


__all__ = ["ERROR", "WARNING", "Finding", "check", "deploy_faults"]
