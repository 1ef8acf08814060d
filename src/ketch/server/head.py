# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""The head of a request: bytes in, a `Head` or a refusal out (RFC 9112, sections 2 to 6; RFC 9110, sections 5 to 10).

No sockets and no clock. `parse_head` is given what has arrived so far. While the blank line has not come it answers
None, and looks only at bytes that are new. Then it judges everything in one pass, and what is ambiguous is refused: two
readers of one message must not see two messages.

The pass over the bytes is the one function in Ketch with two bodies. `scan_by_loops` walks by index. It says what is
wrong, and compiled (`head.pxd`) it is also the quick one. `scan_by_pattern` stands in where Python runs this file
uncompiled: one regular expression accepts almost every good head and leaves the rest to the loops. Both only collect;
`_settle` decides what the fields mean together. tests/server/test_parser_agrees.py holds the two equal.

PERF: microseconds for a head of one field, and of ten as browsers send them: loops compiled 0.45 and 1.1, the pattern
2.5 and 5.1, loops uncompiled 3.9 and 30.

Values are bytes as sent. Nothing is decoded, and the list of headers is made only when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.server.grammar import (
    ABSOLUTE,
    CODING,
    CODINGS,
    COLON,
    CONNECTION,
    CR,
    DECIDING,
    FIND_DECIDING,
    HOST,
    HOST_AND_PORT,
    HOST_BYTES,
    KINDS,
    LENGTH,
    LF,
    LONGEST_LINE,
    LONGEST_METHOD,
    METHODS,
    NEVER,
    OTHER_METHOD,
    PATH,
    QUERY,
    REPEATED,
    SLASH,
    SPACE,
    SPACES,
    SUSPECTS,
    TAB,
    TOKEN,
    UPGRADE,
    VALUE,
    VERSION,
    WHOLE_HEAD,
)

if TYPE_CHECKING:
    import cython
else:
    from ketch.kernel.uncompiled import cython

__all__ = ["BadHead", "Head", "HeadLimits", "parse_head"]


class HeadLimits:
    """What a head may be at most.

    size: bytes of the whole head, request line and blank line included (431)
    headers: field lines (431)
    url: bytes of the target as sent (414)
    """

    __slots__ = ("headers", "size", "url")

    def __init__(self, size: int = 65_536, headers: int = 128, url: int = 8_192) -> None:
        self.size = size
        self.headers = headers
        self.url = url


class BadHead(Exception):
    """The head is refused; answer with `status` and close the connection, since nobody knows where the next one begins.

    `status` is 400, 413, 414, 417, 431, 501 or 505; `reason` is a sentence for people, without anything that was sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Head:
    """A request's head that was accepted.

    method: as sent, upper case
    raw_path: the path as sent, percent-encoded, without the query; b"*" for `OPTIONS *`
    query: what follows the first "?", b"" if nothing does
    version: 10 or 11
    keep_alive: the client wants to use the connection again
    length: bytes of the body by Content-Length; 0 without one
    chunked: the body is chunked (`chunked.ChunkedBody`)
    expects_continue: the client waits for 100 (Continue) before it sends the body
    upgrade: protocols the client offers, lower case; b"" if none, or if Connection does not name it
    host: lower case, of the Host field or of an absolute target, which replaces it; None if HTTP/1.0 sent none
    count: field lines
    end: offset of the first byte after the head, in the data that was given
    """

    __slots__ = (
        "_absolute",
        "_coding",
        "_connection",
        "_data",
        "_expect",
        "_fields",
        "_headers",
        "_length",
        "_lower",
        "_repeated",
        "_stop",
        "_upgrade",
        "chunked",
        "count",
        "end",
        "expects_continue",
        "host",
        "keep_alive",
        "length",
        "method",
        "query",
        "raw_path",
        "upgrade",
        "version",
    )

    def __init__(self, data: bytes, end: int) -> None:
        self.method = ""
        self.raw_path = b""
        self.query = b""
        self.version = 11
        self.keep_alive = True
        self.length = 0
        self.chunked = False
        self.expects_continue = False
        self.upgrade = b""
        self.host: bytes | None = None
        self.count = 0
        self.end = end
        self._data = data
        self._fields = end  # where the fields begin; they end at `_stop`, where the blank line begins
        self._stop = end - 2
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lower: bytes | None = None
        self._absolute: bytes | None = None
        # What the deciding fields said, until `_settle` has decided; the first that was repeated and must not be.
        self._length: bytes | None = None
        self._coding: bytes | None = None
        self._connection: bytes | None = None
        self._expect: bytes | None = None
        self._upgrade: bytes | None = None
        self._repeated = 0

    def __repr__(self) -> str:
        return f"<Head {self.method} {self.raw_path.decode('ascii')} HTTP/{self.version / 10}>"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """All fields in the order sent, names in lower case, as ASGI wants them. Made once; do not change it."""
        if self._headers is None:
            if cython.compiled:
                made = _list_by_loops(self._data, self._fields, self._stop)
            else:
                made = _list_by_lines(self._data, self._fields, self._stop)
            self._headers = made if self._absolute is None else _with_host(made, self._absolute)
        return self._headers

    def header(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), without making the list; None if it was not sent."""
        if self._absolute is not None and name == b"host":
            return self._absolute
        if cython.compiled:
            return _find_by_loops(self._data, self._fields, self._stop, name, len(name))
        text = self._data
        if self._lower is None:
            # Two bytes early: the line end before a name belongs to what is looked for.
            self._lower = text[self._fields - 2 : self._stop].lower()
        at = self._lower.find(b"\n" + name + b":")
        if at < 0:
            return None
        end = self._lower.find(b"\r", at) + self._fields - 2
        return text[at + self._fields + len(name) : end].strip(SPACES)


def parse_head(data: bytes, start: int, limits: HeadLimits, searched: int = 0) -> Head | None:
    """The head that begins at `start`, or None while it is not whole.

    `searched` is the length that `data` had when it was asked last, so that bytes that dribble in are looked at once.
    Up to two empty lines before the head are skipped (RFC 9112, section 2.2).

    Raises BadHead.
    """
    # PERF: the call costs uncompiled a twentieth of a small head; nothing that begins a head is below CR.
    first = start if start < len(data) and data[start] > CR else _begin(data, start)
    if first < 0:
        return None
    found = data.find(b"\r\n\r\n", max(first, searched - 3))
    if found < 0:
        _check_unfinished(data, first, limits, searched)
        return None
    end = found + 4
    if end - first > limits.size:
        raise _too_large(data, first, limits)
    head = Head(data, end)
    if cython.compiled:
        scan_by_loops(head, data, first, limits)
    else:
        scan_by_pattern(head, data, first, limits)
    _settle(head)
    return head


# --- what has arrived -------------------------------------------------------------------------------------------------


def _begin(data: bytes, start: int) -> int:
    """Where the request line begins, after at most two empty lines; -1 if that has not arrived."""
    at = start
    for _ in range(3):
        if at >= len(data):
            return -1
        if data[at] != CR:
            return at
        if at + 1 == len(data):
            return -1
        if data[at + 1] != LF:
            break
        at += 2
    raise BadHead(400, "the request does not begin with a request line")


def _check_unfinished(data: bytes, first: int, limits: HeadLimits, searched: int) -> None:
    """Refuse at once what cannot become a head, so that nobody waits for a time-out to learn it."""
    line_end = data.find(b"\r\n", first, first + limits.url + LONGEST_LINE)
    if line_end < 0 and len(data) - first > limits.url + LONGEST_LINE:
        raise BadHead(414, "the target is too long")
    if line_end >= 0 and searched < line_end + 2:
        _scan_line(Head(data, len(data)), data, first, limits)
    if len(data) - first > limits.size:
        raise _too_large(data, first, limits)
    # A CR at the end of the data may still get its LF; an LF at the beginning of the new bytes may have its CR.
    if NEVER(data, max(first, searched - 1)) is not None:
        raise BadHead(400, "a control character, or a line that does not end with CR LF")


def _too_large(data: bytes, first: int, limits: HeadLimits) -> BadHead:
    if data.find(b"\r\n", first, first + limits.url + LONGEST_LINE) < 0:
        return BadHead(414, "the target is too long")
    return BadHead(431, "the head is too large")


# --- the scan, twice --------------------------------------------------------------------------------------------------


def scan_by_pattern(head: Head, data: bytes, first: int, limits: HeadLimits) -> None:
    """The scan uncompiled. Raises BadHead."""
    match = WHOLE_HEAD(data, first, head.end)
    if match is None or match.end() != head.end:
        scan_by_loops(head, data, first, limits)
        return
    method, path, query, minor, fields = match.groups(b"")
    if len(path) + len(query) > limits.url:
        raise BadHead(414, "the target is too long")
    head.method = METHODS.get(method) or _other_method(method)
    head.raw_path = path
    head.query = query[1:]
    if minor == b"0":
        head.version = 10
    head._fields = match.start(5) + 2
    lower = head._lower = fields.lower()
    head.count = lower.count(b"\r") - 1
    if head.count > limits.headers:
        raise BadHead(431, "too many header fields")
    for name, value in FIND_DECIDING(lower):
        _collect(head, DECIDING[name], value.rstrip(SPACES))


def scan_by_loops(head: Head, data: bytes, first: int, limits: HeadLimits) -> None:
    """The scan compiled, and the judge of what is wrong. Raises BadHead.

    Every loop ends at the latest at a CR, which no table allows, and the data has one in front of the blank line.
    """
    at = _scan_line(head, data, first, limits)
    head._fields = at
    while at < head._stop:
        begin = at
        while TOKEN[data[at]]:
            at += 1
        colon = at
        if colon == begin or data[colon] != COLON:
            raise _bad_name(data[begin], colon == begin)
        at += 1
        while data[at] == SPACE or data[at] == TAB:
            at += 1
        value = at
        while VALUE[data[at]]:
            at += 1
        if data[at] != CR or data[at + 1] != LF:
            raise BadHead(400, "a control character in a header, or a line that does not end with CR LF")
        head.count += 1
        if head.count > limits.headers:
            raise BadHead(431, "too many header fields")
        kind = _kind_of(data, begin, colon - begin)
        if kind:
            until = at
            while until > value and (data[until - 1] == SPACE or data[until - 1] == TAB):
                until -= 1
            _collect(head, kind, data[value:until].lower())
        at += 2


def _kind_of(data: bytes, begin: int, size: int) -> int:
    """Which deciding field the name at `begin` is, 0 if none."""
    if size > 17:
        return 0
    suspect = SUSPECTS[size]
    for place in range(len(suspect)):
        # A token's bytes become letters this way only if they are letters.
        if data[begin + place] | 32 != suspect[place]:
            return 0
    return KINDS[size]


def _scan_line(head: Head, data: bytes, first: int, limits: HeadLimits) -> int:
    """Read the request line (RFC 9112, section 3); where the fields begin."""
    at = first
    while TOKEN[data[at]]:
        at += 1
    if at == first or data[at] != SPACE:
        raise BadHead(400, "the request line does not begin with a method and one space")
    method = data[first:at]
    head.method = METHODS.get(method) or _other_method(method)
    target = at = at + 1
    while PATH[data[at]]:
        at += 1
    path_end = at
    while QUERY[data[at]]:
        at += 1
    if data[at] != SPACE or at == target:
        raise BadHead(400, "the target is empty, holds a byte that must be encoded, or is not followed by one space")
    if at - target > limits.url:
        raise BadHead(414, "the target is too long")
    version = data[at : min(at + 11, head.end)]
    if version != b" HTTP/1.1\r\n":
        if version != b" HTTP/1.0\r\n":
            raise _bad_version(version)
        head.version = 10
    head.raw_path = data[target:path_end]
    if path_end < at:
        head.query = data[path_end + 1 : at]
    if data[target] != SLASH:
        _read_odd_target(head, path_end < at)
    return at + 11


def _list_by_lines(data: bytes, fields: int, stop: int) -> list[tuple[bytes, bytes]]:
    """The fields of a head that was accepted, uncompiled."""
    found = []
    for line in data[fields : max(fields, stop - 2)].splitlines():
        name, _, value = line.partition(b":")
        found.append((name.lower(), value.strip(SPACES)))
    return found


def _list_by_loops(data: bytes, fields: int, stop: int) -> list[tuple[bytes, bytes]]:
    """The same compiled. PERF: half the time of cutting the lines at CR LF and colon (120 ns a field, not 250)."""
    found = []
    at = fields
    while at < stop:
        begin = at
        while data[at] != COLON:
            at += 1
        name = data[begin:at]
        at += 1
        while data[at] == SPACE or data[at] == TAB:
            at += 1
        begin = at
        while data[at] != CR:
            at += 1
        until = at
        while until > begin and (data[until - 1] == SPACE or data[until - 1] == TAB):
            until -= 1
        found.append((name.lower(), data[begin:until]))
        at += 2
    return found


def _find_by_loops(data: bytes, at: int, stop: int, name: bytes, size: int) -> bytes | None:
    """What `Head.header` does, compiled. PERF: a fifth of the time of a copy in lower case that is searched."""
    while at < stop:
        same = 0
        # It ends at the latest at the line's CR, which no name has.
        while same < size and (
            data[at + same] == name[same] or (65 <= data[at + same] <= 90 and data[at + same] + 32 == name[same])
        ):
            same += 1
        if same == size and data[at + size] == COLON:
            begin = at + size + 1
            while data[begin] == SPACE or data[begin] == TAB:
                begin += 1
            until = begin
            while data[until] != CR:
                until += 1
            while until > begin and (data[until - 1] == SPACE or data[until - 1] == TAB):
                until -= 1
            return data[begin:until]
        while data[at] != LF:
            at += 1
        at += 1
    return None


def _other_method(method: bytes) -> str:
    if method == b"CONNECT" or len(method) > LONGEST_METHOD or OTHER_METHOD(method) is None:
        raise BadHead(501, "this method is not implemented")
    return method.decode("ascii")


def _read_odd_target(head: Head, has_query: bool) -> None:
    """A target that is not a path: `*` of OPTIONS, or the absolute form, whose authority stands for the Host field
    (RFC 9112, section 3.2)."""
    target = head.raw_path
    if target == b"*" and head.method == "OPTIONS" and not has_query:
        return
    match = ABSOLUTE(target)
    if match is None:
        raise BadHead(400, "the target is neither a path nor a URL")
    authority, path = match.groups()
    if not valid_host(authority):
        raise BadHead(400, "the target's host is not valid")
    head._absolute = authority.lower()
    if path is None:
        path = b"*" if head.method == "OPTIONS" and not has_query else b"/"
    head.raw_path = path


def _bad_name(byte: int, at_once: bool) -> BadHead:
    if at_once and byte in SPACES:
        return BadHead(400, "a header line begins with white space")
    return BadHead(400, "a header name is empty, is not a token, or is not followed by a colon")


def _bad_version(version: bytes) -> BadHead:
    if VERSION(version) is not None:
        return BadHead(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    return BadHead(400, "the request line does not end with a version")


def _collect(head: Head, kind: int, value: bytes) -> None:
    """Keep a deciding field's value, in lower case. Repeated lists are joined; other fields must not be repeated."""
    if kind == HOST:
        before, head.host = head.host, value
    elif kind == CONNECTION:
        head._connection = value if head._connection is None else head._connection + b", " + value
        return
    elif kind == UPGRADE:
        head._upgrade = value if head._upgrade is None else head._upgrade + b", " + value
        return
    elif kind == LENGTH:
        before, head._length = head._length, value
    elif kind == CODING:
        before, head._coding = head._coding, value
    else:
        before, head._expect = head._expect, value
    if before is not None and not head._repeated:
        head._repeated = kind


# --- what the fields mean together ------------------------------------------------------------------------------------


def _settle(head: Head) -> None:
    """Decide host, framing and the fate of the connection (RFC 9112, sections 3.2, 6 and 9.3)."""
    if head._repeated:
        raise BadHead(400, f"{REPEATED[head._repeated]} was sent more than once")
    host = head.host
    if host is None:
        if head.version == 11:
            raise BadHead(400, "HTTP/1.1 needs a Host field")
    elif host and not valid_host(host):
        raise BadHead(400, "the Host field is not valid")
    if head._absolute is not None:
        head.host = head._absolute
    if head._length is not None or head._coding is not None:
        _settle_framing(head, head._length, head._coding)
    if head._expect is not None and head.version == 11:
        if head._expect != b"100-continue":
            raise BadHead(417, "only 100-continue can be expected")
        head.expects_continue = head.chunked or head.length > 0
    if head._connection is not None and head._connection != b"keep-alive":
        _settle_connection(head, head._connection)
    else:
        head.keep_alive = head.version == 11 or head._connection is not None


def _settle_framing(head: Head, length: bytes | None, coding: bytes | None) -> None:
    if coding is not None:
        if head.version == 10:
            raise BadHead(400, "HTTP/1.0 knows no Transfer-Encoding")
        if length is not None:
            raise BadHead(400, "Transfer-Encoding and Content-Length were both sent")
        _check_coding(coding)
        head.chunked = True
    elif length is not None:
        # A plain number: lists, signs and spaces are how two readers come to disagree.
        if not length.isdigit():
            raise BadHead(400, "Content-Length is not a number")
        if len(length) > 18:
            raise BadHead(413, "Content-Length is too large")
        head.length = int(length)


def _check_coding(codings: bytes) -> None:
    """Only "chunked" will do; 501 for other codings, 400 for what is no list of codings or cannot end a message."""
    if codings != b"chunked":
        before_last, _, _ = codings.rpartition(b",")
        if CODINGS(codings) is None or b"chunked" in [part.strip(SPACES) for part in before_last.split(b",")]:
            raise BadHead(400, "Transfer-Encoding is not valid")
        raise BadHead(501, "of transfer codings only chunked is implemented")


def _settle_connection(head: Head, options: bytes) -> None:
    parts = [part.strip(SPACES) for part in options.split(b",")]
    head.keep_alive = b"close" not in parts and (head.version == 11 or b"keep-alive" in parts)
    if head._upgrade is not None and b"upgrade" in parts and head.version == 11:
        head.upgrade = head._upgrade


def valid_host(host: bytes) -> bool:
    """A name or an address, and perhaps a port, in the characters that names and addresses have.

    RFC 3986 would also allow escapes, "~" and punctuation; no client connects to such a name.
    """
    if not cython.compiled or host[:1] == b"[":
        return HOST_AND_PORT(host) is not None
    size = len(host)
    at = 0
    while at < size and HOST_BYTES[host[at]]:
        at += 1
    if not 0 < at <= 255 or at == size:
        return 0 < at <= 255
    if host[at] != COLON or not 1 <= size - at - 1 <= 5:
        return False
    at += 1
    while at < size and 48 <= host[at] <= 57:
        at += 1
    return at == size


def _with_host(headers: list[tuple[bytes, bytes]], host: bytes) -> list[tuple[bytes, bytes]]:
    """The headers with this host instead of the one that was sent (RFC 9112, section 3.2.2)."""
    return [(b"host", host), *[pair for pair in headers if pair[0] != b"host"]]
