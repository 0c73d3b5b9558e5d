"""Are hits told by the rule's id and the event's number, and what was not loaded with them?"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from console.rule_use import match_file

ID = "00000000-0000-4000-8000-0000000000ee"
RULE = f"""title: Shell of a kiosk
id: {ID}
logsource: {{product: windows, category: process_creation}}
detection:
  shell: {{Image|endswith: '\\cmd.exe', Computer|expand: '%kiosks%'}}
  condition: shell
level: high
"""
NAMELESS = RULE.replace(f"id: {ID}\n", "").replace("Computer|expand: '%kiosks%'", "Computer: KIOSK-1")
ELSEWHERE = RULE.replace("product: windows", "product: toaster").replace("ee\n", "ef\n")
EVENTS = [
    {
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": name,
        "Image": "C:\\cmd.exe",
        "TimeCreated": "2026-11-22T08:00:00.000000Z",
    }
    for name in ("PC-1", "KIOSK-1")
]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS), "utf-8")
    return path


def asked(rules: Path, events: Path) -> tuple[list[tuple[str, int]], list[str], list[str]]:
    problems: list[str] = []
    notes: list[str] = []
    hits = [
        (row["rule_id"], row["event"]) for row in match_file(rules, events, problems.append, notes.append)
    ]
    return hits, problems, notes


def test_a_file_of_rules_uses_the_values_beside_it(tmp_path: Path, events: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    _, problems, _ = asked(tmp_path / "a.yml", events)
    assert len(problems) == 1
    assert "placeholder %kiosks% has no values" in problems[0]
    (tmp_path / "placeholders.yml").write_text("kiosks: ['KIOSK-*']\n", "utf-8")
    assert asked(tmp_path / "a.yml", events) == ([(ID, 2)], [], ["1 rules loaded"])


def test_what_is_not_for_our_events_is_counted(tmp_path: Path, events: Path) -> None:
    archive = tmp_path / "rules.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("rules/a.yml", RULE)
        file.writestr("more/b.yml", ELSEWHERE)
        file.writestr("placeholders.yml", "kiosks: ['KIOSK-*']\n")
    hits, problems, notes = asked(archive, events)
    assert (hits, problems) == ([(ID, 2)], [])
    assert notes == ["1 rules loaded, 1 not for our events (see: rules check)"]


def test_a_rule_without_an_id_has_the_same_one_every_time(tmp_path: Path, events: Path) -> None:
    (tmp_path / "a.yml").write_text(NAMELESS, "utf-8")
    first, _, _ = asked(tmp_path / "a.yml", events)
    assert [number for _, number in first] == [2]
    assert asked(tmp_path / "a.yml", events)[0] == first


@pytest.mark.groundtruth
def test_a_zip_of_rules_is_matched_with_an_event_log_as_windows_writes_it(
    tmp_path: Path, groundtruth: Path
) -> None:
    folder = groundtruth / "sigma-regression"
    names = ("rule_id", "rule", "sample")
    lines = (folder / "MANIFEST.tsv").read_text("utf-8").splitlines()
    pairs = [dict(zip(names, line.split("\t"), strict=False)) for line in lines[1:9]]
    archive = tmp_path / "rules.zip"
    with zipfile.ZipFile(groundtruth / "sigmahq-rules.zip") as whole, zipfile.ZipFile(archive, "w") as few:
        for pair in pairs:
            few.writestr(pair["rule"], whole.read(pair["rule"]))
    for pair in pairs:
        (sample,) = folder.rglob(pair["sample"])
        hits, problems, _ = asked(archive, sample)
        assert problems == []
        assert pair["rule_id"] in {rule_id for rule_id, _ in hits}
        assert all(number >= 1 for _, number in hits)
