"""Where do a city's events and records live? In an Elasticsearch cluster.

Events are created, never overwritten, in one index an ingest day (`<prefix>-events-2026.11.22`); the day is
the journalled event's own, so that a replay meets what it wrote. Retention drops whole indices. Nothing but
the plain core of Elasticsearch is used: no scripts, pipelines, data streams or lifecycle policies.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import elasticsearch
import orjson

from citywatch.clock import Clock, stamp, stamp_us
from citywatch.errors import StoreError
from citywatch.model import Event
from citywatch.ports import Condition, Page, Query, Record, RecordPage, StoreHealth
from citywatch.schema import fields, namespaces
from citywatch.settings import Elastic
from citywatch.store import meaning, terms
from citywatch.store.cursor import Cursor, read_cursor
from citywatch.store.elastic_client import BUSY, connect, explained, shown, told
from citywatch.store.elastic_query import (
    ALL,
    Dsl,
    asked,
    between,
    counted,
    every,
    left_out,
    opposite,
    some,
    total_of,
)
from citywatch.store.elastic_records import ElasticRecords
from citywatch.store.intake import Refused, Taken, day_of, sift
from citywatch.store.mapping import ASIDE, UNINDEXED, event_properties, event_template, refused_index

CHUNK_EVENTS = 2000
CHUNK_BYTES = 8 * 2**20
MOST_DOUBTED = 10_000
SHARD_SIZE = 10_000
_EMPTY = b'""'
_BAD_DOCUMENT = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "illegal_argument_exception",
        "strict_dynamic_mapping_exception",
        "x_content_parse_exception",
    }
)
"""Errors that lie with one document; any other is the cluster's, and the whole batch waits."""

Line = tuple[str, str, bytes]
"""Index, document id and body."""


class ElasticStore:
    """The production store. See `ports.Store` for what each method promises.

    Nothing is sent before the first call, so that the service starts while the cluster is down.

    Args:
        hosts: URL of the cluster, or several by commas.
        settings: how to reach it, and the prefix of all index names.
        clock: tells when an event was refused.
    """

    def __init__(self, hosts: str, settings: Elastic, *, clock: Clock) -> None:
        self._hosts = hosts
        self._settings = settings
        self._clock = clock
        self._events = f"{settings.prefix}-events-*"
        self._refused = f"{settings.prefix}-refused"
        self._client = connect(hosts, settings)
        self._records = ElasticRecords(self._client, hosts, settings)
        self._lock = threading.Lock()
        self._ready = False
        self._unseen = False

    @property
    def name(self) -> str:
        return "elasticsearch"

    @property
    def quick(self) -> bool:
        return True

    def _prepare(self) -> None:
        """See once that the index template is ours and of today's schema."""
        with self._lock:
            if self._ready:
                return
            name = f"{self._settings.prefix}-events"
            wanted = event_template(self._settings)
            try:
                held = self._client.indices.get_index_template(name=name)["index_templates"][0]
                known = held["index_template"].get("_meta", {}).get("form") == wanted["_meta"]["form"]
            except elasticsearch.NotFoundError:
                known = False
            if not known:
                self._client.indices.put_index_template(name=name, body=wanted)
                self._widen()
            self._ready = True

    def _widen(self) -> None:
        """Let the indices that are there know the fields that are new in the schema."""
        for index in self._days().values():
            try:
                self._client.indices.put_mapping(index=index, body={"properties": event_properties()})
            except elasticsearch.BadRequestError:  # a field changed its type: that index keeps the old one
                continue

    # -- events ------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event]) -> int:
        taken, refused = sift(events)
        by_id = {str(one.event["event.id"]): one for one in taken}
        with told(self._hosts):
            self._prepare()
            self._keep_aside(refused)
            return sum(self._create(chunk, by_id) for chunk in _chunks(self._lines(by_id)))

    def _lines(self, events: Mapping[str, Taken]) -> list[Line]:
        """What is to be created: not what an earlier day's index holds already."""
        by_index: dict[str, list[str]] = {}
        for known, one in events.items():
            by_index.setdefault(self._index_of(day_of(one.event)), []).append(known)
        lines: list[Line] = []
        for index, ids in by_index.items():
            elsewhere = self._held_elsewhere(index, ids)
            lines += [(index, known, _body(events[known])) for known in ids if known not in elsewhere]
        return lines

    def _index_of(self, day: str) -> str:
        return f"{self._settings.prefix}-events-{day.replace('-', '.')}"

    def _held_elsewhere(self, index: str, ids: list[str]) -> set[str]:
        """Which of these other days hold: a source may be read again when the journal has forgotten it."""
        others = [name for name in self._days().values() if name != index]
        held: set[str] = set()
        if not others:
            return held
        self._show_all()
        for start in range(0, len(ids), CHUNK_EVENTS):
            wanted = {"ids": {"values": ids[start : start + CHUNK_EVENTS]}}
            found = self._client.search(
                index=[self._events, f"-{index}"],
                body={"query": wanted, "size": CHUNK_EVENTS, "_source": False},
                filter_path=["hits.hits._id"],
            )
            held.update(hit["_id"] for hit in found.get("hits", {}).get("hits", ()))
        return held

    def _create(self, lines: Sequence[Line], events: Mapping[str, Taken], *, again: bool = False) -> int:
        operations: list[bytes] = []
        for index, known, body in lines:
            operations += [orjson.dumps({"create": {"_index": index, "_id": known}}), body]
        self._unseen = True
        answer = self._client.bulk(operations=cast("Any", operations))
        items = [item["create"] for item in answer["items"]]
        bad = {item["_id"]: self._reason(item) for item in items if item["status"] not in {201, 409}}
        new = sum(item["status"] == 201 for item in items)  # noqa: PLR2004 - HTTP's "created"
        if bad and not again:
            mended = [
                (index, known, _set_aside(events[known].event)) for index, known, _ in lines if known in bad
            ]
            return new + self._create(mended, events, again=True)
        if bad:
            self._keep_aside([Refused(event=events[known].event, reason=why) for known, why in bad.items()])
        return new

    def _reason(self, item: Mapping[str, Any]) -> str:
        """Why one document was refused.

        Raises:
            StoreError: the fault is not the document's.
        """
        error = item["error"]
        reason = f"{error.get('type')}: {error.get('reason')}"[:500]
        if item["status"] in BUSY or error.get("type") not in _BAD_DOCUMENT:
            raise explained(shown(self._hosts), int(item["status"]), reason)
        return reason

    def _keep_aside(self, refused: Sequence[Refused]) -> None:
        """What cannot be indexed is kept as text with the reason; a replay does not count it twice."""
        if not refused:
            return
        self._records.make_index(self._refused, refused_index(self._settings))
        operations: list[Any] = []
        for one in refused:
            body = {"at": stamp(self._clock()), "reason": one.reason, "doc": one.printed}
            operations += [{"index": {"_id": one.id}}, body]
        answer = self._client.bulk(index=self._refused, operations=operations, refresh=True)
        for item in answer["items"]:
            if item["index"]["status"] not in {200, 201}:
                raise explained(shown(self._hosts), item["index"]["status"], str(item["index"].get("error")))

    def _show_all(self) -> None:
        """Make what this process appended visible to its own searches; others see it within a second."""
        if self._unseen:
            self._unseen = False
            self._client.indices.refresh(index=self._events, ignore_unavailable=True)

    def scan(self, after: int, limit: int) -> list[Event]:
        body: Dsl = {
            "query": {"range": {"event.sequence": {"gt": after}}},
            "sort": [{"event.sequence": "asc"}, {"event.id": "asc"}],
            "size": max(limit, 0),
            "track_total_hits": False,
        }
        return [_event(hit) for hit in self._hits(body)["hits"]]

    def _hits(self, body: Dsl) -> dict[str, Any]:
        with told(self._hosts):
            self._prepare()
            self._show_all()
            answer = self._client.search(
                index=self._events,
                body=body,
                ignore_unavailable=True,
                allow_no_indices=True,
                allow_partial_search_results=False,
            )
        return answer["hits"] | {"aggregations": answer.get("aggregations", {})}

    def search(self, query: Query) -> Page:
        cursor = read_cursor(query.after) if query.after else None
        way = "desc" if query.newest_first else "asc"
        body: Dsl = {
            "query": self._decided(query),
            "sort": [{field: {"order": way}} for field in ("@timestamp", "event.sequence", "event.id")],
            "size": max(query.limit, 0) + 1,
            "track_total_hits": counted(query),
        }
        if cursor:
            body["search_after"] = cursor.place
        hits = self._hits(body)
        total = cursor.total if cursor else total_of(hits, query)
        shown_hits = hits["hits"][: max(query.limit, 0)]
        more = len(hits["hits"]) > len(shown_hits) and bool(shown_hits)
        following = str(Cursor(place=shown_hits[-1]["sort"], total=total)) if more else None
        return Page(events=tuple(_event(hit) for hit in shown_hits), total=total, next=following)

    def _decided(self, query: Query) -> Dsl:
        """The query with every doubt settled: what the index cannot decide is fetched and judged here."""
        times = between(query.start, query.end)
        parts = asked(query.where)
        if parts.exact:
            return every([times, parts.sure])
        doubted = every([times, parts.maybe, opposite(parts.sure)])
        judge = meaning.over_events(query.where)
        met = [str(hit["_id"]) for hit in self._doubted(doubted) if judge(_event(hit))]
        sure = some([parts.sure, {"ids": {"values": met}}]) if met else parts.sure
        return every([times, sure])

    def _doubted(self, query: Dsl) -> Iterable[dict[str, Any]]:
        """All documents that meet a query, in pieces.

        Raises:
            StoreError: they are too many to judge here.
        """
        body: Dsl = {
            "query": query,
            "sort": [{"event.sequence": "asc"}, {"event.id": "asc"}],
            "size": 1000,
            "track_total_hits": MOST_DOUBTED + 1,
        }
        while True:
            hits = self._hits(body)
            if int(hits["total"]["value"]) > MOST_DOUBTED:
                raise StoreError(
                    f"over {MOST_DOUBTED} events would have to be judged one by one; "
                    "narrow the search's time or its conditions"
                )
            yield from hits["hits"]
            if len(hits["hits"]) < body["size"]:
                return
            body["search_after"] = hits["hits"][-1]["sort"]

    def get_event(self, event_id: str) -> Event | None:
        hits = self._hits({"query": {"ids": {"values": [event_id]}}, "size": 1})["hits"]
        return _event(hits[0]) if hits else None

    def aggregate(
        self, query: Query, by: str, *, size: int = 20, interval_s: int | None = None
    ) -> list[tuple[str, int]]:
        kind = terms.type_of(by)
        if not kind or (interval_s is not None and kind != "date"):
            return []
        decided = self._decided(query)
        if interval_s is not None:
            return self._by_time(decided, by, max(interval_s, 1))
        found = self._terms(every([decided, opposite(left_out(by))]), by, kind, size)
        for hit in self._doubted(every([decided, left_out(by)])):
            found.update(set(terms.terms_of(by, _event(hit).get(by))))
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:size]

    def _terms(self, query: Dsl, by: str, kind: str, size: int) -> Counter[str]:
        terms: Dsl = {
            "field": f"{by}.text" if kind == "ip" else by,
            "size": min(max(size, 1) + 100, SHARD_SIZE),
            "shard_size": SHARD_SIZE,
        }
        if kind == "date":
            terms["format"] = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
        answer = self._hits({"query": query, "size": 0, "aggs": {"by": {"terms": terms}}})
        buckets = answer["aggregations"].get("by", {}).get("buckets", ())
        return Counter({_key(bucket, kind): int(bucket["doc_count"]) for bucket in buckets})

    def _by_time(self, query: Dsl, by: str, interval_s: int) -> list[tuple[str, int]]:
        slots = {"field": by, "fixed_interval": f"{interval_s}s", "min_doc_count": 1}
        answer = self._hits({"query": query, "size": 0, "aggs": {"by": {"date_histogram": slots}}})
        buckets = answer["aggregations"].get("by", {}).get("buckets", ())
        return [(stamp_us(int(bucket["key"]) * 1000), int(bucket["doc_count"])) for bucket in buckets]

    def _days(self) -> dict[str, str]:
        """The indices of events by day."""
        names = self._client.indices.get_alias(index=self._events, allow_no_indices=True)
        start = len(self._events) - 1
        return {str(name)[start:].replace(".", "-"): str(name) for name in sorted(names)}

    def drop_before(self, day: str) -> int:
        gone = 0
        with told(self._hosts):
            for old, index in self._days().items():
                if old < day:
                    self._client.indices.refresh(index=index)
                    gone += int(self._client.count(index=index)["count"])
                    self._client.indices.delete(index=index)
        return gone

    def drop_all(self) -> int:
        """Drop every index and template of this prefix (a demo's, a test's); give how many indices went."""
        prefix = self._settings.prefix
        with told(self._hosts):
            names = list(self._client.indices.get(index=f"{prefix}-*", features="aliases"))
            for name in names:
                self._client.indices.delete(index=name)
            for template in self._client.indices.get_index_template()["index_templates"]:
                if str(template["name"]).startswith(f"{prefix}-"):
                    self._client.indices.delete_index_template(name=template["name"])
        return len(names)

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
        with told(self._hosts):
            self._show_all()
            status = str(self._client.cluster.health()["status"])
            rows: Any = self._client.cat.indices(
                index=f"{self._settings.prefix}-*", h="index,docs.count,store.size", format="json", bytes="b"
            )
            last = self._last_refused()
        counts = {row["index"]: int(row["docs.count"] or 0) for row in rows}
        start = len(self._events) - 1
        days = {name[start:].replace(".", "-"): counts[name] for name in sorted(counts) if self._is_day(name)}
        kinds = {
            name[len(self._settings.prefix) + 1 :]: count
            for name, count in counts.items()
            if not self._is_day(name) and name != self._refused
        }
        what = f"Elasticsearch {shown(self._hosts)}, cluster {status}"
        return StoreHealth(
            ok=status != "red",
            what=f"{what}; last refused event: {last}" if last else what,
            events=sum(days.values()),
            bytes=sum(int(row["store.size"] or 0) for row in rows),
            days=tuple(days),
            records=kinds,
            refused=counts.get(self._refused, 0),
        )

    def _is_day(self, index: str) -> bool:
        return index.startswith(self._events[:-1])

    def _last_refused(self) -> str:
        body: Dsl = {"query": ALL, "sort": [{"at": {"order": "desc", "unmapped_type": "date"}}], "size": 1}
        answer = self._client.search(
            index=self._refused, body=body, ignore_unavailable=True, allow_no_indices=True
        )
        hits = answer["hits"]["hits"]
        return str(hits[0]["_source"]["reason"]) if hits else ""

    def close(self) -> None:
        self._client.close()


def _chunks(lines: Sequence[Line]) -> Iterable[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) >= CHUNK_EVENTS or size + len(line[2]) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line[2])
    if chunk:
        yield chunk


def _event(hit: Mapping[str, Any]) -> Event:
    event: Event = dict(hit["_source"])
    if ASIDE in event:
        event.pop(UNINDEXED, None)
        event |= orjson.loads(event.pop(ASIDE))
    return event


def _body(taken: Taken) -> bytes:
    """The event as it is sent; Elasticsearch would take an empty text in a boolean field for `false`."""
    if _EMPTY not in taken.raw or not any(_is_blank(taken.event.get(name)) for name in _booleans()):
        return taken.raw
    return _set_aside(taken.event)


@cache
def _booleans() -> tuple[str, ...]:
    return tuple(field.name for field in fields().values() if field.type == "boolean")


def _is_blank(held: Any) -> bool:
    return any(value == "" for value in terms.values_of(held))


def _set_aside(event: Event) -> bytes:
    """The event with what may have cost it, or would be misread, kept but not indexed.

    That is an open name that was used in two ways, an object where a value belongs, an empty truth value, or
    text that is no address (of `fe80::1%eth0` Elasticsearch 9.2 refuses the whole document, in spite of
    `ignore_malformed`).
    """
    spaces = tuple(space.prefix for space in namespaces())
    aside = [
        name
        for name, held in event.items()
        if name.startswith(spaces) or isinstance(held, dict) or not _is_plain(name, held)
    ]
    kept = {name: held for name, held in event.items() if name not in aside}
    text = orjson.dumps({name: event[name] for name in aside}).decode()
    return orjson.dumps(kept | {UNINDEXED: sorted(aside), ASIDE: text})


def _is_plain(name: str, held: Any) -> bool:
    """Whether the index reads the values as `meaning` does."""
    kind = terms.type_of(name)
    if kind == "boolean":
        return not _is_blank(held)
    values = terms.values_of(held) if kind == "ip" else []
    return all(terms.address_of(terms.text_of(value)) is not None for value in values)


def _key(bucket: Mapping[str, Any], kind: str) -> str:
    if kind in {"boolean", "date"}:
        return str(bucket["key_as_string"])
    return terms.text_of(bucket["key"])
