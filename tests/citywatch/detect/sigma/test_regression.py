"""Does each of SigmaHQ's regression samples fire its rule?"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.model import Event
from sensors.winlog import Winlog

pytestmark = pytest.mark.groundtruth


def pairs(groundtruth: Path) -> Iterator[tuple[EventRule, Path, str]]:
    """Rule, sample and expected number of hits (or nothing where it is not said)."""
    folder = groundtruth / "sigma-regression"
    archive = zipfile.ZipFile(io.BytesIO((groundtruth / "sigmahq-rules.zip").read_bytes()))
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            (rule,) = load_file(archive.read(row["rule"]), row["rule"]).events
            assert rule.rule.id == row["rule_id"]
            yield rule, folder / row["sample"], row["match_count"]


def events(path: Path) -> list[Event]:
    problems: list[object] = []
    found = list(Winlog().read(path, problems.append, lambda _raw, _type: ""))
    assert problems == []
    return found


def test_every_sample_fires_its_rule_at_least_as_often_as_stated(groundtruth: Path) -> None:
    silent: list[str] = []
    counted = 0
    for rule, sample, expected in pairs(groundtruth):
        engine = Engine([rule])
        seen = events(sample)
        hits = sum(bool(engine.hits(event)) for event in seen)
        assert hits == sum(
            oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event) for event in seen
        )
        if hits < int(expected or 1):  # three samples hold more true hits than are stated
            silent.append(f"{rule.rule.source}: {sample.name}: {hits} hits, not {expected or 1}")
        counted += 1
    assert silent == []
    assert counted == 144
