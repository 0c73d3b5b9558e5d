"""At which rate does live capture begin to lose packets, and where?

`python benchmarks/live.py [--seconds N] [--rates 50000,100000,...]` (as root, with tcpreplay): lays a cable
between two network namespaces, runs `citywatch capture` on one end and replays the mix of `network.py` on
the other, at rising rates. For each: what was sent, what the kernel dropped, what was written to the ring on
disk, how many packets were not decoded yet when the sending ended, how long that took to catch up, and CPU
seconds of the capturing and the decoding process. At last the highest rate without loss is printed: sustained
on the wire (kernel to disk), and sustained through the decoder.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.network import make  # noqa: E402 - found through the line above
from console.house import open_house  # noqa: E402 - found through the line above
from console.live import status_of  # noqa: E402 - found through the line above
from sensors.network.live.counters import read_counters  # noqa: E402 - found through the line above
from tests.sensors.network.live.wire import Wire, eventually, wire  # noqa: E402 - found through the line above

PACKETS = 60_000
RATES = (25_000, 50_000, 100_000, 200_000, 300_000, 400_000, 0)
"""Packets a second; 0 is as fast as it goes."""
PATIENCE_S = 60.0
"""So long the decoder is waited for; longer is told as `inf`."""
TOP = 500_000
"""About that fast: so many packets are sent then."""


HEADINGS = (
    "asked/s", "sent/s", "sent", "on disk", "kernel dropped", "behind", "caught up s", "capture CPU s",
    "decode CPU s",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one rate came to."""

    asked: int
    rate: float
    sent: int
    written: int
    dropped: int
    behind: int
    caught_up_s: float
    capture_cpu_s: float
    decode_cpu_s: float

    def __str__(self) -> str:
        counts = (self.asked or "top", f"{self.rate:.0f}", self.sent, self.written, self.dropped, self.behind)
        times = (self.caught_up_s, self.capture_cpu_s, self.decode_cpu_s)
        return " | ".join([*map(str, counts), *(f"{time:.1f}" for time in times)])


def main() -> None:
    """Print one line a rate, then the highest without loss."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument(
        "--rates", type=lambda text: [int(part) for part in text.split(",")], default=list(RATES)
    )
    parser.add_argument("--ring-mib", type=int, default=64)
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        capture = Path(folder) / "mix.pcap"
        packets, size = make(capture, PACKETS)
        print(f"the mix: {packets} packets, {size / packets:.0f} bytes each; load {os.getloadavg()[0]:.1f}")
        print(" | ".join(HEADINGS))
        for place, rate in enumerate(asked.rates):
            row = measure(capture, rate, asked.seconds, Path(folder) / str(place), asked.ring_mib)
            rows.append(row)
            print(row, flush=True)
    whole = [row.rate for row in rows if row.written == row.sent]
    kept_up = [row.rate for row in rows if row.written == row.sent and row.caught_up_s < 2]
    print(f"highest rate without loss, wire to disk: {max(whole, default=0):.0f} packets a second")
    print(f"highest rate at which decoding kept up: {max(kept_up, default=0):.0f} packets a second")


def measure(capture: Path, rate: int, seconds: int, data: Path, ring_mib: int) -> Row:
    """Replay at one rate to a fresh installation."""
    with open_house(data, make=True) as house:
        assert house.store.health().ok  # noqa: S101 - makes the store
    settings = {"CITYWATCH_NETWORK_RING_MIB": str(ring_mib), "CITYWATCH_NETWORK_DISK_MIB": "8192"}
    with wire() as cable:
        process = cable.start("capture", cable.there, "--data", str(data), env=settings, log=data / "log")
        try:
            eventually(lambda: _counter(data, "state") == "up", "it listens")
            return _replayed(cable, capture, rate, seconds, data, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def _replayed(cable: Wire, capture: Path, rate: int, seconds: int, data: Path, decoder: int) -> Row:
    process = int(_counter(data, "process"))
    before = _cpu_s(process), _cpu_s(decoder)
    speed = ["--topspeed"] if not rate else ["--pps", str(rate)]
    command = ["ip", "netns", "exec", cable.sender, "tcpreplay", "-q", "-K", *speed]
    loops = max(round((rate or TOP) * seconds / PACKETS), 1)
    command += ["--loop", str(loops), "-i", cable.here, str(capture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    sent = int(re.search(r"Successful packets:\s+(\d+)", done.stdout)[1])  # type: ignore[index]
    lasted = float(re.search(r"sent in ([\d.]+) seconds", done.stdout)[1])  # type: ignore[index]
    ended = time.monotonic()
    behind = sent - _read(data, cable.there)
    eventually(lambda: _counter(data, "passed") == sent, "all have passed")
    while _waiting(data, cable.there) and time.monotonic() - ended < PATIENCE_S:
        time.sleep(0.2)
    caught_up_s = time.monotonic() - ended
    return Row(
        asked=rate,
        rate=sent / lasted,
        sent=sent,
        written=int(_counter(data, "written")),
        dropped=int(_counter(data, "kernel_dropped")),
        behind=behind,
        caught_up_s=caught_up_s if not _waiting(data, cable.there) else inf,
        capture_cpu_s=_cpu_s(process) - before[0],
        decode_cpu_s=_cpu_s(decoder) - before[1],
    )


def _counter(data: Path, name: str) -> int | str:
    counters = read_counters(data / "live" / "in0")
    return getattr(counters, name) if counters else 0


def _read(data: Path, name: str) -> int:
    with open_house(data) as house:
        return int(status_of(data / "live", name, house.journal)["read"])


def _waiting(data: Path, name: str) -> int:
    with open_house(data) as house:
        return int(status_of(data / "live", name, house.journal)["waiting"])


def _cpu_s(process: int) -> float:
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
