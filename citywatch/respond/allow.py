"""Who may speak with whom, though a rule says that it looks bad?

An allowance names two ends (an address, a network, or anybody), for one rule or for all, with an owner who
answers for it and an end. Alerts that lie wholly within it are closed as allowed, those of the past when it
is made and those of the future as they come, before any playbook begins. An alert that grows beyond it is
opened again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from citywatch.clock import Clock, stamp
from citywatch.errors import CityWatchError, Conflict
from citywatch.model import Alert, AlertState, from_doc, repeatable_id, to_doc
from citywatch.ports import All, Condition, Is, Query, Range, Store

KIND: Final = "allowance"
_BEFORE: Final = "allowance_before"
"""Record kind: the states that an allowance closed, in chunks, to be put back."""
_BY: Final = "allowance:"
_MOST: Final = 2000
_PAGE: Final = 500
_MOST_LOOKED_AT: Final = 200_000
_MOST_VALUES: Final = 50
"""An alert names no more hosts than this; one that names so many may be about others too."""
_FRESH: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """These two may speak, until then."""

    id: str
    source: str = ""
    """An address or network; empty: anybody."""
    destination: str = ""
    either_way: bool = True
    rule_id: str = ""
    """Empty: whatever rule it is."""
    title: str = ""
    owner: str
    """Who answers for it."""
    reason: str
    by: str
    at: str
    until: str

    def covers(self, alert: Alert) -> bool:
        """The alert lies wholly within it."""
        if self.rule_id and self.rule_id != alert.rule_id:
            return False
        sources, targets = hosts_of(alert)
        if _within(sources, self.source) and _within(targets, self.destination):
            return True
        return self.either_way and _within(sources, self.destination) and _within(targets, self.source)


def hosts_of(alert: Alert) -> tuple[list[str], list[str]]:
    """The two ends of an alert, as far as its events and its subject name them."""
    return _hosts(alert, "source.ip"), _hosts(alert, "destination.ip")


def _hosts(alert: Alert, name: str) -> list[str]:
    own = alert.subject_fields.get(name)
    return list(dict.fromkeys([*alert.values.get(name, []), *([own] if own else [])]))


def _within(hosts: Sequence[str], allowed: str) -> bool:
    if not allowed:
        return True
    network = _network(allowed)
    return bool(hosts) and len(hosts) < _MOST_VALUES and all(_is_in(host, network) for host in hosts)


def _is_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def new_allowance(  # noqa: PLR0913 - what an allowance says, each named
    *,
    source: str,
    destination: str,
    either_way: bool,
    rule_id: str,
    title: str,
    owner: str,
    reason: str,
    by: str,
    now: datetime,
    days: int,
) -> Allowance:
    """Check what somebody wants to allow.

    Raises:
        CityWatchError: it is wrong or says too much; tells what.
    """
    for what, text in (("source", source), ("destination", destination)):
        try:
            if text:
                _network(text)
        except ValueError:
            raise CityWatchError(f"{what} '{text[:60]}' is neither an address nor a network") from None
    if not source and not destination:
        raise CityWatchError("name at least one end: who is allowed, or where to")
    if not owner.strip() or not reason.strip():
        raise CityWatchError("an allowance needs an owner and a reason")
    if not 1 <= days <= 366:  # noqa: PLR2004 - a year: what is allowed for ever is never looked at again
        raise CityWatchError("an allowance holds for 1 to 366 days; renew it then")
    return Allowance(
        id=repeatable_id("allowance", source, destination, rule_id, by, stamp(now))[:16],
        source=source,
        destination=destination,
        either_way=either_way,
        rule_id=rule_id,
        title=title,
        owner=owner.strip()[:200],
        reason=reason.strip()[:1000],
        by=by,
        at=stamp(now),
        until=stamp(now + timedelta(days=days)),
    )


def active(store: Store, clock: Clock) -> list[Allowance]:
    """The allowances that hold now."""
    where = Range("until", stamp(clock()), None)
    page = store.find(KIND, Query(where=where, order="at", limit=_MOST))
    return [from_doc(record.doc, Allowance) for record in page.records]


def covered(store: Store, allowance: Allowance) -> Iterator[tuple[Alert, AlertState]]:
    """Open alerts of the past that lie within it, newest first."""
    parts: tuple[Condition, ...] = (Is("rule_id", allowance.rule_id),) if allowance.rule_id else ()
    after: str | None = None
    for _ in range(_MOST_LOOKED_AT // _PAGE):
        page = store.find("alert", Query(where=All(parts), order="last_seen", limit=_PAGE, after=after))
        alerts = [alert for doc in page.records if allowance.covers(alert := from_doc(doc.doc, Alert))]
        states = store.get_many("alert_state", [alert.id for alert in alerts]) if alerts else {}
        for alert in alerts:
            known = states.get(alert.id)
            state = from_doc(known.doc, AlertState) if known else AlertState(alert_id=alert.id)
            if state.state in {"new", "acknowledged"}:
                yield alert, state
        after = page.next
        if after is None:
            return


def put(store: Store, allowance: Allowance) -> int:
    """Let it hold, for the past too; give how many open alerts it closed."""
    store.put_if(KIND, allowance.id, to_doc(allowance), 0)
    closed = 0
    chunk: dict[str, AlertState] = {}
    for alert, state in covered(store, allowance):
        chunk[alert.id] = state
        if len(chunk) >= _PAGE:
            closed += _close(store, allowance, chunk, closed)
            chunk = {}
    return closed + _close(store, allowance, chunk, closed)


def _close(store: Store, allowance: Allowance, states: dict[str, AlertState], number: int) -> int:
    if states:
        _remember(store, allowance, states, str(number))
        store.put_many(
            "alert_state", {key: to_doc(_closed(state, allowance)) for key, state in states.items()}
        )
    return len(states)


def _remember(store: Store, allowance: Allowance, states: dict[str, AlertState], part: str) -> None:
    """Keep the states that are about to be closed, so that they can be put back."""
    before = {key: to_doc(state) for key, state in states.items()}
    store.put_many(_BEFORE, {f"{allowance.id}:{part}": {"allowance": allowance.id, "before": before}})


def _closed(state: AlertState, allowance: Allowance) -> AlertState:
    return replace(
        state,
        state="closed",
        reason=f"allowed: {allowance.reason}"[:1000],
        changed_at=allowance.at,
        changed_by=_BY + allowance.id,
    )


def end(store: Store, clock: Clock, allowance_id: str, *, by: str) -> Allowance:
    """Let it hold no longer; alerts that it closed stay closed.

    Raises:
        CityWatchError: there is none of this id.
    """
    record = store.get(KIND, allowance_id)
    if record is None:
        raise CityWatchError(f"there is no allowance '{allowance_id}'; list them: citywatch alerts allowed")
    now = stamp(clock() - timedelta(microseconds=1))  # the end itself still allows
    allowance = from_doc(record.doc, Allowance)
    if allowance.until > now:
        store.put_if(KIND, record.id, {**record.doc, "until": now, "ended_by": by}, record.version)
    return allowance


def undo(store: Store, clock: Clock, allowance_id: str, *, by: str) -> int:
    """End it, and put back the alerts that it closed and nobody touched since; give how many."""
    allowance = end(store, clock, allowance_id, by=by)
    back = 0
    for record in store.find(
        _BEFORE, Query(where=Is("allowance", allowance.id), order="allowance", limit=_MOST)
    ).records:
        before = {key: from_doc(doc, AlertState) for key, doc in record.doc["before"].items()}
        held = store.get_many("alert_state", list(before))
        old = {
            key: to_doc(state)
            for key, state in before.items()
            if key in held and held[key].doc.get("changed_by") == _BY + allowance.id
        }
        if old:
            store.put_many("alert_state", old)
        store.delete(_BEFORE, record.id)
        back += len(old)
    return back


class Gate:
    """Lets through to the playbooks what is not allowed, and closes what is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: list[Allowance] = []
        self._read_at: datetime | None = None

    def let_through(self, alerts: Sequence[Alert]) -> list[Alert]:
        """The alerts that playbooks are to see."""
        holding = self._holding()
        if not holding:
            return list(alerts)
        through: list[Alert] = []
        states = self._store.get_many("alert_state", [alert.id for alert in alerts])
        for alert in alerts:
            record = states.get(alert.id)
            state = from_doc(record.doc, AlertState) if record else AlertState(alert_id=alert.id)
            allowance = next((one for one in holding if one.covers(alert)), None)
            version = record.version if record else 0
            if allowance is None:
                through.append(alert)
                if state.changed_by.startswith(_BY):
                    self._write(replace(state, state="new", reason="", changed_by="", changed_at=""), version)
            elif state.state == "new":
                _remember(self._store, allowance, {alert.id: state}, alert.id)
                closed = _closed(state, allowance)
                self._write(replace(closed, changed_at=stamp(self._clock())), version)
        return through

    def _write(self, state: AlertState, version: int) -> None:
        try:
            self._store.put_if("alert_state", state.alert_id, to_doc(state), version)
        except Conflict:  # somebody looks at it at this moment: what they say holds
            return

    def _holding(self) -> list[Allowance]:
        now = self._clock()
        if self._read_at is None or now - self._read_at > _FRESH:
            self._known, self._read_at = active(self._store, self._clock), now
        return [one for one in self._known if one.until >= stamp(now)]
