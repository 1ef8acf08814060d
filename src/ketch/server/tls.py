"""TLS by the standard library: from files to a context, with defaults that need no thought.

TLS 1.2 and newer, forward secrecy only, ALPN http/1.1 (HTTP/2 is left to other servers and to proxies). New workers
read the files anew, so after a certificate was renewed a HUP is enough.
"""

from __future__ import annotations

import os
import ssl

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin
from ketch.server.settings import ServerSettings

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2; those of 1.3 are all good and not chosen here


def make_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """The context the settings ask for; None if they ask for none. Raises SetupError (KETCH-SERVE-002)."""
    if settings.tls_cert is None:
        return None
    for name in ("tls_cert", "tls_key", "tls_ca"):
        _readable(name, getattr(settings, name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.set_ciphers(settings.tls_ciphers or _CIPHERS)
    except ssl.SSLError:
        raise _wrong("tls_ciphers", "OpenSSL knows none of these ciphers.", str(settings.tls_ciphers)) from None
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would make OpenSSL ask a terminal that is not there.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
    except _Encrypted:
        raise _wrong("tls_key", "The private key is encrypted.", settings.tls_key or settings.tls_cert) from None
    except (ssl.SSLError, OSError) as error:
        raise _wrong("tls_cert", _reason(error), settings.tls_cert) from None
    if settings.tls_ca is not None:
        try:
            context.load_verify_locations(settings.tls_ca)
        except (ssl.SSLError, OSError) as error:
            raise _wrong("tls_ca", _reason(error), settings.tls_ca) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    raise _Encrypted


def _readable(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise _wrong(name, f"The file cannot be read: {error.strerror}.", path) from None


def _reason(error: Exception) -> str:
    text = str(error)
    if "KEY_VALUES_MISMATCH" in text:
        return "The private key does not belong to the certificate."
    return f"There is no certificate with its key, in PEM, in it ({getattr(error, 'reason', None) or text})."


def _wrong(name: str, what: str, path: str) -> SetupError:
    return SetupError(
        "KETCH-SERVE-002",
        f"TLS cannot be set up. {what}",
        places=[Place(name, Origin(os.path.abspath(path) if name != "tls_ciphers" else path, 0))],
        fix="tls_cert is a PEM file with the certificate and its chain, tls_key one with the key, without a password.",
    )
