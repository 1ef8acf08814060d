"""The grammar of a head and of chunks, as tables of bytes and as patterns (RFC 9110, section 5; RFC 9112; RFC 3986)."""

from __future__ import annotations

import re


def _table(*allowed: int) -> bytes:
    """256 bytes: 1 where a byte is allowed."""
    return bytes([byte in allowed for byte in range(256)])


_NAME_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# RFC 9110, section 5.6.2
TOKEN = _table(*_NAME_BYTES, *b"!#$%&'*+-.^_`|~")
# Visible ASCII but "#", which never travels, and "?", which ends the path. RFC 3986 allows fewer; browsers send these.
PATH = _table(*[byte for byte in range(0x21, 0x7F) if byte not in b"#?"])
QUERY = _table(*[byte for byte in range(0x21, 0x7F) if byte not in b"#"])
HOST_BYTES = _table(*_NAME_BYTES, *b"-._")
# RFC 9110, section 5.5: no control bytes but the tab
VALUE = _table(*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100))

TAB, LF, CR, SPACE, COLON, SLASH = b"\t\n\r :/"

# How long a method may be, and a request line without its target.
LONGEST_METHOD = 32
LONGEST_LINE = LONGEST_METHOD + len("  HTTP/1.1\r\n")

# PERF: a look-up gives a text that exists already (25 ns; decoding takes 60).
METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY")}

# The fields that decide how the message is read. All others pass unseen.
HOST, LENGTH, CODING, CONNECTION, EXPECT, UPGRADE = range(1, 7)
DECIDING = {
    b"host": HOST,
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
}
FIND_DECIDING = re.compile(rb"\n(" + b"|".join(DECIDING) + rb"):[ \t]*+([^\r]*+)").findall
# No two of them are of one length, so the length says which one a name might be.
_BY_LENGTH = {len(name): (name, kind) for name, kind in DECIDING.items()}
SUSPECTS = [_BY_LENGTH.get(length, (b"", 0))[0] for length in range(18)]
KINDS = [_BY_LENGTH.get(length, (b"", 0))[1] for length in range(18)]
REPEATED = {HOST: "Host", LENGTH: "Content-Length", CODING: "Transfer-Encoding", EXPECT: "Expect"}

SPACES = b" \t"

TOKEN_PATTERN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
WHOLE_HEAD = re.compile(
    rb"([A-Z-]{1,32}+) (/[!\"$->@-~]*+)(\?[!\"$-~]*+)? HTTP/1\.([01])"
    rb"(\r\n(?:" + TOKEN_PATTERN + rb":[\t -~\x80-\xff]*+\r\n)*+)\r\n"
).match
OTHER_METHOD = re.compile(rb"[A-Z][A-Z-]*").fullmatch
ABSOLUTE = re.compile(rb"(?i:https?)://([^/]+)(/.*)?", re.DOTALL).fullmatch
HOST_AND_PORT = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch
VERSION = re.compile(rb" HTTP/[0-9]\.[0-9]\r\n").match
_coding = TOKEN_PATTERN + rb"(?:[ \t]*+;[ \t]*+" + TOKEN_PATTERN + rb"=" + TOKEN_PATTERN + rb")*+"
CODINGS = re.compile(_coding + rb"(?:[ \t]*+,[ \t]*+" + _coding + rb")*+").fullmatch
# What no head may contain anywhere: seen at once, even while the blank line has not come.
NEVER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]").search
