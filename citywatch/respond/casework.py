"""What do people do on a ticket besides moving it: tasks, links, merges, facts, observables, mentions?

Every function gives a changed ticket with a line in its history and is applied by `change_ticket` or its
like, which reads, applies and writes again until nobody was in between. What adds (a comment, a task, a link)
always goes through; what changes a value says which it saw, and is refused when that is no longer there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from typing import Final, TypeVar

from citywatch.errors import CityWatchError
from citywatch.model import Alert, Change, Observable, Task, Ticket, from_doc, repeatable_id
from citywatch.ports import Store
from citywatch.respond.lifecycle import ALERTS_LISTED, CLOSED, change_ticket, history_with
from citywatch.respond.rsit import kinds

T = TypeVar("T")

TLP: Final = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
"""Traffic Light Protocol 2.0 (FIRST), from the narrowest to the widest."""
FACTS: Final = ("title", "tlp", "taxonomy", "assignee")
TASKS: Final = 100
LINKS: Final = 100
OBSERVABLES: Final = 200
_MENTION = re.compile(r"(?<![\w.@])@([\w.+-]{1,64}(?:@[\w.-]{1,64})?)")
_TECHNIQUE = re.compile(r"attack\.t([0-9]{4}(?:\.[0-9]{3})?)", re.IGNORECASE)
_SHAPES: Final = (
    ("email", re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")),
    ("url", re.compile(r"https?://\S{1,2000}")),
    ("sha256", re.compile(r"[0-9a-fA-F]{64}")),
    ("sha1", re.compile(r"[0-9a-fA-F]{40}")),
    ("md5", re.compile(r"[0-9a-fA-F]{32}")),
    ("domain", re.compile(r"(?=.{1,253}$)(?:[\w-]{1,63}\.)+[a-zA-Z][\w-]{1,62}")),
)
_FIELDS: Final[Mapping[str, str]] = {
    "source.ip": "ip",
    "destination.ip": "ip",
    "url.domain": "domain",
    "dns.question.name": "domain",
    "url.full": "url",
    "file.hash.sha256": "sha256",
    "user.name": "account",
    "host.name": "host",
}
"""Fields of alerts whose values link tickets, and what they are."""


@dataclass(eq=False)
class Stale(CityWatchError):  # noqa: N818 - what the caller shows as it is
    """A value is no longer what the person saw who wants to change it."""

    ticket: Ticket
    field: str
    seen: str

    def __str__(self) -> str:
        now = getattr(self.ticket, self.field)
        return f"{self.ticket.id}: {self.field} is '{now}' now, not '{self.seen}': somebody else changed it"


class Refused(CityWatchError):  # noqa: N818 - what the caller shows as it is
    """This cannot be done on that ticket; the message says why."""


def unchanged(ticket: Ticket, field: str, seen: str | None) -> None:
    """Hold what a person saw against what is (None: nothing was said of it).

    Raises:
        Stale: somebody else changed it.
    """
    if seen is not None and getattr(ticket, field) != seen:
        raise Stale(ticket, field, seen)


def commented(ticket: Ticket, line: Change) -> Ticket:
    """A ticket with a line that somebody wrote."""
    return replace(ticket, changed_at=line.at, history=history_with(ticket, line))


def edited(ticket: Ticket, field: str, value: str, *, by: str, at: str, seen: str | None = None) -> Ticket:
    """Another title, TLP, taxonomy or assignee.

    Raises:
        Stale: somebody else changed it.
        Refused: the value cannot be.
    """
    value = " ".join(value.split())[:300]
    if field == "tlp" and value not in TLP:
        raise Refused(f"TLP is one of {', '.join(TLP)}")
    if field == "taxonomy" and value and value not in kinds():
        raise Refused(f"there is no type '{value}' in the taxonomy")
    if field not in FACTS or (field == "title" and not value):
        raise Refused(f"'{field}' cannot be changed so")
    if getattr(ticket, field) == value:
        return ticket
    unchanged(ticket, field, seen)
    what, note = ("assigned", value) if field == "assignee" else ("edited", _told(ticket, field, value))
    line = Change(at=at, by=by, what=what, note=note)
    changed: dict[str, str] = {field: value}
    return commented(replace(ticket, **changed), line)  # pyright: ignore[reportArgumentType] - each of FACTS is a text


def _told(ticket: Ticket, field: str, value: str) -> str:
    return f"{field}: {getattr(ticket, field) or '–'} → {value or '–'}"


def with_task(ticket: Ticket, text: str, *, by: str, at: str, assignee: str = "") -> Ticket:
    """A ticket with one more thing to do.

    Raises:
        Refused: it says nothing, or there are too many.
    """
    text = " ".join(text.split())[:500]
    if not text or len(ticket.tasks) >= TASKS:
        raise Refused(f"a task says what is to be done, and a ticket has at most {TASKS}")
    task = Task(
        id=repeatable_id("task", ticket.id, by, at, text)[:16],
        text=text,
        by=by,
        at=at,
        assignee=assignee[:64],
    )
    line = Change(at=at, by=by, what="task", note=text)
    return commented(replace(ticket, tasks=(*ticket.tasks, task)), line)


def with_task_done(ticket: Ticket, task_id: str, *, by: str, at: str, done: bool = True) -> Ticket:
    """A ticket one of whose tasks is done, or is not after all.

    Raises:
        Refused: there is no such task.
    """
    known = next((task for task in ticket.tasks if task.id == task_id), None)
    if known is None:
        raise Refused("there is no such task any more")
    if bool(known.done_at) == done:
        return ticket
    changed = replace(known, done_by=by if done else "", done_at=at if done else "")
    tasks = tuple(changed if task.id == task_id else task for task in ticket.tasks)
    line = Change(at=at, by=by, what="task_done" if done else "task_open", note=known.text)
    return commented(replace(ticket, tasks=tasks), line)


def with_observable(ticket: Ticket, value: str, *, by: str, at: str) -> Ticket:
    """A ticket with a value that may link it to others.

    Raises:
        Refused: it is no address, domain, URL, hash or mail address.
    """
    made = observable(value)
    if made is None or len(ticket.observables) >= OBSERVABLES:
        raise Refused("an observable is an address, a domain, a URL, a hash or a mail address")
    if made in ticket.observables:
        return ticket
    line = Change(at=at, by=by, what="observable", note=made.value)
    return commented(replace(ticket, observables=(*ticket.observables, made)), line)


def observable(text: str) -> Observable | None:
    """What a value is; None when it is nothing that links tickets.

    >>> observable("10.0.0.1"), observable("evil.example"), observable("hello")
    (Observable(type='ip', value='10.0.0.1'), Observable(type='domain', value='evil.example'), None)
    """
    value = text.strip()[:2048]
    try:
        return Observable(type="ip", value=str(ip_address(value)))
    except ValueError:
        found = next((name for name, shape in _SHAPES if shape.fullmatch(value)), None)
    lower = found not in {None, "url"}
    return Observable(type=found, value=value.lower() if lower else value) if found else None


def observables_of(ticket: Ticket, alerts: Iterable[Alert]) -> list[Observable]:
    """Values that people added and that its alerts hold, each once."""
    found = dict.fromkeys(ticket.observables)
    for alert in alerts:
        for name, kind in _FIELDS.items():
            values = [alert.subject_fields.get(name, ""), *alert.values.get(name, ())]
            found.update(dict.fromkeys(Observable(type=kind, value=value) for value in values if value))
    return list(found)[:OBSERVABLES]


def techniques_of(alerts: Iterable[Alert]) -> list[str]:
    """ATT&CK techniques that the rules of its alerts name.

    >>> techniques_of([])
    []
    """
    tags = (_TECHNIQUE.fullmatch(tag) for alert in alerts for tag in alert.tags)
    return sorted({f"T{found[1]}" for found in tags if found})


def mentions(text: str) -> list[str]:
    """Accounts that a comment names with @, folded as accounts are.

    >>> mentions("@Lan xem giúp, và @minh.tran; thư cho a@b.vn thì không")
    ['lan', 'minh.tran']
    """
    return list(dict.fromkeys(name.rstrip(".-").casefold() for name in _MENTION.findall(text)))[:20]


# -- two tickets -----------------------------------------------------------------------------------------


def link(store: Store, first: str, second: str, *, by: str, at: str) -> Ticket:
    """Let two tickets name each other.

    Raises:
        Refused: one is not there, or they are the same.
    """
    _two(store, first, second)
    for one, other in ((second, first), (first, second)):
        change_ticket(store, one, partial(_linked, other=other, by=by, at=at))
    return _read(store, first)


def _linked(ticket: Ticket, other: str, by: str, at: str) -> Ticket:
    if other in ticket.links or ticket.id == other:
        return ticket
    if len(ticket.links) >= LINKS:
        raise Refused(f"a ticket has at most {LINKS} links")
    line = Change(at=at, by=by, what="linked", note=other)
    return commented(replace(ticket, links=(*ticket.links, other)), line)


def merge(store: Store, from_id: str, into_id: str, *, by: str, at: str) -> Ticket:
    """Let one ticket go on for another: it takes alerts, evidence, tasks and links over, once.

    Raises:
        Refused: one is not there, they are the same, or the one that shall go on is closed or merged itself.
    """
    gone, goes_on = _two(store, from_id, into_id)
    if goes_on.merged_into or goes_on.state in CLOSED:
        raise Refused(f"{into_id} is closed: open it again first")
    if gone.merged_into and gone.merged_into != into_id:
        raise Refused(f"{from_id} was merged into {gone.merged_into} already")
    changed = change_ticket(store, into_id, partial(_with_merged, gone=gone, by=by, at=at))
    change_ticket(store, from_id, partial(_ended, into_id=into_id, by=by, at=at))
    return changed or goes_on


def _with_merged(ticket: Ticket, gone: Ticket, by: str, at: str) -> Ticket:
    if gone.id in ticket.links and any(
        line.what == "merged" and line.note == gone.id for line in ticket.history
    ):
        return ticket
    both = replace(
        ticket,
        severity=max(ticket.severity, gone.severity),
        alert_ids=_together(ticket.alert_ids, gone.alert_ids)[:ALERTS_LISTED],
        alerts_by_run={**gone.alerts_by_run, **ticket.alerts_by_run},
        rule_ids=_together(ticket.rule_ids, gone.rule_ids)[:ALERTS_LISTED],
        evidence=_together(ticket.evidence, gone.evidence)[:ALERTS_LISTED],
        observables=_together(ticket.observables, gone.observables)[:OBSERVABLES],
        tasks=_together(ticket.tasks, gone.tasks)[:TASKS],
        links=_together(ticket.links, (gone.id, *gone.links))[:LINKS],
    )
    return commented(both, Change(at=at, by=by, what="merged", note=gone.id))


def _together(first: Sequence[T], second: Sequence[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _ended(ticket: Ticket, into_id: str, by: str, at: str) -> Ticket:
    if ticket.merged_into or ticket.id == into_id:
        return ticket
    line = Change(at=at, by=by, what=f"{ticket.state} → duplicate", note=into_id)
    return commented(replace(ticket, state="duplicate", merged_into=into_id), line)


def _two(store: Store, first: str, second: str) -> tuple[Ticket, Ticket]:
    if first == second:
        raise Refused(f"{first} is the same ticket")
    return _read(store, first), _read(store, second)


def _read(store: Store, ticket_id: str) -> Ticket:
    record = store.get("ticket", ticket_id) if ticket_id else None
    if record is None:
        raise Refused(f"there is no ticket '{ticket_id[:60]}'")
    return from_doc(record.doc, Ticket)
