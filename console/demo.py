"""What happens to a little city when it is attacked, and what does CityWatch make of it?

Eight portals are served on loopback, captures and logs with attacks in them are made, and everything goes
the same way as in earnest: sensors, journal, rules, alerts, playbooks, tickets. The table at the end is read
from the store.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Ticket, from_doc
from citywatch.ports import Query
from console import city
from console.house import House, open_house
from console.portals import visit
from console.registry import active_portals, put_agency, register_portal
from console.settle import settle

if TYPE_CHECKING:
    from sensors.portal.range.server import PortalRange

MARK = "demo.json"
"""Stands in the folder of a demo: all of it was made up, and `--clean` may delete it."""

ORGANISATION = "DEMO"
PREFIX = "demo-citywatch"

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the demo came to."""

    events: int
    matches: int
    alerts: int
    tickets: tuple[Ticket, ...]
    answered: Mapping[str, tuple[Ticket, ...]]
    """What was done to the tickets that answer it."""
    unexpected: tuple[Ticket, ...]
    """Tickets that answer nothing that was done: false ones."""


def default_folder() -> Path:
    """Where a demo lives when nobody says."""
    return Path(tempfile.gettempdir()) / "citywatch-demo"


def run_demo(data: Path | None, store: str | None, *, serve: bool, port: int, json: bool) -> None:
    """Run the demo and show what came of it.

    Raises:
        SettingsError: the folder belongs to a real installation.
        CityWatchError: an attack was not seen, or a ticket answers none.
    """
    from console.cli import say

    logging.getLogger("citywatch").setLevel(logging.ERROR)
    folder = data or default_folder()
    _prepare(folder, store)
    with _open(folder, store) as house:
        with say.err().status("making a little city …", spinner="dots") as status:
            outcome = play(house, _teller(status.update, json=json))
        if json:
            say.line(summary(outcome))
        else:
            _show(house, outcome)
        _judge_outcome(outcome)
        if serve and not json:
            _serve(house, port)


def _teller(update: Tell, *, json: bool) -> Tell:
    from console.cli import say

    def tell(text: str) -> None:
        update(text)
        if not json:
            say.err().print(f"  {text}", markup=False, style="dim")

    return tell


def _open(folder: Path, store: str | None) -> House:
    from citywatch.settings import Fetch, Watch

    house = open_house(folder, store=store, overrides={"organisation": ORGANISATION})
    house.settings = replace(
        house.settings,
        elastic=replace(house.settings.elastic, prefix=PREFIX, replicas=0),
        fetch=Fetch(allow_loopback=True, concurrency=8),
        watch=Watch(),
    )
    return house


def _prepare(folder: Path, store: str | None) -> None:
    """A clean folder with the mark in it, and a clean store.

    Raises:
        SettingsError: something else lives there.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise SettingsError(
            f"{folder}: is not a demo's folder and is not empty; give the demo one of its own: --data DIR"
        )
    clean_demo(folder, store)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_bytes(orjson.dumps({"demo": True, "store": store or ""}))


def clean_demo(data: Path | None, store: str | None) -> str:
    """Remove everything that a demo made.

    Raises:
        SettingsError: the folder is not a demo's.
    """
    folder = data or default_folder()
    if not (folder / MARK).is_file():
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder}: is not a demo's folder; nothing was removed")
        return f"{folder}: there is no demo"
    made = orjson.loads((folder / MARK).read_bytes())
    where = store or str(made.get("store", ""))
    if where.startswith(("http://", "https://")):
        with _open(folder, where) as house:
            _clean_cluster(house)
    shutil.rmtree(folder)
    return f"{folder}: removed"


def _clean_cluster(house: House) -> None:
    from citywatch.store.elastic import ElasticStore

    if isinstance(house.store, ElasticStore):
        house.store.drop_all()


# -- the attacks -----------------------------------------------------------------------------------------


def play(house: House, tell: Tell) -> Outcome:
    """Make the city, attack it, and let CityWatch work."""
    from sensors.portal.range.server import PortalRange
    from sensors.portal.range.site import STYLES, Site

    for agency in city.AGENCIES:
        put_agency(house, agency)
    sites = [
        Site(
            id=agency.id,
            name=f"Cổng thông tin {agency.name}",
            agency=agency.id,
            style=STYLES[number % len(STYLES)],
        )
        for number, agency in enumerate(city.AGENCIES)
    ]
    with PortalRange(sites) as portals:
        _portals(house, portals, tell)
    _sources(house, tell)
    settle(house, tell)
    return _outcome(house)


def _portals(house: House, portals: PortalRange, tell: Tell) -> None:
    for portal in portals.portals():
        register_portal(
            house, url=portal.url, name=portal.name, agency=portal.agency, portal_id=portal.id, level=3
        )
    watched = active_portals(house)
    tell(f"{len(watched)} portals of {len(city.AGENCIES)} agencies are served on loopback")
    for number in range(3):
        visit(house, watched, deep=True)
        portals.next_day()
        tell(f"visit {number + 1}: their faces are learned, while they change by right")
    for deed, kind in (
        (city.DEFACED, "defacement"),
        (city.HIDDEN_SPAM, "spam_search"),
        (city.EXPOSED, "git"),
        (city.EXPOSED, "dump"),
    ):
        portals.attack(deed.agency, kind)
        tell(f"attack on {deed.agency}: {deed.what} ({kind})")
    visit(house, watched, deep=True)
    tell("visit 4: all portals seen again, the attacked and the untouched")


def _sources(house: House, tell: Tell) -> None:
    from citywatch.watch import gather
    from console.sources import make_sources
    from sensors.tell import sources

    folder = house.settings.data / "sources"
    folder.mkdir(exist_ok=True)
    made = make_sources(folder, house.clock())
    for path, sensor in sources(made, _refuse):
        outcome = gather(sensor, path, house.journal, report=_refuse, keep=house.evidence.keep)
        tell(f"read {path.name}: {outcome.events} events ({sensor.name})")


def _refuse(problem: object) -> None:
    raise CityWatchError(f"the demo could not read what it made: {problem}")


# -- what came of it -------------------------------------------------------------------------------------


def _outcome(house: House) -> Outcome:
    tickets = tuple(
        from_doc(record.doc, Ticket)
        for record in house.store.find(
            "ticket", Query(order="opened_at", newest_first=False, limit=1000)
        ).records
    )
    answered = {
        deed.what: tuple(t for t in tickets if t.agency == deed.agency and t.category in deed.categories)
        for deed in city.DEEDS
    }
    used = {ticket.id for found in answered.values() for ticket in found}
    return Outcome(
        events=house.journal.health().last,
        matches=house.judge.matched,
        alerts=house.store.find("alert", Query(limit=1, order="last_seen")).total,
        tickets=tickets,
        answered=answered,
        unexpected=tuple(ticket for ticket in tickets if ticket.id not in used),
    )


def summary(outcome: Outcome) -> dict[str, Any]:
    """The outcome as one JSON object."""
    return {
        "events": outcome.events,
        "matches": outcome.matches,
        "alerts": outcome.alerts,
        "tickets": [
            {
                "id": ticket.id,
                "title": ticket.title,
                "agency": ticket.agency,
                "asset": ticket.asset,
                "severity": ticket.severity.name,
                "rule_ids": sorted(ticket.rule_ids),
            }
            for ticket in outcome.tickets
        ],
    }


def _show(house: House, outcome: Outcome) -> None:
    from console.cli import say

    rows: list[dict[str, Any]] = []
    for deed in city.DEEDS:
        found = outcome.answered[deed.what]
        rows.extend(_shown(house, deed.what, deed.agency, ticket) for ticket in found)
        if not found:
            rows.append({"what": deed.what, "whom": deed.agency, "alert": "NOT SEEN"})
    rows.extend(_shown(house, "(nothing was done)", ticket.agency, ticket) for ticket in outcome.unexpected)
    columns = (
        ("what", "What was done"),
        ("whom", "To whom"),
        ("alert", "Alert"),
        ("severity", "Severity"),
        ("ticket", "Ticket"),
    )
    say.rows(rows, columns, json=False, empty="Nothing came of it.")
    touched = {deed.agency for deed in (city.DEFACED, city.HIDDEN_SPAM, city.EXPOSED)}
    untouched = len(city.AGENCIES) - len(touched)
    say.out().print(
        f"\n{outcome.events} events, {outcome.matches} matches, {outcome.alerts} alerts, "
        f"{len(outcome.tickets)} tickets; "
        f"{len(outcome.unexpected)} false tickets on the {untouched} untouched portals and elsewhere",
        markup=False,
    )
    if shutil.which("chromium") is None:
        say.out().print("There is no Chromium here: portals were judged without pictures.", markup=False)


def _shown(house: House, what: str, whom: str, ticket: Ticket) -> dict[str, Any]:
    records = house.store.get_many("alert", list(ticket.alert_ids))
    titles = sorted({str(record.doc["title"]) for record in records.values()})
    return {
        "what": what,
        "whom": whom,
        "alert": "; ".join(titles),
        "severity": ticket.severity.name,
        "ticket": ticket.id,
    }


def _judge_outcome(outcome: Outcome) -> None:
    missed = [what for what, found in outcome.answered.items() if not found]
    if missed or outcome.unexpected:
        false = ", ".join(f"{ticket.id} ({ticket.title})" for ticket in outcome.unexpected)
        raise CityWatchError(
            f"not as it should be: not seen: {'; '.join(missed) or 'none'}; false tickets: {false or 'none'}"
        )


def _serve(house: House, port: int) -> None:
    from console.cli import say
    from console.service import serve_console
    from console.web.accounts import new_one_time_code

    code = new_one_time_code(house.store, house.clock)
    say.out().print(f"\nConsole:   http://127.0.0.1:{port}/login", markup=False, style="bold")
    say.out().print(f"Log in with this one-time code:   {code}", markup=False, style="bold")
    say.out().print(
        "Ctrl-C ends it; `citywatch demo --clean` removes everything the demo made.\n", markup=False
    )
    serve_console(house, "127.0.0.1", port)
