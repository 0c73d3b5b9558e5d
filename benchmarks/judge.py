"""How fast does the whole judge follow the journal, alone and with workers?

`python benchmarks/judge.py [--events 60000] [--workers 1 2]`: SigmaHQ's rules imported into an installation,
Windows attack events repeated into its journal; from the journal's bytes to alerts committed, store and
playbooks left out. By the clock on the wall, because processes share the work; one run, so ratios hold.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from citywatch.detect.importer import import_rules
from citywatch.settings import load_settings
from console.house import House
from sensors.lines import line_id
from sensors.winlog import translate

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def fill(folder: Path, lines: Sequence[bytes], count: int) -> None:
    """An installation with SigmaHQ's rules and so many events that wait."""
    folder.mkdir()
    with House(load_settings(folder, environ={})) as house:
        import_rules(DATA / "sigmahq-rules.zip", house.imported_rules)
        for at in range(0, count, 2000):
            house.journal.append(
                [
                    translate(orjson.loads(lines[number % len(lines)]), line_id(b"winlog", number, b""))
                    for number in range(at, min(at + 2000, count))
                ]
            )


def judged(folder: Path, workers: int) -> tuple[float, float, int]:
    """Events a second by the clock, seconds to start, and alerts."""
    settings = load_settings(folder, environ={"CITYWATCH_WATCH_WORKERS": str(workers)})
    begun = time.perf_counter()
    with House(settings) as house:
        judge = house.judge
        judge.step(1)  # workers have read the rules when this is answered
        started = time.perf_counter()
        while judge.step():
            pass
        took = time.perf_counter() - started
        return judge.judged / took, started - begun, judge.waiting


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=60_000)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = options.parse_args()
    lines = gzip.decompress((DATA / "windows-attack-events.ndjson.gz").read_bytes()).splitlines()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        fill(whole, lines, given.events)
        judged(shutil.copytree(whole, Path(name, "warm")), 1)  # the rule cache is made
        shutil.copytree(Path(name, "warm", "cache"), whole / "cache", dirs_exist_ok=True)
        for count in given.workers:
            rate, start, alerts = judged(shutil.copytree(whole, Path(name, f"with-{count}")), count)
            print(f"{count} workers: {rate:.0f} events/s, start {start:.1f} s, {alerts} alerts")


if __name__ == "__main__":
    main()
