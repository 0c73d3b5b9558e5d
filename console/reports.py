"""What does the store know for a form of a ticket, or for the report of a week or month?

Everything here is a draft for a person to read, complete and sign. Every number of a period's report can be
traced: its annex names the tickets that it counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from citywatch.clock import Clock, parse_stamp
from citywatch.model import Agency, Alert, Portal, System, Ticket, from_doc
from citywatch.ports import Store
from citywatch.respond.every import every
from citywatch.respond.law import Law
from citywatch.respond.lifecycle import CLOSED
from citywatch.respond.metrics import ALL, Row, measure
from citywatch.respond.report import Facts, ReportError, Table, Value, fill, load_forms, print_sheet
from citywatch.respond.sla import GOALS, Sla
from citywatch.settings import Settings
from console.deadlines import people_of
from console.measures import deadlines_of, level_of, seen_at
from console.period import Period, span_of
from console.web.words import change_words, evidence, say

TICKET_FORMS: Final = ("mau03", "mau04", "progress")
_GOALS: Final = {
    "acknowledge": "Tiếp nhận",
    "answer": "Đơn vị trả lời",
    "contain": "Khoanh vùng",
    "close": "Đóng",
}
_CLOCKS: Final = {"running": "đang tính", "held": "tạm dừng", "met": "đạt"}
_PLAYBOOK = re.compile(r" v[0-9]+$")
"""Who wrote a line was a playbook: `loss v1`."""
_BREAK = re.compile(r"[_.@-]")
"""Where a long name may go on in the next line of its cell."""
_BARS = 31
_DRAFT: Final = "Dự thảo do CityWatch lập, cần người có thẩm quyền kiểm tra và ký"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What of an installation a report is made from."""

    settings: Settings
    clock: Clock
    store: Store
    sla: Sla
    law: Law


def print_ticket(
    source: Source, ticket: Ticket, name: str, form: str, more: Mapping[str, Value] | None = None
) -> bytes:
    """A form of a ticket as PDF, DOCX or PNG; `more` are facts that the store does not know.

    Raises:
        ReportError: there is no such form, or it cannot be made.
    """
    if name not in TICKET_FORMS:
        raise ReportError(f"there is no form '{name}'; known: {', '.join(TICKET_FORMS)}")
    facts = ticket_facts(source, ticket)
    return _printed(source, replace(facts, values={**facts.values, **(more or {})}), name, form)


def print_period(source: Source, period: str, form: str, agency: str = "") -> bytes:
    """The report of a week (`2026-W47`) or month (`2026-11`), of one agency when it is given.

    Raises:
        SettingsError: the period is none.
        ReportError: there is no such agency, or the report cannot be made.
    """
    facts = period_facts(source, span_of(period, source.law.zone), agency)
    return _printed(source, facts, "scorecard" if agency else "period", form)


def _printed(source: Source, facts: Facts, name: str, form: str) -> bytes:
    data = source.settings.data
    forms = load_forms(data)
    if name not in forms:
        raise ReportError(f"tables/forms.toml has no form '{name}'")
    return print_sheet(fill(forms[name], facts), name, form, data)


# -- a ticket --------------------------------------------------------------------------------------------


def ticket_facts(source: Source, ticket: Ticket) -> Facts:
    """Everything that is known of one ticket."""
    store, zone = source.store, source.law.zone
    agency = _agency(store, ticket.agency)
    portal = _portal(store, ticket.asset)
    seen = _local(seen_at(store, ticket) or ticket.opened_at, zone)
    level = level_of(store, ticket)
    asset = portal or _system(store, ticket.asset)
    system = " · ".join(text for text in (asset.name, asset.url) if text) if asset else ticket.asset
    values: dict[str, Value] = {
        **_agency_values(agency, ticket.agency),
        **_contact_values(agency, portal),
        "system.operator": agency.name if agency else ticket.agency,
        "system.name": system,
        "system.level": [f"Cấp độ {level}"] if level else [],
        "incident.description": _description(source.store, ticket),
        "incident.day": seen.strftime("%d/%m/%Y") if seen else "",
        "incident.time": seen.strftime("%H giờ %M phút") if seen else "",
        "incident.at": seen.strftime("%H:%M %d/%m/%Y") if seen else "",
        "incident.status": ["Đã được xử lý" if _is_over(ticket) else "Chưa được xử lý"],
        "incident.found_by": ["Qua hệ thống phát hiện xâm nhập, giám sát"] if ticket.rule_ids else [],
        "extra.domains": portal.url if portal else "",
        "extra.attached": ["Nhật ký hệ thống"] if ticket.evidence else [],
        "attached": ["Báo cáo diễn biến sự cố"],
        "result": _result(ticket),
        "reported_at": source.clock().astimezone(zone).strftime("%d/%m/%Y %H:%M"),
        "ticket.id": ticket.id,
        "ticket.title": ticket.title,
        "ticket.state": say("vi", "ticket_state", ticket.state),
        "ticket.severity": say("vi", "severity", ticket.severity.name),
        "ticket.assignee": ticket.assignee,
    }
    tables = {
        "clocks": _clocks(source, ticket, zone),
        "duties": _duties(source, ticket, zone),
        "history": _history(ticket, zone),
        "alerts": _alerts(store, ticket, zone),
        "evidence": _evidence(ticket, zone),
    }
    duties = deadlines_of(store, source.law, ticket)
    recipients = dict.fromkeys(one for duty in duties for one in duty.duty.recipients)
    return replace(
        _page(source, agency),
        values=values,
        tables=tables,
        footer=f"{ticket.id} · TLP:{ticket.tlp} · {_DRAFT}",
        recipients=list(recipients),
    )


def _agency_values(agency: Agency | None, agency_id: str) -> dict[str, Value]:
    if agency is None:
        return {"org.id": agency_id, "org.name": agency_id}
    return {
        "org.id": agency.id,
        "org.name": agency.name,
        "org.phone": agency.phone,
        "org.email": agency.email,
    }


def _page(source: Source, agency: Agency | None) -> Facts:
    now = source.clock().astimezone(source.law.zone)
    return Facts(
        values={},
        organisation=agency.name if agency else source.settings.organisation,
        authority="Ủy ban nhân dân thành phố",
        place_and_day=f"........., ngày {now.day} tháng {now.month} năm {now.year}",
        footer=_DRAFT,
    )


def _agency(store: Store, agency_id: str) -> Agency | None:
    record = store.get("agency", agency_id) if agency_id else None
    return from_doc(record.doc, Agency) if record else None


def _portal(store: Store, portal_id: str) -> Portal | None:
    record = store.get("portal", portal_id) if portal_id else None
    return from_doc(record.doc, Portal) if record else None


def _system(store: Store, system_id: str) -> System | None:
    record = store.get("system", system_id) if system_id else None
    return from_doc(record.doc, System) if record else None


def _local(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        return parse_stamp(text).astimezone(zone)
    except ValueError:
        return None


def _shown(text: str, zone: ZoneInfo) -> str:
    moment = _local(text, zone)
    return moment.strftime("%d/%m/%Y %H:%M") if moment else ""


def _is_over(ticket: Ticket) -> bool:
    return ticket.state in CLOSED | {"recovered", "reported"}


def _contact_values(agency: Agency | None, portal: Portal | None) -> dict[str, Value]:
    """Whom to ask: the agency's technical contact or lead, else who is written down at the portal."""
    contacts = agency.contacts if agency else ()
    roles = {one.role: one for one in reversed(contacts)}
    one = roles.get("technical") or roles.get("lead")
    if one is None:
        return {
            "contact.name": portal.contact if portal else "",
            "contact.email": agency.email if agency else "",
        }
    return {"contact.name": one.name, "contact.email": one.email, "contact.phone": one.phone}


def _description(store: Store, ticket: Ticket) -> str:
    line = next((line for line in ticket.history if line.what == "opened"), None)
    opening = line.note if line else ""
    record = store.get("alert", ticket.alert_ids[0]) if ticket.alert_ids else None
    if line is not None and _PLAYBOOK.search(line.by) and record is not None:
        alert = from_doc(record.doc, Alert)
        opening = f"{alert.title_vi or alert.title} · {alert.subject}"
    kind = say("vi", "category", ticket.category) if ticket.category else ""
    return "\n".join(text for text in (ticket.title, kind, opening) if text)


def _result(ticket: Ticket) -> str:
    """Notes of the moves that ended it, and the last comments: a beginning for who writes the summary."""
    moves = [
        f"{change_words('vi', line.what)}: {line.note}"
        for line in ticket.history
        if "→" in line.what and line.note
    ]
    said = [
        line.note
        for line in ticket.history
        if line.what == "comment" and line.note and not _PLAYBOOK.search(line.by)
    ]
    return "\n".join([*moves[-10:], *said[-5:]])


def _clocks(source: Source, ticket: Ticket, zone: ZoneInfo) -> Table:
    rows: list[list[str]] = []
    for clock in source.sla.clocks(ticket, source.clock(), people_of(source.store, ticket.agency)):
        due = clock.due.astimezone(zone).strftime("%d/%m/%Y %H:%M") if clock.due else ""
        state = "QUÁ HẠN" if clock.late else _CLOCKS[clock.state]
        rows.append([_GOALS[clock.goal], _hours(clock.target), _hours(clock.used), due, state])
    return Table(columns=("Mốc", "Thời gian cho phép", "Đã dùng", "Hạn", "Tình trạng"), rows=rows)


def _hours(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes // 60} giờ {minutes % 60:02d} phút"


def _duties(source: Source, ticket: Ticket, zone: ZoneInfo) -> Table:
    rows = [
        [
            one.duty.title_vi,
            f"{one.duty.law} {one.duty.article}",
            one.due.astimezone(zone).strftime("%d/%m/%Y %H:%M") if one.due else "khi kết thúc",
            "; ".join(one.duty.recipients),
        ]
        for one in deadlines_of(source.store, source.law, ticket)
    ]
    return Table(columns=("Nghĩa vụ", "Căn cứ", "Hạn", "Nơi nhận"), rows=rows, widths=(3, 3, 2, 3))


def _history(ticket: Ticket, zone: ZoneInfo) -> Table:
    rows = [
        [_shown(line.at, zone), _BREAK.sub("\\g<0>\u200b", line.by), change_words("vi", line.what), line.note]
        for line in ticket.history
    ]
    return Table(columns=("Thời gian", "Người", "Việc", "Ghi chú"), rows=rows, widths=(3, 3, 3, 6))


def _alerts(store: Store, ticket: Ticket, zone: ZoneInfo) -> Table:
    records = store.get_many("alert", list(ticket.alert_ids))
    alerts = [from_doc(records[one].doc, Alert) for one in ticket.alert_ids if one in records]
    rows = [
        [_shown(alert.first_seen, zone), alert.title_vi or alert.title, alert.subject, str(alert.count)]
        for alert in alerts
    ]
    return Table(columns=("Từ lúc", "Cảnh báo", "Đối tượng", "Số lần"), rows=rows, widths=(3, 5, 4, 1))


def _evidence(ticket: Ticket, zone: ZoneInfo) -> Table:
    rows = [
        [_shown(one.taken_at, zone), evidence("vi", one.what) or one.media_type, one.source, one.sha256]
        for one in ticket.evidence
    ]
    return Table(columns=("Lấy lúc", "Loại", "Nguồn", "SHA-256"), rows=rows, widths=(3, 2, 4, 6))


# -- a week or a month -----------------------------------------------------------------------------------


def period_facts(source: Source, period: Period, agency_id: str = "") -> Facts:
    """Everything that is counted in a period.

    Raises:
        ReportError: there is no such agency.
    """
    counted = count_period(source, period, agency_id)
    row = counted.rows[ALL]
    return replace(
        _page(source, counted.agency),
        values=_agency_values(counted.agency, agency_id),
        subtitle=period.name,
        tables={
            "summary": _summary(row, counted.before),
            "agencies": _by_agency(counted.rows, counted.names),
            "backlog": _backlog(counted.named(row.backlog), counted.end, source.law.zone),
            "annex": _annex(row),
        },
        charts=_charts(counted, source.law.zone),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is counted in a period, by agency and in all."""

    period: Period
    end: datetime
    """The period's end, or now while it goes on."""
    rows: Mapping[str, Row]
    before: Row
    """All agencies in the period before."""
    names: Mapping[str, str]
    tickets: Mapping[str, Ticket]
    agency: Agency | None

    def named(self, ids: Sequence[str]) -> list[Ticket]:
        """Tickets by their ids."""
        return [self.tickets[one] for one in ids]


def count_period(source: Source, period: Period, agency_id: str = "") -> Counted:
    """Count the tickets of a period, of one agency when it is given.

    Raises:
        ReportError: there is no such agency.
    """
    agency = _agency(source.store, agency_id)
    if agency_id and agency is None:
        raise ReportError(f"there is no agency '{agency_id}'; list them: citywatch agencies list")
    tickets = {
        ticket.id: ticket
        for ticket in every(source.store, "ticket", Ticket)
        if not agency_id or ticket.agency == agency_id
    }
    end = max(min(period.end, source.clock()), period.start)

    @cache
    def people(one: str) -> frozenset[str]:
        return people_of(source.store, one)

    rows = measure(tickets.values(), source.sla, period.start, end, people)
    before = measure(tickets.values(), source.sla, period.before.start, period.before.end, people)
    return Counted(
        period=period,
        end=end,
        rows=rows,
        before=before[ALL],
        names={one: found.name for one in rows if (found := _agency(source.store, one))},
        tickets=tickets,
        agency=agency,
    )


def opened_by_day(counted: Counted, zone: ZoneInfo) -> list[tuple[date, int]]:
    """How many tickets were opened on each day of a period, at most 31."""
    days = Counter(
        parse_stamp(ticket.opened_at).astimezone(zone).date()
        for ticket in counted.named(counted.rows[ALL].opened)
    )
    length = min((counted.period.end - counted.period.start).days, _BARS)
    shown = [(counted.period.start + timedelta(days=number)).date() for number in range(length)]
    return [(day, days[day]) for day in shown]


def _summary(now: Row, before: Row) -> Table:
    def row(name: str, one: object, other: object) -> list[str]:
        return [name, str(one), str(other)]

    def mean(held: Row, goal: str) -> str:
        seconds = held.mean(goal)
        return _hours(timedelta(seconds=seconds)) if seconds is not None else "–"

    rows = [
        row("Phiếu mở", len(now.opened), len(before.opened)),
        row("Phiếu đóng", len(now.closed), len(before.closed)),
        row("Phiếu mở lại", len(now.reopened), len(before.reopened)),
        row("Còn mở cuối kỳ", len(now.backlog), len(before.backlog)),
        row("Thời gian tiếp nhận trung bình (MTTA)", mean(now, "acknowledge"), mean(before, "acknowledge")),
        row("Thời gian khoanh vùng trung bình (MTTC)", mean(now, "contain"), mean(before, "contain")),
        row("Thời gian xử lý trung bình (MTTR)", mean(now, "close"), mean(before, "close")),
        *(row(f"Quá hạn: {_GOALS[goal]}", len(now.late[goal]), len(before.late[goal])) for goal in GOALS),
    ]
    return Table(columns=("Chỉ số", "Kỳ này", "Kỳ trước"), rows=rows, widths=(4, 2, 2))


def _by_agency(rows: Mapping[str, Row], names: Mapping[str, str]) -> Table:
    ordered = sorted((row for name, row in rows.items() if name != ALL), key=lambda row: -len(row.opened))
    found = [
        [
            names.get(row.agency, row.agency) or "(chưa rõ)",
            str(len(row.opened)),
            str(len(row.closed)),
            str(len(row.backlog)),
            str(row.breaches),
        ]
        for row in ordered
    ]
    columns = ("Đơn vị", "Mở", "Đóng", "Còn mở", "Quá hạn")
    return Table(columns=columns, rows=found, widths=(6, 1, 1, 1, 1))


def _backlog(tickets: Sequence[Ticket], now: datetime, zone: ZoneInfo) -> Table:
    rows = [
        [
            ticket.id,
            ticket.title,
            say("vi", "severity", ticket.severity.name),
            say("vi", "ticket_state", ticket.state),
            str((now - parse_stamp(ticket.opened_at)).days),
            _shown(ticket.opened_at, zone),
        ]
        for ticket in sorted(tickets, key=lambda one: (-one.severity, one.opened_at))
    ]
    columns = ("Phiếu", "Tên", "Mức độ", "Trạng thái", "Ngày", "Mở lúc")
    return Table(columns=columns, rows=rows, widths=(4, 6, 3, 3, 2, 4))


def _annex(row: Row) -> Table:
    counted = {
        "Phiếu mở": row.opened,
        "Phiếu đóng": row.closed,
        "Phiếu mở lại": row.reopened,
        "Còn mở cuối kỳ": row.backlog,
        **{f"Quá hạn: {_GOALS[goal]}": row.late[goal] for goal in GOALS},
    }
    rows = [
        [name, str(len(ids)), ", ".join(ids[start : start + _IDS])]
        for name, ids in counted.items()
        for start in range(0, max(len(ids), 1), _IDS)
    ]
    return Table(columns=("Chỉ số", "Số", "Phiếu"), rows=rows, widths=(2, 1, 7))


_IDS = 24
"""So many ids fit the bound of a cell."""


def _charts(counted: Counted, zone: ZoneInfo) -> dict[str, Sequence[tuple[str, float]]]:
    row = counted.rows[ALL]
    opened = counted.named(row.opened)
    categories = Counter(say("vi", "category", ticket.category or "–") for ticket in opened)
    severities = Counter(ticket.severity for ticket in opened)
    kept = [(_GOALS[goal], share) for goal in GOALS if (share := row.kept(goal)) is not None]
    return {
        "days": [(day.strftime("%d/%m"), times) for day, times in opened_by_day(counted, zone)],
        "categories": categories.most_common(12),
        "severities": [
            (say("vi", "severity", one.name), severities[one]) for one in sorted(severities, reverse=True)
        ],
        "kept": [(name, round(share * 100, 1)) for name, share in kept],
    }
