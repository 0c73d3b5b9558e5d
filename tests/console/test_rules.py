"""Can a team own its rules from the terminal: check, switch, renew, measure, and draw what they cover?"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from citywatch.errors import CityWatchError
from console.cli.app import app

ID = "00000000-0000-4000-8000-0000000000aa"
OTHER = "00000000-0000-4000-8000-0000000000bb"
RULE = f"""title: Shell from the web server
id: {ID}
status: stable
tags: [attack.execution, attack.t1059.003, citywatch.danger.loss]
logsource: {{product: windows, category: process_creation}}
detection:
  shell: {{Image|endswith: '\\cmd.exe', ParentImage|contains: w3wp}}
  condition: shell
level: high
"""
IMPOSSIBLE = f"""title: Asks for another log
id: {OTHER}
status: stable
tags: [odd.namespace]
logsource: {{product: windows, service: security}}
detection:
  one: {{Channel: System, EventID: 1}}
  condition: one
level: low
"""
EVENT = {
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "EventID": 1,
    "Provider_Name": "Microsoft-Windows-Sysmon",
    "Image": "C:\\Windows\\System32\\cmd.exe",
    "ParentImage": "C:\\inetsrv\\w3wp.exe",
    "Computer": "WEB01",
    "TimeCreated": "2026-11-22T08:00:00.000000Z",
}


def run(*words: str | Path, code: int = 0) -> tuple[str, str]:
    said = CliRunner().invoke(app, [str(word) for word in words])
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    assert said.exit_code == code, said.output
    return said.stdout, said.stderr


def rows(*words: str | Path, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--json", code=code)[0].splitlines()]


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tmp_path / "content"
    (content / "rules").mkdir(parents=True)
    (content / "playbooks").mkdir()
    (content / "rules" / "shell.yml").write_text(RULE, "utf-8")
    folder = tmp_path / "data"
    monkeypatch.setenv("CITYWATCH_CONTENT", str(content))
    monkeypatch.setenv("CITYWATCH_DATA", str(folder))
    run("init")


def test_a_rule_that_can_never_fire_and_a_strange_tag_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "content" / "rules" / "odd.yml").write_text(IMPOSSIBLE, "utf-8")
    found = rows("rules", "check")
    assert [(one["kind"], one["file"], one["line"]) for one in found] == [
        ("warning", "rules/odd.yml", 1),
        ("warning", "rules/odd.yml", 4),
    ]
    assert "no event can ever answer" in found[0]["what"]
    assert "namespace" in found[1]["what"]
    run("rules", "check", "--strict", code=1)


def test_a_warning_names_a_logsource_as_the_rule_would(tmp_path: Path) -> None:
    specific = RULE.replace("category: process_creation", "service: sysmon").replace(
        "{Image|", "{EventID: 1, Image|"
    )
    (tmp_path / "content" / "rules" / "shell.yml").write_text(specific, "utf-8")
    (found,) = [one["what"] for one in rows("rules", "check") if "logsource" in one["what"]]
    assert "logsource {product: windows, service: sysmon}" in found
    assert "{category: process_creation}" in found


def test_a_broken_rule_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "content" / "rules" / "bad.yml").write_text(RULE.replace("endswith", "endwith"), "utf-8")
    found = rows("rules", "check", code=1)
    assert [(one["kind"], one["file"], one["line"]) for one in found if one["kind"] == "error"] == [
        ("error", "rules/bad.yml", 7)
    ]


def test_tags_are_checked_against_a_copy_of_attack(tmp_path: Path) -> None:
    known = {"type": "bundle", "id": "bundle--1", "objects": [
        {"type": "x-mitre-collection", "x_mitre_version": "17.0"},
        {"type": "x-mitre-tactic", "id": "x-mitre-tactic--1", "x_mitre_shortname": "execution",
         "name": "Execution",
         "external_references": [{"source_name": "mitre-attack", "external_id": "TA0002"}]},
    ]}  # fmt: skip
    (tmp_path / "attack.json").write_text(json.dumps(known), "utf-8")
    found = rows("rules", "check", "--attack", tmp_path / "attack.json")
    assert [one["line"] for one in found if "ATT&CK" in one["what"]] == [4]


def test_a_rule_is_switched_off_with_a_reason_and_on_again() -> None:
    with pytest.raises(CityWatchError, match="give a reason"):
        run("rules", "disable", ID, "--as", "lan")
    run("rules", "disable", ID, "--as", "lan", "--reason", "backup server")
    assert [one["id"] for one in rows("rules", "list")] == []
    off = rows("rules", "list", "--off")
    assert [one["id"] for one in off] == [ID]
    assert "backup server (lan, " in off[0]["what"]
    run("rules", "enable", ID, "--as", "lan")
    assert [one["id"] for one in rows("rules", "list")] == [ID]
    with pytest.raises(CityWatchError, match="is not switched off"):
        run("rules", "enable", ID, "--as", "lan")
    with pytest.raises(CityWatchError, match="no rule 'none'"):
        run("rules", "disable", "none", "--as", "lan", "--reason", "x")


def test_a_newer_release_renews_what_was_imported_and_leaves_what_is_off(tmp_path: Path) -> None:
    for name, text in (("first", "A"), ("second", "B")):
        with zipfile.ZipFile(tmp_path / f"set-{name}.zip", "w") as file:
            file.writestr("rules/a.yml", RULE.replace(ID, OTHER).replace("Shell", text))
    run("rules", "import", tmp_path / "set-first.zip", "--name", "Other people")
    assert (tmp_path / "data" / "rules" / "other-people" / "rules" / "a.yml").is_file()
    run("rules", "disable", OTHER, "--as", "lan", "--reason", "noise")
    told = rows("rules", "update", tmp_path / "set-second.zip")
    assert [(one["title"], one["change"]) for one in told] == [("B from the web server", "changed")]
    assert "other-people: nothing is different" in run("rules", "update", tmp_path / "set-second.zip")[0]
    assert [one["id"] for one in rows("rules", "list", "--off")] == [OTHER]


def test_the_layer_names_each_technique_once_with_its_rules(tmp_path: Path) -> None:
    run("rules", "coverage", "--out", tmp_path / "layer.json", "--name", "Hà Nội")
    layer = json.loads((tmp_path / "layer.json").read_text("utf-8"))
    assert (layer["name"], layer["versions"]["layer"], layer["domain"]) == (
        "Hà Nội",
        "4.5",
        "enterprise-attack",
    )
    assert [(one["techniqueID"], one["score"], one["comment"]) for one in layer["techniques"]] == [
        ("T1059.003", 1, "Shell from the web server")
    ]


def test_what_a_rule_costs_is_measured_on_the_events_it_means(tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    others = [EVENT | {"ParentImage": "C:\\explorer.exe"}, EVENT | {"EventID": 3}]
    events.write_text("\n".join(json.dumps(one) for one in (EVENT, *others)), "utf-8")
    found = rows("rules", "bench", "--events", events)
    assert [(one["id"], one["events"], one["fired"]) for one in found] == [(ID, 2, 1)]
    assert found[0]["us"] >= 0
    with pytest.raises(CityWatchError, match="no such file"):
        run("rules", "bench", "--events", tmp_path / "none")


def test_samples_of_sigma_and_yara_rules_are_run_together(tmp_path: Path) -> None:
    rules = tmp_path / "content" / "rules"
    sample = {"expect": "fires", "because": "a shell", "process.executable": "C:\\cmd.exe",
              "process.parent.executable": "w3wp.exe", "winlog.channel": EVENT["Channel"], "event.code": "1",
              "event.dataset": "windows.sysmon", "event.module": "winlog"}  # fmt: skip
    (rules / "shell.samples.ndjson").write_text(json.dumps(sample), "utf-8")
    (rules / "a.yar").write_text('rule Odd { meta: id = "y" strings: $a = "odd" condition: $a }', "utf-8")
    lines = [{"expect": "fires", "because": "odd", "rule": "Odd", "text": "odd"}]
    (rules / "a.samples.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert {one["rule"]: one["ok"] for one in rows("rules", "test")} == {"shell": True, "YARA": True}
    lines[0]["text"] = "even"
    (rules / "a.samples.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert "Odd stays silent" in run("rules", "test", code=1)[1]


EXCEPTION = f"""title: The kiosk's own shell
id: 00000000-0000-4000-8000-0000000000ab
logsource: {{product: windows, category: process_creation}}
filter:
  rules: [{ID}]
  kiosk: {{Computer: KIOSK-1}}
  condition: not kiosk
citywatch: {{owner: An, reason: maintenance of kiosks, expires: 2020-01-01}}
"""


def test_an_exception_says_whose_it_is_why_and_until_when(tmp_path: Path) -> None:
    (tmp_path / "content" / "rules" / "kiosk.yml").write_text(EXCEPTION, "utf-8")
    (row,) = rows("rules", "list", "--exceptions")
    assert (row["rules"], row["owner"], row["reason"]) == ([ID], "An", "maintenance of kiosks")
    assert (row["expires"], row["holds"]) == ("2020-01-01", False)
