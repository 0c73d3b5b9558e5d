"""What is known of portals before a visit, and what is kept of it?

Events go into the journal first, then baselines, memories and the record of the visit into the store: a kill
in between only means that a page is judged once more. All of it is written in batches.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from citywatch.clock import stamp
from console import recovery
from console.evidence import note
from console.faces import from_record, to_record
from console.software import software_record
from sensors.portal.baseline import Baseline
from sensors.portal.memory import NOTHING, Memory

if TYPE_CHECKING:
    from citywatch.ports import Store
    from console.house import House
    from sensors.portal.visit import Visit

CHUNK = 200
LARGEST = 4_000_000


def pack(memory: Memory) -> str:
    """A memory as text of a record."""
    return b64encode(zlib.compress(msgspec.json.encode(memory), 1)).decode("ascii")


def unpack(text: str) -> Memory:
    """The memory that a record holds; nothing when it is broken or too large: it is then made anew."""
    opened = zlib.decompressobj()
    try:
        raw = opened.decompress(b64decode(text), LARGEST)
        return NOTHING if opened.unconsumed_tail else msgspec.json.decode(raw, type=Memory)
    except (ValueError, zlib.error, msgspec.DecodeError):
        return NOTHING


class StoredFaces(Mapping[str, Baseline]):
    """Baselines, each read when it is asked for."""

    def __init__(self, store: Store, ids: Sequence[str]) -> None:
        self._store = store
        self._ids = ids

    def __getitem__(self, portal_id: str) -> Baseline:
        record = self._store.get("baseline", portal_id)
        if record is None:
            raise KeyError(portal_id)
        return from_record(record.doc)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


class StoredMemories(Mapping[str, Memory]):
    """Memories, read some hundred at once, in the order in which they will be asked for."""

    def __init__(self, store: Store, ids: Sequence[str]) -> None:
        self._store = store
        self._ids = ids
        self._place = {portal_id: number for number, portal_id in enumerate(ids)}
        self._held: dict[str, Memory] = {}

    def __getitem__(self, portal_id: str) -> Memory:
        if portal_id not in self._held:
            start = self._place[portal_id]
            some = self._ids[start : start + CHUNK]
            found = self._store.get_many("memory", some)
            self._held |= {key: _unpacked(found, key) for key in some}
        return self._held.pop(portal_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _unpacked(found: Mapping[str, Any], key: str) -> Memory:
    return unpack(str(found[key].doc.get("packed", ""))) if key in found else NOTHING


class Keeper:
    """Writes down what visits gave.

    Args:
        house: the installation.
        chunk: so many visits at once.
        night: the day whose deep scan the visits are a part of.
    """

    def __init__(self, house: House, chunk: int = 100, night: str = "") -> None:
        self._house = house
        self._night = night
        self._chunk = chunk
        self._waiting: list[tuple[Visit, datetime]] = []

    def add(self, visit: Visit) -> None:
        """Take a visit; written with the next batch."""
        self._waiting.append((visit, self._house.clock()))
        if len(self._waiting) >= self._chunk:
            self.flush()

    def flush(self) -> int:
        """Write what waits; give how many visits that were."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return 0
        store = self._house.store
        events = [event for visit, _ in waiting for event in visit.events]
        if events:
            self._house.journal.append(events)
            note(self._house, events)
        self._keep_faces([visit for visit, _ in waiting if visit.learned])
        remembered = {
            visit.portal.id: {"portal": visit.portal.id, "packed": pack(visit.memory)}
            for visit, _ in waiting
            if visit.judged or visit.recovered
        }
        if remembered:
            store.put_many("memory", remembered)
        if self._night:
            store.put_many("deep", {visit.portal.id: _deep(visit, at, self._night) for visit, at in waiting})
        store.put_many("visit", {visit.portal.id: _record(visit, at) for visit, at in waiting})
        told = {visit.portal.id: software_record(visit, at) for visit, at in waiting}
        if any(
            told.values()
        ):  # a page that was known already and not read tells nothing: what was told stays
            store.put_many("software", {key: doc for key, doc in told.items() if doc})
        recovery.tell(self._house, (visit for visit, _ in waiting))
        return len(waiting)

    def _keep_faces(self, visits: Sequence[Visit]) -> None:
        """Keep what was learned, but for portals whose new face was accepted in the meantime."""
        store = self._house.store
        held = store.get_many("baseline", [visit.portal.id for visit in visits])
        versions = {key: int(record.doc.get("version", 0)) for key, record in held.items()}
        grown = {
            visit.portal.id: to_record(visit.baseline)
            for visit in visits
            if versions.get(visit.portal.id, 0) <= visit.baseline.version
        }
        if grown:
            store.put_many("baseline", grown)


def _deep(visit: Visit, at: datetime, night: str) -> dict[str, Any]:
    return {"portal": visit.portal.id, "day": night, "at": stamp(at), "error": visit.error}


def _record(visit: Visit, at: datetime) -> dict[str, Any]:
    return {
        "portal": visit.portal.id,
        "at": stamp(at),
        "available": visit.available,
        "error": visit.error,
        "took_ms": visit.took_ms,
        "judged": visit.judged,
        "unchanged": visit.unchanged,
        "troubles": list(visit.troubles),
        "since": visit.memory.since,
    }
