"""How are connections to the SQLite file made, shared and explained?

WAL: one writer at a time, readers beside it, in this and in other processes. Reader connections are pooled
and may be used from any thread, one thread at a time. A commit reaches the disk before it returns
(`synchronous=FULL`), since the journal forgets what the store has taken.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from time import monotonic

from citywatch.errors import StoreError, StoreUnreachable
from citywatch.store import terms
from citywatch.store.sqlite_rows import COLUMNS, HOT

VERSION = 3
BUSY_S = 30.0
POOL = 8
STEPS_BETWEEN_LOOKS = 5_000

_EVENT_COLUMNS = ", ".join(f"{column} TEXT" for column in COLUMNS.values())
TABLES = (
    f"""CREATE TABLE IF NOT EXISTS events (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, day TEXT NOT NULL,
        odd INTEGER NOT NULL, {_EVENT_COLUMNS}, doc TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS events_id ON events (id)",
    "CREATE INDEX IF NOT EXISTS events_seq ON events (seq)",
    "CREATE INDEX IF NOT EXISTS events_at ON events (at, seq)",
    "CREATE INDEX IF NOT EXISTS events_odd ON events (n) WHERE odd",
    *(
        f"CREATE INDEX IF NOT EXISTS events_{column} ON events ({column}, at, seq) WHERE {column} IS NOT NULL"
        for column in (COLUMNS[field] for field in HOT)
    ),
    """CREATE TABLE IF NOT EXISTS days (
        day TEXT PRIMARY KEY, events INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS refused (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL,
        reason TEXT NOT NULL, doc TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS records (
        kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
        h0, h1, h2, h3, odd INTEGER NOT NULL, doc TEXT NOT NULL, UNIQUE (kind, id))""",
    # A kind is ordered by its first column: with that behind the others, the newest need no sorting. All
    # columns stand in each, so that what is filtered and counted by them is not looked up row by row.
    "CREATE INDEX IF NOT EXISTS records_newest ON records (kind, h0, id, h1, h2, h3)",
    "CREATE INDEX IF NOT EXISTS records_by1 ON records (kind, h1, h0, id, h2, h3)",
    "CREATE INDEX IF NOT EXISTS records_by2 ON records (kind, h2, h0, id, h1, h3)",
    "CREATE INDEX IF NOT EXISTS records_by3 ON records (kind, h3, h0, id, h1, h2)",
    *(f"DROP INDEX IF EXISTS records_h{n}" for n in range(4)),
    "CREATE INDEX IF NOT EXISTS records_odd ON records (kind) WHERE odd",
)


class SqliteFile:
    """The file, its writer and its readers."""

    def __init__(self, path: Path, *, patience_s: float) -> None:
        self.path = path
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._room = threading.BoundedSemaphore(POOL)
        self._closed = False
        with self.told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._prepare()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.create_function("in_network", 2, _in_network, deterministic=True)
        return connection

    def _prepare(self) -> None:
        version = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(f"{self.path} was made by a newer CityWatch (format {version}); update this one")
        if version == VERSION:
            return
        self._writer.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._writer.execute("PRAGMA journal_mode=WAL")
        with self._told_transaction():
            for table in TABLES:
                self._writer.execute(table)
            if version in {1, 2}:  # states are ordered by when they changed since then
                self._writer.execute("UPDATE records SET h0 = h1, h1 = h0 WHERE kind = 'alert_state'")
            self._writer.execute(f"PRAGMA user_version={VERSION}")
        self.path.chmod(0o600)

    @contextmanager
    def _told_transaction(self) -> Generator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """The writer, in a transaction: all or nothing."""
        with self._lock, self.told():
            self._open()
            with self._told_transaction() as connection:
                yield connection

    @contextmanager
    def idle(self) -> Generator[sqlite3.Connection]:
        """The writer outside a transaction."""
        with self._lock, self.told():
            self._open()
            yield self._writer

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """A reader for this block; a statement that runs for too long is stopped."""
        with self._room, self.told():
            self._open()
            try:
                connection = self._readers.get_nowait()
            except Empty:
                connection = self._connect()
                connection.execute("PRAGMA query_only=ON")
            until = monotonic() + self._patience_s
            connection.set_progress_handler(lambda: monotonic() > until, STEPS_BETWEEN_LOOKS)
            try:
                connection.execute("BEGIN")  # one view of the file for all statements of the block
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._put_back(connection)

    def _put_back(self, connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(None, 0)
        if self._closed:
            connection.close()
        else:
            self._readers.put(connection)

    def _open(self) -> None:
        if self._closed:
            raise StoreUnreachable(f"{self.path} was closed")

    @contextmanager
    def told(self) -> Generator[None]:
        """Turn SQLite's errors into ours, with what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._explained(str(error)) from error
        except (sqlite3.DatabaseError, UnicodeEncodeError) as error:
            hint = "restore it from a backup, or move it away and let the journal fill a new one"
            damaged = "not a database" in str(error) or "malformed" in str(error)
            raise StoreError(f"{self.path}: {error}" + (f"; {hint}" if damaged else "")) from error
        except PermissionError as error:
            raise StoreError(f"{error.filename}: not allowed; let this user write there") from error
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error

    def _explained(self, what: str) -> StoreError:
        if "locked" in what or "busy" in what:
            return StoreUnreachable(
                f"{self.path}: another process has held it for over {BUSY_S:.0f} s ({what})"
            )
        if "interrupted" in what:
            return StoreError(
                f"the search took over {self._patience_s:.0f} s; narrow its time or its conditions"
            )
        for sign, hint in _HINTS.items():
            if sign in what:
                return StoreError(f"{self.path}: {what}; {hint}")
        return StoreError(f"{self.path}: {what}")

    def size(self) -> int:
        """Bytes on disk, with the part that is not yet folded into the file."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while not self._readers.empty():
                self._readers.get_nowait().close()
            self._writer.close()


_HINTS = {
    "unable to open": "see that the folder exists and this user may write there",
    "readonly": "let this user write to the file and its folder",
    "disk is full": "free some room or shorten retention.days; what is journalled waits",
    "disk I/O": "look at the disk; what is journalled waits",
}


def _in_network(address: str, network: str) -> bool:
    inside = terms.addresses_of(network)
    one = terms.address_of(address)
    return inside is not None and one is not None and inside[0] <= one <= inside[1]
