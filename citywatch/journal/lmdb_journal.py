"""How does nothing get lost between looking and judging?

A queue on disk (LMDB): events by sequence number, one cursor a reader, everything in transactions that reach
the disk before `append` or `commit` returns. Several processes may hold it open; LMDB lets one write at a
time. Nothing is trimmed until room is needed, so that a sensor which reads its source again after a crash
meets the ids of what it wrote before.

LMDB copies pages on write, so a full map cannot even delete: data is kept under 0.9 of the map.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import lmdb
import orjson

from citywatch.clock import Clock, stamp
from citywatch.errors import JournalError, JournalFull
from citywatch.journal.plain import dump
from citywatch.model import Event
from citywatch.ports import JournalHealth

FILL = 0.9
"""Share of the cap that data may take."""
SPARE = 2 * 2**20
"""Bytes of the map beside the cap, so that a small journal too can copy its pages."""
ROW_BYTES = 512
TRIM_STEP = 256
READ_BYTES = 64 * 2**20
"""One read gives no more than this, however many events were asked for."""
MOST_PROCESSES = 512

_TABLES = ("events", "ids", "meta", "progress", "state", "cursors")


class LmdbJournal:
    """The journal on LMDB. See `ports.Journal` for what each method promises.

    Args:
        path: folder of the journal; made when absent.
        cap_mb: MiB that the journal may grow to; data may take 0.9 of them.
        drop_oldest: when full, drop what a reader has not seen and count it, instead of raising JournalFull.
        clock: gives `event.ingested`.
        readers: readers that will come; nothing is trimmed before they have read it. A reader is also known
            from its first commit on.
    """

    def __init__(
        self, path: Path, *, cap_mb: int, drop_oldest: bool, clock: Clock, readers: Sequence[str] = ()
    ) -> None:
        self._path = path
        self._drop_oldest = drop_oldest
        self._clock = clock
        self._cap = int(cap_mb * 2**20 * FILL)
        self._gate = _Gate()
        with _told(path):
            path.mkdir(parents=True, exist_ok=True)
            self._env = lmdb.open(
                str(path),
                map_size=max(cap_mb * 2**20, _on_disk(path) * 10 // 9) + SPARE,
                max_dbs=len(_TABLES),
                max_readers=MOST_PROCESSES,
                mode=0o600,
            )
            self._env.reader_check()
            self._tables: dict[str, Any] = {name: self._env.open_db(name.encode()) for name in _TABLES}
        for reader in readers:
            if self._get("cursors", reader.encode()) is None:
                self.commit(reader, 0)

    # -- writing -----------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int:
        try:
            try:
                return self._append(events, progress or {})
            except lmdb.MapFullError:  # a batch larger than the spare pages: make its room first
                self._clear(sum(len(dump(event)) + ROW_BYTES for event in events))
                return self._append(events, progress or {})
        except (lmdb.MapFullError, _NoRoom) as error:
            raise JournalFull(self._full_message(len(events))) from error

    def _append(self, events: Sequence[Event], progress: Mapping[str, bytes]) -> int:
        with self._begin(write=True) as txn:
            new = self._put_events(txn, events)
            for key, note in progress.items():
                txn.put(_hashed(key), note, db=self._tables["progress"])
            self._make_room(txn, new, self._cap)
        return new

    def _clear(self, room: int) -> None:
        """Trim until that many bytes are free. LMDB gives freed pages out again two transactions later."""
        if room > self._cap:
            raise _NoRoom
        with self._begin(write=True) as txn:
            self._make_room(txn, 0, self._cap - room)
        for _ in range(2):
            with self._begin(write=True) as txn:
                txn.put(b"cleared", stamp(self._clock()).encode(), db=self._tables["meta"])

    def _put_events(self, txn: Any, events: Sequence[Event]) -> int:
        ids, table, meta = self._tables["ids"], self._tables["events"], self._tables["meta"]
        following = _number(txn.get(b"next", db=meta), default=1)
        ingested = stamp(self._clock())
        first = following
        for event in events:
            known = event.get("event.id")
            if not known:
                raise JournalError(f"a sensor gave an event without 'event.id': {str(event)[:200]}")
            key = _bytes(following)
            if not txn.put(_hashed(str(known)), key, db=ids, overwrite=False):
                continue
            stored = {**event, "event.sequence": following, "event.ingested": ingested}
            txn.put(key, dump(stored), db=table, append=True)
            following += 1
        if following > first:
            txn.put(b"next", _bytes(following), db=meta)
        return following - first

    def _make_room(self, txn: Any, new: int, cap: int) -> None:
        """Trim until data is under a cap: first what every reader has done with, never what is new."""
        done = min(self._cursors(txn).values(), default=0)
        following = _number(txn.get(b"next", db=self._tables["meta"]), default=1)
        while self._used(txn) > cap:
            if self._trim(txn, up_to=done):
                continue
            dropped = self._trim(txn, up_to=following - new - 1) if self._drop_oldest else 0
            if not dropped:
                if new or cap < self._cap:
                    raise _NoRoom
                return
            total = _number(txn.get(b"dropped", db=self._tables["meta"]), default=0) + dropped
            txn.put(b"dropped", _bytes(total), db=self._tables["meta"])

    def _trim(self, txn: Any, *, up_to: int) -> int:
        """Take away the oldest events, a step at a time, none after `up_to`; give how many went."""
        gone = 0
        with txn.cursor(db=self._tables["events"]) as cursor:
            alive = cursor.first()
            while alive and gone < TRIM_STEP and _number(cursor.key(), default=0) <= up_to:
                known = orjson.loads(cursor.value())["event.id"]
                txn.delete(_hashed(str(known)), db=self._tables["ids"])
                alive = cursor.delete() and cursor.first()
                gone += 1
        return gone

    def _full_message(self, batch: int) -> str:
        health = self.health()
        held = health.last - health.first + 1 if health.last else 0
        share = round(100 * health.bytes_used / health.bytes_cap)
        size = f"{share} % of {health.bytes_cap / 2**20:.1f} MiB, {held} events"
        head = f"the journal {self._path} is full ({size})"
        if health.readers:
            name, place = min(health.readers.items(), key=lambda pair: pair[1])
            behind = health.last - place
            if behind and not self._drop_oldest:
                return (
                    f"{head}: reader '{name}' has still to take {behind} of them; see why it lags, "
                    "raise journal.cap_mb, or set journal.drop_oldest"
                )
        elif not self._drop_oldest:
            return f"{head} and nobody has read from it yet; start the service, or raise journal.cap_mb"
        return f"{head}: a batch of {batch} events does not fit; raise journal.cap_mb"

    # -- reading -----------------------------------------------------------------------------------------

    def progress(self, key: str) -> bytes | None:
        return self._get("progress", _hashed(key))

    def read(self, reader: str, limit: int, *, after: int | None = None) -> list[Event]:
        rows: list[bytes] = []
        size = 0
        with self._begin() as txn:
            start = self._cursor_in(txn, reader) if after is None else after
            with txn.cursor(db=self._tables["events"]) as cursor:
                alive = cursor.set_range(_bytes(max(start, 0) + 1))
                while alive and len(rows) < limit and size < READ_BYTES:
                    rows.append(cursor.value())
                    size += len(rows[-1])
                    alive = cursor.next()
        return [orjson.loads(row) for row in rows]

    def commit(self, reader: str, sequence: int, *, state: Mapping[str, bytes | None] | None = None) -> None:
        try:
            with self._begin(write=True) as txn:
                before = self._cursor_in(txn, reader)
                txn.put(reader.encode(), _bytes(max(before, sequence)), db=self._tables["cursors"])
                for key, held in (state or {}).items():
                    self._put_state(txn, _state_key(reader, key), key, held)
                self._make_room(txn, 0, self._cap)
        except lmdb.MapFullError as error:
            raise JournalError(
                f"no room in the journal {self._path} for what '{reader}' must remember; raise journal.cap_mb"
            ) from error

    def _put_state(self, txn: Any, place: bytes, key: str, held: bytes | None) -> None:
        if held is None:
            txn.delete(place, db=self._tables["state"])
            return
        name = key.encode()
        txn.put(place, len(name).to_bytes(4, "big") + name + held, db=self._tables["state"])

    def state(self, reader: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        prefix = _hashed(reader)
        with self._begin() as txn, txn.cursor(db=self._tables["state"]) as cursor:
            alive = cursor.set_range(prefix)
            while alive and cursor.key().startswith(prefix):
                held = cursor.value()
                end = 4 + int.from_bytes(held[:4], "big")
                found[held[4:end].decode()] = held[end:]
                alive = cursor.next()
        return found

    def cursor(self, reader: str) -> int:
        with self._begin() as txn:
            return self._cursor_in(txn, reader)

    def forget(self, reader: str) -> None:
        """Drop a reader that will not come back, with its state, so that it holds nobody up."""
        names = list(self.state(reader))
        with self._begin(write=True) as txn:
            txn.delete(reader.encode(), db=self._tables["cursors"])
            for name in names:
                txn.delete(_state_key(reader, name), db=self._tables["state"])

    def health(self) -> JournalHealth:
        with self._begin() as txn:
            with txn.cursor(db=self._tables["events"]) as cursor:
                first = _number(cursor.key(), default=0) if cursor.first() else 0
                last = _number(cursor.key(), default=0) if cursor.last() else 0
            meta = self._tables["meta"]
            return JournalHealth(
                first=first,
                last=last or _number(txn.get(b"next", db=meta), default=1) - 1,
                bytes_used=self._used(txn),
                bytes_cap=self._cap,
                dropped=_number(txn.get(b"dropped", db=meta), default=0),
                readers=self._cursors(txn),
            )

    def close(self) -> None:
        self._env.close()

    # -- transactions ------------------------------------------------------------------------------------

    @contextmanager
    def _begin(self, *, write: bool = False) -> Generator[Any]:
        with _told(self._path), self._gate.inside():
            txn = self._open_txn(write=write)
            try:
                yield txn
            except BaseException:
                txn.abort()
                raise
            txn.commit()

    def _open_txn(self, *, write: bool) -> Any:
        try:
            return self._env.begin(write=write)
        except lmdb.MapResizedError:  # another process opened it with a larger cap
            self._gate.alone(lambda: self._env.set_mapsize(0))
        except lmdb.ReadersFullError:  # killed readers keep their slots until somebody looks
            self._env.reader_check()
        return self._env.begin(write=write)

    def _get(self, table: str, key: bytes) -> bytes | None:
        with self._begin() as txn:
            return txn.get(key, db=self._tables[table])

    def _cursor_in(self, txn: Any, reader: str) -> int:
        return _number(txn.get(reader.encode(), db=self._tables["cursors"]), default=0)

    def _cursors(self, txn: Any) -> dict[str, int]:
        with txn.cursor(db=self._tables["cursors"]) as cursor:
            return {key.decode(): _number(value, default=0) for key, value in cursor}

    def _used(self, txn: Any) -> int:
        pages = 0
        for table in self._tables.values():
            seen = txn.stat(table)
            pages += seen["branch_pages"] + seen["leaf_pages"] + seen["overflow_pages"]
        return pages * self._env.stat()["psize"]


class _NoRoom(Exception):  # noqa: N818 - never leaves this file
    """Undoes the transaction that met the cap."""


class _Gate:
    """Lets transactions of this process in, and one change of the map's size when none is inside."""

    def __init__(self) -> None:
        self._inside = 0
        self._room = threading.Condition()

    @contextmanager
    def inside(self) -> Generator[None]:
        with self._room:
            self._inside += 1
        try:
            yield
        finally:
            with self._room:
                self._inside -= 1
                self._room.notify_all()

    def alone(self, change: Any) -> None:
        """Run while the caller is the only one inside."""
        with self._room:
            self._inside -= 1
            self._room.wait_for(lambda: self._inside == 0)
            try:
                change()
            finally:
                self._inside += 1


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Turn LMDB's and the system's errors into ours, with what to do."""
    try:
        yield
    except lmdb.MapFullError:
        raise
    except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as error:
        raise JournalError(f"{path} is not a journal ({error}); move it away and start again") from error
    except PermissionError as error:
        raise JournalError(f"{path}: not allowed ({error.strerror}); let this user write there") from error
    except (lmdb.Error, OSError) as error:
        raise JournalError(f"the journal {path} failed: {error}; has the disk room and rights?") from error


def _on_disk(path: Path) -> int:
    file = path / "data.mdb"
    return file.stat().st_size if file.exists() else 0


def _bytes(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _number(raw: bytes | None, *, default: int) -> int:
    return default if raw is None else int.from_bytes(raw, "big")


def _hashed(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _state_key(reader: str, key: str) -> bytes:
    return _hashed(reader) + _hashed(key)
