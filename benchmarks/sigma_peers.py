"""How fast are other Sigma engines on the same rules and events, in the same run?

Each is looked for on the PATH and told as absent when it is not there. `rsigma` (Rust): `cargo install rsigma
--no-default-features`. It is given the rules and events as they are, on one core; CPU time beyond what it
takes for a single event. It knows no Windows channels: without a mapping of its own it asks every rule of
every event, so its hits include those of other channels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PEERS = {
    "rsigma": ["rsigma", "engine", "eval", "--rules", "{rules}", "--event", "@{events}"],
    "chainsaw": [],
    "hayabusa": [],
    "zircolite": [],
}
"""Those without a command are in no package registry: named when absent, not run."""


def peers(rules: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    """Events a CPU second of each peer that is here, and why the others are not in the table."""
    told: dict[str, Any] = {}
    for name, command in PEERS.items():
        found = shutil.which(name)
        if not command:
            told[name] = "in no package registry" if found is None else "found, but not run by this benchmark"
        elif found is None:
            told[name] = "not on the PATH"
        else:
            told[name] = _measure(command, rules, lines)
    return told


def _measure(command: Sequence[str], rules: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few.ndjson"), Path(folder, "many.ndjson")
        few.write_bytes(lines[0] + b"\n")
        many.write_bytes(b"\n".join(lines) + b"\n")
        start, _, _ = _run(command, rules, few)
        whole, hits, memory = _run(command, rules, many)
    rate = (len(lines) - 1) / max(whole - start, 1e-6)
    return {"events_per_s": rate, "start_s": start, "hits": hits, "memory_mib": memory}


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
