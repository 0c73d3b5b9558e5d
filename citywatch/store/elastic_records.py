"""How are records that change kept and found in Elasticsearch?

One index a kind (`<prefix>-<kind>`). The version is a field of our own; a write carries the sequence number
that was read with it, so that of two writers one is told. Writes are visible to searches when they return.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import elasticsearch
import orjson

from citywatch import ports
from citywatch.clock import EPOCH, parse_stamp
from citywatch.errors import Conflict, StoreError
from citywatch.ports import Query, Record, RecordPage
from citywatch.settings import Elastic
from citywatch.store import meaning, terms
from citywatch.store.cursor import Cursor, read_cursor
from citywatch.store.elastic_client import explained, shown, told
from citywatch.store.elastic_query import Dsl, asked, counted, path_of, total_of
from citywatch.store.mapping import record_index

CHUNK = 2000
CHUNK_BYTES = 8 * 2**20
ATTEMPTS = 10
MOMENTS = frozenset({"last_seen", "changed_at", "updated_at", "opened_at", "expires_at", "at"})
"""Fields whose values are moments as `clock.stamp` writes them, by which lists are ordered newest first."""
NEWEST_BY: Mapping[str, str] = {
    "alert": "last_seen",
    "alert_state": "changed_at",
    "ticket": "changed_at",
    "run": "updated_at",
    "audit": "at",
}
"""The moment that a kind of record is listed by, newest first: its index is kept in that order."""
_KIND = re.compile(r"[a-z][a-z0-9_]{0,60}")
_RESERVED = frozenset({"events", "refused"})


class ElasticRecords:
    """Records in the cluster."""

    def __init__(self, client: elasticsearch.Elasticsearch, hosts: str, settings: Elastic) -> None:
        self._client = client
        self._hosts = hosts
        self._settings = settings
        self._made: set[str] = set()
        self._timed: set[str] = set()
        """Indices whose records have their moments as numbers; those made before do not."""
        self._lock = threading.Lock()

    def make_index(self, index: str, body: Mapping[str, Any]) -> None:
        """Make an index once; another process may be faster."""
        with self._lock:
            if index in self._made:
                return
            if not self._client.indices.exists(index=index):
                try:
                    self._client.indices.create(index=index, body=dict(body))
                except elasticsearch.BadRequestError as error:
                    if "resource_already_exists" not in str(error):
                        raise
            held = self._client.indices.get_mapping(index=index)[index]["mappings"]
            if held.get("_meta", {}).get("moments"):
                self._timed.add(index)
            self._made.add(index)

    def _index(self, kind: str) -> str:
        if not _KIND.fullmatch(kind) or kind in _RESERVED:
            raise StoreError(f"'{kind}' cannot be a kind of record: use small letters and underscores")
        index = f"{self._settings.prefix}-{kind}"
        by = NEWEST_BY.get(kind, "")
        self.make_index(index, record_index(self._settings, path_of(by) if by else ""))
        return index

    def _read(
        self, index: str, record_ids: Sequence[str], *, parts: Sequence[str] = ("version", "doc")
    ) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(record_ids), CHUNK):
            answer = self._client.mget(
                index=index, ids=list(record_ids[start : start + CHUNK]), source_includes=list(parts)
            )
            found |= {held["_id"]: held for held in answer["docs"] if held.get("found")}
        return found

    def get_many(self, kind: str, record_ids: Sequence[str]) -> dict[str, Record]:
        with told(self._hosts):
            found = self._read(self._index(kind), record_ids)
        return {known: _record(kind, held) for known, held in found.items()}

    def put_if(self, kind: str, record_id: str, doc: Mapping[str, Any], version: int) -> Record:
        with told(self._hosts):
            index = self._index(kind)
            held = self._read(index, [record_id]).get(record_id)
            found = int(held["_source"]["version"]) if held else 0
            if found != version:
                raise Conflict(kind, record_id, version, found)
            body = _body(record_id, doc, version + 1)
            try:
                self._write(index, record_id, body, held)
            except elasticsearch.ConflictError as error:
                now = self._read(index, [record_id]).get(record_id)
                stored = int(now["_source"]["version"]) if now else 0
                raise Conflict(kind, record_id, version, stored) from error
        return Record(kind=kind, id=record_id, version=version + 1, doc=body["doc"])

    def _write(self, index: str, record_id: str, body: Dsl, held: Mapping[str, Any] | None) -> None:
        place: dict[str, Any] = (
            {"if_seq_no": held["_seq_no"], "if_primary_term": held["_primary_term"]}
            if held
            else {"op_type": "create"}
        )
        self._client.index(index=index, id=record_id, document=body, refresh=True, **place)

    def put_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> None:
        left = dict(docs)
        with told(self._hosts):
            index = self._index(kind)
            for _ in range(ATTEMPTS):
                names = list(left)
                for start in range(0, len(names), CHUNK):
                    self._put_some(index, names[start : start + CHUNK], left)
                if not left:
                    break
            if docs:
                self._client.indices.refresh(index=index)
        if left:
            raise StoreError(f"{len(left)} records of kind {kind} were changed by others all the time")

    def create_many(self, kind: str, docs: Mapping[str, Mapping[str, Any]]) -> int:
        left = dict(docs)
        names = list(left)
        with told(self._hosts):
            index = self._index(kind)
            for start in range(0, len(names), CHUNK):
                operations = [
                    part
                    for name in names[start : start + CHUNK]
                    for part in (
                        orjson.dumps({"create": {"_id": name}}),
                        orjson.dumps(_body(name, docs[name], 1)),
                    )
                ]
                self._send(index, operations, left)  # what is there already stays in `left`
            if docs:
                self._client.indices.refresh(index=index)
        return len(docs) - len(left)

    def _put_some(self, index: str, names: Sequence[str], left: dict[str, Mapping[str, Any]]) -> None:
        """Write a chunk; take out of `left` what was written."""
        held = self._read(index, names, parts=("version",))
        operations: list[bytes] = []
        size = 0
        for name in names:
            if size > CHUNK_BYTES:
                self._send(index, operations, left)
                operations, size = [], 0
            before = held.get(name)
            verb: dict[str, Any] = {"create": {"_id": name}}
            if before:
                place = {"if_seq_no": before["_seq_no"], "if_primary_term": before["_primary_term"]}
                verb = {"index": {"_id": name} | place}
            version = int(before["_source"]["version"]) + 1 if before else 1
            operations += [orjson.dumps(verb), orjson.dumps(_body(name, left[name], version))]
            size += len(operations[-1])
        self._send(index, operations, left)

    def _send(self, index: str, operations: list[bytes], left: dict[str, Mapping[str, Any]]) -> None:
        answer = self._client.bulk(
            index=index,
            operations=cast("Any", operations),
            filter_path=["items.*._id", "items.*.status", "items.*.error"],
        )
        for item in answer["items"]:
            told_of = next(iter(item.values()))
            if told_of["status"] in {200, 201}:
                left.pop(told_of["_id"], None)
            elif told_of["status"] != 409:  # noqa: PLR2004 - HTTP's "conflict": somebody was faster, once more
                error = told_of["error"]
                raise explained(
                    shown(self._hosts), told_of["status"], f"{error.get('type')}: {error.get('reason')}"
                )

    def delete(self, kind: str, record_id: str) -> bool:
        with told(self._hosts):
            try:
                self._client.delete(index=self._index(kind), id=record_id, refresh=True)
            except elasticsearch.NotFoundError:
                return False
        return True

    def find(self, kind: str, query: Query) -> RecordPage:
        cursor = read_cursor(query.after) if query.after else None
        limit = max(query.limit, 0)
        body: Dsl = {
            "query": asked(_with_times(query), records=True).sure,
            "sort": _sort(query, timed=self._index(kind) in self._timed),
            "size": limit + 1,
            "_source": ["version", "doc"],
            "track_total_hits": counted(query),
        }
        if cursor:
            body["search_after"] = cursor.place
        with told(self._hosts):
            answer = self._client.search(
                index=self._index(kind), body=body, allow_partial_search_results=False
            )
        hits = answer["hits"]["hits"]
        total = cursor.total if cursor else total_of(answer["hits"], query)
        kept = hits[:limit]
        more = len(hits) > len(kept) and bool(kept)
        following = str(Cursor(place=kept[-1]["sort"], total=total)) if more else None
        return RecordPage(records=tuple(_record(kind, hit) for hit in kept), total=total, next=following)

    def tally(self, kind: str, where: ports.Condition, by: str, *, size: int = 1000) -> list[tuple[str, int]]:
        path = path_of(by)
        forms = {form: {"terms": {"field": f"{form}.{path}", "size": size}} for form in ("t", "n")}
        body: Dsl = {"query": asked(where, records=True).sure, "size": 0, "aggs": forms}
        with told(self._hosts):
            answer = self._client.search(
                index=self._index(kind), body=body, allow_partial_search_results=False
            )
        found: Counter[str] = Counter()
        for form in forms:
            for bucket in answer["aggregations"][form]["buckets"]:
                key = bucket["key"]
                whole = isinstance(key, float) and key.is_integer()
                found[terms.text_of(int(key) if whole else key)] += int(bucket["doc_count"])
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:size]


def _with_times(query: Query) -> ports.Condition:
    parts: list[ports.Condition] = [query.where]
    if query.start is not None:
        parts.append(ports.Range(query.order, low=query.start))
    if query.end is not None:
        parts += [ports.Range(query.order, high=query.end), ports.Not(ports.Is(query.order, query.end))]
    return ports.All(tuple(parts))


def _sort(query: Query, *, timed: bool) -> list[Dsl]:
    way = "desc" if query.newest_first else "asc"
    path = path_of(query.order)
    moment: Dsl = {f"m.{path}": {"order": way, "missing": "_last", "unmapped_type": "long"}}
    return [
        *([moment] if timed and query.newest_first and query.order in MOMENTS else []),
        {f"n.{path}": {"order": way, "missing": "_last", "unmapped_type": "double"}},
        {f"t.{path}": {"order": way, "missing": "_last", "unmapped_type": "keyword"}},
        {"id": {"order": way}},
    ]


def _record(kind: str, held: Mapping[str, Any]) -> Record:
    source = held["_source"]
    return Record(kind=kind, id=held["_id"], version=int(source["version"]), doc=source["doc"])


def _body(record_id: str, doc: Mapping[str, Any], version: int) -> Dsl:
    """The document: the record itself, and what it can be found by."""
    plain = orjson.loads(orjson.dumps(doc, option=orjson.OPT_NON_STR_KEYS))
    found: Dsl = {}
    for field, values in meaning.leaves(plain).items():
        path = path_of(field)
        numbers = [value for value in values if meaning.is_number(value)]
        texts = [
            terms.text_of(value)[: meaning.LONGEST_TEXT] for value in values if not meaning.is_number(value)
        ]
        if numbers:
            found[f"n.{path}"] = numbers
        if texts:
            found[f"t.{path}"] = texts
    for field in MOMENTS & plain.keys():
        moment = micros_of(plain[field])
        if moment is not None:
            found[f"m.{path_of(field)}"] = moment
    return {"id": record_id, "version": version, "doc": plain} | found


def micros_of(held: object) -> int | None:
    """A moment as a number that is ordered as its text is; None for anything but `clock.stamp`'s form.

    >>> micros_of("1970-01-02T00:00:00.000001Z"), micros_of("2026-11-22"), micros_of(7)
    (86400000001, None, None)
    """
    if not isinstance(held, str) or len(held) != len("2026-11-22T08:00:00.000000Z") or held[-1] != "Z":
        return None
    try:
        return round((parse_stamp(held) - EPOCH) / _TICK)
    except ValueError:
        return None


_TICK = timedelta(microseconds=1)
