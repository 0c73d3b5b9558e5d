"""What does a network do that it never did before, or that hardly anybody in it does?

Remembers for 30 days which of the own hosts used which destination, name, service and TLS fingerprint, and
tells once a night what was seen for the first time and what only few use (after RITA's idea of prevalence).
A rule says which of it is bad. Bounded: of what many use only so many hosts are remembered, and a night
remembers and tells at most so much; what found no room is counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from citywatch.clock import micros
from citywatch.model import Event, repeatable_id
from sensors.network.moment import stamp

MOST_HOSTS = 64
"""Of one thing so many hosts are remembered: beyond that it is not rare."""
MOST_KEYS = 500_000
MOST_TOLD = 5000
RARE_HOSTS = 2
KEPT_DAYS = 30
_DAY_US = 86_400_000_000
_DATASETS = frozenset({"network.flow", "network.dns", "network.tls"})

Key = tuple[str, str, str]
"""Kind, thing, own host."""


@dataclass(slots=True)
class Use:
    """What one host did with one thing on one day."""

    first_us: int
    last_us: int
    count: int = 0
    out_bytes: int = 0
    port: int = 0


class Day:
    """Takes the events of a day, in any order."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self._is_own = is_own
        self.uses: dict[Key, Use] = {}
        self.left_out = 0
        """Events that found no room."""

    def add(self, event: Event) -> None:
        """Take one event; what is not about habits is passed over."""
        dataset = event.get("event.dataset")
        source = event.get("source.ip")
        if dataset not in _DATASETS or not source:
            return
        own = self._is_own(str(source))
        if dataset == "network.flow":
            self._flow(event, str(source), own)
        elif own and dataset == "network.dns":
            self._note("domain", event.get("dns.question.registered_domain"), str(source), event)
        elif own:
            self._note("fingerprint", event.get("citywatch.tls.client.ja4"), str(source), event)

    def _flow(self, event: Event, source: str, own: bool) -> None:
        target, port = event.get("destination.ip"), event.get("destination.port")
        answered = event.get("citywatch.flow.payload.in_bytes") or event.get("citywatch.flow.state") in {
            "SF",
            "S1",
        }
        if not target or not answered:
            return
        inside = self._is_own(str(target))
        if own and not inside:
            self._note("destination", target, source, event)
        if inside and port and event.get("network.transport") == "tcp":
            self._note("service", f"{target}:{port}", str(target), event)

    def _note(self, kind: str, thing: object, host: str, event: Event) -> None:
        if not thing:
            return
        key = (kind, str(thing), host)
        us = micros(str(event["@timestamp"]))
        use = self.uses.get(key)
        if use is None:
            if len(self.uses) >= MOST_KEYS:
                self.left_out += 1
                return
            use = self.uses[key] = Use(us, us, port=int(event.get("destination.port") or 0))
        use.first_us, use.last_us = min(use.first_us, us), max(use.last_us, us)
        use.count += 1
        use.out_bytes += int(event.get("citywatch.flow.payload.out_bytes") or 0)


class Memory:
    """What was seen in the last 30 days, in a file of its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS used (kind TEXT, thing TEXT, host TEXT, first INT, last INT,"
            " PRIMARY KEY (kind, thing, host)) WITHOUT ROWID"
        )
        self._file.execute("CREATE INDEX IF NOT EXISTS by_last ON used (last)")

    def events(self, day: Day, *, today: int) -> Iterator[Event]:
        """What is new or rare in a day; nothing is remembered yet (see `learn`).

        Args:
            day: what was seen.
            today: the day's number since 1970.
        """
        known_days = self._known_days(today)
        everybody = self._hosts(day)
        news = [row for key, use in day.uses.items() if (row := self._judged(key, use)) is not None]
        news.sort(key=lambda row: (-row[1].out_bytes, row[0]))
        for key, use, first, hosts in news[:MOST_TOLD]:
            yield _event(key, use, first, min(hosts, everybody), everybody, known_days, today)

    def _judged(self, key: Key, use: Use) -> tuple[Key, Use, bool, int] | None:
        kind, thing, host = key
        rows = self._file.execute(
            "SELECT host FROM used WHERE kind = ? AND thing = ? LIMIT ?", (kind, thing, MOST_HOSTS)
        ).fetchall()
        hosts = {str(row[0]) for row in rows}
        number = len(hosts | {host})
        if hosts and (number > RARE_HOSTS or kind == "service"):
            return None
        return key, use, not hosts, number

    def _known_days(self, today: int) -> int:
        (first,) = self._file.execute("SELECT min(first) FROM used").fetchone()
        return today - int(first) if first is not None else 0

    def _hosts(self, day: Day) -> int:
        """How many own hosts there are."""
        rows = self._file.execute("SELECT DISTINCT host FROM used").fetchall()
        return len({str(row[0]) for row in rows} | {host for _, _, host in day.uses})

    def learn(self, day: Day, *, today: int) -> None:
        """Remember a day, forget what is too old."""
        self._file.execute("BEGIN IMMEDIATE")
        for kind, thing, host in day.uses:
            self._file.execute(
                "INSERT INTO used SELECT ?1, ?2, ?3, ?4, ?4 WHERE (SELECT count(*) FROM used WHERE kind = ?1"
                " AND thing = ?2) < ?5 OR EXISTS (SELECT 1 FROM used WHERE kind = ?1 AND thing = ?2 AND"
                " host = ?3) ON CONFLICT (kind, thing, host) DO UPDATE SET last = excluded.last",
                (kind, thing, host, today, MOST_HOSTS),
            )
        self._file.execute("DELETE FROM used WHERE last < ?", (today - KEPT_DAYS,))
        self._file.execute("COMMIT")

    def close(self) -> None:
        self._file.close()


def _event(key: Key, use: Use, first: bool, hosts: int, everybody: int, known_days: int, today: int) -> Event:
    kind, thing, host = key
    event: Event = {
        "@timestamp": stamp(use.last_us),
        "event.id": repeatable_id("network", "habit", today, *key),
        "event.kind": "metric",
        "event.category": ["network"],
        "event.module": "network",
        "event.dataset": "network.habit",
        "event.start": stamp(use.first_us),
        "event.end": stamp(use.last_us),
        "citywatch.habit.kind": kind,
        "citywatch.habit.thing": thing,
        "citywatch.habit.first_seen": first,
        "citywatch.habit.hosts": hosts,
        "citywatch.habit.of_hosts": everybody,
        "citywatch.habit.rarity": round(1 - (hosts - 1) / max(everybody - 1, 1), 3),
        "citywatch.habit.known_days": known_days,
        "citywatch.habit.count": use.count,
        "citywatch.habit.out_bytes": use.out_bytes,
    }
    if kind == "service":
        event["destination.ip"], event["destination.port"] = host, use.port
    else:
        event["source.ip"] = host
    if kind == "destination":
        event["destination.ip"] = thing
    return event


def day_of(us: int) -> int:
    """The number of a day since 1970.

    >>> day_of(86_400_000_000)
    1
    """
    return us // _DAY_US
