"""Does everything of the ground truth pass through without a crash, and do the regression rules fire?"""

from __future__ import annotations

import csv
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from citywatch.detect.rulebook import Rulebook
from sensors.winlog import Winlog
from tests.acceptance.conftest import Citywatch

pytestmark = pytest.mark.groundtruth


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_capture_passes_and_attacks_are_seen(citywatch: Citywatch, groundtruth: Path) -> None:
    captures = table(groundtruth / "pcaps" / "MANIFEST.tsv")
    assert len(captures) == 93
    said = citywatch("replay", groundtruth / "pcaps", "--json", timeout=280)
    assert "Traceback" not in said.err
    assert said.code == 3, "the list of captures itself is no capture, and that is told"
    assert [line for line in said.err.splitlines() if "MANIFEST.tsv" not in line] == []
    assert len(said.rows) > 30
    for row in said.rows:
        assert {"rule_id", "title", "severity", "subject", "count", "first_seen", "explanation"} <= set(row)


def test_every_windows_log_passes_and_fires_its_rule(
    citywatch: Citywatch, groundtruth: Path, tmp_path: Path
) -> None:
    pairs = table(groundtruth / "sigma-regression" / "MANIFEST.tsv")
    assert len(pairs) == 144
    wanted = {pair["rule"] for pair in pairs}
    with zipfile.ZipFile(groundtruth / "sigmahq-rules.zip") as archive:
        for name in archive.namelist():
            if name in wanted or name.partition("/")[2] in wanted:
                archive.extract(name, tmp_path / "rules")
    said = citywatch("rules", "check", tmp_path / "rules", "--json")
    refused = [row for row in said.rows if row["kind"] != "warning"]
    assert (said.code, refused) == (0, []), "every one of these rules can be loaded"
    silent: list[str] = []
    book = Rulebook.load(tmp_path / "rules")
    for pair in pairs:
        sample = groundtruth / "sigma-regression" / pair["sample"]
        events = list(Winlog().read(sample, lambda _: None, lambda _data, _kind: ""))
        if pair["rule_id"] not in {match.rule.id for match in book.judge(events)}:
            silent.append(pair["rule_id"])
    assert silent == []


def test_every_page_passes(citywatch: Citywatch, groundtruth: Path, tmp_path: Path) -> None:
    with tarfile.open(groundtruth / "pages.tar.xz") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own ground truth
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) == 867
    said = citywatch("portals", "judge", tmp_path, "--json", timeout=280)
    assert "Traceback" not in said.err
    assert said.code == 0
    judged = [row for row in said.rows if row["file"].endswith(".html")]
    assert len(judged) == 867
    assert {row["label"] for row in judged} <= {"defaced", "spam", "clean"}
    assert all(0 <= row["score"] <= 1 and isinstance(row["witnesses"], list) for row in judged)


def test_every_pair_of_honest_changes_passes(citywatch: Citywatch, groundtruth: Path, tmp_path: Path) -> None:
    with tarfile.open(groundtruth / "page-changes.tar.xz") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own ground truth
    keys = sorted({path.name.split(".")[0] for path in tmp_path.rglob("*.a.html")})
    folder = next(tmp_path.rglob("*.a.html")).parent
    (folder / "pairs.tsv").write_text("key\n" + "\n".join(keys) + "\n")
    said = citywatch("portals", "compare", "--pairs", folder / "pairs.tsv", "--json", timeout=280)
    assert said.code == 0, said.err
    assert len(said.rows) == len(keys) == 163
    above_low = [row for row in said.rows if row["severity"] in {"medium", "high", "critical"}]
    assert len(above_low) <= 163 * 0.02, json.dumps(above_low)[:2000]
