"""How are portals visited, judged and accepted?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import CityWatchError
from citywatch.model import Event, Portal
from citywatch.ports import Query, Report
from console.registry import active_portals, portal_of
from console.settle import settle
from console.witnesses import count

if TYPE_CHECKING:
    from console.house import House
    from sensors.portal.baseline import Baseline
    from sensors.portal.visit import Visit

Tell = Callable[[str], object]

PACE = {1: 6.0, 2: 3.0, 3: 1.0, 4: 0.5, 5: 0.2}
"""How often a portal of each level is visited, in units of `[watch] portal_every_s`."""


def scan(house: House, ids: Sequence[str], *, deep: bool, tell: Tell) -> list[dict[str, Any]]:
    """Visit portals, judge what they show, respond; one row a portal.

    Raises:
        CityWatchError: one of the ids is not registered.
    """
    portals = [portal_of(house, each) for each in ids] if ids else active_portals(house)
    if not portals:
        return []
    began = stamp(house.clock())
    visits = visit(house, portals, deep=deep, tell=tell)
    settle(house, tell)
    raised = _alerts_since(house, began)
    return [_row(each, raised.get(each.portal.id, [])) for each in visits]


def _row(each: Visit, alerts: list[str]) -> dict[str, Any]:
    changed = sorted(
        {str(part) for event in each.events for part in event.get("citywatch.portal.changed", [])}
    )
    state = "alert" if alerts else "error" if not each.available else "changed" if changed else "ok"
    return {
        "portal": each.portal.id,
        "url": each.portal.url,
        "state": state,
        "views": sorted(
            {str(e["citywatch.portal.view"]) for e in each.events if "citywatch.portal.view" in e}
        ),
        "changed": changed,
        "alerts": alerts,
        "error": each.error,
        "took_ms": each.took_ms,
        "baseline": each.baseline.version,
        "visits": each.baseline.visits,
    }


def _alerts_since(house: House, began: str) -> dict[str, list[str]]:
    raised: dict[str, list[str]] = {}
    after: str | None = None
    while True:
        page = house.store.find("alert", Query(order="last_seen", start=began, limit=1000, after=after))
        for record in page.records:
            for portal in record.doc["values"].get("citywatch.portal.id", []):
                raised.setdefault(portal, []).append(str(record.doc["title"]))
        after = page.next
        if after is None:
            return raised


def visit(house: House, portals: Sequence[Portal], *, deep: bool, tell: Tell) -> list[Visit]:
    """Visit portals; their events go into the journal, their baselines into the store, as each visit ends."""
    visits: list[Visit] = []

    def done(each: Visit) -> None:
        visits.append(each)
        house.journal.append(list(each.events))
        _remember(house, each)
        count(house, each)
        tell(f"visited {len(visits)} of {len(portals)}: {each.portal.name}")

    asyncio.run(_visit(house, portals, deep, done))
    return visits


async def _visit(house: House, portals: Sequence[Portal], deep: bool, done: Callable[[Visit], None]) -> None:  # noqa: FBT001 - passed on
    from console.witnesses import witnesses
    from sensors.portal.view import DESKTOP, MOBILE, SEARCH
    from sensors.portal.visit import Budget, PortalSensor

    asked = witnesses(house)
    budget = (
        Budget(witnesses=asked, ask_all=True)
        if deep
        else Budget(views=(DESKTOP, MOBILE, SEARCH), inner_pages=2, witnesses=asked)
    )
    sensor = PortalSensor(house.settings.fetch, house.clock, keep=house.evidence.keep, budget=budget)
    try:
        await sensor.visit_many(portals, baselines(house, portals), done, report=house.pulse.problem)
    finally:
        await sensor.close()


def baselines(house: House, portals: Sequence[Portal]) -> Mapping[str, Baseline]:
    """The baselines of portals, where they have one."""
    from console.faces import from_record

    records = house.store.get_many("baseline", [portal.id for portal in portals])
    return {key: from_record(record.doc) for key, record in records.items()}


def _remember(house: House, each: Visit) -> None:
    from console.faces import to_record

    portal = each.portal
    house.store.put_many("baseline", {portal.id: to_record(each.baseline)})
    house.store.put_many(
        "visit",
        {
            portal.id: {
                "portal": portal.id,
                "at": stamp(house.clock()),
                "available": each.available,
                "error": each.error,
                "took_ms": each.took_ms,
            }
        },
    )


def visit_due(house: House) -> int:
    """Visit the portals whose time has come, by their level; give how many."""
    portals = active_portals(house)
    seen = house.store.get_many("visit", [portal.id for portal in portals])
    now = house.clock()
    due = [
        portal
        for portal in portals
        if portal.id not in seen or parse_stamp(str(seen[portal.id].doc["at"])) + _pace(house, portal) <= now
    ]
    if due:
        visit(house, due, deep=False, tell=lambda _: None)
    return len(due)


def _pace(house: House, portal: Portal) -> timedelta:
    return timedelta(seconds=house.settings.watch.portal_every_s * PACE[min(max(portal.level, 1), 5)])


def accept(house: House, portal_id: str, *, by: str = "") -> str:
    """Take the present face of a portal as its new baseline."""
    from console.faces import to_record
    from sensors.portal import visit as visiting

    portal = portal_of(house, portal_id)
    seen: list[Visit] = []
    asyncio.run(_visit(house, [portal], True, seen.append))  # noqa: FBT003 - one flag, named at its definition
    if not seen or not seen[0].available:
        why = seen[0].error if seen else "the visit broke"
        raise CityWatchError(f"{portal_id}: cannot be accepted now, it did not answer with a page: {why}")
    face = visiting.accept(seen[0], by=by or "cli", at=stamp(house.clock()))
    house.store.put_many("baseline", {portal_id: to_record(face)})
    return f"accepted as version {face.version}"


def recheck(house: House, portal_id: str) -> Mapping[str, Any]:
    """Look again over fresh connections: does any portal rule still say yes? Nothing is kept of it."""
    from citywatch.detect.rulebook import Rulebook

    portal = portal_of(house, portal_id)
    seen: list[Visit] = []
    asyncio.run(_visit(house, [portal], True, seen.append))  # noqa: FBT003 - one flag, named at its definition
    if not seen:
        return {
            "portal": portal_id,
            "available": False,
            "alerting": False,
            "rules": [],
            "error": "the visit broke",
        }
    events: list[Event] = [dict(event) for event in seen[0].events]
    matches = Rulebook.load(
        house.content_dir / "rules" / "sigma" / "portal", cache=house.settings.data / "cache"
    ).judge(events)
    by_rule = {match.rule.id: match.rule for match in matches}
    return {
        "portal": portal_id,
        "available": seen[0].available,
        "alerting": bool(by_rule),
        "defaced": any(rule.category == "defacement" for rule in by_rule.values()),
        "rules": sorted(by_rule),
        "titles": [by_rule[key].title for key in sorted(by_rule)],
        "error": seen[0].error,
        "at": stamp(house.clock()),
    }


def judge_rows(paths: Sequence[Path], report: Report) -> Iterator[dict[str, Any]]:
    """Judge stored pages one by one; a folder means all files in it, recursively."""
    from sensors.portal.judge import judge_files

    for path, verdict in judge_files(paths, report):
        yield {
            "file": str(path),
            "label": verdict.label,
            "score": round(verdict.score, 4),
            "witnesses": list(verdict.witnesses),
        }


def compare_rows(pairs: Path, report: Report) -> Iterator[dict[str, Any]]:
    """Compare pairs of pages named in a TSV.

    Raises:
        InputError: the TSV cannot be read or has no column `key`.
    """
    from sensors.portal.judge import compare_files

    for key, verdict in compare_files(pairs, report):
        yield {"key": key, "severity": verdict.severity.name, "changes": list(verdict.changes)}
