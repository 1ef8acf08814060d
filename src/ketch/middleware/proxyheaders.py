"""Behind a proxy: who the client was, and how it came, as the proxies say that we have reason to believe.

Theory of operation. The peer of the connection is known; everything else is hearsay. If the peer is one of ours, its
last entry in the header is true: it says who spoke to it. If that one is ours too, the entry before is true, and so on
from right to left, until an address that is not ours: that is the client. What stands further left the client wrote.

A proxy overwrites the headers it knows and passes on the others as the client sent them. So only the headers that your
proxies set may be read, and they have to be named: by default X-Forwarded-For and X-Forwarded-Proto, which practically
all of them set. `Forwarded` and X-Forwarded-* are two ways to say the same, and are never read together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from ketch.http.connection import HTTPConnection
from ketch.http.response import Response
from ketch.http.url import DEFAULT_PORTS, valid_host
from ketch.kernel.errors import SetupError
from ketch.kernel.suggest import did_you_mean
from ketch.middleware.forwarded import MOST_HOPS, Node, parse_address, parse_forwarded, parse_node, split_list
from ketch.middleware.onion import CallNext, is_websocket, texts

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

FOR, PROTO, HOST, PORT = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"
FORWARDED = "forwarded"
KNOWN = (FOR, PROTO, HOST, PORT, FORWARDED)
UNIX = "unix"

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_REMEMBERED = 1_024


class ProxyHeadersMiddleware:
    """Corrects `request.client`, the scheme and, if asked to, the host, from what trusted proxies say.

    `trusted_hosts` are addresses and networks ("10.0.0.0/8"), and "unix" for peers without an address (a Unix socket).
    `headers` are those that your proxies set or overwrite on every request: "x-forwarded-for", "x-forwarded-proto",
    "x-forwarded-host", "x-forwarded-port", or "forwarded" alone. A request whose peer is not trusted stays as it is,
    and so does whatever a malformed header was to change. Put it outside all other middleware, and
    TrustedHostMiddleware inside it if it reads the host. Raises SetupError KETCH-MW-010, 015, 016 and 017.
    """

    def __init__(self, *, trusted_hosts: Iterable[str], headers: Iterable[str] = (FOR, PROTO)) -> None:
        hosts = texts("ProxyHeadersMiddleware", "trusted_hosts", trusted_hosts)
        self._networks = _networks(hosts)
        self._trusts_unix = UNIX in hosts
        self._headers = _checked(texts("ProxyHeadersMiddleware", "headers", headers))
        self._known_peers: dict[str, bool] = {}

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        if self._trusts_peer(request.scope.get("client")):
            if FORWARDED in self._headers:
                self._read_forwarded(request)
            else:
                self._read_x_forwarded(request)
        return await call_next(request)

    # Trust

    def _trusts_peer(self, client: tuple[str, int] | None) -> bool:
        if not client or not client[0]:
            return self._trusts_unix
        host = client[0]
        known = self._known_peers.get(host)
        if known is None:
            address = parse_address(host)
            known = address is not None and self._trusts(address)
            if len(self._known_peers) < _REMEMBERED:
                self._known_peers[host] = known
        return known

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)

    def _walk(self, nodes: list[Node | None]) -> int:
        """Where the client stands in a list from client to server: the first from the right that is not ours.

        None, an address that was hidden or is none, ends the walk: nobody can be recognised to its left.
        """
        at = len(nodes)
        while at > 0:
            at -= 1
            node = nodes[at]
            if node is None or not self._trusts(node.address):
                break
        return at

    # The two families

    def _read_x_forwarded(self, request: HTTPConnection) -> None:
        hops = self._values(request, FOR)
        nodes = [parse_node(hop) for hop in hops]
        at = self._walk(nodes)
        self._set_client(request, nodes, at)
        self._set_scheme(request, _beside(self._values(request, PROTO), hops, at))
        host = _beside(self._values(request, HOST), hops, at)
        port = _beside(self._values(request, PORT), hops, at)
        if host is not None or port is not None:
            self._set_host(request, host, port)

    def _read_forwarded(self, request: HTTPConnection) -> None:
        elements: list[dict[str, str]] = []
        for line in reversed(request.header_list(FORWARDED.encode())):
            read = parse_forwarded(line)
            if read is None:
                break  # nothing to the left of a line that cannot be read
            elements = read + elements
        elements = elements[-MOST_HOPS:]
        if not elements:
            return
        nodes = [parse_node(element.get("for", "")) for element in elements]
        at = self._walk(nodes)
        self._set_client(request, nodes, at)
        told = elements[at:]  # what our own proxies said, the outermost first
        self._set_scheme(request, next((element["proto"] for element in told if "proto" in element), None))
        host = next((element["host"] for element in told if "host" in element), None)
        if host is not None:
            self._set_host(request, host, None)

    def _values(self, request: HTTPConnection, header: str) -> list[str]:
        return split_list(request.header_list(header.encode())) if header in self._headers else []

    # What is corrected

    @staticmethod
    def _set_client(request: HTTPConnection, nodes: list[Node | None], at: int) -> None:
        """The client, or the outermost of our proxies where the client's address is hidden."""
        node = next((node for node in nodes[at : at + 2] if node is not None), None)
        if node is not None:
            request.rewrite(client=(str(node.address), node.port))

    @staticmethod
    def _set_scheme(request: HTTPConnection, proto: str | None) -> None:
        scheme = _SCHEMES.get((proto or "").lower())
        if scheme is not None:
            websocket = {"http": "ws", "https": "wss"}
            request.rewrite(scheme=websocket[scheme] if is_websocket(request) else scheme)

    @staticmethod
    def _set_host(request: HTTPConnection, host: str | None, port: str | None) -> None:
        present = host if host is not None else request.header(b"host")
        if present is None or not valid_host(present):
            return
        if port is not None and (host is None or ":" not in host.rpartition("]")[2]):
            if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65_535):
                return
            bare = present if present.endswith("]") else present.rpartition(":")[0] or present
            own = DEFAULT_PORTS.get(request.scope.get("scheme", "http"))
            present = bare if int(port) == own else f"{bare}:{port}"
        others = [pair for pair in request.scope["headers"] if pair[0] != b"host"]
        request.rewrite(headers=[(b"host", present.encode("latin-1")), *others])


def _beside(values: list[str], hops: list[str], at: int) -> str | None:
    """The value that belongs to the hop at `at`: beside it in a list of the same length, else the nearest proxy's."""
    if not values:
        return None
    return values[at] if len(values) == len(hops) else values[-1]


def _networks(hosts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    from ipaddress import ip_network

    if not hosts:
        raise SetupError(
            "KETCH-MW-015",
            "ProxyHeadersMiddleware(trusted_hosts=[]) trusts no proxy.",
            why="It would never change anything.",
            fix='Write:  trusted_hosts=["127.0.0.1", "10.0.0.0/8"]   (the addresses of your own proxies)',
        )
    networks = []
    for host in hosts:
        if host == UNIX:
            continue
        if host == "*":
            _refuse_everybody()
        try:
            networks.append(ip_network(host))
        except ValueError as error:
            raise SetupError(
                "KETCH-MW-016",
                f"ProxyHeadersMiddleware: {host!r} is no address or network: {error}.",
                why="Names are not looked up; the peer of a connection is an address.",
                fix='Write:  trusted_hosts=["10.0.0.0/8"]   or "unix" for a Unix socket',
            ) from None
    return tuple(networks)


def _refuse_everybody() -> NoReturn:
    raise SetupError(
        "KETCH-MW-015",
        'ProxyHeadersMiddleware(trusted_hosts=["*"]) would trust everybody.',
        why="Any client could then choose its own address, scheme and host.",
        fix='If nobody but your proxies can connect, say so:  trusted_hosts=["0.0.0.0/0", "::/0", "unix"]',
    )


def _checked(headers: tuple[str, ...]) -> frozenset[str]:
    names = frozenset(header.lower() for header in headers)
    for name in sorted(names):
        if name not in KNOWN:
            guess = did_you_mean(name, KNOWN)
            raise SetupError(
                "KETCH-MW-017",
                f"ProxyHeadersMiddleware(headers=...): {name!r} is not a header of proxies that Ketch reads.",
                why=f"Did you mean {guess!r}?" if guess else f"It reads {', '.join(KNOWN)}.",
                fix=f'Write:  headers=["{guess or FOR}"]',
            )
    if FORWARDED in names and len(names) > 1:
        raise SetupError(
            "KETCH-MW-017",
            "ProxyHeadersMiddleware(headers=...) has Forwarded and X-Forwarded-* together.",
            why="A proxy sets one of them; the other comes from the client, who could write anything.",
            fix='Write:  headers=["forwarded"]   or the X-Forwarded ones that your proxy sets',
        )
    return names
