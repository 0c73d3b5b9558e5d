"""How did a week or a month go, for those who lead: on a page, and as a document to sign?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from citywatch.errors import SettingsError
from citywatch.model import Agency, from_doc
from citywatch.ports import Query
from citywatch.respond.metrics import ALL
from citywatch.respond.report import ReportError
from citywatch.respond.sla import GOALS
from console.period import span_of
from console.reports import Source, count_period, opened_by_day, print_period
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.ticket_work import AT_ONCE, MEDIA

_MOST_AGENCIES = 1000
_MOST_ROWS = 200


def _source(visit: Visit) -> Source:
    house = visit.house
    return Source(settings=house.settings, clock=house.clock, store=house.store, sla=house.sla, law=house.law)


def _period(visit: Visit) -> str:
    """The period that is asked for; without one the present month."""
    now = visit.house.clock().astimezone(visit.house.law.zone)
    return visit.asked("period").strip() or now.strftime("%Y-%m")


def _choices(visit: Visit) -> tuple[list[str], list[str]]:
    """The last months and weeks, newest first."""
    now = visit.house.clock().astimezone(visit.house.law.zone)
    months, day = list[str](), now.replace(day=1)
    for _ in range(12):
        months.append(day.strftime("%Y-%m"))
        day = (day - timedelta(days=1)).replace(day=1)
    return months, [(now - timedelta(weeks=back)).strftime("%G-W%V") for back in range(8)]


def show_period(visit: Visit) -> Response:
    """The report of a week or month: tickets, times, deadlines, agencies."""
    source, wanted, agency = _source(visit), _period(visit), visit.asked("agency").strip()
    months, weeks = _choices(visit)
    page = visit.desk.find("agency", Query(order="name", newest_first=False, limit=_MOST_AGENCIES))
    agencies = [from_doc(record.doc, Agency) for record in page.records]
    given: dict[str, Any] = {"agency": agency, "periods": [*months, *weeks], "agencies": agencies}
    try:
        with AT_ONCE:
            counted = count_period(source, span_of(wanted, source.law.zone), agency)
    except (SettingsError, ReportError) as error:
        return visit.page("report.html", 400, period=wanted, **given, wrong=str(error), counted=None)
    days = opened_by_day(counted, source.law.zone)
    rows = [row for name, row in counted.rows.items() if name != ALL]
    return visit.page(
        "report.html",
        period=wanted,
        **given,
        wrong="",
        counted=counted,
        row=counted.rows[ALL],
        before=counted.before,
        goals=GOALS,
        days=days,
        most=max((times for _, times in days), default=0) or 1,
        rows=sorted(rows, key=lambda one: (-len(one.opened), -one.breaches, one.agency))[:_MOST_ROWS],
    )


def download(visit: Visit) -> Response:
    """The same as a document to complete and sign."""
    source, wanted, agency = _source(visit), _period(visit), visit.asked("agency").strip()
    ending = visit.asked("as") or "pdf"
    known = not agency or visit.house.store.get("agency", agency) is not None
    if ending not in MEDIA or not known:
        raise visit.missing()
    try:
        with AT_ONCE:
            made = print_period(source, wanted, ending, agency)
    except SettingsError as error:
        raise visit.missing() from error
    except ReportError as error:
        return visit.page("error.html", 500, code=500, detail=str(error))
    name = "-".join(part for part in ("citywatch", wanted, agency) if part)
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "report_read", f"{name}.{ending}")
    headers = {
        "content-disposition": f'attachment; filename="{name}.{ending}"',
        "x-content-type-options": "nosniff",
    }
    return Response(made, media_type=MEDIA[ending], headers=headers)


WAYS = (
    Way(path="/reports", handler=show_period, name="reports", needs="staff"),
    Way(path="/reports/file", handler=download, name="report_file", needs="staff"),
)
