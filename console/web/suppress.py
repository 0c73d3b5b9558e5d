"""Which alerts are known, accepted and not to be seen for a while?

A suppression is a rule and values that the alert must hold, with a reason and an end. It hides alerts in the
inbox; they are still made, kept and countable, and shown again when it ends.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.responses import Response

from citywatch.clock import Clock, stamp
from citywatch.model import Alert, from_doc, to_doc
from citywatch.ports import All, Condition, Is, Query, Range, Store
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.scan import count_all

LIVES = {"1": 1, "7": 7, "30": 30, "90": 90}
"""Days that can be chosen."""
_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Alerts of a rule with these values, until then."""

    id: str
    rule_id: str
    title: str
    values: dict[str, str] = field(default_factory=dict[str, str])
    """Of the alert's subject, by field; `agency` and `asset` are the alert's own."""
    reason: str
    by: str
    at: str
    until: str

    def hides(self, alert: Alert) -> bool:
        """Tell whether it hides this alert."""
        own = {"agency": alert.agency, "asset": alert.asset}
        held = own | alert.subject_fields
        return self.rule_id == alert.rule_id and all(
            held.get(key, "").lower() == value.lower() for key, value in self.values.items()
        )

    @property
    def where(self) -> Condition:
        """The alerts it hides."""
        held = (
            Is(key if key in {"agency", "asset"} else f"subject_fields.{key}", value)
            for key, value in self.values.items()
        )
        return All((Is("rule_id", self.rule_id), *held))


def active(store: Store, clock: Clock) -> list[Suppression]:
    """The suppressions that hold now."""
    where = Range("until", stamp(clock()), None)
    page = store.find("suppression", Query(where=where, order="at", limit=_MOST))
    return [from_doc(record.doc, Suppression) for record in page.records]


def preview(visit: Visit) -> Response:
    """Show how many past alerts a suppression would have hidden, before it is made."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    wanted = _wanted(visit, alert, visit.request.query_params.getlist("field"), visit.asked("days"))
    found = count_all(visit.desk, "alert", Query(where=wanted.where, order="last_seen"))
    return visit.page(
        "suppress.html",
        alert=alert,
        wanted=wanted,
        total=found.number,
        whole=found.whole,
        samples=[from_doc(record.doc, Alert) for record in found.samples],
        fields=_choices(alert),
        days=visit.asked("days") or "7",
        lives=list(LIVES),
    )


def _choices(alert: Alert) -> dict[str, str]:
    own = {"agency": alert.agency, "asset": alert.asset}
    return {**alert.subject_fields, **{key: value for key, value in own.items() if value}}


def _wanted(visit: Visit, alert: Alert, chosen: list[str], days: str) -> Suppression:
    choices = _choices(alert)
    fields = chosen or list(alert.subject_fields)
    now = visit.house.clock()
    return Suppression(
        id=secrets.token_hex(8),
        rule_id=alert.rule_id,
        title=alert.title,
        values={key: choices[key] for key in fields if key in choices},
        reason=visit.given("reason").strip()[:1000],
        by=visit.who.id,
        at=stamp(now),
        until=stamp(now + timedelta(days=LIVES.get(days, 7))),
    )


def make(visit: Visit) -> Response:
    """Make a suppression."""
    store, clock = visit.house.store, visit.house.clock
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    back = f"/alerts/{alert.id}/suppress"
    chosen = visit.form.get("field", [])
    wanted = _wanted(visit, alert, chosen, visit.given("days"))
    if not chosen or not wanted.values:
        return visit.go(back, "suppression_wrong")
    if not wanted.reason:
        return visit.go(back, "reason_missing")
    total = count_all(visit.desk, "alert", Query(where=wanted.where, order="last_seen")).number
    store.put_if("suppression", wanted.id, to_doc(wanted), 0)
    write_audit(store, clock, visit.who.id, "suppress", f"{wanted.rule_id} {wanted.values} {wanted.reason}")
    return visit.go("/suppressions", "suppressed", count=total, made=wanted.id)


def show_all(visit: Visit) -> Response:
    """What is hidden now, by whom and why."""
    return visit.page("suppressions.html", items=active(visit.house.store, visit.house.clock))


def end(visit: Visit) -> Response:
    """End a suppression now; it stays on record."""
    if not end_now(visit, visit.path("id")):
        raise visit.missing()
    return visit.go("/suppressions", "suppression_ended")


def end_now(visit: Visit, suppression_id: str) -> bool:
    """End a suppression; tells whether there is such a one."""
    store = visit.house.store
    record = store.get("suppression", suppression_id)
    if record is None:
        return False
    now = stamp(visit.house.clock() - timedelta(microseconds=1))  # the end itself still hides
    store.put_if(
        "suppression", record.id, {**record.doc, "until": now, "ended_by": visit.who.id}, record.version
    )
    write_audit(store, visit.house.clock, visit.who.id, "suppress_end", record.id)
    return True


WAYS = (
    Way(path="/alerts/{id}/suppress", handler=preview, name="suppress_preview", needs="suppress"),
    Way(path="/alerts/{id}/suppress", handler=make, name="suppress", method="POST", needs="suppress"),
    Way(path="/suppressions", handler=show_all, name="suppressions", needs="staff"),
    Way(path="/suppressions/{id}/end", handler=end, name="suppression_end", method="POST", needs="suppress"),
)
