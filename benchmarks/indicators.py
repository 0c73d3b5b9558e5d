"""What do a million indicators cost an event, and how soon does a warning tell who was in contact?

`python benchmarks/indicators.py [--events 100000] [--stored 200000]`: flows, DNS and HTTP events with values
as a city has them (most seen before), judged with none, ten and a million indicators; then warnings of
every size asked of an embedded store that holds so many events.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from citywatch.clock import stamp_us, system_clock
from citywatch.detect.indicators import Indicator, Indicators
from citywatch.detect.sightings import sightings
from citywatch.model import Event
from citywatch.store.sqlite import SqliteStore

T0 = 1_790_000_000_000_000


def events(count: int, pick: random.Random) -> Iterator[Event]:
    """Events that mostly name what was seen before."""
    for number in range(count):
        at = stamp_us(T0 + number * 1000)
        rank = int(pick.paretovariate(0.7)) % 200_000
        host = f"10.{rank % 40}.{rank % 250}.{rank % 200 + 1}"
        event: Event = {
            "@timestamp": at,
            "event.id": f"{number:032x}",
            "event.kind": "event",
            "event.category": ["network"],
            "event.dataset": "network.flow",
            "event.module": "network",
            "event.sequence": number + 1,
            "event.ingested": at,
            "source.ip": host,
            "destination.ip": f"203.0.{rank % 256}.{rank // 256 % 256}",
            "destination.port": 443,
        }
        if number % 3 == 1:
            names = {"dns.question.name": f"n{rank}.example.vn", "dns.resolved_ip": ["203.0.113.9"]}
            event |= {"event.dataset": "network.dns", **names}
        elif number % 3 == 2:
            url = f"http://site{rank}.example.vn/a?b={rank}"
            event |= {
                "event.dataset": "network.http",
                "url.full": url,
                "url.domain": f"site{rank}.example.vn",
            }
        yield event


def named(count: int) -> Iterator[Indicator]:
    """Indicators of which few are met."""
    for number in range(count):
        kind, value = (
            ("domain", f"bad{number}.example"),
            ("ip", f"198.{18 + number % 2}.{number // 256 % 256}.{number % 256}"),
            ("url", f"bad{number}.example/a"),
            ("sha256", f"{number:064x}"),
        )[number % 4]
        yield Indicator(type=kind, value=value, source=f"s{number % 1000}")


def microseconds(indicators: Indicators, held: list[Event]) -> float:
    """CPU an event, the best of five."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for event in held:
            indicators.judge(event)
        best = min(best, time.process_time() - begun)
    return best / len(held) * 1e6


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--stored", type=int, default=200_000)
    given = options.parse_args()
    pick = random.Random(5)  # noqa: S311 - a draw that repeats itself
    held = list(events(given.events, pick))
    with tempfile.TemporaryDirectory() as name:
        for count in (0, 10, 1_000_000):
            indicators = Indicators(Path(name, f"{count}.db"))
            begun = time.process_time()
            indicators.add(named(count))
            took = time.process_time() - begun
            print(
                f"{count} indicators: {microseconds(indicators, held):.2f} µs an event, taken in {took:.1f} s"
            )
            indicators.close()
        store = SqliteStore(Path(name, "store.sqlite"), clock=system_clock)
        rows = events(given.stored, pick)
        while some := [event for _, event in zip(range(2000), rows, strict=False)]:
            store.append(some)
        for size in (10, 150, 1000, 100_000):
            warning = [*named(size - 2), Indicator(type="domain", value="n7.example.vn", source="w"),
                       Indicator(type="network", value="203.0.9.0/24", source="w")]  # fmt: skip
            begun = time.perf_counter()
            past = sightings(store, warning)
            took = time.perf_counter() - begun
            print(f"{size} indicators asked of {given.stored} events: {len(past.sightings)} sightings of "
                  f"{past.events} events in {took:.2f} s, complete: {past.complete}")  # fmt: skip
        store.close()


if __name__ == "__main__":
    main()
