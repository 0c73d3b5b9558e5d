"""How are portals visited, judged and accepted?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, Conflict
from citywatch.model import Event, Portal, Severity
from citywatch.ports import Query, Report
from console.registry import active_portals, portal_of
from console.settle import settle
from console.witnesses import count

if TYPE_CHECKING:
    from console.house import House
    from console.versions import Difference
    from sensors.portal.visit import PortalSensor, Visit

Tell = Callable[[str], object]
Make = Callable[["House"], "PortalSensor"]
"""Makes a sensor, inside a running event loop."""
Count = Callable[[int, int, str], object]
"""Is told how many are done, of how many, and who was the last."""
_CHUNK = 100
_NIGHT_CHUNK = 10
"""Visits written at once: so many of a night are at most repeated after a kill, beside those under way."""
_RESUME = timedelta(hours=12)


def scan(
    house: House,
    ids: Sequence[str],
    *,
    deep: bool,
    tell: Tell,
    resume: bool = False,
    on: Count | None = None,
) -> list[dict[str, Any]]:
    """Visit portals, judge what they show, respond; one row a portal.

    Args:
        house: the installation.
        ids: whom; all that are watched when there is none.
        deep: also inner pages, the site map, what should not be public, and every witness.
        tell: is told what is being done.
        resume: leave out who was scanned deeply within the last 12 hours.
        on: is told how far it has come.

    Raises:
        CityWatchError: one of the ids is not registered.
    """
    portals = [portal_of(house, each) for each in ids] if ids else active_portals(house)
    if resume:
        from console.deepscan import done_since

        done = done_since(house, house.clock() - _RESUME, portals)
        portals = [portal for portal in portals if portal.id not in done]
    if not portals:
        return []
    began = stamp(house.clock())
    from console.nightly import night_of

    night = night_of(house.clock(), house.settings.timezone) if deep else ""
    rows = visit(house, portals, deep=deep, night=night, on=on)
    settle(house, tell)
    raised = _alerts_since(house, began)
    return [_with_alerts(row, raised.get(str(row["portal"]), [])) for row in rows]


def _row(each: Visit) -> dict[str, Any]:
    """What one visit gave, small: thousands of them are held."""
    changed = {str(part) for event in each.events for part in event.get("citywatch.portal.changed", [])}
    views = {str(e["citywatch.portal.view"]) for e in each.events if "citywatch.portal.view" in e}
    return {
        "portal": each.portal.id,
        "url": each.portal.url,
        "available": each.available,
        "views": sorted(views),
        "changed": sorted(changed),
        "error": each.error,
        "took_ms": each.took_ms,
        "baseline": each.baseline.version,
        "visits": each.baseline.visits,
        "judged": each.judged,
        "unchanged": each.unchanged,
        "events": len(each.events),
    }


def _with_alerts(row: dict[str, Any], alerts: list[str]) -> dict[str, Any]:
    error = not row.pop("available")
    state = "alert" if alerts else "error" if error else "changed" if row["changed"] else "ok"
    return {**row, "state": state, "alerts": alerts}


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


def visit(
    house: House,
    portals: Sequence[Portal],
    *,
    deep: bool,
    make: Make | None = None,
    night: str = "",
    on: Count | None = None,
) -> list[dict[str, Any]]:
    """Visit portals; their events go into the journal, their baselines into the store, as the visits end.

    Args:
        house: the installation.
        portals: whom.
        deep: also inner pages, the site map and what should not be public.
        make: makes the sensor, for measurements.
        night: the day whose deep scan this is a part of.
        on: is told how far it has come.
    """
    from console.visits import Keeper

    rows: list[dict[str, Any]] = []
    keeper = Keeper(house, chunk=_NIGHT_CHUNK if night else _CHUNK, night=night)

    def done(each: Visit) -> None:
        rows.append(_row(each))
        keeper.add(each)
        count(house, each)
        if on is not None:
            on(len(rows), len(portals), each.portal.name)

    if on is not None:
        on(0, len(portals), "")  # the first visits of a deep scan take a while: say at once of how many
    try:
        asyncio.run(_visit(house, portals, done, make or partial(_sensor, deep=deep, night=bool(night))))
    finally:
        keeper.flush()
    return rows


async def _visit(
    house: House,
    portals: Sequence[Portal],
    done: Callable[[Visit], None],
    make: Make,
) -> None:
    from console.cares import Cares
    from console.visits import StoredFaces, StoredMemories

    ids = [portal.id for portal in portals]
    cares = Cares(house)
    sensor = make(house)
    try:
        await sensor.visit_many(
            portals,
            StoredFaces(house.store, ids),
            done,
            report=house.pulse.problem,
            memories=StoredMemories(house.store, ids),
            # who asks for a look by hand answers for the hour; the night keeps to the agencies' hours itself
            cares={portal.id: replace(cares.of(portal), home_only=False) for portal in portals},
        )
    finally:
        await sensor.close()


def _sensor(house: House, *, deep: bool = True, night: bool = False) -> PortalSensor:
    """The sensor of an installation; to be made inside a running event loop."""
    from console.witnesses import witnesses
    from sensors.portal.visit import BRIEF, NIGHT, Budget, PortalSensor

    budget = NIGHT if night else Budget() if deep else BRIEF
    budget = replace(budget, witnesses=witnesses(house), ask_all=deep)
    return PortalSensor(house.settings.fetch, house.clock, keep=house.evidence.keep, budget=budget)


def accept(house: House, portal_id: str, *, by: str = "") -> str:
    """Take the present face of a portal as its new baseline; the one before is kept.

    Raises:
        CityWatchError: it does not answer with a page, or somebody else changed its face just now.
    """
    from console.versions import put
    from sensors.portal import visit as visiting

    seen = _look(house, portal_id)
    if not seen.available:
        raise CityWatchError(
            f"{portal_id}: cannot be accepted now, it did not answer with a page: {seen.error}"
        )
    face = visiting.accept(seen, by=by or "cli", at=stamp(house.clock()))
    try:
        return f"accepted as version {put(house, portal_id, face).version}"
    except Conflict as error:
        raise CityWatchError(f"{portal_id}: somebody else changed its face just now; look again") from error


def preview(house: House, portal_id: str) -> list[Difference]:
    """What accepting the present face would change. Nothing but the evidence is kept of it.

    Raises:
        CityWatchError: it does not answer with a page.
    """
    from console.versions import differences

    seen = _look(house, portal_id)
    if not seen.available:
        raise CityWatchError(f"{portal_id}: it did not answer with a page: {seen.error}")
    return [replace(item, files=_files(house, item.evidence)) for item in differences(seen.events)]


def _files(house: House, evidence: Mapping[str, str]) -> dict[str, str]:
    found = ((what, house.evidence.file_of(name)) for what, name in evidence.items())
    return {what: str(place) for what, place in found if place is not None}


def _look(house: House, portal_id: str) -> Visit:
    """Look at a portal now, judged in full, with every witness; nothing goes into journal or store."""
    portal = portal_of(house, portal_id)
    seen: list[Visit] = []
    asyncio.run(_visit(house, [portal], seen.append, _sensor))
    if not seen:
        raise CityWatchError(f"{portal_id}: the visit broke; see the health page")
    return seen[0]


def recheck(house: House, portal_id: str) -> Mapping[str, Any]:
    """Look again over fresh connections: does any portal rule still say yes? Nothing is kept of it."""
    from citywatch.detect.rulebook import Rulebook

    portal = portal_of(house, portal_id)
    seen: list[Visit] = []
    asyncio.run(_visit(house, [portal], seen.append, _sensor))
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
    told = (match.rule for match in matches if match.rule.severity > Severity.informational)
    by_rule = {rule.id: rule for rule in told}
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
