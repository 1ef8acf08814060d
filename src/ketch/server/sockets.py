"""Listening sockets: opened by the process that stays, inherited by those that serve.

On Linux every worker's slot has sockets of its own on the same addresses (SO_REUSEPORT), so the kernel spreads
connections evenly; elsewhere, for Unix sockets and for those that systemd opened, all workers share one. In both cases
the supervisor holds them open: what waits to be accepted waits for the next worker of that slot and is never lost.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass, field

from ketch.server.settings import ServerSettings
from ketch.server.systemd import activated

_NEXT = 50  # ports that are tried for a suggestion
SPREADS = sys.platform.startswith("linux") and hasattr(socket, "SO_REUSEPORT")
"""Whether the kernel spreads connections over sockets on one address: other systems have the option, but not that."""


class CannotListen(Exception):
    """No socket is to be had; the message says why and what to do, in whole lines."""


def listen_tcp(host: str, port: int, command: str, backlog: int = 2_048) -> socket.socket:
    """A listening socket. `command` is what was typed, for the hint. Raises CannotListen."""
    try:
        return _tcp(host, port, backlog)
    except (OSError, UnicodeError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise CannotListen(_taken(host, port, command) if taken else _refused(host, port, error)) from None


def _tcp(host: str, port: int, backlog: int, shared: bool = False) -> socket.socket:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:  # `::` means IPv6; `--host 0.0.0.0 --host ::` both, on every system
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Linux: accepted sockets inherit it
        opened.bind(address)
        opened.listen(backlog)
    except OSError:
        opened.close()
        raise
    return opened


def _taken(host: str, port: int, command: str) -> str:
    free = next((n for n in range(port + 1, min(port + _NEXT, 65536)) if _is_free(host, n)), None)
    hint = f"  This one is free:  {command} --port {free}" if free is not None else "  Choose one with --port."
    return f"Port {port} of {host} is taken by another program.\n{hint}"


def _is_free(host: str, port: int) -> bool:
    try:
        _tcp(host, port, 1).close()
    except OSError:
        return False
    return True


def _refused(host: str, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    hint = "  Ports below 1024 need more rights; choose a higher one." if 0 < port < 1024 else "  Look at --host."
    return f"Cannot listen on {host}, port {port}: {reason}.\n{hint}"


# --- Unix sockets -----------------------------------------------------------------------------------------------------


def listen_unix(path: str, mode: int = 0o660, backlog: int = 2_048) -> socket.socket:
    """A listening Unix socket with these permissions; the file of a dead server is removed. Raises CannotListen."""
    try:
        _remove_stale(path)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)  # nobody else may connect in the moment before the permissions are set
            try:
                opened.bind(path)
            finally:
                os.umask(before)
            os.chmod(path, mode)
            opened.listen(backlog)
        except OSError:
            opened.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"Cannot listen on {path}: {reason}.\n  Look at --uds.") from None
    return opened


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise CannotListen(f"Cannot listen on {path}: there is a file that is no socket.\n  Look at --uds.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise CannotListen(f"{path} is taken by another program.\n  Choose another path with --uds.")


# --- all of a server's ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Listeners:
    """What a server listens on. `slots` holds the sockets of each worker; where they are shared there is one entry."""

    settings: ServerSettings
    slots: list[list[socket.socket]]
    addresses: list[str]
    shared: bool
    _path: tuple[str, int] | None = field(default=None)

    def of(self, slot: int) -> list[socket.socket]:
        """The sockets of the worker in this slot, opened now if the slot is new. Raises OSError."""
        if self.shared:
            return self.slots[0]
        while slot >= len(self.slots):
            self.slots.append([_again(one, self.settings.backlog) for one in self.slots[0]])
        return self.slots[slot]

    def opened(self, slot: int) -> int:
        """Where in `slots` the sockets of this slot are. Raises OSError."""
        self.of(slot)
        return 0 if self.shared else slot

    def give_up(self, slot: int) -> None:
        """This slot is gone; the first stays."""
        if not self.shared and 0 < slot == len(self.slots) - 1:
            for one in self.slots.pop():
                one.close()

    def close(self) -> None:
        """Close everything and remove the Unix socket's file, if it is still ours."""
        for one in [one for slot in self.slots for one in slot]:
            one.close()
        if self._path is not None:
            path, inode = self._path
            self._path = None
            with suppress(OSError):
                if os.stat(path).st_ino == inode:
                    os.unlink(path)


def listen(settings: ServerSettings, command: str, workers: int = 1) -> Listeners:
    """Open what the settings say, or take what systemd has opened, for this many workers. Raises CannotListen."""
    try:
        given = activated()
    except (OSError, ValueError) as error:
        raise CannotListen(f"The sockets that systemd passed cannot be used: {error}.") from None
    if given:
        return Listeners(settings, [given], [address_of(one, settings) for one in given], True)
    if settings.uds is not None:
        opened = listen_unix(settings.uds, settings.uds_mode, settings.backlog)
        inode = os.stat(settings.uds).st_ino
        return Listeners(settings, [[opened]], [f"unix:{settings.uds}"], True, (settings.uds, inode))
    return _listen_tcp(settings, command, spread=SPREADS and workers > 1)


def _listen_tcp(settings: ServerSettings, command: str, spread: bool) -> Listeners:
    first: list[socket.socket] = []
    try:
        port = settings.port
        for host in settings.host:
            # Alone at first: with SO_REUSEPORT a second server on the same port would not be noticed.
            opened = listen_tcp(host, port, command, settings.backlog)
            port = opened.getsockname()[1]
            if spread:
                opened.close()
                opened = _tcp(host, port, settings.backlog, shared=True)
            first.append(opened)
    except BaseException:
        for one in first:
            one.close()
        raise
    return Listeners(settings, [first], [address_of(one, settings) for one in first], not spread)


def _again(one: socket.socket, backlog: int) -> socket.socket:
    """Another socket on the same address."""
    host, port = one.getsockname()[:2]
    return _tcp(host, port, backlog, shared=True)


def address_of(one: socket.socket, settings: ServerSettings) -> str:
    """What to type into a browser, or `unix:PATH`."""
    if one.family == getattr(socket, "AF_UNIX", None):
        return f"unix:{one.getsockname()}"
    host, port = one.getsockname()[:2]
    return url_of(host, port, "https" if settings.tls_cert else "http")


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """What to type into a browser."""
    name = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{name}:{port}"
