"""WebSockets over TLS, where no half of a connection can be closed."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.server.socket_app import SocketApp
from tests.support.native import Native, native

pytestmark = pytest.mark.serial

APP = SocketApp()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, file = str(folder / "sea.key"), str(folder / "sea.pem")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", key, "-out", file, "-days", "2", "-subj", "/CN=sea", "-addext", "subjectAltName=DNS:sea"]
    subprocess.run(words, check=True, capture_output=True)
    return file, key


@pytest.fixture
def sea(certificate: tuple[str, str]) -> Iterator[Native]:
    file, key = certificate
    with native(APP, tls_cert=file, tls_key=key) as running:
        yield running


def opened(sea: Native, certificate: tuple[str, str], path: str = "/", **options: Any) -> ClientConnection:
    context = ssl.create_default_context(cafile=certificate[0])
    connection: ClientConnection = connect(
        f"wss://127.0.0.1:{sea.port}{path}", ssl=context, server_hostname="sea", proxy=None, max_size=None, **options
    )
    return connection


def test_messages_and_the_scope(sea: Native, certificate: tuple[str, str]) -> None:
    APP.scopes.clear()
    with opened(sea, certificate) as client:
        for message in ("Ahoi", b"\x00" * 300_000, "ü€𝄞" * 50_000):
            client.send(message)
            assert client.recv() == message
    assert APP.scopes[0]["scheme"] == "wss"


def test_why_it_ended_arrives(sea: Native, certificate: tuple[str, str]) -> None:
    """Also while the client still sends what nobody reads any more."""
    with opened(sea, certificate, compression=None) as client:
        with pytest.raises(ConnectionClosed) as caught:
            client.send("x" * 1_048_577)
            client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_a_server_that_stops_says_so(sea: Native, certificate: tuple[str, str]) -> None:
    with opened(sea, certificate) as client:
        client.send("x")
        client.recv()
        ending = threading.Thread(target=sea.stop)
        ending.start()
        with pytest.raises(ConnectionClosed) as caught:
            client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        ending.join(10)
        assert not ending.is_alive()
