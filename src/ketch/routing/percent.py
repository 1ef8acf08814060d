"""Percent-encoding of single segments of a path (RFC 3986, section 2.1), strict in both directions."""

from __future__ import annotations

import re

from ketch.http.percent import unquote_bytes

# Unreserved characters, and three more that RFC 3986 allows in a segment and that read well in one. The slash and
# the backslash (which browsers take for a slash) are never among them.
_UNSAFE = re.compile(rb"[^A-Za-z0-9\-._~:@,]")
_UNSAFE_TEXT = re.compile(r"[^A-Za-z0-9\-._~:@,]")


def encode_segment(text: str) -> str:
    """`text` as it may stand in one segment of a URL's path: ASCII, without slashes.

    Raises ValueError (UnicodeEncodeError) for a lone surrogate, which no URL can carry.
    """
    if _UNSAFE_TEXT.search(text) is None:
        return text
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8")).decode("ascii")


def decode(raw: bytes) -> str:
    """The text that percent-encoded `raw` stands for.

    Raises ValueError when an escape is malformed (`%`, `%4`, `%zz`), when raw bytes are not ASCII, or when the decoded
    bytes are not UTF-8. Time is linear.
    """
    if not raw.isascii():
        raise ValueError("bytes outside ASCII must be percent-encoded")
    return unquote_bytes(raw, strict=True).decode("utf-8")
