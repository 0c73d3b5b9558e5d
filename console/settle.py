"""Who judges: this command, or the service that runs already?

Only one process may follow the journal as the judge. It holds a lock on a file of the installation; a command
that finds it held leaves the judging to the holder and waits until it is done.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from citywatch.errors import CityWatchError
from citywatch.watch import JUDGE

if TYPE_CHECKING:
    from console.house import House

Tell = Callable[[str], object]

_WAIT_S = 120.0


@contextmanager
def judging(house: House) -> Generator[bool]:
    """Hold the judge's place; gives False when another process holds it."""
    with (house.settings.data / "judge.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def settle(house: House, tell: Tell) -> None:
    """Judge, store and answer everything that is in the journal, or wait until the service has.

    Raises:
        CityWatchError: the service that holds the judge's place does not get on.
    """
    with judging(house) as mine:
        if mine:
            _settle(house, tell)
            return
    tell("waiting for the service that runs already")
    from citywatch.store.shipper import READER

    last = house.journal.health().last
    deadline = time.monotonic() + _WAIT_S
    while min(house.journal.cursor(JUDGE), house.journal.cursor(READER)) < last:
        if time.monotonic() > deadline:
            raise CityWatchError(
                f"the service did not judge what was seen within {_WAIT_S:.0f} s; see: citywatch doctor"
            )
        time.sleep(0.1)


def _settle(house: House, tell: Tell) -> None:
    from citywatch.store.shipper import Shipper

    tell("judging")
    house.judge.run()
    tell("storing events")
    shipper = Shipper(house.journal, house.store)
    while shipper.step():
        pass
    tell("responding")
    while house.runner.tick():
        pass
