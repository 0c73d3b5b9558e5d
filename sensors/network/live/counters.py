"""How many packets passed an interface, and what became of each?

The sum holds at every moment, also after a kill: what passed the interface is what was written to the ring,
what the kernel dropped because we were too slow, what the disk would not take, and what passed while nobody
looked. The last is known from the interface's own counters; it is exact when nothing is filtered and the
kernel joins no packets (GRO), else it is told as `at most`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE = "counters.json"
ABSENT = "absent"
_LARGEST = 1 << 16


@dataclass(slots=True, kw_only=True)
class Counters:
    """Of one interface, since its ring was begun; written every second and read by whoever wants to know."""

    interface: str
    state: str = ABSENT
    """`up`, `down`, `absent`, or why it cannot be read."""
    at_us: int = 0
    """When this was written."""
    written: int = 0
    """Packets that went into the ring on disk."""
    kernel_dropped: int = 0
    """Packets that the kernel dropped because its ring was full."""
    unwritten: int = 0
    """Packets that the disk would not take."""
    missed: int = 0
    """Packets that passed while no capture process looked."""
    exact: bool = True
    """`missed` is exact; else it is the most that it can be."""
    passed: int = 0
    """Packets that passed the interface, by its own counters."""
    mark: int = 0
    """The interface's counter when `passed` was last brought up to date."""
    index: int = 0
    """The interface's number in the kernel then."""
    filter: str = ""
    process: int = 0

    @property
    def accounted(self) -> int:
        """Packets whose fate is known."""
        return self.written + self.kernel_dropped + self.unwritten + self.missed

    def is_bound(self, index: int, count: int, *, merged: bool) -> None:
        """The interface was found, for the first time or again: what passed it meanwhile was missed.

        Args:
            index: its number in the kernel.
            count: its own counter.
            merged: the kernel joins packets, so that its counter counts others than we see.
        """
        first = not self.index
        if self.state == ABSENT:  # what was still in the kernel's ring when it went was written since
            self.passed = max(self.passed, self.accounted)
        before = self.passed
        if first:
            self.mark = count
        same = index == self.index and count >= self.mark
        self.passed += count - self.mark if same or first else count
        self.mark, self.index = count, index
        if self.filter or merged:
            lost = self.passed - before
            self.exact = self.exact and not lost
        else:
            lost = max(self.passed - self.accounted, 0)
        self.missed += lost

    def counts(self, count: int) -> None:
        """The interface's counter has moved on."""
        self.passed += max(count - self.mark, 0)
        self.mark = count

    def is_gone(self) -> None:
        """The interface is no more, and with it its counter: what was seen of it last stands."""
        self.state = ABSENT
        self.passed = max(self.passed, self.accounted)
        self.mark = 0


def read_counters(folder: Path) -> Counters | None:
    """What the capture process last wrote about an interface; None when there is nothing to read."""
    try:
        file = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return msgspec.json.decode(os.read(file, _LARGEST), type=Counters)
    except (OSError, msgspec.MsgspecError):
        return None
    finally:
        os.close(file)


def dump(counters: Counters) -> bytes:
    """As `read_counters` reads it."""
    return msgspec.json.encode(counters)
