"""Do the names of a portal still lead where they led, and to something that is still there?

A witness that asks the configured resolver: addresses and aliases of the host, name servers, mail servers and
texts of its zone. What is new is told until it has stood for a week or people accept it. An alias whose
target is gone, or at a service that says that nobody has it, can be taken by anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.rdatatype
import dns.resolver

from citywatch.clock import parse_stamp, stamp
from citywatch.model import from_doc, to_doc
from citywatch.settings import LookUp
from sensors.portal.page import registered_domain
from sensors.portal.witness import Scene, Testimony, tidy, witness_event

_TABLE = Path(__file__).parent / "tables" / "takeover_signs.tsv"
KINDS: Final = ("A", "AAAA", "CNAME", "NS", "MX", "TXT")
_OF_ZONE: Final = ("NS", "MX", "TXT")
_STANDS: Final = timedelta(days=7)
_LEARNING: Final = 2
_MOST: Final = 60
_MOST_CHANGED: Final = 20
_ADDRESSES: Final = ("A", "AAAA")
_RESTLESS: Final = 0.34


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where abandoned names can be claimed, and what its page says of a name that nobody has."""

    name: str
    suffix: str
    sign: re.Pattern[str]


@cache
def services() -> tuple[Service, ...]:
    """The table."""
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line)
    return tuple(Service(name=name, suffix=suffix, sign=re.compile(sign)) for name, suffix, sign in rows)


def service_of(name: str) -> Service | None:
    """The service that a name is at.

    >>> service_of("so-y-te.github.io.").name
    'GitHub Pages'
    """
    plain = name.rstrip(".").lower()
    return next((one for one in services() if plain == one.suffix or plain.endswith("." + one.suffix)), None)


@dataclass(slots=True)
class Answers:
    """What the resolver said (mutable while it is asked)."""

    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By record type; a type that could not be asked is absent."""
    dangling: list[str] = field(default_factory=list[str])
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is remembered of a portal's names."""

    visits: int = 0
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    times: dict[str, int] = field(default_factory=dict[str, int])
    """How often something new came, by record type."""
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    """What is new and not yet learned: type and value, since when."""


@dataclass(slots=True)
class Names:
    """The witness *dns*.

    Args:
        settings: the resolver that is asked.
        every_s: how long it rests between two looks at a portal.
    """

    settings: LookUp
    every_s: float = 3600
    name: str = "dns"
    limit_s: float = 60.0

    async def ask(self, scene: Scene) -> Testimony:
        """Ask for the portal's names and hold them against what was learned."""
        host = scene.host
        if not host or not re.search("[a-z]", host.rpartition(".")[2]):
            return Testimony(counts={"skipped": 1})
        answers = await self._look(host)
        if answers.problem and answers.problem != "nxdomain":
            return Testimony(events=(_event(scene, answers, {}, "", None),), counts={"unanswered": 1})
        known = from_doc(dict(scene.known), Known)
        added = _added(known, answers)
        takeover, service = _takeover(scene, answers)
        event = _event(scene, answers, added, takeover, service)
        fresh = _learned(Known(), answers, {}, scene.now)
        learned = _learned(known, answers, added, scene.now)
        told = added or answers.dangling or takeover or not scene.known
        counts = {"changed": int(bool(added)), "dangling": int(bool(answers.dangling or takeover))}
        return Testimony(events=(event,) if told else (), learned=learned, fresh=fresh, counts=counts)

    async def _look(self, host: str) -> Answers:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [self.settings.resolver]
        resolver.port = self.settings.resolver_port
        resolver.lifetime = self.settings.timeout_s
        answers = Answers()
        for kind in _ADDRESSES:
            await _addresses(resolver, host, kind, answers)
            if answers.problem:
                return answers
        zone = registered_domain(host)
        for kind in _OF_ZONE:
            await _records(resolver, zone, kind, answers)
        for server in answers.values.get("NS", ())[:8]:
            if await _is_gone(resolver, server):
                answers.dangling.append(server)
        return answers


async def _addresses(resolver: dns.asyncresolver.Resolver, host: str, kind: str, answers: Answers) -> None:
    """Addresses with the aliases on the way; an alias that leads to nothing is noted."""
    try:
        told = await resolver.resolve(host, kind, raise_on_no_answer=False)
        response: dns.message.Message = told.response
    except dns.resolver.NXDOMAIN as error:
        answers.problem = "nxdomain"
        response = next(iter(error.responses().values()))  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType] - untyped there
    except dns.exception.DNSException as error:
        answers.problem = type(error).__name__.lower()
        return
    aliases = [one.rstrip(".").lower() for one in _texts(response.answer, "CNAME")]
    found = _texts(response.answer, kind)
    answers.values[kind] = sorted(found)[:_MOST]
    answers.values["CNAME"] = list(dict.fromkeys([*answers.values.get("CNAME", ()), *aliases]))[:_MOST]
    if aliases and answers.problem == "nxdomain":
        answers.dangling.append(aliases[-1])


def _texts(answer: Sequence[Any], kind: str) -> list[str]:
    """The values of one record type in an answer."""
    wanted = dns.rdatatype.from_text(kind)
    return [str(record.to_text()) for rrset in answer if rrset.rdtype == wanted for record in rrset]


async def _records(resolver: dns.asyncresolver.Resolver, zone: str, kind: str, answers: Answers) -> None:
    try:
        told = await resolver.resolve(zone, kind, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        answers.values[kind] = []
        return
    except dns.exception.DNSException:
        return  # not asked is not the same as gone
    rows = [one.rstrip(".").lower()[:300] for one in _texts(told.response.answer, kind)]
    answers.values[kind] = sorted(rows)[:_MOST]


async def _is_gone(resolver: dns.asyncresolver.Resolver, name: str) -> bool:
    try:
        await resolver.resolve(name, "A", raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return True
    except dns.exception.DNSException:
        return False
    return False


def _takeover(scene: Scene, answers: Answers) -> tuple[str, Service | None]:
    """Why the name can be taken by anybody, if it can, and at which service."""
    for alias in reversed(answers.values.get("CNAME", ())):
        service = service_of(alias)
        if service is None:
            continue
        if alias in answers.dangling:
            return "gone_at_service", service
        text = scene.home.fetched.body[:50_000].decode("utf-8", "replace")
        if service.sign.search(text):
            return "service_has_no_owner", service
    return "", None


# -- what was learned ------------------------------------------------------------------------------------


def _added(known: Known, answers: Answers) -> dict[str, list[str]]:
    """What is new by record type; nothing while it is only learned."""
    if known.visits < _LEARNING:
        return {}
    added: dict[str, list[str]] = {}
    for kind, values in answers.values.items():
        if kind in known.values and not _is_restless(known, kind):
            new = [value for value in values if value not in known.values[kind]]
            if new:
                added[kind] = new
    return added


def _is_restless(known: Known, kind: str) -> bool:
    """Addresses of a delivery network change all the time."""
    return kind in _ADDRESSES and known.times.get(kind, 0) > max(2, known.visits * _RESTLESS)


def _learned(
    known: Known, answers: Answers, added: Mapping[str, Sequence[str]], now: datetime
) -> dict[str, Any]:
    values = {kind: list(held) for kind, held in known.values.items()}
    times, still = dict(known.times), dict[str, str]()
    for kind, held in answers.values.items():
        values.setdefault(kind, [])
        for value in held:
            if value in added.get(kind, ()):
                since = known.waiting.get(f"{kind} {value}")
                times[kind] = times.get(kind, 0) + (since is None)
                since = since or stamp(now)
                if parse_stamp(since) + _STANDS > now:
                    still[f"{kind} {value}"] = since
                    continue
            values[kind] = list(dict.fromkeys([value, *values[kind]]))[:_MOST]
    return to_doc(Known(visits=known.visits + 1, values=values, times=times, waiting=still))


def _event(
    scene: Scene, answers: Answers, added: Mapping[str, Sequence[str]], takeover: str, service: Service | None
) -> dict[str, Any]:
    event = witness_event(scene.portal, "portal.dns", "dns", at=scene.now)
    known = from_doc(dict(scene.known), Known).values
    gone = {
        kind: [value for value in known.get(kind, ()) if value not in answers.values[kind]] for kind in added
    }
    return tidy(
        event
        | {
            "event.outcome": "failure" if answers.problem else "success",
            "url.domain": scene.host,
            "citywatch.portal.page": "dns",
            "dns.resolved_ip": [*answers.values.get("A", ()), *answers.values.get("AAAA", ())],
            "citywatch.portal.dns.cname": answers.values.get("CNAME", []),
            "citywatch.portal.dns.changed": [kind.lower() for kind in added],
            "citywatch.portal.dns.added": _lines(added),
            "citywatch.portal.dns.removed": _lines(gone),
            "citywatch.portal.dns.dangling": answers.dangling,
            "citywatch.portal.dns.takeover": takeover,
            "citywatch.portal.dns.service": service.name if service is not None else "",
            "citywatch.portal.dns.problem": answers.problem,
        }
    )


def _lines(held: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{kind} {value}" for kind, values in held.items() for value in values][:_MOST_CHANGED]
