"""How fast do correlations follow events, and what does a million groups cost in memory?

`python benchmarks/correlate.py [groups]`: one JSON object a line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator

from citywatch.clock import stamp_us
from citywatch.detect.fold import Fold
from citywatch.detect.sigma.correlate import Correlator
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.model import Event, Rule, Severity

T0 = 1_700_000_000_000_000


def rule(kind: str = "value_count", **more: object) -> CorrelationRule:
    """A correlation over flows."""
    made = {"base_ids": ("flow",), "group_by": ("source.ip",), "timespan_s": 60, "count": 20, **more}
    return CorrelationRule(
        rule=Rule(id="scan", title="Port scan", severity=Severity.high),
        name="scan",
        type=kind,
        fields=("destination.port",),
        **made,  # pyright: ignore[reportArgumentType] - a benchmark's short hand
    )


def flow(number: int, source: str, port: int) -> Event:
    """One flow event."""
    at = stamp_us(T0 + number * 50)
    return {
        "@timestamp": at,
        "event.id": f"{number:032x}",
        "event.dataset": "network.flow",
        "source.ip": source,
        "destination.ip": f"10.0.{number % 7}.{number % 250}",
        "destination.port": port,
    }


def address(number: int) -> str:
    """The n-th address."""
    return f"{11 + number // 16_777_216}.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"


def memory_mib() -> float:
    """Resident memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a pseudo file
        return int(file.read().split()[1]) * resource.getpagesize() / 1024 / 1024


def follow(
    correlator: Correlator, events: Iterator[Event], fold: Fold | None = None
) -> tuple[int, float, int]:
    """Feed events in batches as the judge does; give their number, seconds and matches."""
    count = matches = 0
    spent = 0.0
    batch: list[Event] = []

    def settle() -> None:
        nonlocal matches, spent
        started = time.process_time()
        out = [match for event in batch for match in correlator.feed("flow", event)]
        out += correlator.settle()
        if fold is not None:
            fold.add(out)
        spent += time.process_time() - started
        matches += len(out)

    for event in events:
        batch.append(event)
        count += 1
        if len(batch) == 2000:
            settle()
            correlator.changes()
            batch.clear()
    settle()
    return count, spent, matches


CASES: dict[str, tuple[CorrelationRule, Callable[[int], Event]]] = {
    "many small groups": (rule(), lambda n: flow(n, address(n % 20_000), n % 3)),
    "one port scan": (rule(), lambda n: flow(n, "11.0.0.1", n % 65_536)),
    "one flood, same port": (rule(), lambda n: flow(n, "11.0.0.1", 22)),
    "event count": (rule("event_count"), lambda n: flow(n, address(n % 500), 22)),
}


def main() -> None:
    """Measure, and print a line for each case."""
    for name, (asked, make) in CASES.items():
        count, spent, matches = follow(Correlator([asked]), map(make, range(100_000)), Fold())
        print(
            json.dumps({"case": name, "hits": count, "hits_per_s": round(count / spent), "matches": matches})
        )
    groups = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    correlator = Correlator([rule(timespan_s=3600)])
    before = memory_mib()
    count, spent, _ = follow(correlator, (flow(n, address(n), n % 1000) for n in range(groups)))
    health = correlator.health()
    told = {"case": "a group for each event", "groups": health.groups, "evicted": health.evicted}
    print(json.dumps({**told, "hits_per_s": round(count / spent), "mib": round(memory_mib() - before)}))
    for number in range(groups, groups + groups // 10):
        correlator.feed("flow", flow(number, address(number), 1))
    health = correlator.health()
    told = {"case": "a tenth more", "groups": health.groups, "evicted": health.evicted}
    print(json.dumps({**told, "mib": round(memory_mib() - before)}))


if __name__ == "__main__":
    main()
