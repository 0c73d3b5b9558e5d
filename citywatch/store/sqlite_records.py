"""How are records that change kept and found in SQLite?

A row is the record's JSON and up to four columns that its kind is filtered and ordered by. Everything else is
judged from the JSON by `meaning`, over the rows that the columns let through.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from citywatch import ports
from citywatch.errors import Conflict
from citywatch.ports import Query, Record, RecordPage
from citywatch.store import meaning, terms
from citywatch.store.cursor import Cursor, read_cursor
from citywatch.store.sqlite_files import SqliteFile
from citywatch.store.sqlite_rows import ALL_ROWS, NO_ROWS, UNKNOWN, Where, glob_of, joined

HOT_RECORDS: Mapping[str, tuple[str, ...]] = {
    "alert": ("last_seen", "severity", "rule_id", "agency"),
    "alert_state": ("changed_at", "state", "assignee", "ticket_id"),
    "ticket": ("changed_at", "state", "agency", "key"),
    "run": ("state", "alert_id", "updated_at", "playbook"),
    "due": ("at", "kind"),
    "portal": ("agency", "url"),
    "baseline": ("portal",),
    "session": ("user", "expires_at"),
    "audit": ("at", "by", "what", "seq"),
}
"""Fields with an index, at most four a kind; any other field can be asked for too, more slowly."""

CHUNK = 500
LARGEST = 2**53
_CREATE = (
    "INSERT INTO records (kind, id, version, h0, h1, h2, h3, odd, doc) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, id) DO NOTHING"
)
_UPSERT = (
    "INSERT INTO records (kind, id, version, h0, h1, h2, h3, odd, doc) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, id) DO UPDATE SET version = version + 1, "
    "h0 = excluded.h0, h1 = excluded.h1, h2 = excluded.h2, h3 = excluded.h3, "
    "odd = excluded.odd, doc = excluded.doc"
)


class SqliteRecords:
    """Records in the store's file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def get_many(self, kind: str, record_ids: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        with self._file.read() as connection:
            for start in range(0, len(record_ids), CHUNK):
                some = record_ids[start : start + CHUNK]
                places = ", ".join("?" * len(some))
                sql = f"SELECT id, version, doc FROM records WHERE kind = ? AND id IN ({places})"
                for row in connection.execute(sql, (kind, *some)):
                    found[row[0]] = _record(kind, row)
        return found

    def put_if(self, kind: str, record_id: str, doc: Mapping[str, Any], version: int) -> Record:
        row = _row(kind, record_id, doc)
        with self._file.write() as connection:
            sql = "SELECT version FROM records WHERE kind = ? AND id = ?"
            stored = connection.execute(sql, (kind, record_id)).fetchone()
            found = int(stored[0]) if stored else 0
            if found != version:
                raise Conflict(kind, record_id, version, found)
            connection.execute(_UPSERT, row)
        return Record(kind=kind, id=record_id, version=version + 1, doc=orjson.loads(row[-1]))

    def put_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> None:
        rows = [_row(kind, record_id, doc) for record_id, doc in docs.items()]
        with self._file.write() as connection:
            connection.executemany(_UPSERT, rows)

    def create_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> int:
        rows = [_row(kind, record_id, doc) for record_id, doc in docs.items()]
        with self._file.write() as connection:
            return max(connection.executemany(_CREATE, rows).rowcount, 0) if rows else 0

    def delete(self, kind: str, record_id: str) -> bool:
        with self._file.write() as connection:
            sql = "DELETE FROM records WHERE kind = ? AND id = ?"
            return connection.execute(sql, (kind, record_id)).rowcount > 0

    def counts(self) -> dict[str, int]:
        with self._file.read() as connection:
            return dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall())

    def find(self, kind: str, query: Query) -> RecordPage:
        cursor = read_cursor(query.after) if query.after else None
        limit = max(query.limit, 0)
        with self._file.read() as connection:
            where = _where(connection, kind, query)
            total = cursor.total if cursor else _count(connection, where, query.count_to)
            key = _order(connection, kind, query)
            rest = _rest(key, cursor, newest_first=query.newest_first) if cursor else ALL_ROWS
            way = "DESC" if query.newest_first else "ASC"
            rows = connection.execute(
                f"SELECT id, version, doc, {key} FROM records WHERE {where.sql} AND {rest.sql} "
                f"ORDER BY {key} {way} NULLS LAST, id {way} LIMIT ?",
                (*where.values, *rest.values, limit + 1),
            ).fetchall()
        shown = rows[:limit]
        more = len(rows) > len(shown) and bool(shown)
        following = str(Cursor(place=[shown[-1][3], shown[-1][0]], total=total)) if more else None
        return RecordPage(records=tuple(_record(kind, row) for row in shown), total=total, next=following)

    def tally(self, kind: str, where: ports.Condition, by: str, *, size: int = 1000) -> list[tuple[str, int]]:
        found: Counter[str] = Counter()
        with self._file.read() as connection:
            narrowed = _where(connection, kind, Query(where=where))
            column = None if _odd(connection, kind) else _column(kind, by)
            if column is None:
                sql = f"SELECT doc FROM records WHERE {narrowed.sql}"
                for (doc,) in connection.execute(sql, narrowed.values):
                    values = meaning.record_values(orjson.loads(doc), by)
                    found.update({meaning.record_text(value) for value in values})
            else:
                # the plus keeps SQLite from walking a whole kind in the order of what is counted by
                group = column if where == ports.Everything() else f"+{column}"
                sql = f"SELECT {column}, count(*) FROM records WHERE {narrowed.sql} GROUP BY {group}"
                for value, count in connection.execute(sql, narrowed.values):
                    if value is not None:
                        found[str(value)] += int(count)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:size]


def _record(kind: str, row: Sequence[Any]) -> Record:
    return Record(kind=kind, id=row[0], version=row[1], doc=orjson.loads(row[2]))


def _row(kind: str, record_id: str, doc: Mapping[str, Any]) -> tuple[Any, ...]:
    hot: list[int | str | None] = []
    odd = False
    for field in HOT_RECORDS.get(kind, ()):
        held = doc.get(field)
        fitting = _fitting(held)
        odd = odd or (fitting is None and held is not None)
        hot.append(fitting)
    hot += [None] * (4 - len(hot))
    return (kind, record_id, *hot, odd, orjson.dumps(doc, option=orjson.OPT_NON_STR_KEYS).decode())


def _fitting(held: Any) -> int | str | None:
    """A column holds a whole number as it is and a text in lower case; all else does not fit."""
    if isinstance(held, str):
        return None if "\0" in held else meaning.record_text(held)
    whole = isinstance(held, int) and not isinstance(held, bool) and abs(held) <= LARGEST
    return held if whole else None


def _column(kind: str, field: str) -> str | None:
    names = HOT_RECORDS.get(kind, ())
    return f"h{names.index(field)}" if field in names else None


def _count(connection: sqlite3.Connection, where: Where, most: int | None) -> int:
    sql, values = f"SELECT count(*) FROM records WHERE {where.sql}", where.values
    if most is not None:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM records WHERE {where.sql} LIMIT ?)"
        values = (*values, most)
    return int(connection.execute(sql, values).fetchone()[0])


def _odd(connection: sqlite3.Connection, kind: str) -> bool:
    sql = "SELECT 1 FROM records WHERE odd AND kind = ? LIMIT 1"
    return connection.execute(sql, (kind,)).fetchone() is not None


def _where(connection: sqlite3.Connection, kind: str, query: Query) -> Where:
    bounds: list[ports.Condition] = []
    if query.start is not None:
        bounds.append(ports.Range(query.order, low=query.start))
    if query.end is not None:
        bounds += [ports.Range(query.order, high=query.end), ports.Not(ports.Is(query.order, query.end))]
    condition = ports.All((*bounds, query.where)) if bounds else query.where
    odd = _odd(connection, kind)
    found = _narrow(condition, kind, may=True, odd=odd)
    parts = [Where(sql="kind = ?", values=(kind,)), found]
    if not found.exact:
        connection.create_function("judge", 1, meaning.over_text(meaning.over_records(condition)))
        parts.append(Where(sql="judge(doc)"))
    return joined(" AND ", parts, "1")


def _narrow(condition: ports.Condition, kind: str, *, may: bool, odd: bool) -> Where:
    match condition:
        case ports.Everything():
            return ALL_ROWS
        case ports.Not(part):
            inner = _narrow(part, kind, may=not may, odd=odd)
            return Where(sql=f"NOT ({inner.sql})", values=inner.values, exact=inner.exact)
        case ports.All(parts):
            return joined(" AND ", [_narrow(part, kind, may=may, odd=odd) for part in parts], "1")
        case ports.Either(parts):
            return joined(" OR ", [_narrow(part, kind, may=may, odd=odd) for part in parts], "0")
        case _:
            return _atom(condition, kind).doubted(may=may, odd=odd)


def _atom(condition: Any, kind: str) -> Where:
    column = None if isinstance(condition, ports.Text) else _column(kind, condition.field)
    if column is None:
        return UNKNOWN
    match condition:
        case ports.Is(_, value):
            return _is_column(column, value)
        case ports.Like(_, pattern):
            glob = glob_of(pattern)
            return UNKNOWN if glob is None else _known(column, f"CAST({column} AS TEXT) GLOB ?", glob)
        case ports.Range(_, low, high) if low is not None or high is not None:
            return _range_column(column, low, high)
        case _:
            return Where(sql=f"{column} IS NOT NULL")


def _known(column: str, sql: str, *values: Any) -> Where:
    return Where(sql=f"({column} IS NOT NULL AND {sql})", values=values)


def _is_column(column: str, value: Any) -> Where:
    """A number is also met by its text, and a text by the number it names."""
    text = meaning.record_text(value)
    number = terms.number_of(text)
    if number is None or terms.text_of(number) != text:
        return _known(column, f"{column} = ?", text)
    return _known(column, f"{column} IN (?, ?)", text, number)


def _range_column(column: str, low: Any, high: Any) -> Where:
    numbers = meaning.is_number(low) or meaning.is_number(high)
    if numbers and (isinstance(low, str) or isinstance(high, str)):
        return NO_ROWS
    parts = [
        Where(sql=f"{column} IS NOT NULL"),
        Where(sql=f"typeof({column}) = ?", values=("integer" if numbers else "text",)),
    ]
    for bound, sign in ((low, ">="), (high, "<=")):
        if bound is not None:
            value = float(bound) if numbers else meaning.record_text(bound)
            parts.append(Where(sql=f"{column} {sign} ?", values=(value,)))
    return joined(" AND ", parts, "1")


def _order(connection: sqlite3.Connection, kind: str, query: Query) -> str:
    """The SQL that a page is ordered by."""
    column = _column(kind, query.order)
    if column is not None and not _odd(connection, kind):
        return column

    def place(doc: str) -> float | str | None:
        return meaning.sort_key(orjson.loads(doc), query.order, newest_first=query.newest_first)

    connection.create_function("place", 1, place)
    return "place(doc)"


def _rest(key: str, cursor: Cursor, *, newest_first: bool) -> Where:
    """The rows after a cursor; those without a value come last."""
    value, record_id = cursor.place
    sign = "<" if newest_first else ">"
    if value is None:
        return Where(sql=f"({key} IS NULL AND id {sign} ?)", values=(record_id,))
    if newest_first:
        after = f"({key}, id) < (?, ?)"
        return Where(sql=f"({after} OR {key} IS NULL)", values=(value, record_id))
    return Where(sql=f"(({key}, id) > (?, ?) OR {key} IS NULL)", values=(value, record_id))
