"""How do events come from the journal into the store?

In chunks, as a reader of the journal: the cursor moves only after the store took them, so a store that is
down or killed mid-way costs nothing but a repetition, which the store knows by the events' ids.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from citywatch.clock import Clock, system_clock
from citywatch.errors import StoreError
from citywatch.ports import Journal, Store

READER = "store"
CHUNK = 1000
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=60)


class Shipper:
    """Follows the journal into the store, one chunk a step; never raises for a store that is down.

    `problem` is what the store said last, or nothing when it took the last chunk.
    """

    def __init__(
        self, journal: Journal, store: Store, *, chunk: int = CHUNK, clock: Clock = system_clock
    ) -> None:
        self._journal = journal
        self._store = store
        self._chunk = chunk
        self._clock = clock
        self._wait = FIRST_WAIT
        self._again_at: datetime | None = None
        self.problem = ""

    def step(self) -> int:
        """Ship the next chunk; give how many events went (0: nothing to do, or waiting for the store)."""
        if self._again_at is not None and self._clock() < self._again_at:
            return 0
        events = self._journal.read(READER, self._chunk)
        if not events:
            return 0
        try:
            self._store.append(events)
        except StoreError as error:
            self.problem = str(error)
            self._again_at = self._clock() + self._wait
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            return 0
        self.problem = ""
        self._again_at = None
        self._wait = FIRST_WAIT
        self._journal.commit(READER, events[-1]["event.sequence"])
        return len(events)

    @property
    def waiting(self) -> int:
        """How many events the store has still to take."""
        return max(0, self._journal.health().last - self._journal.cursor(READER))
