"""What else was seen? Search over all events, with a histogram and a way on from every value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from citywatch import schema
from citywatch.clock import parse_stamp, stamp
from citywatch.errors import StoreError
from citywatch.model import Event
from citywatch.ports import Condition, Everything, Query
from console.web.alert import facts_of
from console.web.door import Visit, Way
from console.web.proofs import proofs_of
from console.web.query import QueryError, read_event_query
from console.web.show import link, pivot

PAGE = 50
RANGES = {"1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000, "all": 0}
_BARS = 96
COUNT_TO = 10_000
_STEPS = (10, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000)
_FACETS = ("event.dataset", "source.ip", "destination.ip", "destination.port", "host.name", "user.name",
           "url.domain", "dns.question.registered_domain", "citywatch.portal.id", "event.code")  # fmt: skip
_SUMMARY = (
    "source.ip", "destination.ip", "destination.port", "host.name", "user.name", "dns.question.name",
    "url.full", "url.path", "http.response.status_code", "citywatch.portal.id", "citywatch.portal.title",
    "process.command_line", "event.action", "event.code", "event.outcome", "rule.name", "message",
)  # fmt: skip
_MOST_SHOWN = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the histogram, in percent of the width and height."""

    x: float
    width: float
    height: float
    count: int
    start: str
    end: str


def show_search(visit: Visit) -> Response:
    """The search page."""
    text, span = visit.asked("q"), visit.asked("range") or "24h"
    span = span if span in RANGES else "24h"
    facet = visit.asked("by")
    facet = facet if schema.resolve(facet) is not None else ""
    problem: QueryError | None = None
    where: Condition = Everything()
    try:
        where = read_event_query(text)
    except QueryError as error:
        problem = error
    start, end = _bounds(visit, span)
    query = Query(
        where=where, start=start, end=end, limit=PAGE, after=visit.asked("after") or None, count_to=COUNT_TO
    )
    found: dict[str, Any] = {"events": (), "total": 0, "bars": [], "values": [], "next": None}
    if problem is None:
        found = _find(visit, query, facet)
    keep = {"q": text, "range": span, "by": facet, "from": visit.asked("from"), "to": visit.asked("to")}
    return visit.page(
        "search.html",
        text=text,
        span=span,
        ranges=list(RANGES),
        problem=problem,
        facet=facet,
        facets=_FACETS,
        keep=keep,
        start=start,
        end=end,
        summary=summary,
        fields=[field.name for field in schema.fields().values()],
        next_link=link("/search", **keep, after=found["next"]) if found["next"] else "",
        found=found,
    )


def _bounds(visit: Visit, span: str) -> tuple[str | None, str | None]:
    """Start and end as typed (a bar of the histogram gives both), else counted back from now."""
    given = visit.asked("from"), visit.asked("to")
    if all(given):
        try:
            return stamp(parse_stamp(given[0])), stamp(parse_stamp(given[1]))
        except (ValueError, OverflowError):
            pass
    if not RANGES[span]:
        return None, None
    now = visit.house.clock()
    return stamp(now - timedelta(seconds=RANGES[span])), stamp(now + timedelta(minutes=5))


def _find(visit: Visit, query: Query, facet: str) -> dict[str, Any]:
    desk = visit.desk
    try:
        page = desk.events(query)
    except StoreError:
        return {"events": (), "total": 0, "bars": [], "values": [], "next": None}
    values = desk.counts(query, facet, size=15) if facet and page.total else []
    return {
        "events": page.events,
        "total": page.total,
        "next": page.next,
        "bars": _bars(visit, query) if page.total else [],
        "values": values,
    }


def _bars(visit: Visit, query: Query) -> list[Bar]:
    start, end = query.start, query.end
    if start is None or end is None:
        start, end = _extent(visit, query)
    first, last = parse_stamp(start), parse_stamp(end)
    seconds = max((last - first).total_seconds(), 1)
    step = next((one for one in _STEPS if seconds / one <= _BARS), _STEPS[-1])
    counts = visit.desk.counts(query, "@timestamp", size=2 * _BARS, interval_s=step)
    most = max((count for _, count in counts), default=1)
    return [
        Bar(
            x=round(max((parse_stamp(at) - first).total_seconds(), 0) / seconds * 100, 3),
            width=round(max(step / seconds * 100 - 0.12, 0.15), 3),
            height=round(max(count / most * 100, 2), 2),
            count=count,
            start=stamp(parse_stamp(at)),
            end=stamp(parse_stamp(at) + timedelta(seconds=step)),
        )
        for at, count in counts
        if count
    ]


def _extent(visit: Visit, query: Query) -> tuple[str, str]:
    """The times of the oldest and the newest event that is found."""
    ends = [
        visit.desk.events(Query(where=query.where, limit=1, newest_first=newest)).events
        for newest in (False, True)
    ]
    oldest, newest = (
        str(events[0]["@timestamp"]) if events else stamp(visit.house.clock()) for events in ends
    )
    return oldest, newest


def summary(event: Event) -> list[tuple[str, Any]]:
    """What tells most about an event, in one line."""
    held = [(name, event[name]) for name in _SUMMARY if name in event]
    return held[:_MOST_SHOWN]


def show_event(visit: Visit) -> Response:
    """One event, whole."""
    event = visit.desk.event(visit.path("id"))
    if event is None:
        raise visit.missing()
    at = parse_stamp(str(event["@timestamp"]))
    around = {"from": stamp(at - timedelta(minutes=5)), "to": stamp(at + timedelta(minutes=5))}
    near = [
        (name, link("/search", q=pivot(name, event[name]), **around))
        for name in ("source.ip", "destination.ip", "host.name", "user.name", "citywatch.portal.id")
        if isinstance(event.get(name), str)
    ]
    return visit.page("event.html", event=event, facts=facts_of(event), proofs=proofs_of(event), near=near)


WAYS = (
    Way(path="/search", handler=show_search, name="search", needs="staff"),
    Way(path="/events/{id}", handler=show_event, name="event", needs="staff"),
)
