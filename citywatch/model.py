"""Which nouns carry everything?

An Event is one thing seen. A Match is a rule that said yes, and why. An Alert is matches folded on one
subject. A Run is a playbook at work on an alert. A Ticket is what people work on.

An Event is a flat dict with dotted ECS names (the hot path: built once by the sensor, never rebuilt).
Every event has `@timestamp` (see `clock.stamp`), `event.id`, `event.dataset`, `event.kind`. The journal adds
`event.ingested` (its ingest day names the index) and `event.sequence`. All else is in `schema.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from itertools import chain
from typing import Any, TypeVar

import msgspec

Event = dict[str, Any]
"""Flat, dotted ECS names, lists where ECS has lists, no None values (absent means missing)."""

T = TypeVar("T")


class Severity(IntEnum):
    """Sigma's five levels, in order."""

    informational = 0
    low = 1
    medium = 2
    high = 3
    critical = 4


def repeatable_id(*parts: str | bytes | int) -> str:
    """Hash parts to an id that comes out the same on every machine and every replay.

    >>> repeatable_id("network", "a.pcap", 24) == repeatable_id("network", "a.pcap", 24)
    True
    >>> repeatable_id("ab", "c") == repeatable_id("a", "bc")
    False
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def to_doc(noun: object) -> dict[str, Any]:
    """Turn a noun into plain JSON types, for a store or an outlet."""
    return msgspec.to_builtins(noun)


def from_doc(doc: dict[str, Any], noun: type[T]) -> T:
    """Parse a stored document back into its noun, once, at the edge.

    Raises:
        msgspec.ValidationError: the document is not of that noun; the message has the path in it.
    """
    return msgspec.convert(doc, noun, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Which field held which value, and which pattern of the rule it met."""

    field: str
    value: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the rest of the house needs to know of a rule, whatever its language."""

    id: str
    title: str
    severity: Severity
    language: str = "sigma"
    title_vi: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    guide_vi: str = ""
    guide_en: str = ""
    category: str = ""
    """What playbooks ask for: defacement, spam, exposure, leak, loss, network_attack, web_attack,
    host_attack, availability …; an own rule says it in its `citywatch:` block, others get it from their
    logsource."""
    source: str = ""
    """The file it stands in, as the user knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that said yes to events, and why."""

    rule: Rule
    subject: tuple[tuple[str, str], ...]
    """Field and value pairs that the alert is about, e.g. (("source.ip", "10.0.0.1"),)."""
    at: str
    """Event time of the last event of the match, as `clock.stamp` writes it."""
    first_at: str
    event_ids: tuple[str, ...]
    """Ids of the events, oldest first, at most 100."""
    count: int = 1
    """How many events, also those over the 100."""
    reasons: tuple[Reason, ...] = ()
    event: Event = field(default_factory=dict[str, Any])
    """The last event, flat."""
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What the events of the match held in `fold.CARRIED` fields (hosts, portal, user, file, url)."""
    window: str = ""
    """For a correlation: the id of the window that opened the match; matches of one window fold."""

    @property
    def id(self) -> str:
        return repeatable_id(self.rule.id, self.window, *self.event_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Matches of one rule folded on one subject. `id` follows from the match that opened it."""

    id: str
    rule_id: str
    title: str
    severity: Severity
    subject: str
    """For people: the subject's values joined by ' · '."""
    subject_fields: dict[str, str]
    first_seen: str
    last_seen: str
    count: int
    explanation: tuple[Reason, ...] = ()
    tags: tuple[str, ...] = ()
    title_vi: str = ""
    category: str = ""
    """As the rule's."""
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Values of the events by ECS field, each at most 50: source.ip, destination.ip, host.name, url.full …"""
    event_ids: tuple[str, ...] = ()
    event: Event = field(default_factory=dict[str, Any])
    """The event that opened it, flat, so that an analyst reads it without the store."""
    rule_source: str = ""
    guide_vi: str = ""
    guide_en: str = ""
    falsepositives: tuple[str, ...] = ()
    agency: str = ""
    asset: str = ""
    asset_level: int = 0
    sequence: int = 0
    """Journal sequence of the last event folded in: what is at or below it is not counted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """What people did with an alert: a record of its own beside the alert."""

    alert_id: str
    state: str = "new"
    """new, acknowledged, closed, false_positive."""
    assignee: str = ""
    ticket_id: str = ""
    reason: str = ""
    changed_at: str = ""
    changed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a ticket's history."""

    at: str
    by: str
    what: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to be done on a ticket."""

    id: str
    text: str
    by: str
    at: str
    assignee: str = ""
    done_by: str = ""
    done_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strand:
    """What joined a ticket though its key was another: one more sign of the same attack."""

    run_id: str
    key: str
    title: str
    category: str
    because: str
    """The value that both hold: `ip 203.0.113.66`."""
    guide_vi: str = ""
    guide_en: str = ""
    title_before: str = ""
    """The ticket's title until this joined, when this is graver and names it since."""
    category_before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What people work on. The transition table is in `respond.lifecycle`."""

    id: str
    """`HN-2026-000123`."""
    key: str
    """The playbook's de-duplication key: one open ticket a key."""
    title: str
    severity: Severity
    state: str = "new"
    agency: str = ""
    asset: str = ""
    category: str = ""
    tlp: str = "AMBER"
    opened_at: str = ""
    due_at: str = ""
    changed_at: str = ""
    assignee: str = ""
    alert_ids: tuple[str, ...] = ()
    """The first 200; `alert_count` counts all, and each alert's state names its ticket."""
    alerts_by_run: dict[str, int] = field(default_factory=dict[str, int])
    """How many alerts each run brought."""
    merged_into: str = ""
    """The ticket that goes on in its stead."""
    taxonomy: str = ""
    """RSIT type (`respond.rsit`); empty: what its category suggests."""
    tasks: tuple[Task, ...] = ()
    links: tuple[str, ...] = ()
    """Tickets that have to do with it; they name it too."""
    observables: tuple[Observable, ...] = ()
    """Added by people; those of its alerts are not repeated here."""
    rule_ids: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    history: tuple[Change, ...] = ()
    guide_vi: str = ""
    guide_en: str = ""
    run_id: str = ""
    strands: tuple[Strand, ...] = ()
    """What joined it because of a value that both hold (`respond.story`); each can be split off again."""
    campaign: str = ""
    """The first ticket of the campaign that it belongs to; empty: none."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Its own category and those of what joined it."""
        told = ((strand.category, strand.category_before) for strand in self.strands)
        return tuple(one for one in dict.fromkeys((self.category, *chain(*told))) if one)

    @property
    def alert_count(self) -> int:
        """How many alerts it is about, also those that are not listed."""
        return sum(self.alerts_by_run.values()) or len(self.alert_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Bytes kept by their hash, with where and when they were taken."""

    sha256: str
    media_type: str
    size: int
    taken_at: str
    source: str
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """A value that links alerts: an address, a domain, a hash, an e-mail address."""

    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody of an agency who is told or called."""

    role: str
    """One of `respond.duty.ROLES`."""
    name: str = ""
    email: str = ""
    phone: str = ""
    hours: str = ""
    """When: `mon-fri 08:00-17:00`; empty: always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An owner of systems and portals: department, district (until 1 July 2025), commune."""

    id: str
    name: str
    name_en: str = ""
    kind: str = "department"
    email: str = ""
    phone: str = ""
    parent: str = ""
    networks: tuple[str, ...] = ()
    """Addresses in CIDR form that belong to it."""
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names or camera ids that belong to it."""
    ended_on: str = ""
    """The day from which it is no more (merged, split); its records stay."""
    successors: tuple[str, ...] = ()
    """Who goes on in its stead."""
    contacts: tuple[Contact, ...] = ()
    former_names: tuple[str, ...] = ()
    """`until 2025-03-01: Sở Thông tin và Truyền thông`, newest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What an agency runs besides portals: databases, one-stop system, cameras, network devices …"""

    id: str
    name: str
    agency: str
    kind: str = "other"
    """One of `tables/system_kinds.tsv`."""
    level: int = 2
    """1 to 5 (Nghị định 85/2016/NĐ-CP)."""
    vendor: str = ""
    product: str = ""
    version: str = ""
    networks: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names, addresses or camera ids."""
    url: str = ""
    """Where it answers by HTTP, so that its version can be looked at."""
    contact: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A web portal that an agency registered."""

    id: str
    url: str
    name: str
    agency: str
    level: int = 2
    """1 to 5 (Nghị định 85/2016/NĐ-CP)."""
    tags: tuple[str, ...] = ()
    inner_pages: tuple[str, ...] = ()
    registered_at: str = ""
    active: bool = True
    contact: str = ""
    """Who is called when something happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Bad input that was passed over: where, what, what to do. Counted and shown on the health page."""

    sensor: str
    source: str
    position: str
    """`line 7`, `byte 24`, `packet 12`, or a URL."""
    what: str
    hint: str = ""
    fatal: bool = False
    """True when the rest of the source could not be read."""

    def __str__(self) -> str:
        place = f"{self.source}: {self.position}" if self.position else self.source
        return f"{place}: {self.what}" + (f"; {self.hint}" if self.hint else "")
