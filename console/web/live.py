"""How does an open inbox learn that something changed?

One look at the store every few seconds for all who listen, and only while somebody does. What goes out is
that something changed, never what: each browser then asks for what it may see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

from citywatch.errors import StoreError
from citywatch.ports import Query, Store
from console.web.door import Visit, Way

EVERY_S = 2.0
_LIFE_S = 600.0
"""A stream ends after ten minutes; the browser comes back, and its session is looked at again."""
_MOST_LISTENERS = 500


@dataclass(slots=True)
class Ear:
    """The newest state of the alerts that was seen, and when it was looked at."""

    store: Store
    seen: tuple[str, ...] = ()
    looked_at: float = 0.0
    listeners: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> tuple[str, ...]:
        """The state now; the store is asked once for all who look at about the same time."""
        async with self.lock:
            if monotonic() - self.looked_at >= EVERY_S * 0.9:
                try:
                    self.seen = await anyio.to_thread.run_sync(self._ask)
                except StoreError:
                    return self.seen
                finally:
                    self.looked_at = monotonic()
            return self.seen

    def _ask(self) -> tuple[str, ...]:
        newest = self.store.find("alert", Query(order="last_seen", limit=3, count_to=1))
        done = self.store.find("alert_state", Query(order="changed_at", limit=3, count_to=1))
        records = [record for page in (newest, done) for record in page.records]
        return tuple(f"{record.id} {record.version}" for record in records)


async def _tell(ear: Ear) -> AsyncIterator[str]:
    ear.listeners += 1
    began = monotonic()
    try:
        before = await ear.look()
        yield "retry: 5000\n: here\n\n"
        while monotonic() - began < _LIFE_S:
            await asyncio.sleep(EVERY_S)
            now = await ear.look()
            yield "event: alerts\ndata: changed\n\n" if now != before else ": still here\n\n"
            before = now
    finally:
        ear.listeners -= 1


def listen(visit: Visit) -> Response:
    """A stream of `alerts` events."""
    ear: Ear = visit.request.app.state.ear
    if ear.listeners >= _MOST_LISTENERS:
        return Response(status_code=204)  # the browser does not come back: it shows what it has
    return StreamingResponse(_tell(ear), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


WAYS = (Way(path="/live", handler=listen, name="live", needs="see"),)
