"""How fast are Sigma rules judged, from bytes to hits, and is every hit right?

`python benchmarks/sigma_engine.py [--seconds 2] [--all-pairs] [--json]`. Needs SigmaHQ's rules and the
Windows attack events (--rules, --events). CPU time of one core; rates are compared in one run on one machine,
so ratios hold where absolute figures do not. (A script named `sigma.py` would hide pySigma's namespace.)
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
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from citywatch.detect.sigma import engine as engine_module
from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.resolve import resolve
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


def renumbered(lines: Sequence[bytes], by: int) -> list[bytes]:
    """The same events as if they came again: new record numbers, so new ids."""
    found: list[bytes] = []
    for line in lines:
        event = orjson.loads(line)
        event["EventRecordID"] = int(event.get("EventRecordID") or 0) + by
        found.append(orjson.dumps(event))
    return found


def rate(
    work: Callable[[Sequence[bytes]], object], rounds: Sequence[Sequence[bytes]], seconds: float
) -> float:
    """Lines a CPU second, over whole rounds."""
    done, at = 0, 0
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        work(rounds[at % len(rounds)])
        done += len(rounds[at % len(rounds)])
        at += 1
    return done / (time.process_time() - begun)


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
    changed: list[bytes] = []
    for line in lines[::8]:
        event = orjson.loads(line)
        texts = [name for name, value in event.items() if isinstance(value, str) and name not in KEPT]
        event[pick.choice(texts)] = "".join(pick.choices("abcdefgh0123", k=8000))
        changed.append(orjson.dumps(event))
    return rate(judge_with(_warm(rules, changed)), [changed], seconds)


KEPT = {"Channel", "TimeCreated", "Computer", "Provider_Name"}


def slowest(rules: list[EventRule], lines: Sequence[bytes]) -> tuple[float, str]:
    """The longest that one rule took over one event of 64 KiB, in milliseconds."""
    worst = (0.0, "")
    hostile = ["a" * 65_536, "-" * 65_536, "powershell " * 5957, "\\" * 65_536, "cmd /c ^" * 8192]
    events = [translate(orjson.loads(lines[0]))]
    from citywatch.detect.sigma.compile import View, compile_rule  # noqa: PLC0415 - only here
    from citywatch.detect.sigma.tree import atoms  # noqa: PLC0415 - only here

    view = View()
    for rule in rules:
        answer = compile_rule(rule.tree, lists=False)
        for text in hostile:
            asked = {atom.field for atom in atoms(rule.tree) if atom.field} or {"message"}
            event = {**events[0], **dict.fromkeys(asked, text[: 65_536 // len(asked)])}
            view.take(event)
            for field in event:
                view.low[field]
            begun = time.process_time()
            answer(view, view.low, view.raw)
            worst = max(
                worst, ((time.process_time() - begun) * 1000, f"{rule.rule.source} on {text[:12]!r}…")
            )
    return worst


def cached_start(archive: Path, events: Path) -> dict[str, float]:
    """What a process costs that starts with all rules parsed before, and judges all events once."""
    with tempfile.TemporaryDirectory() as folder:
        rules, cache = Path(folder, "r"), Path(folder, "c")
        with zipfile.ZipFile(archive) as file:
            file.extractall(rules / "all")
        command = [sys.executable, "-c", CACHED_START, str(rules), str(cache), str(events)]
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        names = ("cached_start_s", "import_s", "rules_started", "memory_mib")
        return dict(zip(names, map(float, done.stdout.split()), strict=True))


def two_workers(rules: list[EventRule], lines: Sequence[bytes], seconds: float) -> float:
    """How many times as fast two processes are as one, by the clock on the wall."""
    judge = _warm(rules, lines)

    def wall(parts: list[Sequence[bytes]]) -> float:
        begun = time.perf_counter()
        fork = multiprocessing.get_context("fork")
        workers = [fork.Process(target=judge_with(judge), args=(part,)) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.perf_counter() - begun

    many = list(lines) * max(1, round(4 * seconds))
    return wall([many]) / wall([many[::2], many[1::2]])


def main() -> None:  # noqa: PLR0915 - a list of measurements
    """Measure, check, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rules", type=Path, default=DATA / "sigmahq-rules.zip")
    options.add_argument("--events", type=Path, default=DATA / "windows-attack-events.ndjson.gz")
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--pairs", type=int, default=60, help="events checked against the plain evaluator")
    options.add_argument("--all-pairs", action="store_true", help="check every event (two minutes)")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    lines = gzip.decompress(given.events.read_bytes()).splitlines()
    rounds = [lines, *(renumbered(lines, 1_000_000 * n) for n in range(1, 4))]
    creation = [
        [line for line in each if b'"EventID":1,' in line and b"Sysmon/Op" in line] for each in rounds
    ]
    rules = windows_rules(given.rules)
    told: dict[str, Any] = {"rules": len(rules), "events": len(lines)}

    judge = Engine(rules)
    told["hits"] = judge_with(judge)(lines)
    chosen = range(len(lines)) if given.all_pairs else random.Random(7).sample(range(len(lines)), given.pairs)  # noqa: S311
    told["pairs_checked"], told["pairs_that_differ"] = check(rules, lines, list(chosen))
    told["parse_only"] = rate(parse, rounds, given.seconds)
    told["parse_and_translate"] = rate(
        lambda some: [translate(orjson.loads(line), line_id(b"winlog", 0, line)) for line in some],
        rounds,
        given.seconds,
    )
    told["mixed"] = rate(judge_with(judge), rounds, given.seconds)
    told["mixed_of_parse_only"] = told["mixed"] / told["parse_only"]
    creation_parse = rate(parse, creation, given.seconds / 2)
    told["process_creation"] = rate(judge_with(judge), creation, given.seconds)
    told["process_creation_of_parse_only"] = told["process_creation"] / creation_parse
    kept = engine_module.MEMORY_LENGTH
    engine_module.MEMORY_LENGTH = -1
    told["mixed_when_no_value_was_seen_before"] = rate(judge_with(_warm(rules, lines)), rounds, given.seconds)
    engine_module.MEMORY_LENGTH = kept

    sample = [
        translate(orjson.loads(line), line_id(b"winlog", 0, line)) for line in lines[:: len(lines) // 20]
    ]
    begun = time.process_time()
    for event in sample:
        [rule for rule in rules if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event)]
    told["plain_evaluator"] = len(sample) / (time.process_time() - begun)
    told["times_the_plain_evaluator"] = told["mixed"] / told["plain_evaluator"]

    shuffled = random.Random(3).sample(rules, len(rules))  # noqa: S311
    told["by_rules"] = {
        count: rate(judge_with(_warm(shuffled[:count], lines)), rounds, given.seconds / 2)
        for count in (100, 500, 1000, 2000, len(rules))
    }
    told["token_of_8000"] = long_token(rules, lines, given.seconds)
    told["slowest_ms"], told["slowest_rule"] = slowest(rules, lines)
    told["two_workers"] = two_workers(rules, rounds[1], given.seconds)
    told.update(cached_start(given.rules, given.events))
    told["cores"] = os.cpu_count()
    if given.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:40} {value if not isinstance(value, float) else round(value, 4)}")


def _warm(rules: list[EventRule], lines: Sequence[bytes]) -> Engine:
    judge = Engine([replace(rule) for rule in rules])
    judge_with(judge)(lines)
    return judge


if __name__ == "__main__":
    main()
