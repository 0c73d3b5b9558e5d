"""How many lines a CPU-second does each log sensor read, and what does a line cost?

`python benchmarks/logs.py [--lines N] [--only NAME]`: repeats the samples of `tests/sensors/samples` (and,
for EVE, `eve_city_link.ndjson`) to N lines with changing ports and minutes, and reads each in this process:
CPU time of `Sensor.read`, best of three, beside what only parsing the same lines with orjson (JSON) or
splitting them at blanks (text) costs in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))
SAMPLES = REPO / "tests" / "sensors" / "samples"
EVE = REPO / "benchmarks" / "eve_city_link.ndjson"
ROUNDS = 3


def eve_lines() -> list[bytes]:
    """Lines in the shape that Suricata 8 writes, each type in its share of a link to the Internet."""
    rows = [orjson.loads(row) for row in EVE.read_bytes().splitlines()]
    return [orjson.dumps(row["line"]) for row in rows for _ in range(row["share"])]


def repeated(lines: list[bytes], wanted: int, *, header: int = 0) -> bytes:
    """So many lines, with other ports and minutes in each round where the lines have them."""
    out = lines[:header]
    body = lines[header:]
    turn = 0
    while len(out) < wanted + header:
        out += [
            line.replace(b"51000", b"%d" % (20_000 + (turn * 7 + place) % 40_000)).replace(
                b":00:00", b":%02d:00" % (turn % 60)
            )
            for place, line in enumerate(body)
        ]
        turn += 1
    return b"\n".join(out[: wanted + header]) + b"\n"


def whole(path: Path) -> tuple[list[bytes], int]:
    """The lines of a sample, and how many of them are its head."""
    lines = path.read_bytes().rstrip(b"\n").split(b"\n")
    head = next((place for place, line in enumerate(lines) if not line.startswith((b"#", b"["))), 0)
    return lines, head if lines[0].startswith(b"#") else 0


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds, best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def measure(name: str, data: bytes, folder: Path) -> dict[str, object]:
    """Seconds and events of one log."""
    import sensors  # noqa: PLC0415 - the path is set above

    path = folder / "log"
    path.write_bytes(data)
    sensor = next(each for each in sensors.ALL if each.name == name.partition(".")[0])
    count = 0

    def run() -> None:
        nonlocal count
        count = sum(1 for _ in sensor.read(path, lambda _: None, lambda _a, _b: ""))

    seconds = cpu(run)
    lines = data.count(b"\n")
    rows = data.split(b"\n")
    js = data[:1] == b"{"
    floor = (
        cpu(lambda: [orjson.loads(row) for row in rows if row])
        if js
        else cpu(lambda: [row.split(b" ") for row in rows])
    )
    return {
        "log": name, "lines": lines, "events": count, "us_a_line": round(seconds / lines * 1e6, 2),
        "lines_a_cpu_second": round(lines / seconds), "parsing_alone_us": round(floor / lines * 1e6, 2),
    }  # fmt: skip


def main() -> None:
    """Print a row for each log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    logs: list[tuple[str, bytes]] = [("eve.city_link", repeated(eve_lines(), given.lines))]
    for path in sorted(SAMPLES.iterdir()):
        lines, header = whole(path)
        logs.append((path.name, repeated(lines, given.lines, header=header)))
    with tempfile.TemporaryDirectory() as folder:
        for name, data in logs:
            if given.only in name:
                print(json.dumps(measure(name, data, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
