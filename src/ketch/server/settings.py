"""Everything about serving that somebody may want to change, in one frozen value.

Each field says its meaning (with units), its flag of `ketch run` and its environment variable once, here: the command's
options, the reading of the environment and the table in docs/server.md are made from it or held equal to it by a test.
Limits and timeouts are on by default. `None` turns one off; in the environment and on the command line `none` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NamedTuple, get_type_hints

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

OFF = "none"
"""What turns an optional limit off where only text can be said."""


class Option(NamedTuple):
    """One setting as data: `least` is the smallest number allowed; `kind` is the type of one value."""

    name: str
    kind: type
    default: Any
    optional: bool
    several: bool
    least: float | None
    flag: str
    variable: str
    help: str


def _setting(default: Any, help: str, *, least: float | None = None, env: str = "", flag: str = "") -> Any:
    return field(default=default, metadata={"help": help, "least": least, "env": env, "flag": flag})


def usable_cores() -> int:
    """The processors this process may run on: fewer than the machine's where a container or `taskset` says so."""
    counted = getattr(os, "process_cpu_count", None)  # since Python 3.13
    if counted is not None:
        return counted() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How to serve. Times are seconds, sizes bytes; numbers are for one process unless the text says otherwise.

    Raises SetupError (KETCH-SERVE-001) for a value that makes no sense.
    """

    # Where
    host: tuple[str, ...] = _setting(
        ("127.0.0.1",), "An address or name to listen on, may be repeated; 0.0.0.0 and :: for all.", env="HOST"
    )
    port: int = _setting(8000, "The TCP port; 0 for any that is free.", least=0, env="PORT")
    uds: str | None = _setting(None, "The path of a Unix socket, instead of an address.")
    uds_mode: int = _setting(0o660, "The permissions of the Unix socket, in octal.", least=0)
    backlog: int = _setting(2_048, "Connections that may wait to be accepted, for each socket.", least=1)

    # Processes
    workers: int = _setting(0, "Processes that serve; 0 for one per usable core.", least=0, env="WEB_CONCURRENCY")
    grace: float = _setting(30.0, "Seconds that requests have to finish in when a process is to end.", least=0)
    start_timeout: float | None = _setting(300.0, "Seconds a process has until it serves.", least=0.1)
    hang_timeout: float | None = _setting(
        30.0, "Seconds an event loop may stand still before its process is replaced.", least=0.1
    )
    max_requests: int | None = _setting(
        None, "Requests after which a process is replaced, for applications that leak.", least=1
    )
    max_requests_jitter: float = _setting(
        0.1, "The part of max_requests that is drawn by lot, so that processes do not go at once.", least=0
    )

    # What one request may be
    max_head: int = _setting(65_536, "Bytes of a request line with all its headers (431).", least=256)
    max_headers: int = _setting(128, "Header lines of a request (431).", least=1)
    max_url: int = _setting(8_192, "Bytes of a request's target (414).", least=1)
    max_body: int | None = _setting(None, "Bytes of any request's body (413); the application's limits rule below it.")

    # How long things may take
    header_timeout: float | None = _setting(
        9.0, "Seconds in which a whole request head has to arrive, from its first byte or the connection's start.",
        least=0.1,
    )  # fmt: skip
    body_min_rate: int | None = _setting(500, "Bytes a second that a body has to bring on average.", least=1)
    body_grace: float = _setting(5.0, "Seconds at the start of a body before its rate counts.", least=0)
    # Longer than the 60 s for which nginx and the common load balancers keep an idle upstream connection: the side that
    # sends requests must be the one that closes, or it sends one into a connection that is being closed.
    keep_alive: float = _setting(75.0, "Seconds an idle connection is kept.", least=0)
    write_timeout: float | None = _setting(
        9.0, "Seconds a client may take nothing of a response that waits for it.", least=0.1
    )
    max_connections: int | None = _setting(16_384, "Connections open at a time; further ones get a 503.", least=1)
    write_buffer: int = _setting(65_536, "Bytes of a response that wait for a slow client before its handler does.")

    # WebSocket
    ws_max_message: int | None = _setting(
        None, "Bytes of a WebSocket message, decompressed (1009); none for the application's own limit alone.", least=1
    )
    ws_max_fragments: int = _setting(16_384, "Frames that one WebSocket message may come in (1009).", least=1)
    ws_ping_interval: float | None = _setting(20.0, "Seconds of silence before a WebSocket is pinged.", least=0.1)
    ws_ping_timeout: float | None = _setting(20.0, "Seconds to answer a ping in (1011).", least=0.1)
    ws_idle_timeout: float | None = _setting(
        None, "Seconds in which a WebSocket carries no message, either way, before it is closed (1001).", least=0.1
    )
    ws_close_timeout: float = _setting(5.0, "Seconds a WebSocket's peer has to answer our close.", least=0.1)
    ws_compression: bool = _setting(True, "Offer permessage-deflate to WebSocket clients.")

    # Proxies
    root_path: str = _setting("", "The prefix that a proxy takes off.")
    forwarded_allow_ips: str | None = _setting(
        None,
        "Proxies whose X-Forwarded-* headers count, with commas; without it nobody's do.",
        env="FORWARDED_ALLOW_IPS",
    )

    # TLS
    tls_cert: str | None = _setting(None, "A PEM file with the certificate and its chain; serves https.")
    tls_key: str | None = _setting(None, "A PEM file with the private key, if it is not in the certificate's.")
    tls_ca: str | None = _setting(None, "A PEM file of authorities; clients then need a certificate from one of them.")
    tls_ciphers: str | None = _setting(None, "Ciphers of TLS 1.2, in OpenSSL's words.")

    # What is told
    access_log: bool = _setting(False, "A line for each request.")
    server_header: bool = _setting(False, "Name the server in each response.")
    metrics: str | None = _setting(None, "HOST:PORT of /metrics (Prometheus), /live and /ready.")

    def __post_init__(self) -> None:
        for option in OPTIONS:
            _check(option, getattr(self, option.name))
        if self.tls_key is not None and self.tls_cert is None:
            raise _wrong("tls_key", self.tls_key, "A key is of no use without its certificate.", "Set tls_cert too.")
        if self.port > 65_535:
            raise _wrong("port", self.port, "Ports end at 65535.")

    @property
    def processes(self) -> int:
        """How many processes serve: `workers`, or one per usable core."""
        return self.workers or usable_cores()

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, **said: Any) -> ServerSettings:
        """From the environment (that of the process unless given); what is `said` and is not None is stronger.

        Text that is said is read as a variable's is. Raises SetupError (KETCH-SERVE-001).
        """
        variables = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for option in OPTIONS:
            own = said.get(option.name)
            if own is not None:
                values[option.name] = _from_text(option, own, option.flag) if isinstance(own, str) else own
            elif written := variables.get(option.variable):
                values[option.name] = _from_text(option, written, option.variable)
        return cls(**values)


def _options() -> tuple[Option, ...]:
    hints = get_type_hints(ServerSettings)
    found = []
    for each in fields(ServerSettings):
        assert each.default is not MISSING
        text, optional, several = str(hints[each.name]), "None" in str(hints[each.name]), each.name == "host"
        kind = next((kind for kind in (bool, int, float) if kind.__name__ in text), str)
        flag = each.metadata["flag"] or "--" + each.name.replace("_", "-")
        variable = each.metadata["env"] or f"KETCH_{each.name.upper()}"
        least, help = each.metadata["least"], each.metadata["help"]
        found.append(Option(each.name, kind, each.default, optional, several, least, flag, variable, help))
    return tuple(found)


OPTIONS: tuple[Option, ...] = _options()
"""Every setting, in the order of the class."""


def _check(option: Option, value: Any) -> None:
    if value is None:
        if not option.optional:
            raise _wrong(option.name, value, "It cannot be turned off.")
        return
    if option.several:
        fits = isinstance(value, tuple) and bool(value) and all(isinstance(one, str) for one in value)
    elif option.kind is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fits = type(value) is option.kind
    if not fits:
        raise _wrong(option.name, value, f"It takes {_WORDS[option.kind]}.")
    if option.least is not None and not value >= option.least:  # so that nan is refused too
        raise _wrong(option.name, value, f"The least is {option.least:g}.")


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _from_text(option: Option, text: str, source: str) -> Any:
    """What a text means for this setting. Raises SetupError (KETCH-SERVE-001), naming `source`."""
    word = text.strip()
    try:
        if option.optional and word.lower() == OFF:
            return None
        if option.several:
            return tuple(part for part in word.replace(",", " ").split() if part) or option.default
        if option.kind is bool:
            return {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}[word.lower()]
        if option.name == "uds_mode":
            return int(word, 8)
        return option.kind(word)
    except (ValueError, KeyError):
        raise _wrong(option.name, text, f"It takes {_WORDS[option.kind]}.", source=source) from None


def _wrong(name: str, value: Any, why: str, fix: str = "", source: str = "") -> SetupError:
    place = [Place("said by", Origin(source, 0))] if source else []
    return SetupError("KETCH-SERVE-001", f"The server's {name} cannot be {value!r}.", places=place, why=why, fix=fix)
