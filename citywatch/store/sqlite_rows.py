"""Which columns does an event's row have, and which rows may answer a query?

The row of an event is its JSON, plus a column for each field that people filter by every day (types from the
schema). Columns hold what comparing needs: lower-case text, addresses written one way, moments. A row whose
value does not fit its column (a list, an odd address) is marked `odd` and judged from its JSON.

A condition becomes SQL that lets through at least the rows that meet it (`may`); where SQL cannot decide, the
rows that pass are judged by `meaning`. Under a Not the opposite is needed: SQL that lets through at most the
rows that meet it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from citywatch import ports
from citywatch.store import terms, wildcard

HOT = (
    "event.dataset",
    "source.ip",
    "destination.ip",
    "host.name",
    "user.name",
    "url.domain",
    "dns.question.name",
    "citywatch.portal.id",
)
"""Fields with a column and an index of their own, each ordered by time."""

COLUMNS = {field: field.replace(".", "_") for field in HOT} | {"@timestamp": "at"}
LONGEST_NEEDLE = 200
_LOOSE = dict.fromkeys("ikIK", "_")
"""İ and the Kelvin sign lower-case to these, which SQLite's LIKE does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """SQL for a WHERE, its values, and whether it decides alone."""

    sql: str
    values: tuple[Any, ...] = ()
    exact: bool = True

    def doubted(self, *, may: bool, odd: bool) -> Where:
        """One atom where its column may not tell the whole: let more (or, under a Not, less) through."""
        if self is UNKNOWN and not may:
            return Where(sql="0", exact=False)
        if not odd or self is UNKNOWN:
            return self
        sql = f"(odd OR {self.sql})" if may else f"(NOT odd AND {self.sql})"
        return Where(sql=sql, values=self.values, exact=False)


ALL_ROWS = Where(sql="1")
NO_ROWS = Where(sql="0")
UNKNOWN = Where(sql="1", exact=False)
"""SQL cannot say."""


def row_of(event: Mapping[str, Any]) -> tuple[list[str | None], bool]:
    """The values of the hot columns (`at` last) and whether some value did not fit."""
    odd = False
    row: list[str | None] = []
    for field in COLUMNS:
        held = event.get(field)
        fitting = None if held is None else _fitting(field, held)
        odd = odd or (held is not None and fitting is None)
        row.append(fitting)
    return row, odd


def _fitting(field: str, held: Any) -> str | None:
    if not isinstance(held, str) or "\0" in held:
        return None
    kind = terms.type_of(field)
    if kind == "date":
        return terms.moment_of(held)
    text = terms.lower(held)
    return text if kind != "ip" or canonical(held) == text else None


@lru_cache(maxsize=65536)
def canonical(address: str) -> str | None:
    """An address in its one spelling, or None."""
    if terms.address_of(address) is None:
        return None
    parsed = ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def where_of(condition: ports.Condition, *, odd_rows: bool) -> Where:
    """The WHERE for events. `odd_rows`: some row's columns do not tell the whole value."""
    return _narrow(condition, may=True, odd_rows=odd_rows)


def _narrow(condition: ports.Condition, *, may: bool, odd_rows: bool) -> Where:
    match condition:
        case ports.Everything():
            return ALL_ROWS
        case ports.Not(part):
            inner = _narrow(part, may=not may, odd_rows=odd_rows)
            return Where(sql=f"NOT ({inner.sql})", values=inner.values, exact=inner.exact)
        case ports.All(parts):
            return joined(" AND ", [_narrow(part, may=may, odd_rows=odd_rows) for part in parts], "1")
        case ports.Either(parts):
            return joined(" OR ", [_narrow(part, may=may, odd_rows=odd_rows) for part in parts], "0")
        case _:
            return _atom(condition, may=may, odd_rows=odd_rows)


def joined(word: str, parts: list[Where], empty: str) -> Where:
    """Join parts with AND or OR."""
    if not parts:
        return Where(sql=empty)
    return Where(
        sql="(" + word.join(part.sql for part in parts) + ")",
        values=tuple(value for part in parts for value in part.values),
        exact=all(part.exact for part in parts),
    )


def _atom(condition: ports.Condition, *, may: bool, odd_rows: bool) -> Where:
    found = None if isinstance(condition, ports.Text) else _column_atom(condition)
    if found is None:
        return _loose(condition) if may else Where(sql="0", exact=False)
    return found.doubted(may=may, odd=odd_rows)


def _column_atom(condition: Any) -> Where | None:
    """SQL over a column that decides exactly (columns are never NULL in a comparison's answer)."""
    column = COLUMNS.get(condition.field)
    if column is None:
        return None if terms.type_of(condition.field) else NO_ROWS
    kind = terms.type_of(condition.field)
    match condition:
        case ports.Exists():
            return Where(sql=f"{column} IS NOT NULL")
        case ports.Is(_, value):
            return _is_column(column, kind, value)
        case ports.Like(_, pattern):
            return None if kind == "date" else _like_column(column, pattern)
        case ports.Range(_, low, high):
            return _range_column(column, kind, low, high)
        case _:
            return None


def _known(column: str, sql: str, *values: Any) -> Where:
    return Where(sql=f"({column} IS NOT NULL AND {sql})", values=values)


def _is_column(column: str, kind: str, value: Any) -> Where:
    if kind == "date":
        moment = terms.moment_of(value)
        return NO_ROWS if moment is None else _known(column, f"{column} = ?", moment)
    text = terms.lower(terms.text_of(value))
    if kind == "ip":
        one = canonical(text)
        if one is None and terms.addresses_of(text):
            return _known(column, f"in_network({column}, ?)", text)
        text = one or text
    return _known(column, f"{column} = ?", text)


def _like_column(column: str, pattern: str) -> Where | None:
    glob = glob_of(pattern)
    return None if glob is None else _known(column, f"{column} GLOB ?", glob)


def glob_of(pattern: str) -> str | None:
    """A pattern for SQLite's GLOB over lower-case text, or None where GLOB cannot say it."""
    if "\0" in pattern:
        return None
    return "".join(
        "*" if piece is None else "?" if piece == "" else _glob_literal(terms.lower(piece))
        for piece in wildcard.pieces_of(pattern)
    )


def _glob_literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def _range_column(column: str, kind: str, low: Any, high: Any) -> Where | None:
    if kind == "ip":
        return None if low is not None or high is not None else Where(sql=f"{column} IS NOT NULL")
    parts = [Where(sql=f"{column} IS NOT NULL")]
    for bound, sign in ((low, ">="), (high, "<=")):
        if bound is None:
            continue
        value = terms.moment_of(bound) if kind == "date" else terms.lower(terms.text_of(bound))
        if value is None:
            return NO_ROWS
        parts.append(Where(sql=f"{column} {sign} ?", values=(value,)))
    return joined(" AND ", parts, "1")


# -- what JSON text must hold ----------------------------------------------------------------------------


def _loose(condition: Any) -> Where:
    """Rows whose JSON has what the condition needs, whichever field it stands in."""
    kind = "text" if isinstance(condition, ports.Text) else terms.type_of(condition.field)
    needle = _needle(condition) if kind in {"keyword", "text"} else ""
    if needle:
        return Where(sql="doc LIKE ? ESCAPE '!'", values=(f"%{needle}%",), exact=False)
    if isinstance(condition, ports.Text):
        return Where(sql="1", exact=False)
    return Where(sql="instr(doc, ?)", values=(f'"{condition.field}":',), exact=False)


def _needle(condition: Any) -> str:
    match condition:
        case ports.Text(text):
            literal = text
        case ports.Is(_, value):
            literal = terms.text_of(value)
        case ports.Like(_, pattern):
            literal = max((piece for piece in wildcard.pieces_of(pattern) if piece), key=len, default="")
        case _:
            literal = ""
    return _like_literal(literal)


def _like_literal(text: str) -> str:
    """Text for LIKE; what JSON escapes, or letter case that SQLite does not know, becomes a wildcard."""
    made: list[str] = []
    for letter in text[:LONGEST_NEEDLE]:
        if letter in "%_!":
            made.append("!" + letter)
        elif not letter.isascii() or letter in '"\\' or ord(letter) < ord(" "):
            if made[-1:] != ["%"]:
                made.append("%")
        else:
            made.append(_LOOSE.get(letter, letter))
    return "".join(made) if any(piece != "%" for piece in made) else ""
