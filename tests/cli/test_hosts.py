"""Which Host headers `ketch dev` answers."""

from __future__ import annotations

import socket

import pytest

from ketch.cli.hosts import host_test, is_loopback, refusal

LOOPBACK = [
    "localhost",
    "LOCALHOST:8000",
    "localhost.",
    "shop.localhost:1",
    "127.0.0.1:8000",
    "127.1.2.3",
    "[::1]:8000",
    "[::1]",
]
FOREIGN = [
    "example.com",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "notlocalhost",
    "",
    " ",
    "localhost:80:80",
    "localhost/x",
    "user@localhost",
    "[::1",
    "[::2]",
    "0x7f.1",
    "a" * 5000,
]
ADDRESSES = ["192.168.0.7:8000", "[fe80::1]:8000"]


@pytest.mark.parametrize("header", LOOPBACK)
@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "::1", "0.0.0.0"])
def test_this_machines_own_names(bound: str, header: str) -> None:
    assert host_test(bound)(header)


@pytest.mark.parametrize("header", [*FOREIGN, *ADDRESSES])
def test_others_on_a_loopback_address(header: str) -> None:
    assert not host_test("127.0.0.1")(header)


def test_on_another_address_names_are_refused_and_addresses_are_not() -> None:
    test = host_test("0.0.0.0")
    assert all(map(test, ADDRESSES))
    assert not any(test(header) for header in FOREIGN if header != "[::2]")
    assert test(socket.gethostname().lower() + ":8000")


def test_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("example.com")


def test_the_refusal_survives_anything() -> None:
    assert refusal(None)["status"] == 400
    assert len(refusal("\ud800" * 9_000)["detail"]) < 400
