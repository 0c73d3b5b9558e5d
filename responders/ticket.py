"""How does a playbook open a ticket, write into it, or close what turned out to be nothing?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed, Conflict
from citywatch.model import AlertState, Change, Evidence, Severity, from_doc, to_doc
from citywatch.ports import Effect, Order, Store
from citywatch.respond.case import alerts_of
from citywatch.respond.lifecycle import Draft, Numbering, Opened, change_ticket, noted, open_or_join
from citywatch.respond.run import Run, run_of
from citywatch.respond.story import Stories, read_alerts


class Described(Protocol):
    """What is known of kept bytes without reading them."""

    @property
    def media_type(self) -> str: ...
    @property
    def size(self) -> int: ...


Describe = Callable[[str], Described | None]
"""Tells what is kept under a hash."""


def severity_of(text: object, action: str) -> Severity:
    """A severity by its name.

    Raises:
        ActionFailed: there is none of that name.
    """
    try:
        return Severity[str(text)]
    except KeyError:
        known = ", ".join(level.name for level in Severity)
        raise ActionFailed(action, f"severity '{text}' is not one of {known}", again=False) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """`ticket.open`: `title`, and `key`, `severity`, `tlp`, `note`, `guide_vi`, `guide_en`, `evidence`."""

    store: Store
    clock: Clock
    numbering: Numbering
    describe: Describe = lambda _: None
    stories: Stories | None = None
    """Finds the ticket of the same attack that another playbook opened; None: each opens its own."""

    name: str = "ticket.open"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        alert, given = run.alert, order.inputs
        severity = severity_of(given["severity"], self.name) if given.get("severity") else alert.severity
        asked = str(given.get("key") or run.group)
        draft = Draft(
            key=f"{run.playbook}:{asked}",
            title=str(given.get("title") or alert.title_vi or alert.title)[:300],
            severity=severity,
            agency=alert.agency,
            asset=alert.asset,
            category=alert.category,
            tlp=str(given.get("tlp") or "AMBER"),
            alert_ids=(alert.id,),
            rule_ids=(alert.rule_id,),
            evidence=self._evidence(run, cast("Sequence[object]", given.get("evidence") or ())),
            guide_vi=str(given.get("guide_vi") or alert.guide_vi),
            guide_en=str(given.get("guide_en") or alert.guide_en),
            run_id=run.id,
            by=f"{run.playbook} v{run.version}",
            note=str(given.get("note") or f"{alert.title} · {alert.subject}")[:1000],
        )
        opened = self._opened(draft, run)
        return {"ticket_id": opened.ticket.id, "id": opened.ticket.id, "joined": opened.joined}

    def _opened(self, draft: Draft, run: Run) -> Opened:
        stories, now = self.stories, self.clock()
        if stories is None:
            return open_or_join(self.store, draft, now=now, numbering=self.numbering)
        alerts = read_alerts(self.store, run)
        opened = open_or_join(
            self.store, draft, now=now, numbering=self.numbering, home=lambda: stories.home(draft, alerts)
        )
        stories.remember(opened.ticket.id, alerts, draft.by)
        return opened

    def _evidence(self, run: Run, hashes: Sequence[object]) -> tuple[Evidence, ...]:
        """What the sensors kept for the opening alert, and what the steps captured."""
        event = run.alert.event
        of_sensor = _list(event.get("citywatch.evidence.sha256"))
        whats = {
            str(one): str(what)
            for one, what in zip(of_sensor, _list(event.get("citywatch.evidence.what")), strict=False)
        }
        named = dict.fromkeys(str(one) for one in (*of_sensor, *hashes))
        source = str(event.get("url.full") or event.get("log.file.path") or event.get("event.module", ""))
        found: list[Evidence] = []
        for one in named:
            if len(one) != len("0" * 64):
                continue
            kept = self.describe(one)
            found.append(
                Evidence(
                    sha256=one,
                    media_type=kept.media_type if kept else "",
                    size=kept.size if kept else 0,
                    taken_at=run.alert.first_seen,
                    source=source,
                    what=whats.get(one, ""),
                )
            )
        return tuple(found)


def _list(held: object) -> list[object]:
    """A field of an event that holds nothing, one value or several."""
    if held is None:
        return []
    return cast("list[object]", held) if isinstance(held, list) else [held]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentTicket:
    """`ticket.comment`: writes `text` into the history of the run's ticket."""

    store: Store
    clock: Clock

    name: str = "ticket.comment"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        if not run.ticket_id:
            raise ActionFailed(self.name, "the run has no ticket yet: put ticket.open before it", again=False)
        text = str(order.inputs.get("text", ""))[:5000]
        line = Change(at=stamp(self.clock()), by=f"{run.playbook} v{run.version}", what="comment", note=text)
        change_ticket(self.store, run.ticket_id, lambda ticket: noted(ticket, line))
        return {"text": text}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTicket:
    """`ticket.assign`: gives the run's ticket to `to`, unless somebody has it already."""

    store: Store
    clock: Clock

    name: str = "ticket.assign"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        to = str(order.inputs.get("to", "")).strip()[:64]
        if not to or not run.ticket_id:
            raise ActionFailed(self.name, "it needs 'to', and a ticket opened before", again=False)
        line = Change(at=stamp(self.clock()), by=f"{run.playbook} v{run.version}", what="assigned", note=to)
        changed = change_ticket(
            self.store,
            run.ticket_id,
            lambda ticket: ticket if ticket.assignee else replace(noted(ticket, line), assignee=to),
        )
        return {"assignee": changed.assignee if changed else ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAlert:
    """`alert.close`: closes the run's alerts `as` closed or false_positive, with a `reason`."""

    store: Store
    clock: Clock

    name: str = "alert.close"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        state = str(order.inputs.get("as") or "closed")
        if state not in {"closed", "false_positive"}:
            raise ActionFailed(self.name, f"'{state}' is not closed or false_positive", again=False)
        reason = str(order.inputs.get("reason") or "playbook")[:500]
        ids = alerts_of(self.store, run.id) or [run.alert_id]
        for alert_id in ids:
            self._close(alert_id, state, reason, f"{run.playbook} v{run.version}")
        return {"closed": len(ids), "covered": len(ids), "as": state}

    def _close(self, alert_id: str, state: str, reason: str, by: str) -> None:
        """A state that a person chose stays."""
        while True:
            record = self.store.get("alert_state", alert_id)
            known = from_doc(record.doc, AlertState) if record else AlertState(alert_id=alert_id)
            if known.state in {"closed", "false_positive"}:
                return
            closed = replace(known, state=state, reason=reason, changed_at=stamp(self.clock()), changed_by=by)
            try:
                self.store.put_if("alert_state", alert_id, to_doc(closed), record.version if record else 0)
            except Conflict:
                continue
            return
