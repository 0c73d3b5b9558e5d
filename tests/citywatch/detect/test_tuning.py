"""Can the team switch rules off and on, and see who did?"""

from __future__ import annotations

from pathlib import Path

from citywatch.detect.rulebook import Rulebook
from citywatch.detect.tuning import read_off, switch_off, switch_on

RULE = """title: A
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
logsource: {product: windows}
detection:
  a: {Image: x}
  condition: a
"""
ID = "5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10"


def test_a_rule_that_is_off_is_told_with_who_and_why_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    switch_off(tmp_path, ID.upper(), by="an", day="2026-11-22", reason="our backup\ttool\ndoes this")
    book = Rulebook.load(tmp_path)
    assert ID not in book.rules
    (refusal,) = book.refusals
    assert (refusal.kind, refusal.what) == (
        "off",
        "is switched off: our backup tool does this (an, 2026-11-22)",
    )
    assert switch_on(tmp_path, ID)
    assert not switch_on(tmp_path, ID)
    assert ID in Rulebook.load(tmp_path).rules


def test_a_damaged_line_switches_nothing_off(tmp_path: Path) -> None:
    (tmp_path / "switched-off.tsv").write_bytes(b"head\nhalf a line\n\xff\t\n")
    assert read_off(tmp_path) == {}
