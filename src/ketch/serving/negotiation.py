"""Which codec a result goes out in: JSON, unless Accept asks for another that is installed (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.http.negotiate import best
from ketch.http.problems import NotAcceptable

if TYPE_CHECKING:
    from ketch.http.request import Request

_MAX_KNOWN = 512
_REFUSED = object()


def choose_codec(accept: str, request: Request) -> None:
    """Set `request.codec` (None: JSON). Raises NotAcceptable (406) when nothing installed would do."""
    if accept == "*/*" or accept == "application/json":
        return
    codecs, known = request.runtime.codecs, request.runtime.accepted
    # PERF: browsers and clients send few different Accept headers; each is parsed once. None: JSON.
    chosen = known.get(accept)
    if chosen is None and accept not in known:
        chosen = _choose(accept, codecs)
        if len(known) < _MAX_KNOWN:
            known[accept] = chosen
    if chosen is _REFUSED:
        offers = ", ".join(["application/json", *(codec.media_type for codec in codecs)])
        raise NotAcceptable(f"This is available as {offers}.")
    request.codec = chosen


def _choose(accept: str, codecs: tuple[Any, ...]) -> Any:
    offers = ["application/json", *(codec.media_type for codec in codecs)]
    choice = best(accept, offers)
    if choice is None:
        return _REFUSED
    return None if choice == offers[0] else codecs[offers.index(choice) - 1]
