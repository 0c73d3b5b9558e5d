"""Which captures and logs does the demo make, with which attacks in them?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from citywatch.errors import CityWatchError

ATTACKER = "203.0.113.66"
GUESSER = "198.51.100.23"

CAPTURES = (
    ("office_day", "browsing", ("--victim", "10.20.2.30")),
    ("port_scan", "port_scan", ("--attacker", ATTACKER, "--victim", "10.20.2.10")),
    ("ssh_guessing", "ssh_guessing", ("--attacker", GUESSER, "--victim", "10.20.1.12")),
    ("dns_tunnel", "dns_tunnel", ("--attacker", "10.20.7.23", "--victim", "10.20.7.53")),
    ("camera_bot", "camera_bot", ("--attacker", "198.51.100.99", "--victim", "10.20.8.41")),
)
"""File, scenario of the crafting process, and who does it to whom."""

_CRAFT_S = 120


def make_sources(folder: Path, now: datetime) -> list[Path]:
    """Write the demo's captures and logs into a folder; what they show began two hours before `now`.

    Raises:
        CityWatchError: a capture could not be crafted; tells what the crafting process said.
    """
    start = now - timedelta(hours=2)
    made = [_craft(folder / f"{name}.pcap", scenario, start, options) for name, scenario, options in CAPTURES]
    for name, content in _logs(start):
        (folder / name).write_bytes(content)
        made.append(folder / name)
    return made


def _logs(start: datetime) -> Iterator[tuple[str, bytes]]:
    from sensors.logcraft import access_log, windows_log

    yield (
        "xa-soc-son.access.log",
        access_log(start=start, domain="xa-soc-son.city.example", attacker=ATTACKER),
    )
    yield (
        "phuong-lang.access.log",
        access_log(start=start, domain="phuong-lang.city.example", attack=False, seed=2),
    )
    yield "gddt-pc-07.ndjson", windows_log(start=start, computer="gddt-pc-07")
    yield "gddt-pc-08.ndjson", windows_log(start=start, computer="gddt-pc-08", attack=False, seed=2)


def _craft(out: Path, scenario: str, start: datetime, options: tuple[str, ...]) -> Path:
    """Have a capture crafted by the scapy process; nothing of it is imported here."""
    command = [sys.executable, "-m", "sensors.network.scapy_craft", scenario, str(out)]
    command += ["--start", start.isoformat(), *options]
    done = subprocess.run(  # noqa: S603 - our own module, fixed words
        command, capture_output=True, text=True, timeout=_CRAFT_S, check=False
    )
    if done.returncode:
        raise CityWatchError(f"the capture '{scenario}' could not be made: {done.stderr.strip()[-500:]}")
    return out
