"""How many attacks on portals are found, how often is an honest change called one, what does a visit cost?

python benchmarks/portals.py pairs PAIRS_TSV        honest pairs, and attacks on their first sides
python benchmarks/portals.py days [--portals N] [--days N]     honest days in the range
python benchmarks/portals.py speed [--portals N]               visits a second, and CPU of each
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from citywatch.clock import system_clock
from citywatch.model import Severity
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.danger import worst
from sensors.portal.judge import compare_files, compare_pair
from sensors.portal.model.train import interval
from sensors.portal.range import PortalRange
from sensors.portal.view import ALL
from sensors.portal.visit import Budget, PortalSensor, Visit

PAYLOADS = Path(__file__).with_name("portal_payloads.tsv")
_BLOCK = re.compile(r"<(?:p|div|h[1-6]|li|td|section)\b[^>]*>", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>.*?</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One attack and where in a page it is put."""

    kind: str
    where: str
    html: str


def payloads() -> list[Payload]:
    """The attacks, written apart from the detector."""
    rows = [line.split("\t") for line in PAYLOADS.read_text(encoding="utf-8").splitlines()[1:] if line]
    return [Payload(kind=kind, where=where, html=html) for kind, where, html in rows]


def put(page: str, payload: Payload) -> str:
    """Put an attack into a page."""
    if payload.where == "whole":
        return payload.html
    if payload.where == "title":
        fresh = f"<title>{payload.html}</title>"
        return _TITLE.sub(lambda _: fresh, page, count=1) if _TITLE.search(page) else fresh + page
    if payload.where == "head":
        at = page.lower().find("</head>")
    elif payload.where == "end":
        at = page.lower().rfind("</body>")
    else:
        places = [found.start() for found in _BLOCK.finditer(page)]
        at = (places[len(places) // 2] if payload.where == "middle" else places[0]) if places else len(page)
    at = len(page) if at < 0 else at
    return page[:at] + payload.html + page[at:]


def pairs(table: Path) -> None:
    """Honest pairs of real pages, then every attack on the first side of fifty of them."""
    levels: Counter[str] = Counter()
    above = 0
    total = 0
    for _, verdict in compare_files(table, print):
        levels[verdict.severity.name] += 1
        above += verdict.severity > Severity.low
        total += 1
    print(f"honest pairs above low: {interval(above, total)}  {dict(levels)}")
    pages = [path.read_bytes() for path in sorted(table.parent.glob("*.a.html"))]
    pages = [page for page in pages if len(page) > 1500][:50]
    missed: Counter[str] = Counter()
    tried = 0
    for body in pages:
        text = body.decode("utf-8", "replace")
        for payload in payloads():
            tried += 1
            verdict = compare_pair(text.encode(), put(text, payload).encode())
            missed[payload.kind] += verdict.severity <= Severity.low
    found = tried - sum(missed.values())
    print(f"attacks found, {len(payloads())} kinds on {len(pages)} real pages: {interval(found, tried)}")
    for kind, count in sorted(missed.items()):
        shown = "#" * round(20 * (len(pages) - count) / len(pages))
        print(f"  {kind:26} {len(pages) - count:3}/{len(pages)} {shown}")


async def _days(count: int, days: int) -> None:
    city = PortalRange.many(count)
    await city.start()
    settings = Fetch(allow_loopback=True, concurrency=32)
    sensor = PortalSensor(
        settings,
        system_clock,
        budget=Budget(inner_pages=1, probes=False, recheck_s=0),
        resolver=city.resolver,
    )
    known: dict[str, Baseline] = {}
    grave: Counter[str] = Counter()

    def done(visit: Visit) -> None:
        known[visit.portal.id] = visit.baseline
        dangers = [
            name for event in visit.events for name in event.get("citywatch.portal.change.dangerous", [])
        ]
        dangers += ["cloaked" for event in visit.events if "citywatch.portal.cloaked" in event]
        grave.update(set(dangers))
        grave["portal-days with an alarm above low"] += (
            worst([name for name in dangers if name != "cloaked"]) > Severity.low
        )

    for _ in range(days):
        await sensor.visit_many(city.portals(), known, done, print)
        city.next_day()
    print(f"{count} portals x {days} days: {dict(grave)}")
    await sensor.close()
    await city.stop()


async def _speed(count: int) -> None:
    city = PortalRange.many(count)
    city.__enter__()
    settings = Fetch(allow_loopback=True, concurrency=64)
    budget = Budget(inner_pages=0, probes=False, recheck_s=0)
    sensor = PortalSensor(settings, system_clock, budget=budget, resolver=city.resolver)
    known: dict[str, Baseline] = {}
    portals = city.portals()

    def done(visit: Visit) -> None:
        known[visit.portal.id] = visit.baseline

    for turn in ("first visit", "second visit", "third visit"):
        wall, cpu = time.perf_counter(), time.thread_time()
        await sensor.visit_many(portals, known, done)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        views = count * len(ALL)
        print(f"{turn}: {views} views in {wall:.1f} s, {1000 * cpu / views:.2f} ms CPU a view")
    wall, cpu = time.perf_counter(), time.thread_time()
    connector = aiohttp.TCPConnector(resolver=city.resolver, limit=64)
    async with aiohttp.ClientSession(connector=connector) as session:
        for portal in portals:
            for _ in ALL:
                async with session.get(portal.url) as answer:
                    await answer.read()
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    print(f"bare loop: {wall:.1f} s, {1000 * cpu / (count * len(ALL)):.2f} ms CPU a view")
    await sensor.close()
    city.__exit__(None, None, None)


def main(arguments: Sequence[str]) -> int:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["pairs", "days", "speed"])
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--portals", type=int, default=100)
    parser.add_argument("--days", type=int, default=10)
    options = parser.parse_args(arguments)
    if options.what == "pairs":
        if options.table is None:
            parser.error("pairs needs the TSV of the pairs")
        pairs(options.table)
    elif options.what == "days":
        asyncio.run(_days(options.portals, options.days))
    else:
        asyncio.run(_speed(options.portals))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
