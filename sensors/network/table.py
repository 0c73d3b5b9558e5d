"""Which conversations live, and when is each of them over?

Bounded; what has to leave early is written with `citywatch.flow.reason: evicted`. The hot path: plain dicts,
lists and tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sensors.network.flow import FIN, ICMP, ICMP6, RST, TCP, UDP, Flow, Talk, turned
from sensors.network.knock import Knock, flow_of

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
_AT_ONCE = 2048
_MOST_ENDED = 8192
"""Flows that have ended and may wait to be looked after."""
_MOST_PLACES = 4
"""Places of ended flows that are kept, in tables."""
_ECHOES = frozenset({ICMP, ICMP6})
_BOTH_WAYS = frozenset({TCP, UDP})


class EndOfFlow(Protocol):
    """Called once a flow has ended, and for each part of a long one."""

    def __call__(self, flow: Flow) -> None: ...


Unanswered = Callable[[list[Knock], str], None]
"""Called with knocks that nobody answered, and why they are waited for no longer."""


class Table:
    """The living flows, found by key; ended ones go to `on_end`."""

    __slots__ = (
        "_grown",
        "_limit",
        "_slots",
        "_standing",
        "_sweep_at",
        "back",
        "counted",
        "evicted",
        "knocks",
        "living",
        "on_end",
        "on_silence",
        "out",
        "reader",
        "tick",
    )

    def __init__(
        self, on_end: EndOfFlow, limit: int = MOST_FLOWS, on_silence: Unanswered | None = None
    ) -> None:
        self.out: tuple[dict[bytes, Flow], ...] = tuple({} for _ in range(256))
        """By IP protocol: flows by the originator's key, and `back` by the responder's; for TCP and UDP both
        are the same, so that one look finds the flow: who sends with the flow's own key began it."""
        self.back = tuple(
            self.out[proto] if proto in _BOTH_WAYS else dict[bytes, Flow]() for proto in range(256)
        )
        self.knocks: dict[bytes, Knock] = {}
        """SYNs over IPv4 that nothing answered yet, by the originator's key."""
        self.reader: Talk | None = None
        """Of a TCP flow whose payload nobody has seen yet."""
        self.on_end = on_end
        self.on_silence = on_silence or self._each
        self.tick = 0
        self.counted = 0
        self.living = 0
        """Flows and knocks."""
        self.evicted = 0
        self._limit = limit
        self._slots: dict[int, list[Flow | Knock | None]] = {}
        """Who is to be looked after, by when; also some that have ended meanwhile, or their places."""
        self._standing = 0
        """Entries in all slots."""
        self._sweep_at = limit + _MOST_ENDED
        self._grown: dict[int, Flow] = {}
        """By number: flows that still stand in their slot as the knock that they were."""

    def open(self, key: bytes, proto: int, us: int) -> Flow:
        """A new flow; makes room first where the table is full."""
        if self.living >= self._limit:
            self._make_room()
        self.living += 1
        self.counted = number = self.counted + 1
        flow = Flow(key, turned(key), proto, us, number)
        self.out[proto][key] = flow
        self.back[proto][flow.back_key] = flow
        self._plan(flow, (us + UNANSWERED_US) >> SLOT)
        return flow

    def knock(self, key: bytes, us: int, total: int, seq: int) -> None:
        """A SYN over plain IPv4 that belongs to no flow and repeats no knock."""
        if self.living >= self._limit:
            self._make_room()
        self.living += 1
        self.counted = number = self.counted + 1
        self._standing += 1
        self.knocks[key] = knock = (key, us, total, seq, number)
        slot = (us + UNANSWERED_US) >> SLOT
        slots = self._slots
        if slot in slots:
            slots[slot].append(knock)
        else:
            slots[slot] = [knock]

    def grow(self, key: bytes) -> Flow | None:
        """Make the knock that this TCP packet belongs to, either way, a flow; none where there is none."""
        knock = self.knocks.pop(key, None) or self.knocks.pop(turned(key), None)
        if knock is None:
            return None
        flow = flow_of(knock, self.reader)
        self.out[TCP][flow.key] = flow
        self.back[TCP][flow.back_key] = flow
        self._grown[flow.number] = flow
        return flow

    def find(self, proto: int, key: bytes) -> Flow | None:
        """The flow of a packet, whichever side sent it."""
        flow = self.out[proto].get(key) or self.back[proto].get(key)
        return self.grow(key) if flow is None and proto == TCP else flow

    def flows(self) -> Iterator[Flow]:
        """Those that live, each once."""
        for by_key in self.out:
            for key, flow in by_key.items():
                if flow.key == key:
                    yield flow

    def _plan(self, flow: Flow, slot: int) -> None:
        self._standing += 1
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
            self._standing -= len(some)
            if not waiting:
                del self._slots[slot]
            before = self.living
            for flow in self._still(some, "evicted"):
                self.end(flow, "evicted")
            self.evicted += before - self.living

    def _still(self, waiting: Sequence[Flow | Knock | None], reason: str) -> Iterator[Flow]:
        """Those that have not ended; knocks that nothing answered end here."""
        knocks, grown = self.knocks, self._grown
        silent: list[Knock] = []
        for item in waiting:
            if isinstance(item, tuple):
                key, number = item[0], item[4]
                knock = knocks.pop(key, None)
                if knock is not None:
                    if knock[4] == number:
                        silent.append(item)
                        continue
                    knocks[key] = knock  # another that came from the same port
                flow = grown.pop(number)
            else:
                flow = item
            if flow is not None and not flow.reason:
                if silent:
                    self._silence(silent, reason)
                    silent = []
                yield flow
        if silent:
            self._silence(silent, reason)

    def _silence(self, knocks: list[Knock], reason: str) -> None:
        self.living -= len(knocks)
        self.on_silence(knocks, reason)

    def _each(self, knocks: list[Knock], reason: str) -> None:
        """Tell of knocks as of the flows that they are."""
        for knock in knocks:
            flow = flow_of(knock)
            flow.reason = reason
            self.on_end(flow)

    def closing(self, flow: Flow, us: int) -> None:
        """Both sides closed or one aborted: it need not wait for the long time-out."""
        self._plan(flow, (us + CLOSED_US) >> SLOT)

    def end(self, flow: Flow, reason: str) -> None:
        """Take a flow out of the table and tell."""
        if flow.reason:
            return
        flow.reason = reason
        del self.out[flow.proto][flow.key]
        self.back[flow.proto].pop(flow.back_key, None)  # a host that speaks with itself has one key
        self.living -= 1
        self.on_end(flow)
        if self._standing > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Let go of those that ended before their slot came, which never comes when time goes back.

        Their places stay while they are few: a place counts when room is made (see `_AT_ONCE`).
        """
        slots = self._slots
        crowded = self._standing > _MOST_PLACES * self._limit + _MOST_ENDED
        for slot, waiting in list(slots.items()):
            left = [None if item is None or self._ended(item) else item for item in waiting]
            slots[slot] = [item for item in left if item is not None] if crowded else left
            if not slots[slot]:
                del slots[slot]
        self._standing = sum(map(len, slots.values()))
        self._sweep_at = max(self._standing, self._limit) + _MOST_ENDED

    def _ended(self, item: Flow | Knock) -> bool:
        if not isinstance(item, tuple):
            return bool(item.reason)
        flow = self._grown.get(item[4])
        if flow is None or not flow.reason:
            return False
        del self._grown[item[4]]
        return True

    def advance(self, us: int) -> None:
        """The capture's clock moved: end what was idle long enough."""
        slot = us >> SLOT
        self.tick = slot + 1 << SLOT
        slots = self._slots
        for due in sorted(number for number in slots if number < slot):
            waiting = slots.pop(due, [])
            self._standing -= len(waiting)
            for flow in self._still(waiting, "idle"):
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
        left: list[Flow | Knock] = list(self.flows())
        left += self.knocks.values()
        left.sort(key=_began)
        self._slots.clear()
        self._standing = 0
        left.reverse()
        while left:
            some = left[: -_AT_ONCE - 1 : -1]
            del left[-_AT_ONCE:]
            for flow in self._still(some, "eof"):
                self.end(flow, _over(flow) or "eof")
            yield
        self._grown.clear()


def _began(item: Flow | Knock) -> tuple[int, int]:
    return (item[1], item[4]) if isinstance(item, tuple) else (item.first, item.number)


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
