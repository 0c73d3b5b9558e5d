"""What is well and what is not?

Each part of the service counts what it did and what went wrong; the counts are written to the store every few
seconds, so that another process (the console, `doctor`) can show them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import CityWatchError
from citywatch.model import Problem, to_doc
from citywatch.ports import Query, Store

if TYPE_CHECKING:
    from console.house import House

STALE_S = 120
"""A part that has not been heard of for so long is not well."""

_KEPT_PROBLEMS = 50


@dataclass(slots=True)
class _Part:
    counts: dict[str, int] = field(default_factory=dict[str, int])
    problems: deque[str] = field(default_factory=lambda: deque[str](maxlen=_KEPT_PROBLEMS))
    error: str = ""


class Pulse:
    """Counts by part of the service. Safe to use from several threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._parts: dict[str, _Part] = {}
        self._lock = Lock()

    def count(self, part: str, **counts: int) -> None:
        """Add to the counts of a part; it is alive."""
        with self._lock:
            known = self._parts.setdefault(part, _Part())
            for name, number in counts.items():
                known.counts[name] = known.counts.get(name, 0) + number

    def problem(self, problem: Problem) -> None:
        """A sensor passed something over."""
        with self._lock:
            known = self._parts.setdefault(f"sensor:{problem.sensor}", _Part())
            known.counts["problems"] = known.counts.get("problems", 0) + 1
            known.problems.append(str(problem))

    def failed(self, part: str, error: BaseException) -> None:
        """A part failed and will be tried again."""
        with self._lock:
            known = self._parts.setdefault(part, _Part())
            known.counts["failures"] = known.counts.get("failures", 0) + 1
            known.error = f"{type(error).__name__}: {error}"

    def well(self, part: str) -> None:
        """A part that failed works again."""
        with self._lock:
            self._parts.setdefault(part, _Part()).error = ""

    def gauge(self, part: str, error: str, counts: Mapping[str, int]) -> None:
        """Set the counts of a part that counts for itself, and what is wrong with it, if anything."""
        with self._lock:
            known = self._parts.setdefault(part, _Part())
            known.counts, known.error = dict(counts), error

    def write(self) -> None:
        """Write all counts to the store."""
        now = stamp(self._clock())
        with self._lock:
            docs = {
                name: {
                    "part": name,
                    "at": now,
                    "counts": dict(part.counts),
                    "problems": list(part.problems),
                    "error": part.error,
                }
                for name, part in self._parts.items()
            }
        if docs:
            self._store.put_many("health", docs)


def health(house: House) -> Mapping[str, Any]:
    """The state of the store and of every part that was heard of."""
    try:
        store = house.store.health()
        parts = [record.doc for record in house.store.find("health", Query(order="part", limit=500)).records]
    except CityWatchError as error:
        return {"ok": False, "store": {"ok": False, "what": str(error)}, "parts": []}
    now = house.clock()
    for part in parts:
        part["stale"] = (now - parse_stamp(str(part["at"]))).total_seconds() > STALE_S
    return {
        "ok": store.ok and not any(part["error"] for part in parts),
        "store": {
            "ok": store.ok,
            "name": house.store.name,
            "what": store.what,
            "events": store.events,
            "bytes": store.bytes,
            "refused": store.refused,
            "records": dict(store.records),
        },
        "indicators": to_doc(house.indicators.health()),
        "parts": sorted(parts, key=lambda part: str(part["part"])),
    }
