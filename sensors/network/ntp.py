"""Who asks which clock, and which clock answers what nobody should ask?

NTP (RFC 5905), its control messages (RFC 9327) and the private mode 7 whose `monlist` answers a small
question with a flood. One event a kind of message and flow; for time itself one when it is answered.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.datagram import Datagrams
from sensors.network.flow import Flow
from sensors.network.sink import Sink

PORT = 123
_MODES = {
    1: "symmetric_active", 2: "symmetric_passive", 3: "client", 4: "server", 5: "broadcast", 6: "control",
    7: "private",
}  # fmt: skip
_CONTROL = {
    1: "read_status",
    2: "read_variables",
    3: "write_variables",
    8: "configure",
    10: "read_mru",
    31: "nonce",
}
_PRIVATE = {0: "peer_list", 1: "peer_list_sum", 16: "reslist", 20: "monlist", 42: "monlist"}
_SHORTEST = {6: 12, 7: 8}


class Ntp(Datagrams):
    """One message a datagram; what was told of a flow is remembered with it."""

    __slots__ = ("_known", "_sink")

    protocol = "ntp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._known: set[tuple[str, bool]] = set()

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a message."""
        fields = message(data)
        if fields is None:
            flow.note("malformed ntp")
            return len(self._known) > 0
        flow.protocol = self.protocol
        kind = (fields["event.action"], out)
        if kind not in self._known and len(self._known) < 16:
            self._known.add(kind)
            if fields["citywatch.ntp.mode"] != "client":
                self._sink.say(flow, "network.ntp", us, fields)
        return True


def message(data: bytes) -> Event | None:
    """The fields of one message; None when it is none.

    >>> message(bytes.fromhex("1700032a00000000"))["event.action"]
    'monlist'
    """
    if not data:
        return None
    mode, version = data[0] & 7, data[0] >> 3 & 7
    name = _MODES.get(mode)
    if name is None or not 1 <= version <= 4 or len(data) < _SHORTEST.get(mode, 48):
        return None
    fields: Event = {"event.action": name, "citywatch.ntp.mode": name, "citywatch.ntp.version": version}
    if mode == 6:
        fields["event.action"] = _CONTROL.get(data[1] & 0x1F) or f"control_{data[1] & 0x1F}"
        fields["citywatch.ntp.answer"] = bool(data[1] & 0x80)
    elif mode == 7:
        fields["event.action"] = _PRIVATE.get(data[3]) or f"private_{data[3]}"
        fields["citywatch.ntp.answer"] = bool(data[0] & 0x80)
    else:
        fields["citywatch.ntp.stratum"] = data[1]
    return fields
