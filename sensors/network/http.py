"""What is asked of web servers in the clear, and what do they answer?

HTTP/1 with pipelining, chunked bodies and compression. One event a request with its answer. Bodies are kept
as evidence up to a cap; credentials never leave this file unmasked (see `secrets.py`).
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.network.body import Body
from sensors.network.flow import Flow
from sensors.network.httphead import Head, answer_fields, parse_head, request_fields
from sensors.network.sink import Sink

_METHODS = tuple(
    word + b" "
    for word in (
        b"GET POST HEAD PUT DELETE OPTIONS PATCH CONNECT TRACE TRACK PROPFIND PROPPATCH MKCOL MOVE COPY LOCK "
        b"UNLOCK SEARCH REPORT DEBUG BCOPY PURGE"
    ).split()
)
_FIRST_LINE = re.compile(rb"[^\r\n]+ HTTP/1\.[0-9]\r?$")
_ENDS = frozenset((b" HTTP/1.1\r", b" HTTP/1.0\r"))
"""How nearly all first lines end: these need no pattern."""
_LONGEST_HEAD = 1 << 16
_MOST_PENDING = 64
_NO_BODY = {204, 304}
_SWITCHED = 101


def is_http(data: bytes) -> bool:
    r"""Does an HTTP/1 message begin here?

    >>> is_http(b"GET / HTTP/1.1"), is_http(b"HTTP/1.1 200 OK"), is_http(b"OPTIONS rtsp://a RTSP/1.0\r\n")
    (True, True, False)
    """
    if data.startswith(b"HTTP/1."):
        return True
    if not data.startswith(_METHODS):
        return False
    end = data.find(b"\n")
    if end < 0 or (data[end - 10 : end] in _ENDS and data.find(b"\r", 0, end) == end - 1):
        return True
    return _FIRST_LINE.match(data[:end]) is not None


class _Side:
    """One direction: either inside a head (bytes held back) or inside a body."""

    __slots__ = ("body", "held")

    def __init__(self) -> None:
        self.held = b""
        self.body: Body | None = None


class Http:
    """Pairs requests with answers."""

    __slots__ = ("_in", "_out", "_pending", "_sink")

    protocol = "http"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = _Side()
        self._in = _Side()
        self._pending: list[_Exchange] = []

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:  # noqa: C901 - one loop over hostile lengths reads best in one piece
        """Take bytes of one side."""
        side = self._out if out else self._in
        while data:
            body = side.body
            if body is not None:
                data = body.take(data)
                if body.done:
                    side.body = None
                    self._ended(flow, out, body)
                continue
            before = len(side.held)  # no end lies in there: it is looked for where the new bytes begin
            held = side.held + data if before else data.lstrip(b"\r\n")
            end = held.find(b"\r\n\r\n", before - 3 if before > 3 else 0)
            size = 4
            if end < 0:
                end, size = held.find(b"\n\n", before - 1 if before else 0), 2
            if end < 0:
                if len(held) > _LONGEST_HEAD:
                    raise ValueError("a head without end")
                side.held = held
                return True
            side.held = b""
            data = held[end + size :]
            if not self._head(flow, out, held[:end], us):
                if flow.app is not self:  # a tunnel: the rest is another protocol's
                    return not data or flow.app is None or flow.app.feed(flow, out, data, us)
                return False
        return True

    def _head(self, flow: Flow, out: bool, raw: bytes, us: int) -> bool:
        head = parse_head(raw)
        if out:
            return self._request(flow, head, us)
        return self._response(flow, head, us)

    def _request(self, flow: Flow, head: Head, us: int) -> bool:
        if not head.method:
            raise ValueError("not a request")
        if len(self._pending) >= _MOST_PENDING:
            self._tell(flow, self._pending.pop(0))
        exchange = _Exchange(us, head, request_fields(head, flow))
        self._pending.append(exchange)
        if head.length or head.chunked:
            self._out.body = Body(head)
        return True

    def _response(self, flow: Flow, head: Head, us: int) -> bool:
        if head.status < 200 and head.status != _SWITCHED:
            return True
        if not self._pending:  # the capture began in the middle
            self._pending.append(_Exchange(us, None, {}))
        exchange = self._pending[0]
        exchange.fields.update(answer_fields(head))
        method = exchange.head.method if exchange.head else ""
        if head.status == _SWITCHED or (method == "CONNECT" and head.status < 300):
            self._tell(flow, self._pending.pop(0))
            self._tunnel(flow, method)
            return False
        if method == "HEAD" or head.status in _NO_BODY or head.length == 0:
            self._tell(flow, self._pending.pop(0))
            return True
        self._in.body = Body(head)
        return True

    def _tunnel(self, flow: Flow, method: str) -> None:
        """After CONNECT the connection carries something else."""
        if method == "CONNECT":
            from sensors.network.protocols import Undecided  # noqa: PLC0415 - loaded where it is first needed

            flow.app = Undecided(self._sink)

    def _ended(self, flow: Flow, out: bool, body: Body) -> None:
        """A body is whole."""
        if out:
            if self._pending:
                self._pending[-1].request_body = body
        elif self._pending:
            exchange = self._pending.pop(0)
            exchange.answer_body = body
            self._tell(flow, exchange)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """A hole inside a body is counted; one inside a head ends it."""
        side = self._out if out else self._in
        if side.body is not None and side.body.hole(size):
            if side.body.done:
                body, side.body = side.body, None
                self._ended(flow, out, body)
            return True
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell requests that have no whole answer."""
        for side in (self._out, self._in):
            if side.body is not None:
                body, side.body = side.body, None
                body.done = True
                self._ended(flow, side is self._out, body)
        while self._pending:
            self._tell(flow, self._pending.pop(0))

    def _tell(self, flow: Flow, exchange: _Exchange) -> None:
        fields = exchange.fields
        if exchange.request_body is not None:
            exchange.request_body.describe(self._sink, fields, "request")
        if exchange.answer_body is not None:
            exchange.answer_body.describe(self._sink, fields, "response")
        self._sink.say(flow, "network.http", exchange.us, fields)


class _Exchange:
    """A request that waits for its answer."""

    __slots__ = ("answer_body", "fields", "head", "request_body", "us")

    def __init__(self, us: int, head: Head | None, fields: Event) -> None:
        self.us = us
        self.head = head
        self.fields = fields
        self.request_body: Body | None = None
        self.answer_body: Body | None = None
