"""How many events a second does each store take, and how long does a search wait?

    python benchmarks/store.py [--events 20000] [--elasticsearch http://127.0.0.1:9200]

Prints a table in Markdown. Events are made up (flows, DNS, web requests of a city's network) with a fixed
seed; both stores get the same ones in chunks of 1,000, as the shipper sends them, and the same questions.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from citywatch.clock import stamp, system_clock
from citywatch.model import Event
from citywatch.ports import All, Is, Like, Not, Query, Range, Store, Text
from citywatch.settings import Elastic
from citywatch.store.sqlite import SqliteStore

CHUNK = 1000
START = datetime(2026, 11, 22, tzinfo=UTC)
DAY = 86_400
REPEAT = 10


def made_up(count: int) -> Iterator[Event]:
    """One day of a city's network, in order."""
    chance = random.Random(1)  # noqa: S311 - the same events each time, not secrets
    for number in range(count):
        at = stamp(START + timedelta(seconds=DAY * number / count))
        yield {
            "@timestamp": at,
            "event.id": f"{number:032x}",
            "event.kind": "event",
            "event.category": ["network"],
            "event.dataset": chance.choice(("network.flow", "network.dns", "web.access")),
            "event.module": "network",
            "event.sequence": number + 1,
            "event.ingested": at,
            "source.ip": f"10.{chance.randrange(30)}.{chance.randrange(250)}.{chance.randrange(250)}",
            "source.port": chance.randrange(1024, 65536),
            "destination.ip": f"203.0.113.{chance.randrange(250)}",
            "destination.port": chance.choice((53, 80, 443, 8080)),
            "host.name": f"cam-{chance.randrange(17000):05}",
            "url.path": f"/tin-tuc/{chance.randrange(10**6)}/thong-bao.html",
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0",
            "message": "Kết nối từ camera " + " ".join(str(chance.randrange(10**9)) for _ in range(20)),
        }


def questions(count: int) -> dict[str, Query]:
    """What analysts ask, each over one day."""
    middle = f"{count // 2:032x}"
    return {
        "newest 100": Query(),
        "one host": Query(where=Is("host.name", "CAM-00042")),
        "one network, not to port 53": Query(
            where=All((Is("source.ip", "10.7.0.0/16"), Not(Is("destination.port", 53))))
        ),
        "one hour": Query(start=stamp(START + timedelta(hours=12)), end=stamp(START + timedelta(hours=13))),
        "path pattern": Query(where=Like("url.path", "*/4242*/thong-*")),
        "port range": Query(where=Range("destination.port", low=400, high=500)),
        "text anywhere": Query(where=Text("KẾT NỐI TỪ CAMERA 12345")),
        "one id": Query(where=Is("event.id", middle)),
    }


def timed(work: Callable[[], object], times: int = REPEAT) -> float:
    """The 95th percentile in milliseconds."""
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[min(int(len(taken) * 0.95), len(taken) - 1)] * 1000


def measure(store: Store, count: int) -> dict[str, str]:
    """All figures of one store."""
    events = list(made_up(count))
    start = time.perf_counter()
    for place in range(0, count, CHUNK):
        store.append(events[place : place + CHUNK])
    figures = {"insert, events/s": f"{count / (time.perf_counter() - start):,.0f}"}
    start = time.perf_counter()
    store.append(events[:CHUNK])
    figures["replay of 1,000, ms"] = f"{(time.perf_counter() - start) * 1000:.0f}"
    figures["bytes an event"] = f"{store.health().bytes / count:,.0f}"
    for name, query in questions(count).items():
        figures[f"{name}, p95 ms"] = f"{timed(lambda query=query: store.search(query)):.1f}"
    figures["top 20 hosts, p95 ms"] = f"{timed(lambda: store.aggregate(Query(), 'host.name')):.1f}"
    state = {"severity": 3, "last_seen": stamp(START), "title": "x" * 200}
    start = time.perf_counter()
    for number in range(50):
        store.put_if("alert", f"a{number}", state | {"number": number}, 0)
    figures["put_if, ms"] = f"{(time.perf_counter() - start) * 20:.1f}"
    inbox = Query(where=Range("severity", low=2), order="last_seen")
    figures["inbox page, p95 ms"] = f"{timed(lambda: store.find('alert', inbox)):.1f}"
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--elasticsearch", default="", help="URL; only SQLite is measured without it")
    chosen = parser.parse_args()
    columns: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        embedded = SqliteStore(Path(folder) / "store.sqlite", clock=system_clock)
        columns["SQLite"] = measure(embedded, chosen.events)
        embedded.close()
    if chosen.elasticsearch:
        columns["Elasticsearch"] = measured_cluster(chosen.elasticsearch, chosen.events)
    print(f"{chosen.events:,} events\n")
    print("| |", " | ".join(columns), "|")
    print("|---|" + "---:|" * len(columns))
    for figure in columns["SQLite"]:
        print("|", figure, "|", " | ".join(column[figure] for column in columns.values()), "|")


def measured_cluster(url: str, count: int) -> dict[str, str]:
    """The cluster's figures; what was written is taken away again."""
    import elasticsearch  # noqa: PLC0415 - takes a second to import

    from citywatch.store.elastic import ElasticStore  # noqa: PLC0415 - as above

    prefix = f"benchmark-{time.time_ns()}"
    store = ElasticStore(url, Elastic(prefix=prefix, replicas=0), clock=system_clock)
    client = elasticsearch.Elasticsearch(url)
    try:
        return measure(store, count)
    finally:
        client.indices.delete(index=list(client.indices.get_alias(index=f"{prefix}-*")))
        client.indices.delete_index_template(name=f"{prefix}-events")
        client.close()
        store.close()


if __name__ == "__main__":
    main()
