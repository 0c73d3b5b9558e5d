"""Are names that lead elsewhere, dangle or can be taken seen, by a real name server?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citywatch import schema
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Portal
from citywatch.settings import Fetch, LookUp
from sensors.portal.baseline import Baseline
from sensors.portal.names import Names, service_of, services
from sensors.portal.range.server import RangeResolver
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit, accept
from tests.sensors.portal.hostile import answer, serving
from tests.sensors.portal.nameserver import NameServer, Zone, naming

ROOT = Path(__file__).parents[3]
HOST, DOMAIN = "www.so-y-te.gov.vn", "so-y-te.gov.vn"
HONEST: Zone = {
    (HOST, "A"): ["203.0.113.5"],
    (DOMAIN, "NS"): ["ns1.vnnic.vn.", "ns2.vnnic.vn."],
    (DOMAIN, "MX"): ["10 mail.so-y-te.gov.vn."],
    (DOMAIN, "TXT"): ['"v=spf1 mx -all"'],
    ("ns1.vnnic.vn", "A"): ["203.0.113.1"],
    ("ns2.vnnic.vn", "A"): ["203.0.113.2"],
    ("evil.example", "A"): ["198.51.100.1"],
}
Step = Callable[[NameServer], None]


def look(*steps: Step | str, body: bytes = b"<h1>So Y te</h1>", days: float = 0.1) -> list[Event | None]:
    """Visit twice to learn, then once for each step; gives the event of each of those visits."""
    moment = datetime(2026, 11, 20, tzinfo=UTC)

    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, "Content-Type: text/html"))

    async def script() -> list[Event | None]:
        nonlocal moment
        events: list[Event | None] = []
        baseline: Baseline | None = None
        async with naming(deepcopy(HONEST)) as server, serving(talk) as port:
            witness = Names(settings=LookUp(resolver="127.0.0.1", resolver_port=server.port, timeout_s=1.0))
            budget = Budget(
                views=(DESKTOP,), inner_pages=0, probes=False, recheck_s=0, witnesses=(witness,), ask_all=True
            )
            sensor = PortalSensor(
                Fetch(allow_loopback=True, timeout_s=5),
                lambda: moment,
                budget=budget,
                resolver=RangeResolver(),
            )
            portal = Portal(id="so-y-te", url=f"http://{HOST}:{port}/", name="Sở Y tế", agency="so-y-te")
            visits: list[Visit] = []
            for step in (_nothing, _nothing, *steps):
                moment += timedelta(days=days)
                if isinstance(step, str):
                    baseline = accept(visits[-1], by="lan", at="2026-11-27T00:00:00.000000Z")
                    continue
                step(server)
                visits.append(await sensor.visit(portal, baseline))
                baseline = visits[-1].baseline
                found = [event for event in visits[-1].events if event["event.dataset"] == "portal.dns"]
                events.append(found[0] if found else None)
            await sensor.close()
        return events[2:]

    return asyncio.run(script())


def _nothing(_: NameServer) -> None:
    pass


def _set(name: str, kind: str, *values: str) -> Step:
    return lambda server: server.zone.__setitem__((name, kind), list(values))


def _unset(name: str, kind: str) -> Step:
    return lambda server: server.zone.__delitem__((name, kind))


def _titles(event: Event | None) -> set[str]:
    assert event is not None
    for name, value in event.items():
        field = schema.resolve(name)
        assert field is not None, name
        assert field.many == isinstance(value, list), name
    book = Rulebook.load(ROOT / "rules" / "sigma" / "portal")
    return {match.rule.title for match in book.judge([event | {"event.sequence": 1}])}


@pytest.mark.parametrize(
    ("step", "changed", "added", "title"),
    [
        (
            _set(DOMAIN, "NS", "evil.example."),
            "ns",
            "NS evil.example",
            "Name servers of a portal's domain have changed",
        ),
        (
            _set(DOMAIN, "MX", "5 evil.example."),
            "mx",
            "MX 5 evil.example",
            "Mail servers or aliases of a portal's domain have changed",
        ),
        (_set(HOST, "A", "198.51.100.9"), "a", "A 198.51.100.9", "A portal's name leads to another address"),
        (
            _set(HOST, "AAAA", "2001:db8::1"),
            "aaaa",
            "AAAA 2001:db8::1",
            "A portal's name leads to another address",
        ),
        (
            _set(DOMAIN, "TXT", '"v=spf1 +all"'),
            "txt",
            'TXT "v=spf1 +all"',
            "A portal's name leads to another address",
        ),
    ],
)
def test_what_was_never_there_is_told_with_its_rule(step: Step, changed: str, added: str, title: str) -> None:
    (event,) = look(step)
    assert event is not None
    assert event["citywatch.portal.dns.changed"] == [changed]
    assert event["citywatch.portal.dns.added"] == [added]
    assert _titles(event) == {title}


def test_nothing_new_is_silent_and_a_server_that_fails_takes_nothing_away() -> None:
    def breaks(server: NameServer) -> None:
        server.broken = True

    def mends(server: NameServer) -> None:
        server.broken = False

    quiet, broken, again = look(_nothing, breaks, mends)
    assert (quiet, again) == (None, None)
    assert broken is not None
    assert broken["event.outcome"] == "failure"
    assert _titles(broken) == set()


def test_a_change_is_told_until_it_has_stood_for_a_week_or_was_accepted() -> None:
    moved = _set(HOST, "A", "198.51.100.9")
    first, second, _, later = look(moved, _nothing, _nothing, _nothing, days=3.6)
    assert first is not None
    assert second is not None
    assert later is None
    assert look(moved, "accept", _nothing)[1] is None


def test_addresses_of_a_delivery_network_are_learned_to_be_restless() -> None:
    steps = [_set(HOST, "A", f"198.51.100.{number}") for number in range(12)]
    told = look(*steps)
    assert told[0] is not None
    assert told[-1] is None


def test_an_alias_that_leads_nowhere_dangles_and_at_a_service_can_be_taken() -> None:
    def alias(target: str) -> Step:
        def step(server: NameServer) -> None:
            server.zone.pop((HOST, "A"), None)
            server.zone[HOST, "CNAME"] = [target]

        return step

    (gone,) = look(alias("cu.nha-cung-cap.vn"))
    assert gone is not None
    assert gone["citywatch.portal.dns.dangling"] == ["cu.nha-cung-cap.vn"]
    assert "A name that a portal depends on does not exist" in _titles(gone)
    (free,) = look(alias("so-y-te.azurewebsites.net"))
    assert free is not None
    assert free["citywatch.portal.dns.takeover"] == "gone_at_service"
    assert "The name of a portal can be taken by anybody" in _titles(free)


@pytest.mark.parametrize(
    ("body", "taken"),
    [(b"<p>There isn't a GitHub Pages site here.</p>", "service_has_no_owner"), (b"<h1>So Y te</h1>", None)],
)
def test_a_service_that_says_that_nobody_has_the_name_is_believed(body: bytes, taken: str | None) -> None:
    def step(server: NameServer) -> None:
        server.zone.pop((HOST, "A"))
        server.zone[HOST, "CNAME"] = ["so-y-te.github.io"]
        server.zone["so-y-te.github.io", "A"] = ["203.0.113.5"]

    (event,) = look(step, body=body)
    assert event is not None
    assert event.get("citywatch.portal.dns.takeover") == taken


def test_a_name_server_that_does_not_exist_dangles() -> None:
    (event,) = look(_unset("ns2.vnnic.vn", "A"))
    assert event is not None
    assert event["citywatch.portal.dns.dangling"] == ["ns2.vnnic.vn"]


def test_services_are_known_by_whole_labels() -> None:
    assert service_of("github.io.evil.vn") is None
    assert service_of("notgithub.io") is None
    assert all(one.sign.pattern and "\t" not in one.suffix for one in services())
