"""How is every record of a kind read, page by page?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

from citywatch.model import from_doc
from citywatch.ports import Query, Record, Store

PAGE: Final = 1000
BY_ID: Final = Query(order="id", newest_first=False, limit=PAGE)

T = TypeVar("T")


def every_record(store: Store, kind: str, query: Query = BY_ID) -> Iterator[Record]:
    """Every record that a query asks for, whatever its `limit`: that is the size of a page."""
    after: str | None = None
    while True:
        page = store.find(kind, replace(query, after=after))
        yield from page.records
        after = page.next
        if after is None:
            return


def every(store: Store, kind: str, noun: type[T], query: Query = BY_ID) -> Iterator[T]:
    """Every record of a kind that can be read as its noun; one spoiled record does not hide the rest."""
    for record in every_record(store, kind, query):
        try:
            yield from_doc(record.doc, noun)
        except msgspec.ValidationError:
            continue
