"""Which alert does each labelled capture give, with which hosts, and is it the expected one, once?

`python -m benchmarks.scenarios [--out docs/scenarios.md]`: judges every capture of ../shared/data/pcaps by
all own rules, each from a clean slate, and writes the table. What is expected stands in
tests/sensors/network/test_ground_truth.py, where a test holds the rules to it. The exit code is 1 when a
capture is not as expected.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from citywatch.detect.rulebook import Rulebook
from citywatch.model import Alert
from sensors.network import NetworkSensor
from tests.sensors.network.test_ground_truth import (
    BENIGN_EXCEPTIONS,
    EXPECTED,
    REPO,
    SEVERAL,
    judged,
)

CAPTURES = REPO.parent / "shared" / "data" / "pcaps"
_QUIET = {"benign": "none", "fingerprint": "not asked: for fingerprints"}
HEAD = """# Scenarios

Made by `python -m benchmarks.scenarios`: every labelled capture, judged from a clean slate by all own rules.
"once" means: one alert of the expected rule, with the expected hosts in it, and of other rules none but those
that the table of the test names beside it. The captures are development data, seen while the rules were
written; more of the same kinds are held back.

"""
COLUMNS = ("capture", "expected", "hosts", "alerts seen", "as expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capture."""

    capture: str
    expected: str
    hosts: str
    seen: str
    verdict: str

    @property
    def is_right(self) -> bool:
        return not self.verdict.startswith("NO")

    def __str__(self) -> str:
        return f"| {self.capture} | {self.expected} | {self.hosts} | {self.seen} | {self.verdict} |"


def main() -> int:
    """Judge everything, write the table, print the sums."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "scenarios.md")
    out: Path = parser.parse_args().out
    book, sensor = Rulebook.load(REPO), NetworkSensor()
    with (CAPTURES / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        names = [row["file"] for row in csv.DictReader(lines, delimiter="\t")]
    rows = [judge(name, judged(book, sensor, CAPTURES / name)) for name in names]
    out.write_text(HEAD + sums(rows) + table(rows), encoding="utf-8")
    sys.stdout.write(sums(rows))
    for row in rows:
        if not row.is_right:
            sys.stdout.write(f"{row}\n")
    return int(not all(row.is_right for row in rows))


def judge(capture: str, found: Sequence[tuple[str, Alert]]) -> Row:
    """Compare what a capture gave with what it should."""
    counts = Counter(name for name, _ in found)
    seen = ", ".join(f"{name} × {count}" if count > 1 else name for name, count in sorted(counts.items()))
    known = next((row for row in EXPECTED if row[0] == capture), None)
    if known is not None:
        _, rule, source, target, also = known
        return Row(
            capture=capture,
            expected=rule,
            hosts=" → ".join((source or "any", target or "any")),
            seen=seen or "none",
            verdict=_once(
                [alert for name, alert in found if name == rule],
                (source, target),
                set(counts) - {rule, *also},
            ),
        )
    wanted = SEVERAL.get(capture) or BENIGN_EXCEPTIONS.get(capture) or set[str]()
    right = set(counts) == wanted or (capture.startswith("fingerprint/") and not wanted)
    exception = "yes (exception: the notice is right)" if capture in BENIGN_EXCEPTIONS else "yes"
    return Row(
        capture=capture,
        expected=", ".join(sorted(wanted)) or _QUIET[capture.partition("/")[0]],
        hosts="several" if capture in SEVERAL else "",
        seen=seen or "none",
        verdict=exception if right else "NO: other alerts",
    )


def _once(mine: Sequence[Alert], hosts: tuple[str, str], others: set[str]) -> str:
    if len(mine) != 1:
        return f"NO: {len(mine)} alerts"
    named = zip(hosts, ("source.ip", "destination.ip"), strict=True)
    if any(host and host not in mine[0].values.get(field, []) for host, field in named):
        return "NO: other hosts"
    return f"NO: also {', '.join(sorted(others))}" if others else f"once (count {mine[0].count})"


def sums(rows: Sequence[Row]) -> str:
    r"""How many captures of each sort are as expected.

    >>> sums([])
    '0 of 0 attack captures, 0 of 0 benign ones and 0 of 0 for fingerprints are as expected.\n\n'
    """
    kinds = {"attack": [row for row in rows if not row.capture.startswith(("benign/", "fingerprint/"))]}
    kinds |= {
        kind: [row for row in rows if row.capture.startswith(f"{kind}/")]
        for kind in ("benign", "fingerprint")
    }
    said = {kind: f"{sum(row.is_right for row in of)} of {len(of)}" for kind, of in kinds.items()}
    told = f"{said['attack']} attack captures, {said['benign']} benign ones and {said['fingerprint']}"
    return f"{told} for fingerprints are as expected.\n\n"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    return head + "".join(f"{row}\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
