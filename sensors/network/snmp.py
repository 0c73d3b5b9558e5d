"""Who asks network devices with which right, and who changes them?

SNMP v1 and v2c (RFC 1157, RFC 3416) and the outside of v3 (RFC 3412). A community is a password in clear:
only those that devices are sold with are told by name. One event for each kind of request of a flow, one for
every `set`; how many communities were tried stands in the last.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.datagram import Datagrams
from sensors.network.defaults import TAG
from sensors.network.der import items
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

PORTS = frozenset({161, 162})
_KINDS = {
    0xA0: "get", 0xA1: "get_next", 0xA2: "response", 0xA3: "set", 0xA4: "trap", 0xA5: "get_bulk",
    0xA6: "inform", 0xA7: "trap", 0xA8: "report",
}  # fmt: skip
_VERSIONS = {0: "1", 1: "2c", 3: "3"}
_SOLD = frozenset(
    {
        b"public", b"private", b"admin", b"snmp", b"cisco", b"community", b"manager", b"default", b"read",
        b"write",
    }
)  # fmt: skip
_MASK = "***"
_MOST_COMMUNITIES = 256
_MOST_WAITING = 32


class Snmp(Datagrams):
    """Pairs requests with answers by their number."""

    __slots__ = ("_communities", "_known", "_sink", "_waiting")

    protocol = "snmp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._communities: set[bytes] = set()
        self._known: set[tuple[str, bytes]] = set()
        self._waiting: dict[int, tuple[int, Event]] = {}

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a message."""
        version, community, kind, number, oid = read(data)
        flow.protocol = self.protocol
        if not out:
            asked = self._waiting.pop(number, None)
            if asked is not None:
                self._tell(flow, *asked, "success")
            return True
        if len(self._communities) < _MOST_COMMUNITIES:
            self._communities.add(community)
        if kind != "set" and (kind, community) in self._known:
            return True
        if len(self._known) < _MOST_COMMUNITIES:
            self._known.add((kind, community))
        sold = community in _SOLD
        fields = filled(
            {
                "event.action": kind,
                "citywatch.snmp.version": _VERSIONS.get(version, str(version)),
                "citywatch.snmp.community": text(community) if sold else _MASK if community else "",
                "citywatch.snmp.oid": oid,
                "tags": [TAG] if sold else None,
            }
        )
        if len(self._waiting) >= _MOST_WAITING:
            self._tell(flow, *self._waiting.pop(next(iter(self._waiting))), "")
        self._waiting[number] = (us, fields)
        return True

    def _tell(self, flow: Flow, us: int, fields: Event, outcome: str) -> None:
        if outcome:
            fields["event.outcome"] = outcome
        if len(self._communities) > 1:
            fields["citywatch.auth.attempts"] = len(self._communities)
        self._sink.say(flow, "network.snmp", us, fields)

    def close(self, flow: Flow) -> None:
        """Tell requests without answer."""
        while self._waiting:
            self._tell(flow, *self._waiting.pop(next(iter(self._waiting))), "")


def read(data: bytes) -> tuple[int, bytes, str, int, str]:
    """Version, community, kind, number of the request and first object of a message.

    Raises:
        ValueError, IndexError: it is none.

    >>> raw = "302602010104067075626c6963a019020101020100020100300e300c06082b060102010101000500"
    >>> read(bytes.fromhex(raw))
    (1, b'public', 'get', 1, '1.3.6.1.2.1.1.1.0')
    """
    ((tag, start, end),) = tuple(items(data, 0, len(data)))[:1] or ((0, 0, 0),)
    if tag != 0x30:
        raise ValueError("not SNMP")
    parts = list(items(data, start, end))
    version = int.from_bytes(data[parts[0][1] : parts[0][2]][:4], "big")
    if parts[0][0] != 2 or version not in _VERSIONS:
        raise ValueError("not SNMP")
    if version == 3:
        inner = list(items(data, parts[1][1], parts[1][2]))
        return version, b"", "secured", int.from_bytes(data[inner[0][1] : inner[0][2]][:8], "big"), ""
    kind = _KINDS.get(parts[2][0])
    if kind is None or parts[1][0] != 4:
        raise ValueError("not SNMP")
    inner = list(items(data, parts[2][1], parts[2][2]))
    community = data[parts[1][1] : parts[1][2]][:128]
    if kind == "trap" and parts[2][0] == 0xA4:
        return version, community, kind, -1, oid(data[inner[0][1] : inner[0][2]])
    number = int.from_bytes(data[inner[0][1] : inner[0][2]][:8], "big")
    listed = list(items(data, inner[3][1], inner[3][2])) if len(inner) > 3 else []
    named = list(items(data, listed[0][1], listed[0][2])) if listed else []
    return version, community, kind, number, oid(data[named[0][1] : named[0][2]] if named else b"")


def oid(raw: bytes) -> str:
    """An object identifier as text.

    >>> oid(bytes.fromhex("2b060102010101"))
    '1.3.6.1.2.1.1.1'
    """
    if not raw:
        return ""
    numbers = [min(raw[0] // 40, 2), raw[0] - 40 * min(raw[0] // 40, 2)]
    value = 0
    for byte in raw[1:128]:
        value = (value << 7 | byte & 0x7F) & 0xFFFFFFFF
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))
