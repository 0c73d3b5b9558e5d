"""Why did this alert fire, what is known around it, and what can be done?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Alert, AlertState, Event, Ticket, from_doc
from citywatch.ports import All, Condition, Is, Query, Range
from citywatch.respond.run import Run
from console.web import allow, before, packets, suppress, views
from console.web.access import may
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.inbox import Ask, Row, read_shelf
from console.web.proofs import proofs_of
from console.web.scan import read_slice
from console.web.show import link, pivot
from console.web.why import lit_lines

_MOST_RULE_BYTES = 200_000
_RELATED = 8
_RELATED_S = 0.05


def show_alert(visit: Visit) -> Response:
    """The alert page."""
    desk = visit.desk
    alert = desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    state = desk.states([alert])[alert.id]
    staff = may(visit.who.role, "staff")
    ticket = desk.ticket(state.ticket_id) if state.ticket_id else None
    runs = _runs(visit, alert) if staff else []
    text = read_rule(visit, alert.rule_source) if staff else ""
    return visit.page(
        "alert.html",
        alert=alert,
        state=state,
        title=title_in(alert, visit.language),
        guide=(alert.guide_vi or alert.guide_en)
        if visit.language == "vi"
        else (alert.guide_en or alert.guide_vi),
        rule=visit.house.rules.get(alert.rule_id),
        rule_lines=lit_lines(text, alert.explanation),
        proofs=proofs_of(alert.event),
        ticket=ticket,
        runs=runs,
        timeline=timeline(alert, state, ticket, runs),
        before=before.look_before(visit, alert),
        around=_around(alert) if staff else "",
        related=_related(desk, alert),
        names=desk.agency_names([alert.agency]),
        facts=facts_of(alert.event),
        hidden=_is_hidden(visit, alert),
        lit={reason.field for reason in alert.explanation},
        onward=views.read(visit.house.store, visit.who.id)[0].onward,
    )


def title_in(alert: Alert, language: str) -> str:
    """The alert's title in a language, as far as the rule has one."""
    return alert.title_vi or alert.title if language == "vi" else alert.title


def facts_of(event: Event) -> list[tuple[str, list[Any]]]:
    """The fields of an event by name, each with its values."""
    return [(name, held if isinstance(held, list) else [held]) for name, held in sorted(event.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of an alert's timeline."""

    at: str
    what: str
    """A code of `words`: kind `moment`."""
    who: str = ""
    note: str = ""
    link: str = ""


def timeline(alert: Alert, state: AlertState, ticket: Ticket | None, runs: Sequence[Run]) -> list[Moment]:
    """What happened to an alert, first to last."""
    found = [Moment(at=alert.first_seen, what="first_seen")]
    if alert.last_seen != alert.first_seen:
        found.append(Moment(at=alert.last_seen, what="last_seen", note=f"× {alert.count}"))
    if state.changed_at:
        found.append(Moment(at=state.changed_at, what=state.state, who=state.changed_by, note=state.reason))
    if ticket is not None:
        found.append(Moment(at=ticket.opened_at, what="ticket", note=ticket.id, link=f"/tickets/{ticket.id}"))
    for run in runs:
        found.append(Moment(at=run.started_at, what="run", note=run.playbook, link=f"/runs/{run.id}"))
        found += [
            Moment(at=step.finished_at, what=f"step_{step.state}", who=step.decided_by, note=step.step)
            for step in run.steps
            if step.finished_at
        ]
    return sorted((one for one in found if one.at), key=lambda one: one.at)


def _around(alert: Alert) -> str:
    """The address of a search for the events of its subject around its time."""
    terms = " ".join(pivot(name, value) for name, value in alert.subject_fields.items())
    start = parse_stamp(alert.first_seen) - timedelta(minutes=15)
    end = parse_stamp(alert.last_seen) + timedelta(minutes=15)
    return link("/search", q=terms, **{"from": stamp(start), "to": stamp(end)}) if terms else ""


def _runs(visit: Visit, alert: Alert) -> list[Run]:
    query = Query(where=Is("alert_id", alert.id), order="updated_at", limit=20)
    return [from_doc(record.doc, Run) for record in visit.desk.find("run", query).records]


def _related(desk: Desk, alert: Alert) -> list[Row]:
    """Alerts on the same subject: where they are looked for one by one, those of about the same time."""
    where: Condition = Is("subject", alert.subject)
    if not desk.indexes_all:
        until = stamp(parse_stamp(alert.last_seen) + timedelta(days=1))
        where = All((Range("last_seen", None, until), where))
    query = Query(where=where, order="last_seen", limit=_RELATED + 1)
    found = read_slice(desk, "alert", query, budget_s=_RELATED_S)
    alerts = [from_doc(record.doc, Alert) for record in found.records if record.id != alert.id][:_RELATED]
    states: dict[str, AlertState] = desk.states(alerts)
    return [Row(alert=one, state=states[one.id]) for one in alerts]


def _is_hidden(visit: Visit, alert: Alert) -> suppress.Suppression | None:
    active = suppress.active(visit.house.store, visit.house.clock)
    return next((one for one in active if one.hides(alert)), None)


def read_rule(visit: Visit, source: str) -> str:
    """The rule's own text, when its file is one of the content folder or of the imported rules."""
    if not source or not source.isprintable():
        return ""
    for folder in (visit.house.content_dir, visit.house.settings.data / "rules"):
        file = (folder / source).resolve()
        if file.is_relative_to(folder.resolve()) and file.suffix in {".yml", ".yaml", ".yar"}:
            text = _read(file)
            if text:
                return text
    return ""


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_RULE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def show_next(visit: Visit) -> Response:
    """Go to the next new alert: the newest that is not newer than this one, else the newest of all."""
    hiding = suppress.active(visit.house.store, visit.house.clock)
    here = visit.desk.alert(visit.asked("after")) if visit.asked("after") else None
    asks = [Ask(state="new", until=here.last_seen)] if here is not None else []
    for ask in (*asks, Ask(state="new")):
        shelf = read_shelf(visit.desk, ask, hiding, limit=2)
        fresh = [row.alert.id for row in shelf.rows if here is None or row.alert.id != here.id]
        if fresh:
            return visit.go(f"/alerts/{fresh[0]}")
    return visit.go("/alerts")


WAYS = (
    Way(path="/alerts/next", handler=show_next, name="alert_next", needs="see"),
    *suppress.WAYS,
    *allow.WAYS,
    *packets.WAYS,
    *before.WAYS,
    Way(path="/alerts/{id}", handler=show_alert, name="alert", needs="see"),
)
