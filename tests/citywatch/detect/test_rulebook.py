"""Does the rulebook give matches that explain themselves?"""

from __future__ import annotations

from pathlib import Path

from citywatch.detect.rulebook import Rulebook
from citywatch.model import Problem, Reason

RULE = """title: Odd parent
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
level: high
logsource: {product: windows, category: process_creation}
detection:
  a: {Image|endswith: '\\cmd.exe', ParentImage|contains: w3wp}
  condition: a
"""
EVENT = {
    "@timestamp": "2026-11-22T08:00:00.000000Z",
    "event.id": "e1",
    "event.module": "winlog",
    "event.code": "1",
    "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
    "host.name": "WEB01",
    "process.executable": "C:\\Windows\\System32\\CMD.EXE",
    "process.parent.executable": "C:\\inetsrv\\w3wp.exe",
}


def test_a_match_says_which_field_met_which_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    book = Rulebook.load(tmp_path)
    (match,) = book.judge([EVENT, {**EVENT, "winlog.channel": "Security"}])
    assert match.subject == (("host.name", "WEB01"),)
    assert match.reasons == (
        Reason(field="process.executable", value="C:\\Windows\\System32\\CMD.EXE", pattern="*\\\\cmd.exe"),
        Reason(field="process.parent.executable", value="C:\\inetsrv\\w3wp.exe", pattern="*w3wp*"),
    )
    assert match.event_ids == ("e1",)


def test_one_bad_rule_is_reported_and_the_rest_hold(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(RULE, "utf-8")
    (tmp_path / "rules" / "b.yml").write_text("title: [", "utf-8")
    seen: list[Problem] = []
    book = Rulebook.load(tmp_path, report=seen.append)
    assert list(book.rules) == ["5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10"]
    assert [problem.source for problem in seen] == ["rules/b.yml"]
