"""How long does somebody wait for a page of the console, when there is very much in the store?

    nice python benchmarks/console_pages.py [--alerts 1000000] [--events 1000000] [--tickets 50000]
        [--requests 100] [--keep DIR] [--elasticsearch URL]

Fills a store with so many alerts of thirty days, their events and tickets; serves the console on loopback and
asks for each page again and again, with other values each time. Prints medians, the 95th percentile, the CPU
time of the console's process and the size of the compressed page in Markdown; then what fifty people at once
wait while each also holds a live stream open, and how long it takes to close 10,000 alerts in one go and to
undo that. With --keep the filled store is used again (with --elasticsearch, its indices are).
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import cast
from urllib.parse import quote

import httpx2 as httpx

from citywatch.clock import stamp, system_clock
from citywatch.model import Alert, AlertState, Event, Ticket, repeatable_id, to_doc
from citywatch.ports import Query, Store
from citywatch.settings import Settings, load_settings
from console.house import House
from console.web import seed, sessions, shots
from console.web.accounts import User, add_user
from console.web.app import HouseView, make_app
from console.web.door import COOKIE

DAYS = 30
CHUNK = 5_000
PEOPLE = 50
PEOPLE_S = 20.0
THINK_S = 4.0
CLOSED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is in the store, and how often each page is asked for."""

    alerts: int
    events: int
    tickets: int
    requests: int


def fill(store: Store, sizes: Sizes) -> None:
    """Alerts, their events and states, tickets, and further events, all oldest first."""
    now = system_clock()
    template = seed.tickets(list(seed.alerts(400, now)), now)
    store.put_many("agency", {item.id: to_doc(item) for item in seed.agencies()})
    store.put_many("portal", {item.id: to_doc(item) for item in seed.portals()})
    each = max(sizes.alerts // sizes.tickets, 1)
    numbers = count(1)
    for chunk in _chunks(sizes.alerts, now, seed_of=7):
        store.append([alert.event for alert in chunk])
        store.put_many("alert", {alert.id: to_doc(alert) for alert in chunk})
        opened = [_ticket(alert, template, next(numbers)) for alert in chunk[::each]]
        store.put_many("ticket", {ticket.id: to_doc(ticket) for ticket in opened})
        store.put_many("alert_state", {ticket.alert_ids[0]: to_doc(_state(ticket)) for ticket in opened})
    for chunk in _chunks(sizes.events - sizes.alerts, now, seed_of=8):
        store.append([_other(alert.event, sizes.alerts) for alert in chunk])


def _chunks(number: int, now: datetime, *, seed_of: int) -> Iterator[list[Alert]]:
    """Alerts of the last days, going forward in time."""
    gap = -DAYS * 86_400 / max(number, 1)
    start = now - timedelta(days=DAYS, minutes=30)
    made = seed.alerts(max(number, 0), start, seed_of, gap_s=(gap * 3 / 2, gap / 2))
    while chunk := list(islice(made, CHUNK)):
        yield chunk


def _other(event: Event, after: int) -> Event:
    """An event that no alert is about."""
    sequence = after + int(event["event.sequence"])
    return event | {"event.id": repeatable_id("other", sequence), "event.sequence": sequence}


def _state(ticket: Ticket) -> AlertState:
    return AlertState(
        alert_id=ticket.alert_ids[0],
        state="acknowledged",
        assignee="lan",
        ticket_id=ticket.id,
        changed_at=ticket.changed_at,
        changed_by="lan",
    )


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
        "filter by severity": lambda n: f"/alerts?severity={levels[n % 4]}",
        "what was closed": lambda _: "/alerts?state=closed",
        "what is dealt with": lambda _: "/alerts?state=acknowledged",
        "filter by a value": lambda n: f"/alerts?state=any&q={quote(f'source.ip:203.0.113.{n + 1}')}",
        "alert": lambda n: f"/alerts/{alerts[n % len(alerts)]}",
        "tickets": lambda _: "/tickets",
        "tickets of an agency": lambda n: f"/tickets?state=any&q={agencies[n % len(agencies)]}",
        "ticket": lambda n: f"/tickets/{tickets[n % len(tickets)]}",
        "search of a day": day,
        "all of the last day": lambda _: "/search?range=24h",
        "counted by source": lambda n: day(n).partition("&q=")[0] + "&by=source.ip",
        "dashboard": lambda _: "/overview",
        "wall": lambda _: "/wall",
        "health": lambda _: "/health",
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
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def measure(client: httpx.Client, asked: Mapping[str, Callable[[int], str]], requests: int) -> None:
    """One person, page after page."""
    print("| page | median ms | p95 ms | slowest ms | CPU ms | KiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, address in asked.items():
        spent = time.process_time()
        got = [timed(client, address(number)) for number in range(requests)]
        spent = (time.process_time() - spent) / requests
        times = [seconds for seconds, _ in got]
        figures = (statistics.median(times), p95(times), max(times))
        shown = " | ".join(f"{figure * 1000:.0f}" for figure in figures)
        largest = max(size for _, size in got) / 1024
        print(f"| {name} | {shown} | {spent * 1000:.0f} | {largest:.1f} |", flush=True)


def crowd(make: Callable[[], httpx.Client], asked: Sequence[Callable[[int], str]]) -> None:
    """Many people at once, each with a live stream open, who look at a page for a while before the next."""
    until = time.monotonic() + PEOPLE_S

    def person(number: int) -> list[float]:
        times: list[float] = []
        with make() as client, client.stream("GET", "/live") as stream:
            if stream.headers.get("content-type", "").partition(";")[0] != "text/event-stream":
                sys.exit(f"no live stream: {stream.status_code}")
            time.sleep(THINK_S * number / PEOPLE)
            while time.monotonic() < until:
                seconds, _ = timed(client, asked[(number + len(times)) % len(asked)](number))
                times.append(seconds)
                time.sleep(max(THINK_S - seconds, 0))
        return times

    with ThreadPoolExecutor(PEOPLE) as pool:
        times = [seconds for one in pool.map(person, range(PEOPLE)) for seconds in one]
    print(f"\n{PEOPLE} live people, each a page every {THINK_S:.0f} s: {len(times)} pages, ", end="")
    print(f"median {statistics.median(times) * 1000:.0f} ms, p95 {p95(times) * 1000:.0f} ms", flush=True)


def close_many(client: httpx.Client) -> None:
    """Close as many alerts as one deed may, and undo it."""
    form = {"deed": "close", "reason": "measured", "scope": "all", "state": "new"}
    print(f"bulk close of {CLOSED:,}: {_post(client, '/alerts/do', form)}", flush=True)
    undo = re.search(r'name="undo" value="([^"]+)"', client.get("/alerts").text)
    if undo is None:
        sys.exit("nothing to undo")
    print(f"undone: {_post(client, '/alerts/undo', {'undo': undo[1]})}")


def _post(client: httpx.Client, path: str, form: dict[str, str]) -> str:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/alerts?state=new").text)
    if token is None:
        sys.exit("the inbox has no form")
    began = time.perf_counter()
    answer = client.post(path, data={**form, "csrf": token[1]})
    return f"{time.perf_counter() - began:.2f} s ({answer.status_code} {answer.headers.get('location', '')})"


def run(settings: Settings, sizes: Sizes) -> None:
    """Fill where it is empty, serve, ask."""
    house = House(settings, system_clock)
    store = house.store
    if not store.find("alert", Query(order="last_seen", limit=1)).records:
        began = time.monotonic()
        fill(store, sizes)
        add_user(store, system_clock, User(id="lan", name="Lan", role="admin", language="en"), "x" * 12)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    user = User(id="lan", name="Lan", role="admin", language="en")
    with shots.listening(make_app(cast("HouseView", house))) as address:
        token, _ = sessions.open_session(store, system_clock, user, "benchmark")

        def client() -> httpx.Client:
            return httpx.Client(base_url=address, cookies={COOKIE: token}, timeout=60)

        asked = questions(store)
        with client() as one:
            measure(one, asked, sizes.requests)
            crowd(client, list(asked.values()))
            close_many(one)
    house.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alerts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--tickets", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=100, help="how often each page is asked for")
    parser.add_argument("--elasticsearch", default="", help="measure on this cluster, in indices of its own")
    parser.add_argument("--keep", type=Path, help="folder of a filled store, filled when it is empty")
    chosen = parser.parse_args()
    sizes = Sizes(
        alerts=chosen.alerts, events=chosen.events, tickets=chosen.tickets, requests=chosen.requests
    )
    kept = nullcontext(str(chosen.keep)) if chosen.keep else tempfile.TemporaryDirectory()
    with kept as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        settings = load_settings(Path(folder), environ={})
        if chosen.elasticsearch:
            elastic = replace(settings.elastic, prefix=f"benchmark{chosen.alerts}")
            settings = replace(settings, store=chosen.elasticsearch, elastic=elastic)
        run(settings, sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
