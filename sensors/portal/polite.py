"""How often may one server be asked, and which of its pages may be crawled?

Many portals share a server, so the pace is kept by the address that was connected to, over all portals
together. `robots.txt` (RFC 9309) binds the crawl; pages that the agency itself named are looked at anyway.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from protego import Protego

US = "CityWatch"
"""Who we are in a robots.txt."""
_BURST = 12
"""So many requests may follow at once: one look at a home page in every view, with its redirects."""
_MOST_SERVERS = 20_000
_LONGEST_S = 5.0
_ROBOTS_BYTES = 500_000


class Pace:
    """At most so many requests a second to one server (generic cell rate algorithm).

    Args:
        rate: requests a second; 0 for no limit.
        sleep: for tests.
        now: for tests.
    """

    def __init__(
        self,
        rate: float,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gap = 1.0 / rate if rate > 0 else 0.0
        self._sleep = sleep
        self._now = now
        self._next: dict[str, float] = {}

    async def turn(self, server: str) -> None:
        """Wait until this server may be asked once more."""
        if not self._gap:
            return
        now = self._now()
        due = max(self._next.get(server, 0.0), now - _BURST * self._gap)
        if len(self._next) >= _MOST_SERVERS:
            self._next = {key: at for key, at in self._next.items() if at > now}
        self._next[server] = due + self._gap
        if due > now:
            await self._sleep(due - now)


def pause_before_retry(attempt: int, retry_after: str) -> float:
    """Seconds to wait before asking again: what the host asks for, else a little, growing; never in step.

    >>> pause_before_retry(1, "2") <= 2.5
    True
    """
    wanted = min(float(retry_after), _LONGEST_S) if retry_after.isascii() and retry_after.isdigit() else 0.0
    spread = random.uniform(0.2, 0.5) * 2 ** (attempt - 1)  # noqa: S311 - spreads load, guards nothing
    return min(max(wanted, spread), _LONGEST_S)


class Robots:
    """What a host's robots.txt allows us; without one, everything."""

    def __init__(self, text: str = "") -> None:
        self._rules = Protego.parse(text[:_ROBOTS_BYTES])

    def allows(self, url: str) -> bool:
        r"""May this page be crawled? Never raises for what is in the file.

        >>> Robots("User-agent: *\nDisallow: /admin/").allows("https://a.example/admin/x")
        False
        """
        try:
            return bool(self._rules.can_fetch(url, US))
        except (ValueError, UnicodeError):
            return True

    @property
    def sitemaps(self) -> list[str]:
        """Site maps that it names, at most five."""
        return [str(item)[:2000] for item in list(self._rules.sitemaps)[:5]]
