"""Is one attack one ticket, one campaign shown as one, and what has nothing to do with it left alone?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from citywatch.clock import stamp, system_clock
from citywatch.errors import StoreUnreachable
from citywatch.model import Alert, Ticket, from_doc, to_doc
from citywatch.ports import Query, Store
from citywatch.respond.casework import Refused, edited
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.lifecycle import Numbering, change_ticket
from citywatch.respond.runner import Runner
from citywatch.respond.split import split_off
from citywatch.respond.story import Stories, leave_campaign, members_of, ties_told
from citywatch.respond.tie import load_ties
from citywatch.schema import TABLES
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from citywatch.store.sqlite import SqliteStore
from responders.ticket import OpenTicket
from tests.citywatch.store.test_elastic import clear

from .conftest import Watch, a_playbook, an_alert

HEAD = """
playbook: any
version: 1
name: Bất kỳ
name_en: Any
owner: csirt
risk: notify
trigger: { where: { severity: high }, group_by: [rule.id, agency, asset], within: 30m }
steps:
"""
STEPS = '  - { id: ticket, do: ticket.open, with: { title: "{{ alert.title }}" } }\n'


@pytest.fixture
def cluster(elasticsearch: str) -> Iterator[Store]:
    settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
    made = ElasticStore(elasticsearch, settings, clock=system_clock)
    yield made
    clear(made, settings.prefix)


def seen(  # noqa: PLR0913 - what the cases vary
    rule: str,
    at: str,
    *,
    agency: str = "so-y-te",
    asset: str = "may-chu-1",
    source: str = "",
    about: str = "",
    tags: tuple[str, ...] = (),
    category: str = "host_attack",
    **values: str,
) -> Alert:
    """An alert of a rule at a time of the day; `source` stands in its subject, `about` only beside."""
    names = {name.replace("_", "."): [value] for name, value in values.items()}
    if source or about:
        names["source.ip"] = [source or about]
    when = f"2026-11-23T{at}:00.000000Z"
    return an_alert(
        id=f"{rule}-{agency}-{asset}-{at}",
        rule_id=rule,
        title=rule,
        title_vi="",
        at=when,
        subject_fields={"source.ip": source} if source else {"host.name": asset},
        values=names,
        agency=agency,
        asset=asset,
        category=category,
        tags=tags,
    )


GUESS, SCAN = ("attack.t1110.003",), ("attack.t1595.002",)
BAD, OTHER = "203.0.113.66", "198.51.100.23"

CASES: Mapping[str, tuple[Sequence[Alert], Sequence[set[str]], Sequence[set[str]]]] = {
    "an attacker's address on one asset is one attack, whatever the playbooks": (
        [seen("scan", "01:00", source=BAD, tags=SCAN), seen("sqli", "01:20", source=BAD)],
        [{"scan", "sqli"}],
        [],
    ),
    "a guess that worked and what then befell the machine are one attack": (
        [
            seen("guessed", "01:00", source=BAD, tags=(*GUESS, "attack.t1078")),
            seen("dump", "01:10"),
            seen("wipe", "01:20", category="loss"),
        ],
        [{"guessed", "dump", "wipe"}],
        [],
    ),
    "guesses that came to nothing do not swallow what else befalls the machine": (
        [seen("guess", "01:00", source=BAD, tags=GUESS), seen("dump", "01:10")],
        [{"guess"}, {"dump"}],
        [],
    ),
    "two attackers of one server are two attacks": (
        [seen("sqli", "01:00", source=BAD), seen("webshell", "01:10", source=OTHER)],
        [{"sqli"}, {"webshell"}],
        [],
    ),
    "a camera that is broken into and then attacks others is one attack": (
        [
            seen("default password", "01:00", asset="10.20.8.41", about=OTHER, user_name="root"),
            seen("bot", "01:05", asset="10.20.8.41", source="10.20.8.41", destination_ip=BAD),
            seen("telnet", "03:00", asset="10.20.8.41", source="10.20.8.41"),
        ],
        [{"default password", "bot", "telnet"}],
        [],
    ),
    "what a camera then attacks is its owner's ticket, in one campaign with the camera's": (
        [
            seen("bot", "01:05", agency="xa", asset="10.20.8.41", source="10.20.8.41"),
            seen("guessed", "02:00", source="10.20.8.41", tags=("attack.t1110", "attack.t1078")),
        ],
        [{"bot"}, {"guessed"}],
        [{"bot", "guessed"}],
    ),
    "an address behind which many stand, hours apart, ties nothing": (
        [seen("sqli", "01:00", source=BAD), seen("webshell", "05:00", source=BAD)],
        [{"sqli"}, {"webshell"}],
        [],
    ),
    "nor does it hours apart at two agencies": (
        [seen("sqli", "01:00", source=BAD), seen("webshell", "05:00", source=BAD, agency="xa", asset="w")],
        [{"sqli"}, {"webshell"}],
        [],
    ),
    "the city's resolver ties nobody's tunnel to another's": (
        [
            seen("tunnel", "01:00", agency="a", asset="pc-a", about="10.1.1.1", destination_ip="10.20.0.53"),
            seen("beacon", "01:01", agency="b", asset="pc-b", about="10.2.2.2", destination_ip="10.20.0.53"),
        ],
        [{"tunnel"}, {"beacon"}],
        [],
    ),
    "one command server of two agencies' machines is a campaign": (
        [
            seen("c2", "01:00", agency="a", asset="10.1.1.1", source="10.1.1.1", destination_ip=BAD),
            seen("bot", "01:40", agency="b", asset="10.2.2.2", source="10.2.2.2", destination_ip=BAD),
        ],
        [{"c2"}, {"bot"}],
        [{"c2", "bot"}],
    ),
    "one file on machines of two agencies is a campaign days later too": (
        [
            seen("dropped", "01:00", agency="a", asset="pc-a", file_hash_sha256="ab" * 32),
            seen("ran", "23:00", agency="b", asset="pc-b", file_hash_sha256="AB" * 32),
        ],
        [{"dropped"}, {"ran"}],
        [{"dropped", "ran"}],
    ),
    "everybody's account ties nothing": (
        [
            seen("a1", "01:00", source=BAD, user_name="root"),
            seen("a2", "01:10", source=OTHER, user_name="CITY\\Administrator"),
        ],
        [{"a1"}, {"a2"}],
        [],
    ),
    "a person's account on one machine does": (
        [
            seen("a1", "01:00", source=BAD, user_name="CITY\\lan.nt"),
            seen("a2", "01:10", source=OTHER, user_name="city\\Lan.NT"),
        ],
        [{"a1", "a2"}],
        [],
    ),
    "an open folder is work of its own": (
        [seen("git", "01:00", category="exposure"), seen("face", "01:10", category="defacement")],
        [{"git"}, {"face"}],
        [],
    ),
    "nobody's asset is nobody's attack": (
        [seen("a1", "01:00", agency="", asset=""), seen("a2", "01:10", agency="", asset="")],
        [{"a1"}, {"a2"}],
        [],
    ),
    "an attack of eight agencies by one address is eight tickets and one campaign": (
        [seen(f"x{n}", f"01:0{n}", agency=f"a{n}", asset=f"w{n}", source=BAD) for n in range(8)],
        [{f"x{n}"} for n in range(8)],
        [{f"x{n}" for n in range(8)}],
    ),
    "a scan of eight agencies does not bring other attacks on them together": (
        [
            *(seen("scan", f"01:0{n}", agency=f"a{n}", asset=f"w{n}", source=BAD, tags=SCAN) for n in "01"),
            seen("dump", "01:20", agency="a0", asset="w0"),
            seen("sqli", "01:30", agency="a1", asset="w1", source=OTHER),
        ],
        [{"scan"}, {"scan"}, {"dump"}, {"sqli"}],
        [{"scan"}],
    ),
}


def house_of(store: Store, watch: Watch, tmp_path: Path) -> Runner:
    stories = Stories(store, load_ties(tmp_path), watch)
    opener = OpenTicket(store=store, clock=watch, numbering=Numbering(), stories=stories)
    book = a_playbook(STEPS, HEAD)
    return Runner(store, [book], {opener.name: opener}, Catalogue(store), watch, stories=stories)


def respond(runner: Runner, store: Store, alerts: Sequence[Alert]) -> None:
    store.put_many("alert", {alert.id: to_doc(alert) for alert in alerts})
    runner.start_many(alerts)
    while runner.tick():
        pass


def tickets_of(store: Store) -> list[Ticket]:
    page = store.find("ticket", Query(order="id", newest_first=False, limit=1000))
    return [from_doc(record.doc, Ticket) for record in page.records]


def told(tickets: Sequence[Ticket]) -> tuple[list[list[str]], list[list[str]]]:
    """The rules of each ticket, and those of each campaign."""
    campaigns: dict[str, set[str]] = {}
    for ticket in tickets:
        if ticket.campaign:
            campaigns.setdefault(ticket.campaign, set()).update(ticket.rule_ids)
    return (
        sorted(sorted(ticket.rule_ids) for ticket in tickets),
        sorted(sorted(rules) for rules in campaigns.values()),
    )


def wanted(name: str) -> tuple[list[list[str]], list[list[str]]]:
    _, stories, campaigns = CASES[name]
    return sorted(map(sorted, stories)), sorted(map(sorted, campaigns))


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one after the other"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_one_attack_and_what_is_not(
    store: Store, watch: Watch, tmp_path: Path, name: str, *, together: bool
) -> None:
    runner = house_of(store, watch, tmp_path)
    alerts = CASES[name][0]
    for some in [alerts] if together else [[alert] for alert in alerts]:
        respond(runner, store, some)
    runner.close()
    assert told(tickets_of(store)) == wanted(name)


@pytest.mark.elasticsearch
@pytest.mark.parametrize(
    "name",
    [
        "a guess that worked and what then befell the machine are one attack",
        "two attackers of one server are two attacks",
        "a camera that is broken into and then attacks others is one attack",
        "an attack of eight agencies by one address is eight tickets and one campaign",
    ],
)
def test_it_is_the_same_on_elasticsearch(cluster: Store, watch: Watch, tmp_path: Path, name: str) -> None:
    runner = house_of(cluster, watch, tmp_path)
    respond(runner, cluster, CASES[name][0])
    runner.close()
    assert told(tickets_of(cluster)) == wanted(name)


class Cut(StoreUnreachable):
    pass


class Failing:
    """A store whose connection breaks before a certain write."""

    def __init__(self, store: Store, at: int) -> None:
        self._store, self._left = store, at

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in {"put_if", "put_many", "create_many"}:
            return real

        def write(*args: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise Cut("cut")
            return real(*args)

        return write


def test_cut_off_before_any_write_it_ends_the_same(watch: Watch, tmp_path: Path) -> None:
    name = "a guess that worked and what then befell the machine are one attack"
    elsewhere = seen("guessed elsewhere", "01:05", agency="xa", asset="w", source=BAD)
    alerts = [*CASES[name][0], elsewhere]
    for at in range(1000):
        store = SqliteStore(tmp_path / f"{at}.sqlite", clock=watch)
        first = house_of(Failing(store, at), watch, tmp_path)  # pyright: ignore[reportArgumentType] - it passes all on
        cut = False
        try:
            respond(first, store, alerts)
        except StoreUnreachable:
            cut = True
        second = house_of(store, watch, tmp_path)
        respond(second, store, alerts)
        tickets = tickets_of(store)
        (big, small) = sorted(tickets, key=lambda ticket: -len(ticket.alert_ids))
        assert set(big.rule_ids) == {"guessed", "dump", "wipe"}, at
        assert (len(big.alert_ids), big.alert_count, len(big.strands)) == (3, 3, 2), at
        assert big.campaign == small.campaign == min(big.id, small.id), at
        assert sum(line.what == "joined" for line in big.history) == 2, at
        store.close()
        if not cut:
            assert at > 20
            return
    pytest.fail("it never came to its end")


def test_what_joined_says_why_and_names_the_ticket_when_it_is_graver(
    store: Store, watch: Watch, tmp_path: Path
) -> None:
    name = "a guess that worked and what then befell the machine are one attack"
    respond(house_of(store, watch, tmp_path), store, CASES[name][0])
    (ticket,) = tickets_of(store)
    assert [strand.because for strand in ticket.strands] == ["asset so-y-te/may-chu-1"] * 2
    assert (ticket.title, ticket.category) == ("wipe", "loss")
    assert set(ticket.categories) == {"loss", "host_attack"}
    assert any("asset so-y-te/may-chu-1" in line.note for line in ticket.history if line.what == "joined")
    assert [line.note for line in ticket.history if line.what == "graver"] == ["guessed → wipe"]


def test_a_title_that_a_person_gave_stays(store: Store, watch: Watch, tmp_path: Path) -> None:
    alerts = CASES["a guess that worked and what then befell the machine are one attack"][0]
    runner = house_of(store, watch, tmp_path)
    respond(runner, store, alerts[:2])
    (ticket,) = tickets_of(store)
    at = stamp(watch())
    change_ticket(store, ticket.id, lambda known: edited(known, "title", "Máy kế toán", by="lan", at=at))
    respond(runner, store, alerts[2:])
    (ticket,) = tickets_of(store)
    assert (ticket.title, len(ticket.strands)) == ("Máy kế toán", 2)


def test_what_joined_is_split_off_with_its_alerts_and_those_that_come(
    store: Store, watch: Watch, tmp_path: Path
) -> None:
    alerts = CASES["a guess that worked and what then befell the machine are one attack"][0]
    runner = house_of(store, watch, tmp_path)
    respond(runner, store, alerts)
    (ticket,) = tickets_of(store)
    wipe = next(strand for strand in ticket.strands if strand.title == "wipe")
    fresh = split_off(store, ticket.id, wipe.run_id, by="lan", now=watch(), numbering=Numbering())
    with pytest.raises(Refused, match="joined it"):
        split_off(store, ticket.id, wipe.run_id, by="lan", now=watch(), numbering=Numbering())
    first, second = tickets_of(store)
    assert (first.title, first.category, set(first.rule_ids) - {"wipe"}) == (
        "guessed", "host_attack", {"guessed", "dump"},
    )  # fmt: skip
    assert (second.id, second.title, second.rule_ids) == (fresh.id, "wipe", ("wipe",))
    assert (first.alert_count, second.alert_count) == (2, 1)
    assert (first.links, second.links) == ((second.id,), (first.id,))
    later = replace(alerts[2], id="later", first_seen="2026-11-23T01:25:00.000000Z")
    respond(runner, store, [replace(later, last_seen="2026-11-23T01:25:00.000000Z")])
    first, second = tickets_of(store)
    assert (first.alert_count, second.alert_count) == (2, 2)
    state = store.get("alert_state", alerts[2].id)
    assert state
    assert state.doc["ticket_id"] == second.id


def test_who_is_taken_out_of_a_campaign_is_not_put_in_again(
    store: Store, watch: Watch, tmp_path: Path
) -> None:
    alerts = CASES["an attack of eight agencies by one address is eight tickets and one campaign"][0]
    runner = house_of(store, watch, tmp_path)
    respond(runner, store, alerts[:3])
    first, second, third = tickets_of(store)
    assert members_of(store, first.id) == [first.id, second.id, third.id]
    assert ties_told(first) == [f"ip {BAD}"]
    leave_campaign(store, second.id, by="lan", at=stamp(watch()))
    respond(runner, store, alerts[3:])
    tickets = tickets_of(store)
    assert [bool(ticket.campaign) for ticket in tickets] == [True, False, *[True] * 6]
    assert {ticket.campaign for ticket in tickets} == {first.id, ""}


def test_a_value_met_at_several_tickets_before_ties_nothing_any_more(
    store: Store, watch: Watch, tmp_path: Path
) -> None:
    """A busy way out: three tickets of three agencies yesterday, two attacks close together today."""
    runner = house_of(store, watch, tmp_path)
    day = "2026-11-22"
    old = [
        replace(
            one, first_seen=one.first_seen.replace("2026-11-23", day), last_seen=f"{day}T0{n}:00:00.000000Z"
        )
        for n, one in enumerate(
            seen(f"old{n}", f"0{n}:00", agency=f"a{n}", asset=f"w{n}", source=BAD) for n in (1, 4, 7)
        )
    ]
    respond(runner, store, old)
    respond(runner, store, [seen("a1", "09:00", source=BAD), seen("a2", "09:05", source=BAD, agency="xa")])
    assert not [ticket for ticket in tickets_of(store) if ticket.campaign]


def test_a_campaign_has_a_bound(store: Store, watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    text = (TABLES / "story.toml").read_text(encoding="utf-8").replace("tickets = 100", "tickets = 5")
    (folder / "story.toml").write_text(text, encoding="utf-8")
    alerts = CASES["an attack of eight agencies by one address is eight tickets and one campaign"][0]
    respond(house_of(store, watch, tmp_path), store, alerts)
    sizes = Counter(ticket.campaign for ticket in tickets_of(store))
    assert sorted(sizes.values()) == [3, 5]
