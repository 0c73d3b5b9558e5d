"""Who spoke with whom, how much, how long, and how did it end?

The hot path: a `Flow` is a mutable record with slots, found by the raw bytes of addresses and ports. The
table is bounded; what has to leave early is written with `citywatch.flow.reason: evicted`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from citywatch.model import Event

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
LOAD = 0x100
"""Beside the TCP flags: this side sent payload."""

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
TRANSPORT = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "ipv6-icmp", 132: "sctp", 47: "gre", 2: "igmp"}

SLOT = 24
"""Flows are looked after once in 2**24 microseconds (16.8 s)."""
IDLE_TCP_US = 300_000_000
IDLE_US = 60_000_000
ASKED_AGAIN_US = 420_000_000
"""A host that answered a ping is waited for so long: monitoring systems ask again every few minutes."""
FEW_ASKED = 3
UNANSWERED_US = 20_000_000
CLOSED_US = 5_000_000
ACTIVE_US = 3_600_000_000
MOST_FLOWS = 65_536
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


class Table:
    """The living flows, found by key; ended ones go to `ended`."""

    __slots__ = ("_limit", "_slots", "back", "counted", "evicted", "living", "on_end", "out", "tick")

    def __init__(self, on_end: EndOfFlow, limit: int = MOST_FLOWS) -> None:
        self.out: tuple[dict[bytes, Flow], ...] = tuple({} for _ in range(256))
        """By IP protocol: flows by the originator's key, and `back` by the responder's."""
        self.back: tuple[dict[bytes, Flow], ...] = tuple({} for _ in range(256))
        self.on_end = on_end
        self.tick = 0
        self.counted = 0
        self.living = 0
        self.evicted = 0
        self._limit = limit
        self._slots: dict[int, list[Flow]] = {}

    def open(self, key: bytes, proto: int, us: int) -> Flow:
        """A new flow; makes room first where the table is full."""
        if self.living >= self._limit:
            self._make_room()
        self.living += 1
        self.counted = number = self.counted + 1
        back = (
            key[4:8] + key[:4] + key[10:] + key[8:10] if len(key) == 12 else turned(key)
        )  # the first is `turned`, without the call
        flow = Flow(key, back, proto, us, number)
        self.out[proto][key] = flow
        self.back[proto][back] = flow
        slot = (us + UNANSWERED_US) >> SLOT
        slots = self._slots
        if slot in slots:
            slots[slot].append(flow)
        else:
            slots[slot] = [flow]
        return flow

    def _plan(self, flow: Flow, slot: int) -> None:
        slots = self._slots
        if slot in slots:
            slots[slot].append(flow)
        else:
            slots[slot] = [flow]

    def _make_room(self) -> None:
        """Put out some of those that were next to be looked after: the longest without a look."""
        while self.living >= self._limit and self._slots:
            slot = min(self._slots)
            waiting = self._slots[slot]
            some = waiting[:_AT_ONCE]
            del waiting[:_AT_ONCE]
            if not waiting:
                del self._slots[slot]
            for flow in some:
                if not flow.reason:
                    self.end(flow, "evicted")
                    self.evicted += 1

    def closing(self, flow: Flow, us: int) -> None:
        """Both sides closed or one aborted: it need not wait for the long time-out."""
        self._plan(flow, (us + CLOSED_US) >> SLOT)

    def end(self, flow: Flow, reason: str) -> None:
        """Take a flow out of the table and tell."""
        if flow.reason:
            return
        flow.reason = reason
        del self.out[flow.proto][flow.key]
        del self.back[flow.proto][flow.back_key]
        self.living -= 1
        self.on_end(flow)

    def advance(self, us: int) -> None:
        """The capture's clock moved: end what was idle long enough."""
        slot = us >> SLOT
        self.tick = slot + 1 << SLOT
        slots = self._slots
        for due in sorted(number for number in slots if number < slot):
            for flow in slots.pop(due):
                if not flow.reason:
                    self._look_after(flow, us, slot)

    def _look_after(self, flow: Flow, us: int, slot: int) -> None:
        wait, reason = patience(flow)
        left = flow.last + wait
        if left >> SLOT < slot:
            self.end(flow, reason)
            return
        if us - flow.first > ACTIVE_US and flow.app is None:
            self._cut(flow)
        self._plan(flow, left >> SLOT)

    def _cut(self, flow: Flow) -> None:
        """Write a long flow as far as it came and count on from zero."""
        flow.reason = "active"
        self.on_end(flow)
        flow.reason = ""
        flow.part += 1
        flow.first = flow.last
        flow.out_packets = flow.out_bytes = flow.out_load = 0
        flow.back_packets = flow.back_bytes = flow.back_load = 0

    def finish(self) -> Iterator[None]:
        """The capture ended: end every flow, with pauses in which what they told can be taken away."""
        left = [flow for by_key in self.out for flow in by_key.values()]
        left.sort(key=_began)
        self._slots.clear()
        left.reverse()
        while left:
            for _ in range(min(_AT_ONCE, len(left))):
                flow = left.pop()
                self.end(flow, _over(flow) or "eof")
            yield


_AT_ONCE = 2048
_ECHOES = frozenset({ICMP, ICMP6})


def _began(flow: Flow) -> tuple[int, int]:
    return flow.first, flow.number


class EndOfFlow(Protocol):
    """Called once a flow has ended, and for each part of a long one."""

    def __call__(self, flow: Flow) -> None: ...


def _over(flow: Flow) -> str:
    if (flow.out_seen | flow.back_seen) & RST:
        return "rst"
    return "fin" if flow.out_seen & flow.back_seen & FIN else ""


def patience(flow: Flow) -> tuple[int, str]:
    """How long a flow may be silent, and why it then ended."""
    if flow.proto != TCP:
        asked = flow.proto in _ECHOES and flow.back_packets and flow.out_packets <= FEW_ASKED
        return ASKED_AGAIN_US if asked else IDLE_US, "idle"
    over = _over(flow)
    if over:
        return CLOSED_US, over
    if not flow.back_packets and not flow.out_load:
        return UNANSWERED_US, "idle"
    return IDLE_TCP_US, "idle"
