"""How fast are Sigma rules judged, from bytes to hits, and is every hit right?

`python -m benchmarks.sigma_engine [--seconds 2] [--all-pairs] [--plot FILE.svg] [--json]`. Needs SigmaHQ's
rules and the Windows attack events (--rules, --events). CPU time of one core. What is compared takes turns on
the same stretches of events, so that ratios hold on a busy machine where absolute figures do not; events are
never the same twice (`sigma_events`), but for `repeated`. (A script named `sigma.py` would hide pySigma's
namespace.)
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from math import log, log2
from pathlib import Path
from typing import Any

import orjson

from benchmarks.plot import Curve, draw
from benchmarks.sigma_events import rounds, varied
from benchmarks.sigma_peers import peers
from citywatch.detect.sigma import oracle, plan
from citywatch.detect.sigma.compile import Answer, View, compile_rule
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.resolve import resolve
from citywatch.detect.sigma.tree import atoms
from sensors.lines import line_id
from sensors.winlog import translate

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHED_START = """
import time
from pathlib import Path
import sys
begun = time.process_time()
from citywatch.detect.rulebook import Rulebook
imported = time.process_time()
book = Rulebook.load(Path(sys.argv[1]), cache=Path(sys.argv[2]))
loaded = time.process_time()
import gzip
import orjson
from sensors.winlog import translate
for line in gzip.open(sys.argv[3]):
    book.engine.hits(translate(orjson.loads(line)))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
memory = int(peak.split()[1]) / 1024
print(loaded - imported, imported - begun, len(book.ruleset.events), memory)
"""


def windows_rules(archive: Path) -> list[EventRule]:
    """SigmaHQ's Windows rules, out of their release zip."""
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".yml"))
        ruleset = resolve([load_file(file.read(name), name) for name in names])
    return [rule for rule in ruleset.events.values() if rule.logs.product == "windows"]


STRETCH = 512
"""Lines after which the next work has its turn."""


def side_by_side(
    works: Mapping[str, Callable[[Sequence[bytes]], object]],
    rounds: Iterable[Sequence[bytes]],
    seconds: float,
) -> dict[str, float]:
    """Lines a CPU second of each work, over whole rounds, taking turns."""
    spent = dict.fromkeys(works, 0.0)
    done = 0
    for lines in rounds:
        for at in range(0, len(lines), STRETCH):
            stretch = lines[at : at + STRETCH]
            for name, work in works.items():
                begun = time.process_time()
                work(stretch)
                spent[name] += time.process_time() - begun
        done += len(lines)
        if max(spent.values()) > seconds:
            break
    return {name: done / took for name, took in spent.items()}


def translated(lines: Sequence[bytes]) -> None:
    """Parse and translate to ECS, with event ids."""
    for at in range(0, len(lines), BATCH):
        [translate(orjson.loads(line), line_id(b"winlog", 0, line)) for line in lines[at : at + BATCH]]


def parse(lines: Sequence[bytes]) -> None:
    """The yardstick."""
    for line in lines:
        orjson.loads(line)


BATCH = 32
"""Lines read, translated and judged together; the service judges 2,000."""


def judge_with(judge: Engine) -> Callable[[Sequence[bytes]], int]:
    """Bytes to hits: parse, translate to ECS with event id, match."""

    def work(lines: Sequence[bytes]) -> int:
        found = 0
        for at in range(0, len(lines), BATCH):
            some = [
                translate(orjson.loads(line), line_id(b"winlog", 0, line)) for line in lines[at : at + BATCH]
            ]
            found += sum(map(len, judge.hits_of(some)))
        return found

    return work


def check(rules: list[EventRule], lines: Sequence[bytes], chosen: Sequence[int]) -> tuple[int, int]:
    """Compare with the plain evaluator: pairs looked at, and how many differ."""
    judge = Engine(rules)
    gated = {id(rule.gate): rule for rule in rules}.values()  # rules of one logsource share their gate
    wrong = 0
    for at in chosen:
        event = translate(orjson.loads(lines[at]))
        fast = {rule.rule.id for rule in judge.hits(event)}
        gates = {id(rule.gate): oracle.matches(rule.gate, event) for rule in gated}
        for rule in rules:
            slow = gates[id(rule.gate)] and oracle.matches(rule.tree, event)
            wrong += slow is not (rule.rule.id in fast)
    return len(chosen) * len(rules), wrong


def long_token(rules: list[EventRule], lines: Sequence[bytes], seconds: float) -> float:
    """Events a second when one text field of each event is a token of 8,000 characters."""
    pick = random.Random(1)  # noqa: S311 - a benchmark that repeats itself

    def hostile() -> list[bytes]:
        changed: list[bytes] = []
        for line in lines[::8]:
            event = orjson.loads(line)
            texts = [name for name, value in event.items() if isinstance(value, str) and name not in KEPT]
            event[pick.choice(texts)] = "".join(pick.choices("abcdefgh0123", k=8000))
            changed.append(orjson.dumps(event))
        return changed

    works = {"token": judge_with(_warm(rules, hostile()))}
    return side_by_side(works, iter(hostile, None), seconds)["token"]


KEPT = {"Channel", "TimeCreated", "Computer", "Provider_Name"}


def slowest(rules: list[EventRule], lines: Sequence[bytes]) -> tuple[float, str]:
    """The longest that one rule took over one event of 64 KiB, in milliseconds."""
    worst = (0.0, "")
    hostile = ["a" * 65_536, "-" * 65_536, "powershell " * 5957, "\\" * 65_536, "cmd /c ^" * 8192]
    events = [translate(orjson.loads(lines[0]))]
    view = View()
    for rule in rules:
        answer = compile_rule(rule.tree, lists=False)
        for text in hostile:
            asked = {atom.field for atom in atoms(rule.tree) if atom.field} or {"message"}
            event = {**events[0], **dict.fromkeys(asked, text[: 65_536 // len(asked)])}
            view.take(event)
            for field in event:
                view.low[field]
            took = min(_asked(answer, view) for _ in range(3))
            worst = max(worst, (took, f"{rule.rule.source} on {text[:12]!r}…"))
    return worst


def _asked(answer: Answer, view: View) -> float:
    """Milliseconds of one answer; the least of a few is the rule's own."""
    begun = time.process_time()
    answer(view, view.low, view.raw)
    return (time.process_time() - begun) * 1000


def cached_start(archive: Path, events: Path) -> dict[str, float]:
    """What a process costs that starts with all rules parsed before, and judges all events once."""
    with tempfile.TemporaryDirectory() as folder:
        rules, cache = Path(folder, "r"), Path(folder, "c")
        with zipfile.ZipFile(archive) as file:
            file.extractall(rules / "all")
        command = [sys.executable, "-c", CACHED_START, str(rules), str(cache), str(events)]
        subprocess.run(command, capture_output=True, check=True)  # fills the cache
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        names = ("cached_start_s", "import_s", "rules_started", "memory_mib")
        return dict(zip(names, map(float, done.stdout.split()), strict=True))


SHARE = 250
"""Lines that a worker takes at once when two share a day."""


def two_workers(rules: list[EventRule], lines: Sequence[bytes], seconds: float) -> dict[str, float]:
    """How many times as fast two processes are as one: by the clock, and by the longer share's CPU.

    On a machine that others use too the clock says what they left over, the CPU what two cores would do. The
    workers have been at work for a day of their own when they begin, as those of the service have; events
    are never the same twice; of two turns the better counts.
    """
    judge = judge_with(_warm(rules, lines))
    days = [line for day in islice(rounds(lines, first=77), max(2, round(4 * seconds))) for line in day]
    shares = [days[at : at + SHARE] for at in range(0, len(days), SHARE)]
    split = [shares[::2], shares[1::2]]
    warm = varied(lines, 76)
    turns = [(_shared_out(judge, warm, [shares]), _shared_out(judge, warm, split)) for _ in range(2)]
    one, two = ([min(part) for part in zip(*each, strict=True)] for each in zip(*turns, strict=True))
    return {"wall": one[0] / two[0], "cpu": one[1] / two[1]}


def _shared_out(
    judge: Callable[[Sequence[bytes]], int], warm: Sequence[bytes], parts: Sequence[Sequence[Sequence[bytes]]]
) -> tuple[float, float]:
    """Seconds until all are done, and CPU seconds of the one that took most."""
    fork = multiprocessing.get_context("fork")
    told = fork.SimpleQueue()
    ready = fork.Barrier(len(parts) + 1)

    def work(part: Sequence[Sequence[bytes]]) -> None:
        judge(warm)
        ready.wait()
        begun = time.process_time()
        for share in part:
            judge(share)
        told.put(time.process_time() - begun)

    workers = [fork.Process(target=work, args=(part,)) for part in parts]
    for worker in workers:
        worker.start()
    ready.wait()
    begun = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - begun, max(told.get() for _ in workers)


COUNTS = (100, 500, 1000, 2000)


def by_rules(rules: list[EventRule], lines: Sequence[bytes], seconds: float) -> dict[int, float]:
    """Microseconds an event, from bytes to hits, by the number of rules."""
    shuffled = random.Random(3).sample(rules, len(rules))  # noqa: S311
    counts = (*COUNTS, len(rules))
    works: dict[str, Callable[[Sequence[bytes]], object]] = {"none": judge_with(Engine([]))}
    for count in counts:
        works[str(count)] = judge_with(_warm(shuffled[:count], lines))
    rates = side_by_side(works, rounds(lines, first=500), seconds)
    return {count: 1e6 / rates[str(count)] for count in counts} | {0: 1e6 / rates["none"]}


def doublings(costs: Mapping[int, float]) -> dict[str, float]:
    """What twice the rules cost, for each step of the table, whole from bytes to hits."""
    steps = sorted(count for count in costs if count)
    found: dict[str, float] = {}
    for low, high in pairwise(steps):
        found[f"{low} to {high}"] = (costs[high] / costs[low]) ** (log(2) / log(high / low))
    return found


def rates(rules: list[EventRule], lines: Sequence[bytes], seconds: float) -> dict[str, float]:
    """From bytes to hits beside parsing alone: mixed events, process creation, repeated events."""
    told: dict[str, float] = {}
    judge = judge_with(_warm(rules, lines))
    works = {"parse_only": parse, "parse_and_translate": translated, "mixed": judge}
    told |= side_by_side(works, rounds(lines), seconds)
    told["mixed_of_parse_only"] = told["mixed"] / told["parse_only"]
    creation = [line for line in lines if b'"EventID":1,' in line and b"Sysmon/Op" in line]
    found = side_by_side({"parse": parse, "judge": judge}, rounds(creation, first=200), seconds)
    told["process_creation"] = found["judge"]
    told["process_creation_of_parse_only"] = found["judge"] / found["parse"]
    again = side_by_side({"parse": parse, "judge": judge}, iter(lambda: lines, None), seconds)
    told["repeated_of_parse_only"] = again["judge"] / again["parse"]
    kept, plan.MEMORY_LENGTH = plan.MEMORY_LENGTH, -1
    fresh = judge_with(_warm(rules, lines))
    none = side_by_side({"parse": parse, "judge": fresh}, rounds(lines, first=300), seconds)
    plan.MEMORY_LENGTH = kept
    told["nothing_remembered_of_parse_only"] = none["judge"] / none["parse"]
    return told


def main() -> None:
    """Measure, check, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rules", type=Path, default=DATA / "sigmahq-rules.zip")
    options.add_argument("--events", type=Path, default=DATA / "windows-attack-events.ndjson.gz")
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--pairs", type=int, default=60, help="events checked against the plain evaluator")
    options.add_argument("--all-pairs", action="store_true", help="check every event (two minutes)")
    options.add_argument("--plot", type=Path, help="draw cost by number of rules into this SVG")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    told = measured(given)
    if given.plot:
        given.plot.write_text(picture(told["us_by_rules"]), encoding="utf-8")
    if given.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:40} {value if not isinstance(value, float) else round(value, 4)}")


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All that is told, by name."""
    lines = gzip.decompress(given.events.read_bytes()).splitlines()
    rules = windows_rules(given.rules)
    told: dict[str, Any] = {"rules": len(rules), "events": len(lines)}
    told["hits"] = judge_with(Engine(rules))(lines)
    pick = random.Random(7)  # noqa: S311 - a benchmark that repeats itself
    chosen = list(range(len(lines))) if given.all_pairs else pick.sample(range(len(lines)), given.pairs)
    told["pairs_checked"], told["pairs_that_differ"] = check(rules, lines, chosen)
    told["varied_pairs_that_differ"] = check(rules, varied(lines, 9), chosen[: given.pairs])[1]
    told |= rates(rules, lines, given.seconds)
    told["plain_evaluator"] = plain_rate(rules, lines)
    told["times_the_plain_evaluator"] = told["mixed"] / told["plain_evaluator"]
    told["us_by_rules"] = by_rules(rules, lines, given.seconds)
    told["twice_the_rules_cost"] = doublings(told["us_by_rules"])
    told["token_of_8000"] = long_token(rules, lines, given.seconds)
    told["slowest_ms"], told["slowest_rule"] = slowest(rules, lines)
    told["two_workers"] = two_workers(rules, lines, given.seconds)
    told |= cached_start(given.rules, given.events)
    told["peers"] = peers_of(rules, given.rules, lines)
    return told | {"cores": os.cpu_count()}


def plain_rate(rules: list[EventRule], lines: Sequence[bytes]) -> float:
    """Events a CPU second of the plain evaluator."""
    sample = [translate(orjson.loads(line)) for line in lines[:: len(lines) // 20]]
    begun = time.process_time()
    for event in sample:
        [rule for rule in rules if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event)]
    return len(sample) / (time.process_time() - begun)


def peers_of(rules: list[EventRule], archive: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    """The peers, with the very rules that were judged by."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive) as file:
        for rule in rules:
            file.extract(rule.rule.source, folder)
        return peers(Path(folder), lines)


def picture(costs: Mapping[int, float]) -> str:
    """Cost against rules, beside what twice the rules may cost."""
    points = sorted(costs.items())
    first = next(point for point in points if point[0])
    bound = [(count, first[1] * 1.4 ** log2(count / first[0])) for count, _ in points if count]
    curves = [Curve("measured", points), Curve("1.4 times for twice the rules", bound)]
    return draw("Cost of an event, from bytes to hits", "SigmaHQ Windows rules", "µs of CPU", curves)


def _warm(rules: list[EventRule], lines: Sequence[bytes]) -> Engine:
    judge = Engine([replace(rule) for rule in rules])
    judge_with(judge)(lines)
    return judge


if __name__ == "__main__":
    main()
