"""Who has already been in contact with what a new warning names?

The stored past is asked when indicators arrive. A store that reads every event for most questions is read
once, whatever the number of indicators. Of one that has an index for every field, few indicators are asked by
their values, widened where it cannot say it exactly; for many it gives the different values that its fields
hold, which are looked up here. Every event is checked by the same reading that judges new events.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from citywatch.detect.indicators import FIELDS, Hit, Indicator, Indicators
from citywatch.model import Event
from citywatch.ports import Condition, Either, Everything, Exists, Is, Like, Query, Store

DATASET = "indicator.sighting"
"""Events that tell of a contact in the past; they are none themselves."""
FEW = 200
"""So many indicators are asked for by value; more are compared with what the store holds."""
MOST_VALUES = 50_000
MOST_EVENTS = 10_000
_PER_QUERY = 400
_PAGE = 1000
_MOST_IDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One indicator met in one field in the past."""

    indicator: Indicator
    field: str
    value: str
    who: tuple[tuple[str, str], ...]
    """Field and value of our portals, hosts or addresses that were in contact, at most 100."""
    count: int
    first_at: str
    last_at: str
    event_ids: tuple[str, ...]
    """At most 100, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the past says, and whether all of it was asked."""

    sightings: tuple[Sighting, ...]
    events: int
    complete: bool
    """False when a limit was reached: narrow the time or the indicators and ask again."""


@dataclass(slots=True)
class _Seen:
    hit: Hit
    who: dict[tuple[str, str], None]
    ids: list[str]
    count: int
    first_at: str
    last_at: str


def sightings(
    store: Store,
    indicators: Sequence[Indicator],
    *,
    start: str | None = None,
    end: str | None = None,
    most_events: int = MOST_EVENTS,
) -> Past:
    """Ask the past. Validity is not looked at: a warning that is new speaks of what went before.

    Raises:
        StoreUnreachable: the store does not answer.
    """
    table = Indicators(None)
    try:
        table.add(replace(one, valid_from="", valid_until="") for one in indicators)
        asked, complete = (
            _conditions(store, table, indicators, start, end) if store.quick else ([Everything()], True)
        )
        seen: dict[tuple[str, str, str, str], _Seen] = {}
        events = 0
        for event in _events(store, asked, start, end):
            hits = table.hits(event)
            if not hits or event.get("event.dataset") == DATASET:
                continue
            if events >= most_events:
                complete = False
                break
            events += 1
            for hit in hits:
                _note(seen, hit, event)
    finally:
        table.close()
    found = tuple(_sighting(one) for one in seen.values())
    return Past(sightings=found, events=events, complete=complete)


def _conditions(
    store: Store, table: Indicators, indicators: Sequence[Indicator], start: str | None, end: str | None
) -> tuple[list[Condition], bool]:
    if len(indicators) <= FEW:
        values = dict.fromkeys((one.type, one.value) for one in indicators)
        return [asked for kind, value in values for asked in _widened(kind, value)], True
    asked: list[Condition] = []
    complete = True
    for name, how in FIELDS.items():
        query = Query(where=Exists(name), start=start, end=end)
        held = store.aggregate(query, name, size=MOST_VALUES)
        complete = complete and len(held) < MOST_VALUES
        asked += [Is(name, value) for value, _ in held if table.meets(how, value)]
    return asked, complete


def _events(store: Store, asked: Sequence[Condition], start: str | None, end: str | None) -> Iterator[Event]:
    given: set[str] = set()
    parts = iter(asked)
    while chunk := tuple(islice(parts, _PER_QUERY)):
        after: str | None = None
        where = Either(chunk)
        while True:
            page = store.search(
                Query(where=where, start=start, end=end, limit=_PAGE, after=after, count_to=0)
            )
            for event in page.events:
                event_id = str(event.get("event.id", ""))
                if len(asked) <= _PER_QUERY:
                    yield event
                elif event_id not in given:
                    given.add(event_id)
                    yield event
            after = page.next
            if after is None:
                break


def _note(seen: dict[tuple[str, str, str, str], _Seen], hit: Hit, event: Event) -> None:
    one = hit.indicator
    key = (one.type, one.value, one.source, hit.field)
    at = str(event.get("@timestamp", ""))
    known = seen.get(key)
    if known is None:
        known = seen[key] = _Seen(hit=hit, who={}, ids=[], count=0, first_at=at, last_at=at)
    known.count += 1
    known.first_at, known.last_at = min(known.first_at, at), max(known.last_at, at)
    if len(known.ids) < _MOST_IDS:
        known.ids.append(str(event.get("event.id", "")))
    ours = ("destination.ip", "host.name") if hit.field == "source.ip" else _OURS
    for name in ours:
        value = event.get(name)
        if isinstance(value, str) and value != hit.value and len(known.who) < _MOST_IDS:
            known.who[name, value] = None
            break


_OURS = ("citywatch.portal.id", "host.name", "source.ip")


def _sighting(seen: _Seen) -> Sighting:
    return Sighting(
        indicator=seen.hit.indicator,
        field=seen.hit.field,
        value=seen.hit.value,
        who=tuple(seen.who),
        count=seen.count,
        first_at=seen.first_at,
        last_at=seen.last_at,
        event_ids=tuple(seen.ids),
    )


def _widened(kind: str, value: str) -> list[Condition]:
    """Conditions that hold for every event which meets this indicator (and perhaps for others)."""
    asked: list[Condition] = []
    for name, how in FIELDS.items():
        if how == kind or (how == "place" and kind == "ip"):
            asked.append(Is(name, value) if kind != "url" else Like(name, f"*{_plain(value)}*"))
        if how in {"domain", "place"} and kind == "domain":
            asked += [Is(name, value)] if how == "place" else []
            asked.append(Like(name, f"*.{value}"))
        if (how == "url" and kind in {"ip", "domain"}) or (how == "hashes" and kind in _HASHES):
            asked.append(Like(name, f"*{_plain(value)}*"))
        if how == "place" and kind in {"ip", "domain"}:
            asked.append(Like(name, f"*{value}:*"))
        if how == "email" and kind == "domain":
            asked += [Like(name, f"*@{value}"), Like(name, f"*.{value}")]
        if kind == "network" and how in {"ip", "place", "url"}:
            around = "*" if how == "url" else ""
            asked += [Like(name, around + pattern) for pattern in _spread(value)]
    return asked


_HASHES = frozenset({"md5", "sha1", "sha256"})


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _spread(text: str) -> list[str]:
    """Patterns over the written form that cover a network.

    >>> _spread("198.51.100.0/23")
    ['198.51.100.*', '198.51.101.*']
    """
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network):
        groups = str(network.network_address).split(":")
        whole = network.prefixlen // 16
        kept = groups[: min(whole, 2)] if "" not in groups[:2] else groups[:1]
        return [":".join([*kept, "*"])]
    octets = -(-network.prefixlen // 8)
    if octets * 8 - network.prefixlen > 4:  # noqa: PLR2004 - more than 16 patterns: one coarser one
        return [".".join([*str(network.network_address).split(".")[: octets - 1], "*"])]
    if octets == 4:  # noqa: PLR2004 - all octets are needed: within one /24
        return [f"{str(network.network_address).rpartition('.')[0]}.*"]
    wide = network.subnets(new_prefix=octets * 8)
    return [".".join([*str(part.network_address).split(".")[:octets], "*"]) for part in wide]
