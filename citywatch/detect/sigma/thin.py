"""Which events may a busy group forget without changing its answer?

Between two events with the same value, close together, a third changes no window's set of values: it is
merged into the one before it and only counted. Sums are merged with their neighbors. The window's length is
cut into slices; at most the first and last event of a value in a slice stay. What is merged joins a burst
together with its neighbor, so a count is exact to within one slice at a burst's ends; groups that are not
busy are never thinned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Entry = tuple[int, Any, bytes, int]
"""Microseconds, what is asked about, packed note, and how many events it stands for."""


def thin_values(entries: Sequence[Entry], length: int) -> list[Entry]:
    """Keep the first and last of each value in each run of at most this length.

    >>> thin_values([(0, "a", b"", 1), (1, "a", b"", 1), (2, "b", b"", 1), (3, "a", b"", 1)], 10)
    [(0, 'a', b'', 2), (2, 'b', b'', 1), (3, 'a', b'', 1)]
    """
    kept: list[Entry | None] = []
    runs: dict[Any, tuple[int, int | None]] = {}
    for entry in entries:
        first, last = runs.get(entry[1], (-1, None))
        place = len(kept)
        begun = kept[first] if first >= 0 else None
        if begun is None or entry[0] - begun[0] > length:
            runs[entry[1]] = (place, None)
        else:
            middle = kept[last] if last is not None else None
            if middle is not None and last is not None:
                kept[first] = (begun[0], begun[1], begun[2], begun[3] + middle[3])
                kept[last] = None
            runs[entry[1]] = (first, place)
        kept.append(entry)
    return [entry for entry in kept if entry is not None]


def thin_ordered(entries: Sequence[Entry], length: int) -> list[Entry]:
    """As `thin_values`, but only where nothing of another value lies between."""
    kept: list[Entry] = []
    for entry in entries:
        if len(kept) > 1 and kept[-1][1] == kept[-2][1] == entry[1] and entry[0] - kept[-2][0] <= length:
            middle, begun = kept.pop(), kept.pop()
            kept.append((begun[0], begun[1], begun[2], begun[3] + middle[3]))
        kept.append(entry)
    return kept


def thin_sums(entries: Iterable[Entry], length: int) -> list[Entry]:
    """Add neighbors up within each run of at most this length.

    >>> thin_sums([(0, 5, b"x", 1), (1, 7, b"y", 1), (99, 1, b"z", 1)], 10)
    [(0, 12, b'x', 2), (99, 1, b'z', 1)]
    """
    kept: list[Entry] = []
    for entry in entries:
        begun = kept[-1] if kept else None
        if begun is not None and entry[0] - begun[0] <= length:
            kept[-1] = (begun[0], begun[1] + entry[1], begun[2], begun[3] + entry[3])
        else:
            kept.append(entry)
    return kept
