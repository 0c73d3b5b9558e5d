"""Does a folder of hostile and broken rules stop nothing, with each of them named by its file?

One of each kind that a rule set from strangers may hold, beside one sound rule, through the command line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.cli.app import app

ID = "00000000-0000-4000-8000-0000000000c1"
HEAD = "status: stable\nlogsource: {product: windows, category: process_creation}\nlevel: high\n"
SOUND = f"""title: Shell of the web server
id: {ID}
{HEAD}detection:
  shell: {{Image|endswith: '\\cmd.exe', ParentImage|contains: w3wp}}
  condition: shell
"""
RUNAWAY = f"""title: An expression that runs away elsewhere
id: 00000000-0000-4000-8000-0000000000c2
{HEAD}detection:
  a: {{CommandLine|re: '^(a+)+$'}}
  condition: a
"""
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}, *a{at - 1}]\n" for at in range(1, 40)
)
LOOP = """title: Counts the other
id: 00000000-0000-4000-8000-0000000000c3
name: first
correlation: {type: event_count, rules: [second], group-by: [User], timespan: 1m, condition: {gte: 2}}
---
title: Counts the first
id: 00000000-0000-4000-8000-0000000000c4
name: second
correlation: {type: event_count, rules: [first], group-by: [User], timespan: 1m, condition: {gte: 2}}
"""
NEVER = """title: Asks for another log
id: 00000000-0000-4000-8000-0000000000c5
status: stable
logsource: {product: windows, service: security}
detection:
  one: {Channel: System, EventID: 1}
  condition: one
level: low
"""
FILES = {
    "a_sound.yml": SOUND,
    "b_runaway.yml": RUNAWAY,
    "c_large.yml": SOUND + "# " + "x" * 10_000_000,
    "d_bomb.yml": BOMB,
    "e_loop.yml": LOOP,
    "f_modifier.yml": SOUND.replace("endswith", "endswhith").replace("c1\n", "c6\n"),
    "g_twice.yml": SOUND,
    "h_never.yml": NEVER,
    "i_include.yar": 'include "../../outside.yar"\nrule Fine { condition: true }\n',
}
WORDS = {
    "c_large.yml": "bytes are more than a rule file may have",
    "d_bomb.yml": "unfolds to more than",
    "e_loop.yml": "refers to itself",
    "f_modifier.yml": "endswhith",
    "g_twice.yml": ID,
    "h_never.yml": "no event can ever answer",
    "i_include.yar": "include",
}


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYWATCH_DATA", str(tmp_path / "data"))
    (tmp_path / "outside.yar").write_text("rule Outside { condition: true }\n", "utf-8")
    folder = tmp_path / "all" / "rules"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def run(*words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
    said = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return said.exit_code, [json.loads(line) for line in said.stdout.splitlines()], said.stderr


def test_each_bad_rule_is_named_with_its_file(rules: Path) -> None:
    code, found, _ = run("rules", "check", rules)
    assert code == 1
    told = {name: [one["what"] for one in found if one["file"].endswith(name)] for name in FILES}
    for name, word in WORDS.items():
        assert any(word in what for what in told[name]), (name, told[name])
    assert not [one for one in found if one["kind"] == "error" and one["file"].endswith("a_sound.yml")]


def test_the_sound_rules_beside_them_fire_and_what_was_not_loaded_is_said(
    rules: Path, tmp_path: Path
) -> None:
    event = {
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "TimeCreated": "2026-11-22T08:00:00.000000Z",
        "Image": "C:\\Windows\\System32\\cmd.exe",
        "ParentImage": "C:\\inetsrv\\w3wp.exe",
        "CommandLine": "a" * 60_000 + "b",
    }
    events = tmp_path / "events.ndjson"
    events.write_text(json.dumps(event) + "\n" + json.dumps({**event, "CommandLine": "aaa"}) + "\n", "utf-8")
    code, hits, told = run("rules", "match", "--rules", rules, "--events", events)
    assert code == 3, "what was refused is an outcome of its own"
    assert [(one["rule_id"][-2:], one["event"]) for one in hits] == [("c1", 1), ("c1", 2), ("c2", 2)]
    assert all(name in told for name in ("c_large.yml", "d_bomb.yml", "e_loop.yml", "f_modifier.yml"))
