"""Does this host ask that one again and again, as a monitoring system does?

Whoever looks for hosts asks each of them once or twice, a monitoring system asks the same ones at an even
pace for as long as it runs. Told is in which round somebody asks: questions within a few seconds are one
round, and from the third round at an even pace on it is a habit, until a day passes without. Bounded: who
was not asked for longest is forgotten first.
"""

from __future__ import annotations

MOST = 65_536
ROUND_US = 20_000_000
"""Questions closer together than this belong to one round."""
FORGOTTEN_US = 86_400_000_000
HABIT = 3
"""Rounds at an even pace that make a habit."""


class Pace:
    """Remembers who asked whom, and how regularly."""

    __slots__ = ("_known", "_most", "forgotten")

    def __init__(self, most: int = MOST) -> None:
        self._known: dict[bytes, tuple[int, int, int, int]] = {}
        """Last question, begin of the round, time between the last two rounds, rounds at that pace."""
        self._most = most
        self.forgotten = 0
        """Pairs that had to make room."""

    def __len__(self) -> int:
        return len(self._known)

    def asked(self, pair: bytes, us: int) -> int:
        """Take a question; gives in which even round it was asked.

        Args:
            pair: who asks whom.
            us: when.
        """
        known = self._known.pop(pair, None)
        if known is None or us - known[0] > FORGOTTEN_US:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
                self.forgotten += 1
            self._known[pair] = (us, us, 0, 1)
            return 1
        last, begun, pace, rounds = known
        if us - last >= ROUND_US:
            between = us - begun
            if rounds < HABIT and pace and not _even(between, pace):
                rounds = 1
            rounds, pace, begun = rounds + 1, between, us
        self._known[pair] = (max(us, last), begun, pace, rounds)
        return rounds


def _even(between: int, pace: int) -> bool:
    """Are two times between rounds the same, give or take a quarter?"""
    return 4 * abs(between - pace) <= pace
