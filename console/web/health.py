"""Is the house well? For people, for a load balancer, for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import CityWatchError
from citywatch.model import Portal, from_doc
from citywatch.ports import Everything, Is, Query, Range, Store
from console import meter
from console.cares import NONE, all_wishes
from console.meter import Reading
from console.rounds import PACE
from console.web.door import Visit, Way

_LOUDEST = 12
_MOST_UNSEEN = 50
_MOST_PORTALS = 5000
_LEAST_PATIENCE_S = 3600.0


def healthz(visit: Visit) -> Response:
    """Whether the process lives and answers; no login, no detail, and the store is not asked."""
    del visit
    return JSONResponse({"ok": True})


def readyz(visit: Visit) -> Response:
    """Whether pages can be served now: the store answers."""
    try:
        good = visit.house.store.health().ok
    except CityWatchError:
        good = False
    return JSONResponse({"ok": good}, 200 if good else 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A watched portal that was not looked at when its time had come."""

    portal: Portal
    at: str
    """When it was last looked at; empty: never."""


def show_health(visit: Visit) -> Response:
    """Every part of the service: what it counted, what went wrong; portals not seen, rules that are loud."""
    store = visit.house.store
    unseen = unseen_portals(store, visit.house.clock(), visit.house.settings.watch.portal_every_s)
    day = Range("last_seen", stamp(visit.house.clock() - timedelta(days=1)), None)
    loud = store.tally("alert", day, "rule_id", size=_LOUDEST)
    return visit.page(
        "health.html",
        health=visit.house.health(),
        unseen=unseen[:_MOST_UNSEEN],
        unseen_total=len(unseen),
        loud=[(visit.house.rules.get(rule_id), rule_id, times) for rule_id, times in loud],
        reading=meter.read(store),
        known_rules=visit.house.rules,
    )


def unseen_portals(store: Store, now: datetime, every_s: float) -> list[Unseen]:
    """Watched portals whose last visit is older than three times their pace, never seen first.

    Left out are those that nobody may look at now, as their agency wishes.
    """
    page = store.find("portal", Query(where=Is("active", value=True), order="id", limit=_MOST_PORTALS))
    portals = [from_doc(record.doc, Portal) for record in page.records]
    visits = store.get_many("visit", [portal.id for portal in portals]) if portals else {}
    closed = {wish.id for wish in all_wishes(store) if wish.outside == NONE and wish.hours}
    found: list[Unseen] = []
    for portal in portals:
        if portal.id in closed:
            continue
        at = str(visits[portal.id].doc.get("at", "")) if portal.id in visits else ""
        begun = at or portal.registered_at
        patience = timedelta(seconds=max(3 * every_s * PACE[min(max(portal.level, 1), 5)], _LEAST_PATIENCE_S))
        if not begun or parse_stamp(begun) + patience < now:
            found.append(Unseen(portal=portal, at=at))
    return sorted(found, key=lambda one: (one.at, one.portal.id))


def metrics(visit: Visit) -> Response:
    """The counts as Prometheus reads them; it comes with a token, like other programs."""
    tickets = visit.house.store.tally("ticket", Everything(), "state")
    reading = meter.read(visit.house.store)
    return PlainTextResponse(
        "".join(_metrics(visit.house.health(), tickets, reading)),
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )


def _metrics(health: Mapping[str, Any], tickets: Sequence[tuple[str, int]], reading: Reading) -> list[str]:
    """Every family once, its samples together."""
    store: Mapping[str, Any] = health.get("store", {})
    families: dict[str, list[str]] = {"up": [str(int(bool(health.get("ok"))))]}
    for name in ("events", "bytes", "refused"):
        if name in store:
            families[f"store_{name}"] = [str(int(store[name]))]
    records: Mapping[str, int] = store.get("records", {})
    families["records"] = [f'{{kind="{_label(kind)}"}} {count}' for kind, count in records.items()]
    families["tickets"] = [f'{{state="{_label(state)}"}} {count}' for state, count in tickets]
    families["rule_microseconds"] = [f'{{rule="{_label(one.id)}"}} {one.us}' for one in reading.dearest]
    families["rule_ill"] = [
        f'{{rule="{_label(rule)}",what="{_label(what)}"}} 1'
        for rule, what in dict.fromkeys((one.id or one.source, one.what) for one in reading.ill)
    ]
    for part in health.get("parts", ()):
        counts: Mapping[str, int] = part.get("counts", {})
        label = _label(str(part.get("part", "")))
        for key, count in counts.items():
            families.setdefault(f"part_{_name(key)}", []).append(f'{{part="{label}"}} {count}')
    return [_family(f"citywatch_{name}", samples) for name, samples in families.items() if samples]


def _family(name: str, samples: list[str]) -> str:
    lines = [f"{name}{sample}" if sample.startswith("{") else f"{name} {sample}" for sample in samples]
    return "\n".join((f"# TYPE {name} gauge", *lines, ""))


def _label(text: str) -> str:
    """A label's value.

    >>> _label('a"b' + chr(10))
    'a_b_'
    """
    return re.sub(r'["\\\x00-\x1f]', "_", text)


def _name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


WAYS = (
    Way(path="/healthz", handler=healthz, name="healthz"),
    Way(path="/readyz", handler=readyz, name="readyz"),
    Way(path="/health", handler=show_health, name="health", needs="staff"),
    Way(path="/metrics", handler=metrics, name="metrics", needs="staff", api=True),
)
