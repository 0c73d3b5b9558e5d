"""How fast are other Sigma engines on the same rules and events, in the same run?

Each is looked for on the PATH and told as absent where it is not. `rsigma` (Rust): `cargo install rsigma
--version 0.23.0 --locked --no-default-features --features rsigma-runtime` (0.26 needs rustc 1.96; with no
features at all 0.23 does not compile). It is given the very rules and events; CPU time beyond what
it takes for a single event. It knows no Windows channels: as it is it asks every rule of every event, so its
hits include those of other channels; `tagged` is the help that it can be given, each event told its product,
category and service by our own table (that time is not counted).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.sigma_events import rounds
from citywatch import schema

_PLAIN = ["rsigma", "engine", "eval", "--quiet", "--rules", "{rules}", "--event", "@{events}"]
_ROUTED = [
    *_PLAIN, "--logsource-routing", "--logsource-field-map", "product=ls_p,service=ls_s,category=ls_c",
]  # fmt: skip
PEERS = {"rsigma": _PLAIN, "rsigma_tagged": _ROUTED, "chainsaw": [], "hayabusa": [], "zircolite": []}
"""Those without a command are in no package registry: named when absent, not run."""
DAYS = 4
"""The file on so many days (`sigma_events`)."""


def peers(rules: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    """Events a CPU second of each peer that is here, and why the others are not in the table."""
    told: dict[str, Any] = {}
    days = [line for day in islice(rounds(lines), DAYS) for line in day]
    for name, command in PEERS.items():
        found = shutil.which(command[0] if command else name)
        if not command:
            told[name] = "in no package registry" if found is None else "found, but not run by this benchmark"
        elif found is None:
            told[name] = "not on the PATH"
        else:
            told[name] = _measure(command, rules, tagged(days) if "tagged" in name else days)
    return told


def tagged(lines: Sequence[bytes]) -> list[bytes]:
    """The events with the logsource that each is of, so that rules of others need not be asked."""
    return [orjson.dumps({**event, **_tags(event)}) for event in map(orjson.loads, lines)]


def _tags(event: dict[str, Any]) -> dict[str, str]:
    return dict(_tags_of(str(event.get("Channel")), str(event.get("EventID"))))


@lru_cache(maxsize=4096)
def _tags_of(channel: str, code: str) -> tuple[tuple[str, str], ...]:
    known = {"winlog.channel": channel, "event.code": code}
    found = {"ls_p": "windows"}
    for row in schema.logsources():
        if row.product == "windows" and all(known.get(name) in values for name, values in row.where):
            if row.category:
                found.setdefault("ls_c", row.category)
            elif row.service:
                found.setdefault("ls_s", row.service)
    return tuple(found.items())


def _measure(command: Sequence[str], rules: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False).stdout
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few.ndjson"), Path(folder, "many.ndjson")
        few.write_bytes(lines[0] + b"\n")
        many.write_bytes(b"\n".join(lines) + b"\n")
        start, _, _ = _run(command, rules, few)
        whole, hits, memory = _run(command, rules, many)
    rate = (len(lines) - 1) / max(whole - start, 1e-6)
    told = {"events_per_s": rate, "start_s": start, "hits": hits, "events": len(lines), "memory_mib": memory}
    return {"version": " ".join(version.split()[:2]), **told}


def _run(command: Sequence[str], rules: Path, events: Path) -> tuple[float, int, float]:
    """CPU seconds, lines told, and peak memory."""
    filled = [part.format(rules=rules, events=events) for part in command]
    process = subprocess.Popen(filled, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None  # noqa: S101 - asked for above
    hits = sum(1 for _ in process.stdout)
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, hits, used.ru_maxrss / 1024
