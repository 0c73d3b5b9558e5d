"""How many wrong guesses before one has to wait?

Counted by address, and by account *and* address, so that a stranger who guesses at an account does not lock
its owner out. A much higher limit by account alone slows guessing from many addresses.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from citywatch.clock import Clock

WINDOW_S = 300
PER_ADDRESS = 20
PER_PAIR = 5
PER_ACCOUNT = 200
_MOST_KEYS = 20_000


@dataclass(slots=True)
class Throttle:
    """Counts failures in windows of five minutes; holds at most 20,000 keys."""

    clock: Clock
    _failures: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict[str, tuple[int, int]])
    _lock: Lock = field(default_factory=Lock)

    def wait_s(self, address: str, account: str) -> int:
        """Seconds until the next try is listened to; 0 is now."""
        now = int(self.clock().timestamp())
        window = now // WINDOW_S
        with self._lock:
            for key, most in _keys(address, account):
                when, count = self._failures.get(key, (window, 0))
                if when == window and count >= most:
                    return (window + 1) * WINDOW_S - now
        return 0

    def failed(self, address: str, account: str) -> None:
        """Count one wrong guess."""
        window = int(self.clock().timestamp()) // WINDOW_S
        with self._lock:
            for key, _ in _keys(address, account):
                when, count = self._failures.pop(key, (window, 0))
                self._failures[key] = (window, count + 1 if when == window else 1)
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, address: str, account: str) -> None:
        """Take back the try that was counted, and forget this account's wrong guesses from this address."""
        with self._lock:
            for key, _ in _keys(address, account):
                when, count = self._failures.get(key, (0, 0))
                if count > 1 and not key.startswith("p:"):
                    self._failures[key] = (when, count - 1)
                else:
                    self._failures.pop(key, None)


def _keys(address: str, account: str) -> tuple[tuple[str, int], ...]:
    account = account[:200]
    return (
        (f"a:{address}", PER_ADDRESS),
        (f"p:{address}\0{account}", PER_PAIR),
        (f"u:{account}", PER_ACCOUNT),
    )
