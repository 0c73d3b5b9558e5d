"""Do our own YARA rules fire on their samples and stay silent on the near misses?"""

from __future__ import annotations

import json
from pathlib import Path

from citywatch.detect.yara_samples import run_samples

OWN = Path(__file__).resolve().parents[3] / "rules" / "yara"


def test_every_own_rule_fires_and_stays_silent_as_its_samples_say() -> None:
    run = run_samples(OWN)
    assert [str(failure) for failure in run.failures] == []
    assert run.samples >= 50


def test_samples_that_do_not_hold_are_told_by_line(tmp_path: Path) -> None:
    folder = tmp_path / "y"
    folder.mkdir()
    (folder / "a.yar").write_text('rule a { strings: $x = "x" condition: $x }\nrule b { condition: false }')
    lines = [
        json.dumps({"expect": "fires", "rule": "a", "because": "no x", "text": "y"}),
        json.dumps({"expect": "silent", "because": "x", "base64": "eA=="}),
        json.dumps({"expect": "silent", "because": "none"}),
        json.dumps({"expect": "silent", "because": "bad", "base64": "?"}),
        json.dumps({"expect": "maybe", "because": "word", "text": "y"}),
        '{"expect": 1}',
    ]
    (folder / "a.samples.ndjson").write_text("\n".join(lines))
    told = [str(failure) for failure in run_samples(folder).failures]
    assert told[0] == "y/a.samples.ndjson:1: a stays silent; because: no x"
    assert told[1] == "y/a.samples.ndjson:2: a fires; because: x"
    assert [text.split(":")[1] for text in told[2:6]] == ["3", "4", "5", "6"]
    assert "rule b has no sample that fires it" in told[6]


def test_a_file_without_samples_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yar").write_text("rule a { condition: true }")
    assert "is missing" in run_samples(tmp_path).failures[0].what
