"""Through which doors do the rooms meet? All of them, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from citywatch.model import Event, Problem

Report = Callable[[Problem], None]
"""A sensor tells what it passed over, and goes on."""

Keep = Callable[[bytes, str], str]
"""Keep bytes (with a media type) as evidence; gives their SHA-256 in hex."""


class Sensor(Protocol):
    """Translates one kind of source into Events; nothing downstream knows a vendor's names.

    `read` never raises for bad input: it reports a Problem and goes on, or reports a fatal one and ends.
    Two reads of the same bytes give the same events with the same ids, whatever the path.
    """

    @property
    def name(self) -> str: ...

    def recognizes(self, head: bytes, name: str) -> bool:
        """Tell from the first 64 KiB (decompressed) and, only as a tie-break, the file's name."""
        ...

    def read(self, path: Path, report: Report, keep: Keep) -> Iterator[Event]: ...


@runtime_checkable
class Scribe(Sensor, Protocol):
    """A sensor that can also write its events as lines of JSON itself, sooner than they could be made."""

    def lines(self, path: Path, report: Report, keep: Keep) -> Iterator[bytes]:
        """The events of `read`, as JSON, each with its line end; some thousand in one piece."""
        ...


@dataclass(slots=True)
class Place:
    """How far a growing log has been read: the byte after the last line taken, and that line's number."""

    offset: int = 0
    line: int = 0


@runtime_checkable
class Follower(Sensor, Protocol):
    """A sensor of logs that grow: begins at a place, and moves it past each line before it is given."""

    @property
    def follows(self) -> Literal[True]: ...

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """As `Sensor.read`, from `place` on; without `whole` a last line that has no end yet is left."""
        ...


# -- journal ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHealth:
    """How full the journal is and how far each reader is."""

    first: int
    last: int
    bytes_used: int
    bytes_cap: int
    dropped: int
    readers: Mapping[str, int]


class Journal(Protocol):
    """A durable queue between looking and judging, with one cursor a reader.

    Sequences start at 1 and have no gaps but for what was dropped. An event whose id is still in the
    journal is not appended again (its sequence is kept), so a sensor may read a source again after a crash.
    """

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int:
        """Write all or nothing, durably; give how many were new.

        Sets `event.sequence` and `event.ingested` on the stored copy. `progress` (a sensor's own notes: how
        far it has read) is written in the same transaction.

        Raises:
            JournalFull: the cap is reached and policy forbids to drop what a reader has not seen.
        """
        ...

    def progress(self, key: str) -> bytes | None: ...

    def read(self, reader: str, limit: int, *, after: int | None = None) -> list[Event]:
        """The next events for a reader, in order; does not move its cursor."""
        ...

    def commit(self, reader: str, sequence: int, *, state: Mapping[str, bytes | None] | None = None) -> None:
        """This reader has done with everything up to and including `sequence`.

        `state` (what the reader must know to go on; None deletes a key) is written in the same transaction.
        """
        ...

    def state(self, reader: str) -> dict[str, bytes]:
        """Everything this reader saved with its commits."""
        ...

    def cursor(self, reader: str) -> int: ...

    def health(self) -> JournalHealth: ...

    def close(self) -> None: ...


# -- store -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Is:
    """The field holds this value (any of its values; text without regard to letter case)."""

    field: str
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Like:
    """The field matches a pattern: `*` any run, `?` one character, backslash escapes. Any letter case."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """Lies between two bounds (inclusive; None is open): numbers for number fields, text for dates."""

    field: str
    low: str | float | None = None
    high: str | float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has at least one value (an empty text counts)."""

    field: str


@dataclass(frozen=True, slots=True)
class Text:
    """Some value of the event contains this text. Ignores letter case."""

    text: str


@dataclass(frozen=True, slots=True)
class Everything:
    """Yes to all."""


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every part says yes (an empty All says yes)."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Some part says yes (an empty Either says no)."""

    parts: tuple[Condition, ...]


Condition = Is | Like | Range | Exists | Text | Everything | Not | All | Either


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for. Times are `clock.stamp` texts, start inclusive, end exclusive, over `@timestamp`."""

    where: Condition = Everything()
    start: str | None = None
    end: str | None = None
    order: str = "@timestamp"
    """For events always `@timestamp`; for records any field of the record."""
    newest_first: bool = True
    limit: int = 100
    after: str | None = None
    """The `next` of the page before: opaque."""
    count_to: int | None = None
    """Stop counting there: a `total` of so many means so many or more. None counts them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of events. `next` is None on the last; `total` is exact."""

    events: tuple[Event, ...]
    total: int
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A document that changes, with its version (1 when first written)."""

    kind: str
    id: str
    version: int
    doc: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """One page of records."""

    records: tuple[Record, ...]
    total: int
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """Is the store well, and how much is in it?"""

    ok: bool
    what: str
    events: int = 0
    bytes: int = 0
    days: tuple[str, ...] = ()
    records: Mapping[str, int] = field(default_factory=dict[str, int])
    refused: int = 0
    """Events that the store would not take (counted, kept aside, shown on the health page)."""


class Store(Protocol):
    """Keeps events (written once, in days) and records (that change, versioned). Two stores, one contract.

    Every method raises StoreUnreachable when the store does not answer, and StoreError when it refuses.
    """

    @property
    def name(self) -> str: ...

    @property
    def quick(self) -> bool:
        """A condition on any field is answered without reading every event."""
        ...

    def append(self, events: Sequence[Event]) -> int:
        """Write journalled events, create-only by `event.id`; give how many were new."""
        ...

    def scan(self, after: int, limit: int) -> list[Event]:
        """Events by `event.sequence`, oldest first, after a sequence."""
        ...

    def search(self, query: Query) -> Page: ...

    def get_event(self, event_id: str) -> Event | None: ...

    def aggregate(
        self, query: Query, by: str, *, size: int = 20, interval_s: int | None = None
    ) -> list[tuple[str, int]]:
        """Count by a field's values, most first; with `interval_s` by time (start of each, ascending)."""
        ...

    def get(self, kind: str, record_id: str) -> Record | None: ...

    def get_many(self, kind: str, record_ids: Sequence[str]) -> dict[str, Record]: ...

    def put_if(self, kind: str, record_id: str, doc: Mapping[str, Any], version: int) -> Record:
        """Write if the stored version is still `version` (0: must not exist yet).

        Raises:
            Conflict: somebody else wrote first.
        """
        ...

    def put_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> None:
        """Write records whatever their version, in one go (for a single owner: the judge's alerts)."""
        ...

    def create_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> int:
        """Write those that are not there yet, in one go, and leave the others; give how many were new."""
        ...

    def find(self, kind: str, query: Query) -> RecordPage:
        """Records by any field of theirs; `start` and `end` are over the `order` field."""
        ...

    def tally(self, kind: str, where: Condition, by: str, *, size: int = 1000) -> list[tuple[str, int]]:
        """Count records by a field's values (texts in lower case), most first."""
        ...

    def delete(self, kind: str, record_id: str) -> bool: ...

    def drop_before(self, day: str) -> int:
        """Drop whole ingest days (`2026-11-22`) of events before this one; give how many events went."""
        ...

    def health(self) -> StoreHealth: ...

    def close(self) -> None: ...


# -- responders ------------------------------------------------------------------------------------------

Effect = Literal["read_only", "notify", "change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call of an action: the same `key` means the same effect, however often it is asked for."""

    key: str
    """`run:step:item`."""
    action: str
    inputs: Mapping[str, Any]
    run_id: str = ""


class Responder(Protocol):
    """Acts on the outside or on the store. One file each."""

    @property
    def name(self) -> str:
        """The action that a playbook names: `ticket.open`, `notify.mail` …"""
        ...

    @property
    def effect(self) -> Effect: ...

    @property
    def repeats_safely(self) -> bool:
        """The receiver drops a second order with the same key."""
        ...

    @property
    def remote(self) -> bool:
        """It talks over a network and may be slow: done beside other runs, under the step's time-out."""
        ...

    def act(self, order: Order) -> Mapping[str, Any]:
        """Do it; what is given back is `steps.<id>` to later steps.

        Raises:
            ActionFailed: with `again` telling whether a retry may help.
        """
        ...
