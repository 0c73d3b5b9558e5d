"""What do the interfaces show right now, and is anything of it lost?

Joins the capture process and the reading of its rings to the installation: events go to the journal, counters
to the health page, and every loss is told when it happens.
"""

from __future__ import annotations

import fcntl
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from citywatch.errors import CityWatchError
from citywatch.model import Event, Problem
from citywatch.settings import Network
from sensors.network.live.counters import Counters, read_counters
from sensors.network.live.follow import Follower, Notes, Told, told_of
from sensors.network.live.warden import FOLDER, Warden, plan_of

if TYPE_CHECKING:
    from citywatch.clock import Clock
    from citywatch.ports import Keep, Report
    from console.house import House

log = logging.getLogger("citywatch")

LOSSES = ("kernel_dropped", "unwritten", "missed", "overrun", "cut")
"""Counters that say that packets were not seen, or not told of."""

_TELL_S = 60.0
Tell = Callable[[str], None]


class Live:
    """The interfaces of one installation, from the kernel to the journal."""

    def __init__(
        self, data: Path, wanted: Network, notes: Notes, *, keep: Keep, report: Report, clock: Clock
    ) -> None:
        """Take the interfaces.

        Raises:
            CityWatchError: the settings are wrong, or another service reads these rings.
        """
        self.plan = plan_of(data, wanted)
        self._folder = data / FOLDER
        self._lock = _lock(self._folder)
        self._notes = notes
        self._report = report
        self._warden = Warden(self.plan)
        self._followers = [
            Follower(
                name,
                self._folder / name,
                notes,
                keep=keep,
                report=report,
                clock=clock,
                most_flows=wanted.most_flows,
            )
            for name in self.plan.interfaces
        ]
        self._losses = {name: _losses(status_of(self._folder, name, notes)) for name in self.plan.interfaces}

    def guard(self) -> int:
        """Keep the capture process at work; 1 when it was started."""
        deaths = self._warden.deaths
        started = self._warden.step()
        if self._warden.deaths > deaths:
            self._report(_problem("the capture process", "it died and was started again"))
        return started

    @property
    def confined(self) -> str:
        """Which rights the capture process has given up."""
        return self._warden.confined

    @property
    def deaths(self) -> int:
        """How often the capture process died."""
        return self._warden.deaths

    def steps(self) -> Iterator[tuple[str, Callable[[], int]]]:
        """For each interface what reads it."""
        for follower in self._followers:
            yield follower.name, follower.step

    def status(self) -> list[dict[str, Any]]:
        """The counters of every interface; losses that are new are told."""
        rows = [status_of(self._folder, follower.name, self._notes) for follower in self._followers]
        for row in rows:
            name, losses = str(row["interface"]), _losses(row)
            new = {key: losses[key] - self._losses[name].get(key, 0) for key in losses}
            if any(count > 0 for count in new.values()):
                words = ", ".join(f"{key} {count}" for key, count in new.items() if count > 0)
                self._report(_problem(name, f"packets lost: {words}"))
                log.warning("%s: packets lost: %s", name, words)
            self._losses[name] = losses
        return rows

    def close(self) -> None:
        """Stop the capture process, read what it left, and write the conversations that are open."""
        try:
            self._warden.stop()
            for follower in self._followers:
                follower.close()
        finally:
            self._lock.close()


def _lock(folder: Path) -> IO[str]:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = (folder / "reader.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CityWatchError(
            f"{folder}: another service reads the interfaces already; stop it first"
        ) from None
    return lock


def _problem(source: str, what: str) -> Problem:
    return Problem(sensor="network", source=source, position="", what=what, hint="citywatch network status")


def status_of(folder: Path, name: str, notes: Notes) -> dict[str, Any]:
    """What is known of one interface: packets by what became of them."""
    counters = read_counters(folder / name) or Counters(interface=name, state="never seen")
    told = told_of(notes, name)
    return {
        "interface": name,
        "state": counters.state,
        "filter": counters.filter,
        "passed": counters.passed,
        "written": counters.written,
        "kernel_dropped": counters.kernel_dropped,
        "unwritten": counters.unwritten,
        "missed": counters.missed,
        "missed_is": "exact" if counters.exact else "at most",
        **_read(told, counters),
    }


def _read(told: Told, counters: Counters) -> dict[str, int]:
    return {
        "read": told.read - told.overrun,
        "waiting": max(counters.written - told.read, 0),
        "overrun": told.overrun,
        "cut": told.cut,
        "open": told.living,
        "evicted_flows": told.evicted,
    }


def _losses(row: Mapping[str, Any]) -> dict[str, int]:
    return {key: int(row[key]) for key in LOSSES}


def known_interfaces(data: Path) -> list[str]:
    """Interfaces that were ever listened to here."""
    folder = data / FOLDER
    return sorted(path.parent.name for path in folder.glob("*/counters.json")) if folder.is_dir() else []


def status_of_all(house: House) -> list[dict[str, Any]]:
    """Every interface that is set, or was ever listened to here."""
    data = house.settings.data
    names = dict.fromkeys([*house.settings.network.interfaces, *known_interfaces(data)])
    return [status_of(data / FOLDER, name, house.journal) for name in names]


def of_house(house: House, wanted: Network | None = None) -> Live:
    """The interfaces that an installation listens to: `wanted`, or else as it is set."""
    return Live(
        house.settings.data,
        wanted or house.settings.network,
        house.journal,
        keep=house.evidence.keep,
        report=house.pulse.problem,
        clock=house.clock,
    )


class _Printed:
    """Events go to standard output instead of the journal."""

    def __init__(self) -> None:
        self._progress: dict[str, bytes] = {}

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int:
        write = sys.stdout.buffer.write
        for event in events:
            write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        self._progress.update(progress or {})
        return len(events)

    def progress(self, key: str) -> bytes | None:
        return self._progress.get(key)


def _name_only(data: bytes, _: str) -> str:
    return sha256(data).hexdigest()


def print_events(wanted: Network, clock: Clock, *, until: Callable[[], bool], tell: Tell) -> None:
    """Write the events of interfaces as NDJSON to standard output; nothing of it is kept.

    Raises:
        CityWatchError: the interfaces cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        Path(folder).chmod(0o755)
        live = Live(
            Path(folder), wanted, _Printed(), keep=_name_only, report=lambda it: tell(str(it)), clock=clock
        )
        run(live, until=until, tell=tell)


def run(live: Live, *, until: Callable[[], bool], tell: Tell) -> None:
    """Read until somebody says stop, telling the counters once a minute and whenever something goes wrong."""
    due = 0.0
    said: dict[str, tuple[object, float]] = {}
    try:
        while not until():
            now = time.monotonic()
            if now >= due:
                live.guard()
                for row in live.status():
                    news = (row["state"], *_losses(row).values())
                    before, at = said.get(row["interface"], (None, 0.0))
                    if news != before or now - at >= _TELL_S:
                        tell(line_of(row))
                        said[row["interface"]] = (news, now)
                due = now + 1.0
            if not sum([step() for _, step in live.steps()]):
                time.sleep(0.05)
    finally:
        live.close()
        for row in live.status():
            tell(line_of(row))


def line_of(row: Mapping[str, Any]) -> str:
    """The counters of an interface on one line.

    >>> line_of({"interface": "ens5", "state": "up", "written": 7, "kernel_dropped": 0, "unwritten": 0,
    ...          "missed": 0, "overrun": 0, "cut": 0, "waiting": 2})
    'ens5 up: 7 packets, 2 waiting; lost: kernel_dropped 0, unwritten 0, missed 0, overrun 0, cut 0'
    """
    lost = ", ".join(f"{key} {row[key]}" for key in LOSSES)
    return (
        f"{row['interface']} {row['state']}: {row['written']} packets, {row['waiting']} waiting; lost: {lost}"
    )
