"""Where do events and records live when there is no server? In one SQLite file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from citywatch.clock import EPOCH, Clock, parse_stamp, stamp, stamp_us
from citywatch.model import Event
from citywatch.ports import Condition, Page, Query, Record, RecordPage, StoreHealth
from citywatch.store import meaning, terms
from citywatch.store.cursor import Cursor, read_cursor
from citywatch.store.intake import Refused, Taken, day_of, sift
from citywatch.store.sqlite_files import SqliteFile
from citywatch.store.sqlite_records import SqliteRecords
from citywatch.store.sqlite_rows import COLUMNS, HOT, Where, joined, row_of, where_of

DROP_STEP = 20_000
REFUSED_KEPT = 10_000
PATIENCE_S = 60.0
_INSERT = (
    f"INSERT OR IGNORE INTO events (id, seq, day, odd, {', '.join(COLUMNS.values())}, doc) "
    f"VALUES ({', '.join('?' * (5 + len(COLUMNS)))})"
)


class SqliteStore:
    """The embedded store. See `ports.Store` for what each method promises.

    Args:
        path: the file; made when absent, with its folder.
        clock: tells when an event was refused.
        patience_s: a search that runs longer is stopped with a StoreError.
    """

    def __init__(self, path: Path, *, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._clock = clock
        self._file = SqliteFile(path, patience_s=patience_s)
        self._records = SqliteRecords(self._file)

    @property
    def name(self) -> str:
        return "sqlite"

    @property
    def quick(self) -> bool:
        return False

    # -- events ------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event]) -> int:
        taken, refused = sift(events)
        rows = [_row(one) for one in taken]
        with self._file.write() as connection:
            first = _last_row(connection) + 1
            connection.executemany(_INSERT, rows)
            new = _count_days(connection, first)
            if refused:
                self._keep_refused(connection, refused)
        return new

    def _keep_refused(self, connection: sqlite3.Connection, refused: Iterable[Refused]) -> None:
        """A replay does not count one twice; of the oldest only the reason stays."""
        at = stamp(self._clock())
        connection.executemany(
            "INSERT OR IGNORE INTO refused (id, at, reason, doc) VALUES (?, ?, ?, ?)",
            [(one.id, at, one.reason, one.printed) for one in refused],
        )
        connection.execute(
            "UPDATE refused SET doc = '' WHERE n <= (SELECT max(n) FROM refused) - ? AND doc <> ''",
            (REFUSED_KEPT,),
        )

    def scan(self, after: int, limit: int) -> list[Event]:
        sql = "SELECT doc FROM events WHERE seq > ? ORDER BY seq, n LIMIT ?"
        with self._file.read() as connection:
            return [orjson.loads(doc) for (doc,) in connection.execute(sql, (after, max(limit, 0)))]

    def search(self, query: Query) -> Page:
        cursor = read_cursor(query.after) if query.after else None
        with self._file.read() as connection:
            where = self._where(connection, query)
            total = cursor.total if cursor else _count(connection, where, query.count_to)
            way, sign = ("DESC", "<") if query.newest_first else ("ASC", ">")
            sql, values = where.sql, where.values
            if cursor:
                sql, values = f"(at, seq, n) {sign} (?, ?, ?) AND {sql}", (*cursor.place, *values)
            rows = connection.execute(
                f"SELECT at, seq, n, doc FROM events WHERE {sql} "
                f"ORDER BY at {way}, seq {way}, n {way} LIMIT ?",
                (*values, max(query.limit, 0) + 1),
            ).fetchall()
        shown = rows[: max(query.limit, 0)]
        more = len(rows) > len(shown) and bool(shown)
        following = str(Cursor(place=list(shown[-1][:3]), total=total)) if more else None
        return Page(events=tuple(orjson.loads(row[3]) for row in shown), total=total, next=following)

    def _where(self, connection: sqlite3.Connection, query: Query) -> Where:
        """The query's WHERE; registers its judge with the connection when SQL alone cannot decide."""
        odd_rows = connection.execute("SELECT 1 FROM events WHERE odd LIMIT 1").fetchone() is not None
        where = where_of(query.where, odd_rows=odd_rows)
        times = [
            Where(sql=f"at {sign} ?", values=(terms.bound_of(bound),))
            for bound, sign in ((query.start, ">="), (query.end, "<"))
            if bound is not None
        ]
        if where.exact:
            return joined(" AND ", [*times, where], "1")
        connection.create_function("judge", 1, meaning.over_text(meaning.over_events(query.where)))
        return joined(" AND ", [*times, where, Where(sql="judge(doc)")], "1")

    def get_event(self, event_id: str) -> Event | None:
        with self._file.read() as connection:
            row = connection.execute("SELECT doc FROM events WHERE id = ?", (event_id,)).fetchone()
        return orjson.loads(row[0]) if row else None

    def aggregate(
        self, query: Query, by: str, *, size: int = 20, interval_s: int | None = None
    ) -> list[tuple[str, int]]:
        with self._file.read() as connection:
            where = self._where(connection, query)
            odd = connection.execute("SELECT 1 FROM events WHERE odd LIMIT 1").fetchone()
            if interval_s is not None:
                return _by_time(connection, where, by, interval_s)
            if by in HOT and not odd:
                column = COLUMNS[by]
                sql = (
                    f"SELECT {column}, count(*) AS times FROM events "
                    f"WHERE {column} IS NOT NULL AND {where.sql} GROUP BY {column} "
                    f"ORDER BY times DESC, {column} LIMIT ?"
                )
                return [
                    (str(value), int(times))
                    for value, times in connection.execute(sql, (*where.values, size))
                ]
            found: Counter[str] = Counter()
            for event in _matching(connection, where):
                found.update(set(terms.terms_of(by, event.get(by))))
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:size]

    def drop_before(self, day: str) -> int:
        with self._file.read() as connection:
            spans = connection.execute("SELECT day, first, last FROM days WHERE day < ?", (day,)).fetchall()
        gone = 0
        for old, first, last in spans:
            for start in range(first, last + 1, DROP_STEP):
                gone += self._drop(old, start, min(start + DROP_STEP - 1, last))
            with self._file.write() as connection:
                connection.execute("DELETE FROM days WHERE day = ? AND last <= ?", (old, last))
        if gone:
            with self._file.idle() as connection:
                connection.execute("PRAGMA incremental_vacuum").fetchall()
        return gone

    def _drop(self, day: str, first: int, last: int) -> int:
        """A bounded piece, so that no writer waits long."""
        with self._file.write() as connection:
            sql = "DELETE FROM events WHERE n BETWEEN ? AND ? AND day = ?"
            gone = connection.execute(sql, (first, last, day)).rowcount
            connection.execute("UPDATE days SET events = events - ? WHERE day = ?", (gone, day))
        return gone

    # -- records -----------------------------------------------------------------------------------------

    def get(self, kind: str, record_id: str) -> Record | None:
        return self.get_many(kind, (record_id,)).get(record_id)

    def get_many(self, kind: str, record_ids: Sequence[str]) -> dict[str, Record]:
        return self._records.get_many(kind, record_ids)

    def put_if(self, kind: str, record_id: str, doc: Mapping[str, Any], version: int) -> Record:
        return self._records.put_if(kind, record_id, doc, version)

    def put_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> None:
        self._records.put_many(kind, docs)

    def create_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> int:
        return self._records.create_many(kind, docs)

    def find(self, kind: str, query: Query) -> RecordPage:
        return self._records.find(kind, query)

    def tally(self, kind: str, where: Condition, by: str, *, size: int = 1000) -> list[tuple[str, int]]:
        return self._records.tally(kind, where, by, size=size)

    def delete(self, kind: str, record_id: str) -> bool:
        return self._records.delete(kind, record_id)

    # -- state -------------------------------------------------------------------------------------------

    def health(self) -> StoreHealth:
        with self._file.read() as connection:
            days = connection.execute("SELECT day, events FROM days WHERE events > 0 ORDER BY day").fetchall()
            refused = connection.execute("SELECT count(*) FROM refused").fetchone()[0]
            last = connection.execute("SELECT reason FROM refused ORDER BY n DESC LIMIT 1").fetchone()
        what = f"SQLite file {self._file.path}"
        return StoreHealth(
            ok=True,
            what=f"{what}; last refused event: {last[0]}" if last else what,
            events=sum(row[1] for row in days),
            bytes=self._file.size(),
            days=tuple(row[0] for row in days),
            records=self._records.counts(),
            refused=refused,
        )

    def close(self) -> None:
        self._file.close()


def _row(one: Taken) -> tuple[Any, ...]:
    event = one.event
    columns, odd = row_of(event)
    return (event["event.id"], event["event.sequence"], day_of(event), odd, *columns, one.raw.decode())


def _last_row(connection: sqlite3.Connection) -> int:
    """Row numbers grow; the days table remembers the last one when its rows were dropped."""
    sql = "SELECT max(coalesce((SELECT max(n) FROM events), 0), coalesce((SELECT max(last) FROM days), 0))"
    return int(connection.execute(sql).fetchone()[0])


def _count_days(connection: sqlite3.Connection, first: int) -> int:
    """Write down what the insert just added to each day."""
    sql = "SELECT day, count(*), min(n), max(n) FROM events WHERE n >= ? GROUP BY day"
    added = connection.execute(sql, (first,)).fetchall()
    connection.executemany(
        "INSERT INTO days (day, events, first, last) VALUES (?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET "
        "events = events + excluded.events, first = min(first, excluded.first), "
        "last = max(last, excluded.last)",
        added,
    )
    return sum(row[1] for row in added)


def _count(connection: sqlite3.Connection, where: Where, most: int | None) -> int:
    if not where.values and where.exact and where.sql in {"1", "(1)"}:
        whole = int(connection.execute("SELECT coalesce(sum(events), 0) FROM days").fetchone()[0])
        return whole if most is None else min(whole, most)
    sql, values = f"SELECT count(*) FROM events WHERE {where.sql}", where.values
    if most is not None:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM events WHERE {where.sql} LIMIT ?)"
        values = (*values, most)
    return int(connection.execute(sql, values).fetchone()[0])


def _matching(connection: sqlite3.Connection, where: Where) -> Iterable[Event]:
    for (doc,) in connection.execute(f"SELECT doc FROM events WHERE {where.sql}", where.values):
        yield orjson.loads(doc)


def _by_time(connection: sqlite3.Connection, where: Where, by: str, interval_s: int) -> list[tuple[str, int]]:
    span = max(interval_s, 1)
    found: Counter[int] = Counter()
    if by == "@timestamp":
        sql = (
            f"SELECT CAST(strftime('%s', at) AS INTEGER) / {span} AS slot, count(*) FROM events "
            f"WHERE at IS NOT NULL AND {where.sql} GROUP BY slot"
        )
        found.update(dict(connection.execute(sql, where.values).fetchall()))
    else:
        for event in _matching(connection, where):
            moments = {terms.moment_of(value) for value in terms.values_of(event.get(by))} - {None}
            found.update({_slot(moment, span) for moment in moments if moment})
    return [(stamp_us(slot * span * 1_000_000), times) for slot, times in sorted(found.items())]


def _slot(moment: str, span: int) -> int:
    return int((parse_stamp(moment) - EPOCH).total_seconds() // span)
