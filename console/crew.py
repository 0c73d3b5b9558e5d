"""Who looks at events, when one process is not enough?

Workers read their share of the journal themselves and say what the rules see in each event by itself: that is
nearly all of the work. What counts over events (correlations, folding) stays with the judge, in the order of
the events, so that many workers find exactly what one does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from citywatch.detect.rulebook import Rulebook, Seen
from citywatch.detect.sigma.failures import Failure
from citywatch.errors import CityWatchError
from citywatch.watch import Looked

if TYPE_CHECKING:
    from console.house import House

log = logging.getLogger("citywatch")

ANSWER_S = 300.0
"""A worker that takes longer for one share is ended, and its share given to a new one."""
_TRIES = 3


class Ask(msgspec.Struct, array_like=True, kw_only=True):
    """What a worker is asked: its share of the journal; nothing (0 to 0) is to read the rules anew."""

    after: int
    last: int


class Told(msgspec.Struct, array_like=True, kw_only=True):
    """What a worker answers."""

    mark: str
    """Of the rules that it looks by."""
    count: int
    seen: list[Seen]
    failures: list[Failure] = []
    """Rules that raised."""


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self, data: Path) -> None:
        ours, theirs = Pipe()
        self.pipe: Connection = ours
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own program
            [sys.executable, "-m", "console.crew_worker", str(data), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "CITYWATCH_DATA": str(data)},
        )
        theirs.close()

    def ask(self, what: Ask) -> None:
        self.pipe.send_bytes(msgspec.msgpack.encode(what))

    def answer(self) -> Told:
        """Its answer.

        Raises:
            OSError: it died, or takes too long.
        """
        if not self.pipe.poll(ANSWER_S):
            raise TimeoutError(f"no answer within {ANSWER_S:.0f} s")
        try:
            return msgspec.msgpack.decode(self.pipe.recv_bytes(), type=Told)
        except EOFError as error:
            raise ConnectionResetError("it ended") from error

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.wait()


class Workers:
    """A crew of processes that look at shares of the journal."""

    def __init__(self, house: House, count: int) -> None:
        """Start so many."""
        self._data = house.settings.data
        self._mark = house.rulebook.mark
        self._failures = house.rulebook.failures
        self._workers = [_Worker(self._data) for _ in range(count)]
        self.restarts = 0

    @property
    def pids(self) -> list[int]:
        """The processes, in the order of their shares."""
        return [worker.process.pid for worker in self._workers]

    def look(self, after: int, last: int) -> Looked:
        """See the events after a sequence up to another, all of them, in order.

        Raises:
            CityWatchError: a worker ends again and again, or reads other rules than the judge.
        """
        if last <= after:
            return Looked(count=0, last=after, seen=())
        told = self._all(_shares(after, last, len(self._workers)))
        if any(one.mark != self._mark for one in told):
            self._read_rules()
            raise CityWatchError("the workers looked by other rules than the judge; they read them anew")
        for one in told:
            for failure in one.failures:
                self._failures.add(failure)
        return Looked(
            count=sum(one.count for one in told), last=last, seen=[seen for one in told for seen in one.seen]
        )

    def renew(self, rules: Rulebook) -> None:
        """Look by these rules from now on: the workers read the files that these were read from."""
        self._mark, self._failures = rules.mark, rules.failures
        self._read_rules()

    def _read_rules(self) -> None:
        self._all([Ask(after=0, last=0)] * len(self._workers))

    def _all(self, asked: Sequence[Ask]) -> list[Told]:
        for place, what in enumerate(asked):
            self._send(place, what)
        return [self._receive(place, what) for place, what in enumerate(asked)]

    def _send(self, place: int, what: Ask) -> None:
        try:
            self._workers[place].ask(what)
        except OSError as error:
            self._replace(place, error)
            self._workers[place].ask(what)

    def _receive(self, place: int, what: Ask) -> Told:
        for _ in range(_TRIES):
            try:
                return self._workers[place].answer()
            except OSError as error:
                self._replace(place, error)
                self._workers[place].ask(what)
        raise CityWatchError(
            f"worker {place} ends again and again at events {what.after + 1} to {what.last}; "
            "set watch.workers = 1"
        )

    def _replace(self, place: int, error: OSError) -> None:
        log.warning("worker %d ended (%s): another takes its place", place, error)
        self.restarts += 1
        self._workers[place].end()
        self._workers[place] = _Worker(self._data)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()


def _shares(after: int, last: int, count: int) -> list[Ask]:
    """Cut a stretch of the journal into as many shares of equal size as there are workers.

    >>> [(one.after, one.last) for one in _shares(10, 15, 2)]
    [(10, 12), (12, 15)]
    """
    cuts = [after + (last - after) * place // count for place in range(count + 1)]
    return [Ask(after=low, last=high) for low, high in pairwise(cuts)]
