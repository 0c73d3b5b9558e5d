"""In which order did the bytes of a connection arrive at their reader?

Small TCP reassembly: only while a protocol still wants bytes, with a bounded waiting room. Where segments
overlap with different content the first one wins and the flow gets the note `overlap`.
"""

from __future__ import annotations

from sensors.network.flow import Flow

MOST_WAITING = 128
MOST_WAITING_BYTES = 1 << 18
_SMALL = MOST_WAITING_BYTES // MOST_WAITING
"""Segments no longer than this need not be added up: a room full of them holds no more."""
_HALF = 1 << 31
_MASK = (1 << 32) - 1


def take(flow: Flow, out: bool, seq: int, data: bytes, size: int, us: int) -> None:  # noqa: C901 - called for every packet with payload: one piece
    """Take one segment; `size` is its length on the wire, `data` what was captured of it."""
    expected = flow.out_next if out else flow.back_next
    if seq == expected or expected < 0:
        if out:
            flow.out_next = (seq + size) & _MASK
            flow.out_tail = data
        else:
            flow.back_next = (seq + size) & _MASK
            flow.back_tail = data
        app = flow.app
        if app is not None:
            try:
                if not app.feed(flow, out, data, us) and flow.app is app:
                    leave(flow)
            except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
                broke(flow)
        if size > len(data):
            lost(flow, out, size - len(data))
        if flow.out_wait if out else flow.back_wait:
            _drain(flow, out, us)
        return
    ahead = (seq - expected) & _MASK
    if ahead >= _HALF:
        _late(flow, out, seq, data, size, us, _MASK + 1 - ahead)
    elif not _wait(flow, out, seq, data):
        skip(flow, out, us)


def _give(flow: Flow, out: bool, seq: int, data: bytes, size: int, us: int) -> None:
    after = (seq + size) & _MASK
    if out:
        flow.out_next = after
        flow.out_tail = data
    else:
        flow.back_next = after
        flow.back_tail = data
    feed(flow, out, data, us)
    if size > len(data):
        lost(flow, out, size - len(data))


def feed(flow: Flow, out: bool, data: bytes, us: int) -> None:
    """Hand bytes to the protocol; one that fails on them is noted and asked no more."""
    app = flow.app
    if app is None:
        return
    try:
        if not app.feed(flow, out, data, us) and flow.app is app:
            leave(flow)
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        broke(flow)


def leave(flow: Flow) -> None:
    """Nobody reads this flow any more: what was kept for its reader goes."""
    flow.app = flow.out_wait = flow.back_wait = None
    flow.out_tail = flow.back_tail = b""


def lost(flow: Flow, out: bool, size: int) -> None:
    """Tell the protocol that bytes were never seen."""
    app = flow.app
    if app is None:
        return
    try:
        if not app.gap(flow, out, size) and flow.app is app:
            leave(flow)
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        broke(flow)


def close(flow: Flow) -> None:
    """The flow ended: give what still waits, then let the protocol tell what it holds."""
    for out in (True, False):
        while flow.app is not None and (flow.out_wait if out else flow.back_wait):
            skip(flow, out, flow.last)
    app = flow.app
    if app is None:
        return
    try:
        app.close(flow)
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        flow.note(f"malformed {app.protocol}".rstrip())
    flow.app = None


def broke(flow: Flow) -> None:
    """The protocol could not make sense of its bytes: note it, let it tell what it had."""
    app = flow.app
    if app is None:
        return
    leave(flow)
    flow.note(f"malformed {app.protocol}".rstrip())
    try:
        app.close(flow)
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        flow.note("malformed twice")


def _late(flow: Flow, out: bool, seq: int, data: bytes, size: int, us: int, behind: int) -> None:
    """A segment begins before what was already taken."""
    tail = flow.out_tail if out else flow.back_tail
    if behind <= len(tail):
        again = tail[len(tail) - behind :][: len(data)]
        if again != data[: len(again)]:
            flow.note("overlap")
    if size > behind:
        take(flow, out, (seq + behind) & _MASK, data[behind:], size - behind, us)


def _wait(flow: Flow, out: bool, seq: int, data: bytes) -> bool:
    """Keep a segment that came too early; False when there is no room."""
    room = flow.out_wait if out else flow.back_wait
    if room is None:
        room = []
        if out:
            flow.out_wait = room
        else:
            flow.back_wait = room
    for held, other in room:
        start = (seq - held) & _MASK
        if start < len(other):
            both = min(len(data), len(other) - start)
            if other[start : start + both] != data[:both]:
                flow.note("overlap")
            if start + len(data) <= len(other):
                return True
    room.append((seq, data))
    if len(room) >= MOST_WAITING:
        return False
    return len(data) <= _SMALL or sum(len(part) for _, part in room) < MOST_WAITING_BYTES


def _drain(flow: Flow, out: bool, us: int) -> None:
    """Give on what waited and now follows."""
    room = flow.out_wait if out else flow.back_wait
    while room:
        expected = flow.out_next if out else flow.back_next
        ready = [held for held in room if (expected - held[0]) & _MASK < _HALF]
        if not ready:
            return
        first = ready[0]
        room.remove(first)
        seq, data = first
        done = (expected - seq) & _MASK
        if done < len(data):
            _give(flow, out, expected, data[done:], len(data) - done, us)


def skip(flow: Flow, out: bool, us: int) -> None:
    """Too much waits for bytes that never came: go on behind the hole."""
    room = flow.out_wait if out else flow.back_wait
    if not room:
        return
    expected = flow.out_next if out else flow.back_next
    hole = min((held[0] - expected) & _MASK for held in room)
    flow.note("lost packets")
    if out:
        flow.out_next = (expected + hole) & _MASK
    else:
        flow.back_next = (expected + hole) & _MASK
    lost(flow, out, hole)
    _drain(flow, out, us)
