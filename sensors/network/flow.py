"""Who spoke with whom, how much, how long, and how did it end?

The hot path: a `Flow` is a mutable record with slots, found by the raw bytes of addresses and ports (see
`table.py`).
"""

from __future__ import annotations

from typing import Any, Protocol

from citywatch.model import Event

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
LOAD = 0x100
"""Beside the TCP flags: this side sent payload."""

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
TRANSPORT = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "ipv6-icmp", 132: "sctp", 47: "gre", 2: "igmp"}

FIRST_LOAD = 256
"""Bytes of the originator's first payload that are kept for `payload.hex` and `entropy`."""

_LETTERS = ((SYN, "s"), (ACK, "a"), (LOAD, "d"), (FIN, "f"), (RST, "r"))


def _word(new: int) -> tuple[str, str]:
    text = ""
    if new & SYN and new & ACK:
        text = "h"
        new &= ~(SYN | ACK)
    for bit, letter in _LETTERS:
        if new & bit:
            text += letter
    return text.upper(), text


HISTORY_OUT, HISTORY_BACK = zip(*(_word(bits) for bits in range(0x118)), strict=True)
"""Letters by what is new (of FIN, SYN, RST, ACK and LOAD), for the originator and for the responder."""


class Talk(Protocol):
    """What understands the payload of a flow."""

    @property
    def protocol(self) -> str:
        """As `network.protocol` has it; empty while unknown."""
        ...

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take the next bytes of one side; False when it needs no more."""
        ...

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Bytes of one side were never seen; False when it gives up."""
        ...

    def close(self, flow: Flow) -> None:
        """The flow ended: tell what is still held back."""
        ...


class Flow:
    """One conversation. `out` is the originator's side, `in` (`back`) the responder's."""

    __slots__ = (
        "app",
        "back_bytes",
        "back_key",
        "back_load",
        "back_next",
        "back_packets",
        "back_seen",
        "back_tail",
        "back_wait",
        "base",
        "extra",
        "first",
        "history",
        "key",
        "last",
        "load",
        "notes",
        "number",
        "out_bytes",
        "out_load",
        "out_next",
        "out_packets",
        "out_seen",
        "out_tail",
        "out_wait",
        "part",
        "proto",
        "protocol",
        "reason",
        "said",
        "start",
        "tunnel",
        "vlans",
    )  # fmt: skip

    def __init__(self, key: bytes, back_key: bytes, proto: int, us: int, number: int) -> None:  # noqa: PLR0915 - a slot a line
        self.key = key
        self.back_key = back_key
        self.proto = proto
        self.first = us
        self.last = us
        self.number = number
        """Counts flows since the start of the capture."""
        self.part = 0
        """Counts what was written of this flow by active time-out."""
        self.said = 0
        """Counts the events that its protocol wrote."""
        self.out_packets = self.out_bytes = self.out_load = self.out_seen = 0
        self.back_packets = self.back_bytes = self.back_load = self.back_seen = 0
        self.history = ""
        self.reason = ""
        """Why it ended; empty while it lives."""
        self.load = b""
        self.app: Talk | None = None
        self.protocol = ""
        self.out_next = self.back_next = -1
        self.out_wait: list[tuple[int, bytes]] | None = None
        self.back_wait: list[tuple[int, bytes]] | None = None
        self.out_tail = self.back_tail = b""
        """The last bytes taken, to tell a retransmission from an overlap with other content."""
        self.notes: list[str] | None = None
        self.base: Event | None = None
        self.start = b""
        """The same as text (see `flowline.py`)."""
        self.extra: Event | None = None
        """Fields that a protocol adds to the flow's own event."""
        self.vlans: list[str] | None = None
        self.tunnel = ""

    def note(self, what: str) -> None:
        """Remember an oddity once."""
        if self.notes is None:
            self.notes = [what]
        elif what not in self.notes and len(self.notes) < 16:
            self.notes.append(what)

    def add(self, name: str, value: Any) -> None:
        """Put a field into the flow's own event."""
        if self.extra is None:
            self.extra = {}
        self.extra[name] = value

    def letters(self, new: int, back: bool) -> None:
        """Write down what one side did for the first time (upper case: the originator)."""
        self.history += (HISTORY_BACK if back else HISTORY_OUT)[new & 0x117]

    def ends(self) -> tuple[bytes, bytes, int, int]:
        """Raw addresses and ports, originator first."""
        key = self.key
        side = 4 if len(key) == 12 else 16
        ports = 2 * side
        return (
            key[:side],
            key[side:ports],
            key[ports] << 8 | key[ports + 1],
            key[ports + 2] << 8 | key[ports + 3],
        )


def turned(key: bytes) -> bytes:
    r"""The key of the way back.

    >>> turned(bytes([1, 1, 1, 1, 2, 2, 2, 2, 0, 80, 0, 90]))
    b'\x02\x02\x02\x02\x01\x01\x01\x01\x00Z\x00P'
    """
    if len(key) == 12:
        return key[4:8] + key[:4] + key[10:] + key[8:10]
    return key[16:32] + key[:16] + key[34:] + key[32:34]
