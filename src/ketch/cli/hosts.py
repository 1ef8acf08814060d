"""Which hosts `ketch dev` answers.

On a loopback address: only names of this machine itself, so that no page from elsewhere reaches a developer's server by
a name that it has pointed here (DNS rebinding). On another address, which somebody has asked for: also addresses (a
rebinding page needs a name) and this machine's own name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from ketch.http.url import host_name, valid_host


def is_loopback(host: str) -> bool:
    """Is this name or address (without a port) the machine itself?"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def host_test(bound: str) -> Callable[[str], bool]:
    """The test of a Host header for a server that listens on the address or name `bound`."""
    if is_loopback(bound):
        return lambda header: is_loopback(_name(header))
    own = {bound.lower(), *_own_names()}

    def test(header: str) -> bool:
        name = _name(header)
        return bool(name) and (is_loopback(name) or _address(name) is not None or name in own)

    return test


def _own_names() -> set[str]:
    import socket

    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


def _name(header: str) -> str:
    """The name in a Host header; "" if it is malformed."""
    return host_name(header) if valid_host(header) else ""


def refusal(header: str | None) -> dict[str, Any]:
    """The problem document for a host that is not answered."""
    from ketch.http.redact import plain

    named = f"not {plain(header, text=200)}" if header else "and this request names none"
    return {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": f"ketch dev answers for this machine's own names only (localhost, 127.0.0.1), {named}.",
        "code": "host",
    }
