"""Which ticket does an alert stand in, and what does the ticket say of alerts that came after it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from citywatch.clock import Clock, stamp
from citywatch.errors import Conflict
from citywatch.model import Alert, AlertState, Change, Ticket, from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond.case import Cases, Growth, alerts_of
from citywatch.respond.lifecycle import CLOSED, Draft, change_ticket, noted, with_alerts
from citywatch.respond.run import ENDED, Run
from citywatch.respond.shape import Playbook
from citywatch.respond.story import LOOKED_AT, Stories

BATCH: Final = 200
"""Alerts linked at a time: a storm's links come after its tickets."""


class Linker:
    """Writes alerts that joined a run into the run's ticket, and hands on those that it could not take."""

    def __init__(
        self,
        store: Store,
        cases: Cases,
        playbooks: Mapping[str, Playbook],
        clock: Clock,
        *,
        stories: Stories | None = None,
    ) -> None:
        self._store = store
        self._stories = stories
        self._cases = cases
        self._playbooks = playbooks
        self._clock = clock

    def link(self, run: Run) -> int:
        """Deal with the next alerts of a run; give how many are dealt with by now."""
        ids = alerts_of(self._store, run.id, run.linked, BATCH)
        if not ids:
            return run.linked
        if run.ticket_id:
            self._into_ticket(run, ids)
        elif run.state in ENDED:
            self._hand_on(run, ids[max(0, run.covered - run.linked) :])
        else:
            return run.linked
        return run.linked + len(ids)

    def _into_ticket(self, run: Run, ids: Sequence[str]) -> None:
        record = self._store.get("ticket", run.ticket_id)
        closed = record is not None and str(record.doc.get("state")) in CLOSED
        late = list(ids)
        if closed and not (record and record.doc.get("merged_into")):
            late = [one for one in ids if one == run.alert_id]
            self._hand_on(run, [one for one in ids if one != run.alert_id])
        if not late:
            return
        alerts = self._read(late)
        total = run.linked + len(ids)
        rules = tuple(dict.fromkeys(alert.rule_id for alert in alerts))
        worst = max((alert.severity for alert in alerts), default=run.alert.severity)
        draft = Draft(
            key="",
            title="",
            severity=worst,
            alert_ids=tuple(late),
            alert_count=total,
            rule_ids=rules,
            run_id=run.id,
        )
        line = self._milestone(run, total)

        def change(ticket: Ticket) -> Ticket:
            grown = with_alerts(ticket, draft)
            return noted(grown, line) if line else grown

        ticket = change_ticket(self._store, run.ticket_id, change)
        if ticket is not None:
            self._name_tickets(late, ticket.id)
            if self._stories is not None and run.linked < LOOKED_AT:
                self._stories.remember(ticket.id, alerts[:LOOKED_AT], f"{run.playbook} v{run.version}")

    def _milestone(self, run: Run, total: int) -> Change | None:
        """A line when the count of alerts passes a power of ten."""
        passed = len(str(total)) > len(str(max(run.linked, 1)))
        if not passed or total <= 1:
            return None
        by = f"{run.playbook} v{run.version}"
        note = f"{10 ** (len(str(total)) - 1)} alerts joined ({run.group})"
        return Change(at=stamp(self._clock()), by=by, what="alerts joined", note=note)

    def _name_tickets(self, alert_ids: Sequence[str], ticket_id: str) -> None:
        """Each alert's state names its ticket; those that nobody touched, nearly all, are written at once."""
        now = stamp(self._clock())
        known = self._store.get_many("alert_state", alert_ids)
        fresh = {
            one: to_doc(AlertState(alert_id=one, ticket_id=ticket_id, changed_at=now))
            for one in alert_ids
            if one not in known
        }
        written = self._store.create_many("alert_state", fresh)
        for alert_id in alert_ids if written < len(fresh) else known:
            self._name_ticket(alert_id, ticket_id)

    def _name_ticket(self, alert_id: str, ticket_id: str) -> None:
        """The alert's state names its ticket; what people wrote into it stays."""
        fresh = AlertState(alert_id=alert_id)
        while True:
            record = self._store.get("alert_state", alert_id)
            state = from_doc(record.doc, AlertState) if record else fresh
            if state.ticket_id == ticket_id:
                return
            named = replace(state, ticket_id=ticket_id, changed_at=state.changed_at or stamp(self._clock()))
            try:
                self._store.put_if("alert_state", alert_id, to_doc(named), record.version if record else 0)
            except Conflict:
                continue
            return

    def _hand_on(self, run: Run, ids: Sequence[str]) -> None:
        playbook = self._playbooks.get(run.playbook)
        if ids and playbook is not None:
            self._cases.reopen(run, playbook, self._read(ids))

    def _read(self, ids: Sequence[str]) -> list[Alert]:
        records = self._store.get_many("alert", ids)
        alerts: list[Alert] = []
        for alert_id in ids:
            if alert_id in records:
                try:
                    alerts.append(from_doc(records[alert_id].doc, Alert))
                except msgspec.ValidationError:
                    continue
        return alerts

    def grow(self, alert_id: str) -> bool:
        """Tell an alert's tickets how much it has grown; False when one has no ticket yet."""
        record = self._store.get("joined", alert_id)
        if record is None:
            return True
        growth = from_doc(record.doc, Growth)
        told = True
        for run_id in growth.runs:
            found = self._store.get("run", run_id)
            if found is None:
                continue
            run = from_doc(found.doc, Run)
            if not run.ticket_id:
                told = told and run.state in ENDED
                continue
            note = f"{10 ** (len(str(growth.noted)) - 1)} events of alert {alert_id[:8]}"
            by = f"{run.playbook} v{run.version}"
            line = Change(at=stamp(self._clock()), by=by, what="alert grew", note=note)
            change_ticket(self._store, run.ticket_id, lambda ticket, line=line: noted(ticket, line))
        return told
