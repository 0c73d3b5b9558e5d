"""Does a portal answer about as fast as it always does?

The last times of its home page are kept; their median and the median distance from it (MAD; Rousseeuw and
Croux 1993) are its habit. Slow is what lies far beyond both, and is not learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

_KEPT = 30
_ENOUGH = 10
"""Looks before anything is called slow."""
_TIMES = 3
_SPREADS = 8
_BEYOND = 1.5
"""And beyond the longest of its times but one: who sways between two paces is not slow at the second."""
_LEAST_MS = 2_000
"""Nobody is told of less: below it the line and this machine sway as much."""
TOLD = 5
"""So many slow looks in a row are told."""
_NEW_HABIT = 200
"""After so many in a row this is how it is now: the habit is learned anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How fast one portal answered, in milliseconds, and how many looks in a row it was slow."""

    times: tuple[int, ...] = ()
    slow: int = 0

    @property
    def usual(self) -> int:
        """The median; 0 while there is none yet."""
        return round(median(self.times)) if len(self.times) >= _ENOUGH else 0

    @property
    def spread(self) -> int:
        """The median distance from the median."""
        usual = self.usual
        return round(median(abs(one - usual) for one in self.times)) if usual else 0

    def is_slow(self, took_ms: int) -> bool:
        """Far above its own habit.

        >>> Habit(times=(300,) * 10).is_slow(2_500), Habit(times=(1_500,) * 10).is_slow(2_500)
        (True, False)
        """
        if len(self.times) < _ENOUGH or took_ms < _LEAST_MS:
            return False
        usual, longest = self.usual, sorted(self.times)[-2]
        far = took_ms >= _TIMES * usual and took_ms >= usual + _SPREADS * self.spread
        return far and took_ms >= _BEYOND * longest

    def after(self, took_ms: int) -> Habit:
        """The habit with one more look."""
        if self.is_slow(took_ms):
            return Habit() if self.slow + 1 >= _NEW_HABIT else replace(self, slow=self.slow + 1)
        return Habit(times=(*self.times, took_ms)[-_KEPT:])


NO_HABIT = Habit()
