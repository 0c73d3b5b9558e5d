"""Who telephones, who registers, and who tries passwords at the exchange?

SIP over UDP and TCP (RFC 3261). One event a request with its final answer; a refusal counts as a failed login
only when a password had been sent.
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

PORTS = frozenset({5060})
_METHODS = (
    b"REGISTER ", b"INVITE ", b"OPTIONS ", b"ACK ", b"BYE ", b"CANCEL ", b"SUBSCRIBE ", b"NOTIFY ",
    b"MESSAGE ", b"INFO ", b"REFER ", b"PUBLISH ", b"PRACK ", b"UPDATE ",
)  # fmt: skip
_FIRST = re.compile(rb"([A-Z]{3,16}) (sips?:[^\s]{1,512}|tel:[^\s]{1,64}) SIP/2\.0\s*$")
_ANSWER = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})")
_SHORT = {b"f": b"from", b"t": b"to", b"i": b"call-id", b"l": b"content-length", b"m": b"contact"}
_USER = re.compile(r"sips?:([^@;>\s]{1,128})@")
_DIGEST = re.compile(r'username="([^"]{1,128})"')
_LONGEST = 1 << 16
_MOST_ASKED = 64
_MOST_TOLD = 2000
_SILENT = frozenset({"ack", "prack", "cancel", "info", "update"})


def is_sip(data: bytes) -> bool:
    r"""Does a SIP message begin here?

    >>> is_sip(b"REGISTER sip:pbx.test SIP/2.0\r\n"), is_sip(b"OPTIONS * HTTP/1.1\r\n")
    (True, False)
    """
    if data.startswith(b"SIP/2.0 "):
        return True
    return data.startswith(_METHODS) and _FIRST.match(data.partition(b"\n")[0]) is not None


class Sip:
    """Pairs requests with their final answers by call and number."""

    __slots__ = ("_asked", "_held", "_sink", "_told", "_whole")

    protocol = "sip"

    def __init__(self, sink: Sink, *, whole: bool = False) -> None:
        self._sink = sink
        self._whole = whole
        """Each piece is one message (UDP)."""
        self._held = {True: b"", False: b""}
        self._asked: dict[tuple[str, str], tuple[int, Event]] = {}
        self._told = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side, or a datagram."""
        flow.protocol = self.protocol
        if self._whole:
            head = data.partition(b"\r\n\r\n")[0]
            if head.strip():  # an empty line keeps a translation alive
                self._message(flow, head, us)
            return self._told < _MOST_TOLD
        before = len(self._held[out])  # no end lies in there
        held = self._held[out] + data
        while (end := held.find(b"\r\n\r\n", max(before - 3, 0))) >= 0:
            before = 0
            headers = self._message(flow, held[:end], us) if held[:end].strip() else {}
            size = headers.get(b"content-length", b"0")
            skip = int(size) if size.isdigit() and len(size) < 7 else 0
            if len(held) < end + 4 + skip and len(held) < _LONGEST:
                held = held[:0] if skip > _LONGEST else held[end + 4 + skip :]
                break
            held = held[end + 4 + skip :]
        if len(held) > _LONGEST:
            raise ValueError("a head without end")
        self._held[out] = held
        return self._told < _MOST_TOLD

    def _message(self, flow: Flow, raw: bytes, us: int) -> dict[bytes, bytes]:
        first, *lines = raw.lstrip(b"\r\n").split(b"\n")
        headers: dict[bytes, bytes] = {}
        for line in lines[:128]:
            name, _, value = line.partition(b":")
            name = name.strip().lower()
            headers.setdefault(_SHORT.get(name, name), value.strip())
        call = text(headers.get(b"call-id", b""))[:256]
        turn = text(headers.get(b"cseq", b""))[:64]
        answer = _ANSWER.match(first)
        if answer:
            self._answer(flow, (call, turn), int(answer[1]))
            return headers
        asked = _FIRST.match(first)
        if asked is None:
            raise ValueError("not SIP")
        if len(self._asked) >= _MOST_ASKED:
            self._tell(flow, *self._asked.pop(next(iter(self._asked))))
        method = asked[1].decode("ascii").lower()
        if method not in _SILENT:
            self._asked.setdefault((call, turn), (us, _request(method, text(asked[2]), headers)))
        return headers

    def _answer(self, flow: Flow, where: tuple[str, str], code: int) -> None:
        if code < 200 or where not in self._asked:
            return
        us, fields = self._asked.pop(where)
        fields["event.code"] = str(code)
        tried = "citywatch.auth.attempts" in fields
        if code < 300 or not (code in {401, 407} and not tried):
            fields["event.outcome"] = "success" if code < 300 else "failure"
        self._tell(flow, us, fields)

    def _tell(self, flow: Flow, us: int, fields: Event) -> None:
        self._told += 1
        self._sink.say(flow, "network.sip", us, fields)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Where the next message begins is not known."""
        del out, size
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell requests without answer."""
        while self._asked:
            self._tell(flow, *self._asked.pop(next(iter(self._asked))))


def _request(method: str, target: str, headers: dict[bytes, bytes]) -> Event:
    caller, callee = (text(headers.get(name, b""))[:512] for name in (b"from", b"to"))
    sent = text(headers.get(b"authorization", b"") or headers.get(b"proxy-authorization", b""))
    digest = _DIGEST.search(sent)
    known = _USER.search(callee if method == "register" else caller)
    user = digest[1] if digest else known[1] if known else ""
    return filled(
        {
            "event.action": method,
            "url.original": target,
            "user_agent.original": text(headers.get(b"user-agent", b""))[:512],
            "user.name": user,
            "citywatch.sip.from": caller,
            "citywatch.sip.to": callee,
            "citywatch.auth.attempts": 1 if sent else None,
            "citywatch.auth.user": [user] if sent and user else None,
        }
    )
