"""How long does somebody wait for a page of the console, when there is very much in the store?

    nice python benchmarks/console_pages.py [--number 100000] [--keep DIR] [--elasticsearch URL]

Fills a store with so many alerts of thirty days, their events, and a ticket for every twentieth of them;
serves the console on loopback and asks for each page again and again, with other values each time. Prints
medians, the 95th percentile and the size of the compressed page in Markdown; then what fifty people at once
wait, and how long it takes to close 10,000 alerts in one go. With --keep the filled store is used again.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from typing import cast
from urllib.parse import quote

import httpx2 as httpx

from citywatch.clock import stamp, system_clock
from citywatch.model import Alert, AlertState, Ticket, to_doc
from citywatch.ports import Query, Store
from citywatch.settings import Settings, load_settings
from console.house import House
from console.web import seed, sessions, shots
from console.web.accounts import User, add_user
from console.web.app import HouseView, make_app
from console.web.door import COOKIE

DAYS = 30
CHUNK = 5_000
A_TICKET_EACH = 20
REPEAT = 60
PEOPLE = 50
PEOPLE_S = 20.0
THINK_S = 4.0
CLOSED = 10_000


def fill(store: Store, number: int) -> None:
    """Alerts, their events and states, and tickets, oldest first."""
    now = system_clock()
    gap = DAYS * 86_400 / number
    template = seed.tickets(list(seed.alerts(400, now)), now)
    store.put_many("agency", {item.id: to_doc(item) for item in seed.agencies()})
    store.put_many("portal", {item.id: to_doc(item) for item in seed.portals()})
    numbers = count(1)
    made = seed.alerts(number, now, gap_s=(gap / 2, gap * 3 / 2))
    while chunk := list(islice(made, CHUNK)):
        store.append([alert.event for alert in chunk])
        store.put_many("alert", {alert.id: to_doc(alert) for alert in chunk})
        opened = [_ticket(alert, template, next(numbers)) for alert in chunk[::A_TICKET_EACH]]
        store.put_many("ticket", {ticket.id: to_doc(ticket) for ticket in opened})
        states = {
            ticket.alert_ids[0]: AlertState(
                alert_id=ticket.alert_ids[0],
                state="acknowledged",
                assignee="lan",
                ticket_id=ticket.id,
                changed_at=ticket.changed_at,
                changed_by="lan",
            )
            for ticket in opened
        }
        store.put_many("alert_state", {key: to_doc(state) for key, state in states.items()})


def _ticket(alert: Alert, template: Sequence[Ticket], number: int) -> Ticket:
    """A ticket of this alert; most are closed, as in a city that has been watched for long."""
    like = template[number % len(template)]
    return replace(
        like,
        id=f"HN-2026-{number:06d}",
        key=f"{alert.rule_id}:{alert.subject}:{number}",
        title=f"{alert.title_vi}: {alert.subject}",
        severity=alert.severity,
        state=like.state if number % 10 == 0 else "closed",  # a tenth is open
        agency=alert.agency,
        asset=alert.asset,
        opened_at=alert.first_seen,
        changed_at=alert.last_seen,
        alert_ids=(alert.id,),
    )


def spread(store: Store, kind: str, order: str) -> list[str]:
    """Ids of two records of each day."""
    now = system_clock()
    ends = (stamp(now - timedelta(days=day)) for day in range(DAYS))
    pages = (store.find(kind, Query(order=order, end=end, limit=2, count_to=1)) for end in ends)
    return [record.id for page in pages for record in page.records]


def questions(store: Store) -> dict[str, Callable[[int], str]]:
    """The pages, each as the address of its n-th asking."""
    alerts, tickets = spread(store, "alert", "last_seen"), spread(store, "ticket", "changed_at")
    agencies = [agency.id for agency in seed.agencies()]
    levels = ("low", "medium", "high", "critical")

    def day(n: int) -> str:
        start = system_clock() - timedelta(days=1 + n % (DAYS - 2))
        bounds = f"from={stamp(start)}&to={stamp(start + timedelta(days=1))}"
        return f"/search?{bounds}&q={quote(f'source.ip:203.0.113.{n + 1}')}"

    def filtered(n: int) -> str:
        return f"/alerts?severity={levels[n % 4]}&q={quote('agency:' + agencies[n % len(agencies)])}"

    return {
        "inbox": lambda _: "/alerts",
        "filter by severity and agency": filtered,
        "filter by a value": lambda n: f"/alerts?state=any&q={quote(f'source.ip:203.0.113.{n + 1}')}",
        "alert": lambda n: f"/alerts/{alerts[n % len(alerts)]}",
        "tickets": lambda _: "/tickets",
        "ticket": lambda n: f"/tickets/{tickets[n % len(tickets)]}",
        "search of a day": day,
        "all of the last day": lambda _: "/search?range=24h",
        "dashboard": lambda _: "/overview",
    }


def timed(client: httpx.Client, path: str) -> tuple[float, int]:
    """Seconds until the whole page is there, and its bytes as they came over the wire."""
    began = time.perf_counter()
    with client.stream("GET", path) as answer:
        size = sum(len(part) for part in answer.iter_raw())
    if answer.status_code != 200:
        sys.exit(f"{path}: {answer.status_code}")
    return time.perf_counter() - began, size


def p95(seconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]


def measure(client: httpx.Client, store: Store) -> None:
    """One person, page after page."""
    print("| page | median ms | p95 ms | slowest ms | KiB |")
    print("|---|---:|---:|---:|---:|")
    for name, address in questions(store).items():
        got = [timed(client, address(number)) for number in range(REPEAT)]
        times = [seconds for seconds, _ in got]
        figures = (statistics.median(times), p95(times), max(times))
        shown = " | ".join(f"{figure * 1000:.0f}" for figure in figures)
        print(f"| {name} | {shown} | {max(size for _, size in got) / 1024:.1f} |", flush=True)


def crowd(make: Callable[[], httpx.Client], store: Store) -> None:
    """Many people at once, each looking at a page for a while before the next."""
    asked = list(questions(store).values())
    until = time.monotonic() + PEOPLE_S

    def person(number: int) -> list[float]:
        times: list[float] = []
        with make() as client:
            time.sleep(THINK_S * number / PEOPLE)
            while time.monotonic() < until:
                seconds, _ = timed(client, asked[(number + len(times)) % len(asked)](number))
                times.append(seconds)
                time.sleep(max(THINK_S - seconds, 0))
        return times

    with ThreadPoolExecutor(PEOPLE) as pool:
        times = [seconds for one in pool.map(person, range(PEOPLE)) for seconds in one]
    print(f"\n{PEOPLE} people, each a page every {THINK_S:.0f} s: {len(times)} pages, ", end="")
    print(f"median {statistics.median(times) * 1000:.0f} ms, p95 {p95(times) * 1000:.0f} ms")


def close_many(client: httpx.Client) -> None:
    """Close as many alerts as one deed may, and undo it."""
    page = client.get("/alerts?state=new").text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    if token is None:
        sys.exit("the inbox has no form")
    form = {"csrf": token[1], "deed": "close", "reason": "measured", "scope": "all", "state": "new"}
    began = time.perf_counter()
    answer = client.post("/alerts/do", data=form)
    seconds = time.perf_counter() - began
    told = re.search(r"<span>([^<]*)</span>", client.get("/alerts").text)
    print(f"bulk close of {CLOSED:,}: {seconds:.2f} s ({answer.status_code}: {told[1] if told else ''})")


def run(settings: Settings, number: int) -> None:
    """Fill where it is empty, serve, ask."""
    house = House(settings, system_clock)
    store = house.store
    if not store.find("alert", Query(order="last_seen", limit=1)).records:
        began = time.monotonic()
        fill(store, number)
        add_user(store, system_clock, User(id="lan", name="Lan", role="admin", language="en"), "x" * 12)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    user = User(id="lan", name="Lan", role="admin", language="en")
    with shots.listening(make_app(cast("HouseView", house))) as address:
        token, _ = sessions.open_session(store, system_clock, user, "benchmark")

        def client() -> httpx.Client:
            return httpx.Client(base_url=address, cookies={COOKIE: token}, timeout=60)

        with client() as one:
            measure(one, store)
            crowd(client, store)
            close_many(one)
    house.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=100_000, help="alerts, and events")
    parser.add_argument("--elasticsearch", default="", help="measure on this cluster, in indices of its own")
    parser.add_argument("--keep", type=Path, help="folder of a filled store, filled when it is empty")
    chosen = parser.parse_args()
    kept = nullcontext(str(chosen.keep)) if chosen.keep else tempfile.TemporaryDirectory()
    with kept as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        settings = load_settings(Path(folder), environ={})
        if chosen.elasticsearch:
            elastic = replace(settings.elastic, prefix=f"benchmark{chosen.number}")
            settings = replace(settings, store=chosen.elasticsearch, elastic=elastic)
        run(settings, chosen.number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
