"""What does the team read in the morning about the portals?

Made when the night's work has ended, from what the night left in the store; kept as a record of kind
`morning`, and mailed to `[watch] morning_to`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import ActionFailed, SettingsError
from citywatch.model import Severity, from_doc, to_doc
from citywatch.ports import All, Exists, Is, Query, Range

if TYPE_CHECKING:
    from console.house import House

KIND = "morning"
_MOST = 50
_SOON_DAYS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The report of one night."""

    day: str
    began: str
    ended: str
    portals: int
    scanned: int
    failed: int
    alerts: dict[str, int]
    """Severity to how many portal alerts were seen last since the evening."""
    grave: tuple[str, ...] = ()
    """High and critical ones: portal, title."""
    away: tuple[str, ...] = ()
    """Portals that do not answer, with since when."""
    certificates: tuple[str, ...] = ()
    """Portals whose certificate ends soon."""
    recovered: tuple[str, ...] = ()
    note: str = ""


def build(house: House, night: Mapping[str, Any]) -> Morning:
    """Put the report of a night together."""
    since = str(night["begun_at"])
    levels: Counter[str] = Counter()
    grave: list[str] = []
    for doc in _alerts(house, since):
        level = Severity(int(doc["severity"]))
        levels[level.name] += 1
        portal = " ".join(doc["values"].get("citywatch.portal.id", []))
        if level >= Severity.high and len(grave) < _MOST:
            grave.append(f"{level.name:8} {portal}: {doc['title']}")
    left = int(night.get("left", 0))
    return Morning(
        day=str(night["day"]),
        began=since,
        ended=stamp(house.clock()),
        portals=int(night.get("total", 0)),
        scanned=int(night.get("portals", 0)),
        failed=int(night.get("failed", 0)),
        alerts=dict(levels),
        grave=tuple(grave),
        away=tuple(_away(house)),
        certificates=tuple(_certificates(house, since)),
        recovered=tuple(_recovered(house, since)),
        note=f"{left} portals were not let in within the night's hours" if left else "",
    )


def _alerts(house: House, since: str) -> Iterator[Mapping[str, Any]]:
    after: str | None = None
    while True:
        page = house.store.find("alert", Query(order="last_seen", start=since, limit=1000, after=after))
        yield from (r.doc for r in page.records if r.doc["values"].get("citywatch.portal.id"))
        after = page.next
        if after is None:
            return


def _away(house: House) -> Iterator[str]:
    page = house.store.find("visit", Query(where=Is("available", False), order="id", limit=_MOST))  # noqa: FBT003 - a field and its value
    for record in page.records:
        since = str(record.doc.get("since") or record.doc["at"])[:16]
        yield f"{record.id}: {record.doc.get('error') or 'error page'}, since {since}Z"


def _certificates(house: House, since: str) -> Iterator[str]:
    soon = Range("citywatch.portal.certificate.days_left", None, _SOON_DAYS)
    where = All((Is("event.dataset", "portal.page"), soon))
    days: dict[str, int] = {}
    for event in house.store.search(Query(where=where, start=since, limit=500)).events:
        days[str(event["citywatch.portal.id"])] = int(event["citywatch.portal.certificate.days_left"])
    for portal, left in sorted(days.items(), key=lambda item: item[1])[:_MOST]:
        yield f"{portal}: {left} days left"


def _recovered(house: House, since: str) -> Iterator[str]:
    query = Query(where=Exists("citywatch.portal.recovered"), start=since, limit=_MOST)
    for event in house.store.search(query).events:
        yield f"{event['citywatch.portal.id']}: {', '.join(event['citywatch.portal.recovered'])}"


def text_of(morning: Morning) -> str:
    """The report as a letter, Vietnamese first."""
    minutes = int((parse_stamp(morning.ended) - parse_stamp(morning.began)).total_seconds() // 60)
    done = f"{morning.scanned}/{morning.portals}"
    alerts = ", ".join(f"{name} {count}" for name, count in morning.alerts.items()) or "0"
    lines = [
        f"BÁO CÁO SÁNG {morning.day} / MORNING REPORT",
        f"Đã quét sâu {done} cổng trong {minutes} phút; {morning.failed} cổng lỗi.",
        f"{done} portals scanned deeply in {minutes} min; {morning.failed} failed.",
        f"Cảnh báo / Alerts: {alerts}",
    ]
    parts = (
        ("Nghiêm trọng / Grave", morning.grave),
        ("Không truy cập được / Not answering", morning.away),
        ("Chứng thư sắp hết hạn / Certificates that end soon", morning.certificates),
        ("Đã trở lại bình thường / Recovered", morning.recovered),
    )
    for heading, rows in parts:
        if rows:
            lines += ["", f"{heading} ({len(rows)}):", *(f"  {row}" for row in rows)]
    return "\n".join([*lines, *(["", morning.note] if morning.note else []), ""])


def tell(house: House, night: Mapping[str, Any]) -> str:
    """Keep and mail the report of a night; gives what came of it."""
    morning = build(house, night)
    house.store.put_many(KIND, {morning.day: to_doc(morning)})
    to = house.settings.watch.morning_to
    if not to or not house.settings.mail.host:
        return "kept"
    try:
        subject = f"CityWatch: {morning.day}, {len(morning.grave)} grave, {len(morning.away)} not answering"
        return house.mail(f"morning:{morning.day}", ", ".join(to), subject, text_of(morning))
    except ActionFailed as error:
        house.pulse.failed("morning", error)
        return f"kept; not mailed: {error}"


def read(house: House, day: str = "") -> Morning | None:
    """The report of a night; the newest when no day is named.

    Raises:
        SettingsError: that is no day.
    """
    if day:
        if not _is_day(day):
            raise SettingsError(f"'{day}' is no day; write it as 2026-11-27")
        record = house.store.get(KIND, day)
        return from_doc(record.doc, Morning) if record is not None else None
    page = house.store.find(KIND, Query(order="id", limit=1))
    return from_doc(page.records[0].doc, Morning) if page.records else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
