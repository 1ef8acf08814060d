"""Listening sockets, and what systemd passes."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from ketch.server.settings import ServerSettings
from ketch.server.sockets import SPREADS, CannotListen, Listeners, listen, listen_tcp, listen_unix, url_of
from ketch.server.systemd import Notifier, activated

COMMAND = "ketch run"


def close(listeners: Listeners) -> None:
    listeners.close()
    listeners.close()  # a second time changes nothing


@pytest.mark.skipif(not SPREADS, reason="the kernel does not spread connections")
def test_every_slot_has_sockets_of_its_own_on_the_same_port() -> None:
    listeners = listen(ServerSettings(host=("127.0.0.1", "::1"), port=0), COMMAND, 2)
    first, second, third = (listeners.of(slot) for slot in (0, 1, 2))
    assert len({one.fileno() for one in (*first, *second, *third)}) == 6
    assert len({one.getsockname()[1] for one in (*first, *second, *third)}) == 1
    assert [address.rpartition(":")[0] for address in listeners.addresses] == ["http://127.0.0.1", "http://[::1]"]
    listeners.give_up(2)
    assert third[0].fileno() == -1
    assert listeners.of(1) is second
    close(listeners)
    assert first[0].fileno() == -1


def test_a_second_server_is_noticed_though_ports_can_be_shared() -> None:
    listeners = listen(ServerSettings(port=0), COMMAND, 2)
    port = listeners.of(0)[0].getsockname()[1]
    with pytest.raises(CannotListen, match=rf"Port {port} of 127.0.0.1 is taken(.|\n)*ketch run --port \d+"):
        listen(ServerSettings(port=port), COMMAND, 2)
    close(listeners)


def test_one_worker_shares_with_nobody() -> None:
    listeners = listen(ServerSettings(port=0), COMMAND, 1)
    assert listeners.of(0) is listeners.of(1)
    assert not listeners.of(0)[0].getsockopt(socket.SOL_SOCKET, getattr(socket, "SO_REUSEPORT", 15))
    close(listeners)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid", "a" * 70 + ".example"])
def test_addresses_that_are_not_to_be_had(host: str) -> None:
    with pytest.raises(CannotListen, match="Cannot listen on"):
        listen_tcp(host, 0, COMMAND)


def test_a_unix_socket_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "one.sock")
    listeners = listen(ServerSettings(uds=path, uds_mode=0o600), COMMAND, 2)
    assert listeners.addresses == [f"unix:{path}"]
    with pytest.raises(CannotListen, match="taken by another program"):
        listen_unix(path)
    os.unlink(path)
    other = listen_unix(path)
    close(listeners)
    assert os.path.exists(path), "it belongs to the other one by then"
    other.close()


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "important"
    file.write_text("data")
    with pytest.raises(CannotListen, match="no socket"):
        listen_unix(str(file))
    assert file.read_text() == "data"
    with pytest.raises(CannotListen, match="No such file"):
        listen_unix(str(tmp_path / "nowhere" / "one.sock"))


def test_urls() -> None:
    assert url_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_of("::", 80, "https") == "https://[::1]:80"
    assert url_of("shop.localhost", 80) == "http://shop.localhost:80"


def test_sockets_that_are_meant_for_somebody_else_are_left_alone() -> None:
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
    assert activated(environ) == []
    assert environ == {}
    assert activated({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets in Python there")
def test_the_notifier_says_nothing_to_nobody(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}):
        notifier = Notifier(environ)
        notifier.ready("fine")
        notifier.stopping()
        assert notifier.watchdog is None
        assert environ == {}
