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
    parse: Callable[[bytes], object] = orjson.loads if data[:1] == b"{" else bytes.split

    def only_parse() -> None:
        for row in rows:
            if row:
                parse(row)

    floor = cpu(only_parse)
    return {
        "log": name, "lines": lines, "events": count, "us_a_line": round(seconds / lines * 1e6, 2),
        "lines_a_cpu_second": round(lines / seconds), "parsing_alone_us": round(floor / lines * 1e6, 2),
    }  # fmt: skip


def listening(lines: int) -> dict[str, object]:
    """Syslog over TCP from another process into the journal: CPU of everything here, disk writes included."""
    import subprocess  # noqa: PLC0415 - only here

    from citywatch.clock import system_clock  # noqa: PLC0415 - the path is set above
    from citywatch.journal.lmdb_journal import LmdbJournal  # noqa: PLC0415
    from citywatch.settings import load_settings  # noqa: PLC0415
    from console.listeners import open_inlets  # noqa: PLC0415

    send = (
        "import socket,sys\ns=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n"
        "for n in range(int(sys.argv[2])):\n"
        " s.sendall(b'<38>Nov 22 10:00:00 web1 sshd[7]: Failed password for root "
        "from 203.0.113.9 port %d ssh2\\n'%n)"
    )
    with tempfile.TemporaryDirectory() as folder:
        journal = LmdbJournal(Path(folder) / "j", cap_mb=512, drop_oldest=False, clock=system_clock)
        settings = load_settings(
            Path(folder), environ={}, overrides={"listen": {"syslog_tcp": ["127.0.0.1:0"]}}
        )
        (inlet,) = open_inlets(settings, journal, print)
        port = inlet.endpoints[0].rpartition(":")[2]
        begin = time.process_time()
        with subprocess.Popen([sys.executable, "-c", send, port, str(lines)]):
            while journal.health().last < lines:
                if not inlet.step():
                    time.sleep(0.01)
        seconds = time.process_time() - begin
        inlet.close()
        journal.close()
    return {
        "log": "syslog over TCP into the journal", "lines": lines, "events": lines,
        "us_a_line": round(seconds / lines * 1e6, 2), "lines_a_cpu_second": round(lines / seconds),
    }  # fmt: skip


def netflow(records: int) -> dict[str, object]:
    """NetFlow v9 as softflowd sent it, again and again with later sequence numbers."""
    from sensors.arrive.flows import Flows  # noqa: PLC0415 - the path is set above
    from sensors.arrive.receiver import Message  # noqa: PLC0415

    recorded = REPO / "tests" / "sensors" / "flows" / "softflowd.ndjson"
    rows = [json.loads(row) for row in recorded.read_text(encoding="utf-8").splitlines()]
    sent = [bytes.fromhex(row["data"]) for row in rows if row["version"] == 9]
    flows = Flows("netflow", print)
    events = sum(len(flows(Message(data, "10.0.0.1", time.time(), ""))) for data in sent)
    begin = time.process_time()
    number = 10
    while flows.counts()["flows"] < records:
        for data in sent[1:]:
            number += 1
            changed = data[:12] + number.to_bytes(4, "big") + data[16:]
            events += len(flows(Message(changed, "10.0.0.1", time.time(), "")))
    seconds = time.process_time() - begin
    done = flows.counts()["flows"]
    return {
        "log": "NetFlow v9 records", "lines": done, "events": events,
        "us_a_line": round(seconds / done * 1e6, 2), "lines_a_cpu_second": round(done / seconds),
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
    for name, work in (("listening", listening), ("netflow", netflow)):
        if given.only in name:
            print(json.dumps(work(given.lines)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in logs:
            if given.only in name:
                print(json.dumps(measure(name, data, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
