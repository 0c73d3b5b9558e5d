"""Who looks through which camera?

RTSP requests with their answers (RFC 2326): one event each, with address, account asked for, and verdict.
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.httphead import parse_head
from sensors.network.secrets import authorization, query
from sensors.network.sink import Sink, filled

_REQUEST = re.compile(rb"([A-Z_]{3,16}) ([^\r\n ]+) RTSP/1\.0")
_DIGEST_USER = re.compile(r'username="([^"]{0,128})"')
_LONGEST = 1 << 16


def is_rtsp(data: bytes) -> bool:
    """Does an RTSP message begin here?

    >>> is_rtsp(b"DESCRIBE rtsp://10.0.0.9/1 RTSP/1.0")
    True
    """
    return data.startswith(b"RTSP/1.0 ") or _REQUEST.match(data) is not None


class Rtsp:
    """Pairs requests with answers; media between them ends the reading."""

    __slots__ = ("_asked", "_held", "_sink", "_skip")

    protocol = "rtsp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}
        self._skip = {True: 0, False: 0}
        """Bytes of a body that are still to come."""
        self._asked: list[tuple[int, Event]] = []

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take heads of one side; bodies (session descriptions) are stepped over."""
        before = len(self._held[out])  # no end lies in there
        held = self._held[out] + data[self._skip[out] :]
        self._skip[out] = max(self._skip[out] - len(data), 0)
        while held:
            if held[:1] == b"$":
                self.close(flow)
                return False
            end = held.find(b"\r\n\r\n", max(before - 3, 0))
            if end < 0:
                if len(held) > _LONGEST:
                    raise ValueError("a head without end")
                break
            before = 0
            end += 4 + self._head(flow, out, held[:end], us)
            self._skip[out] = max(end - len(held), 0)
            held = held[end:]
        self._held[out] = held
        return True

    def _head(self, flow: Flow, out: bool, raw: bytes, us: int) -> int:
        """Read a head; gives the length of the body behind it."""
        head = parse_head(raw.replace(b"RTSP/1.0", b"HTTP/1.0", 1))
        if out:
            value = head.headers.get("authorization", "")
            scheme, user = authorization(value)
            digest = _DIGEST_USER.search(value)
            user = user or (digest[1] if digest else "")
            fields = filled(
                {
                    "event.action": head.method.lower(),
                    "url.original": query(head.target),
                    "url.full": query(head.target),
                    "user_agent.original": head.headers.get("user-agent", ""),
                    "citywatch.http.request.authorization": scheme,
                    "citywatch.auth.user": [user] if user else None,
                    "citywatch.auth.attempts": 1 if scheme else None,
                }
            )
            if len(self._asked) < 64:
                self._asked.append((us, fields))
        elif self._asked:
            asked_us, fields = self._asked.pop(0)
            fields["http.response.status_code"] = head.status
            fields["event.outcome"] = "success" if head.status < 400 else "failure"
            self._sink.say(flow, "network.rtsp", asked_us, fields)
        return min(head.length or 0, _LONGEST)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Media, most likely."""
        del out, size
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell requests without answer."""
        while self._asked:
            us, fields = self._asked.pop(0)
            self._sink.say(flow, "network.rtsp", us, fields)
