"""Are a rule's samples held against it, and is what is missing said?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citywatch.detect.samples import check, main, read_samples
from citywatch.errors import ContentError

RULE = """title: Many refused logins
id: 00000000-0000-4000-8000-000000000001
name: many
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 5m
  condition: {gte: 2}
---
title: A refused login
id: 00000000-0000-4000-8000-000000000002
name: refused
logsource: {product: citywatch}
detection:
  a: {event.outcome: failure}
  condition: a
"""
EVENT = '{"event.module": "portal", "event.outcome": "failure", "source.ip": "10.0.0.1"}'
FIRES = f'{{"expect": "fires", "because": "twice", "events": [{EVENT}, {EVENT}]}}\n'
SILENT = f'{{"expect": "silent", "because": "once", "events": [{EVENT}]}}\n'


def write(folder: Path, samples: str) -> Path:
    (folder / "a.yml").write_text(RULE, "utf-8")
    (folder / "a.samples.ndjson").write_text(samples, "utf-8")
    return folder / "a.yml"


def test_a_correlation_is_held_to_samples_of_several_events(tmp_path: Path) -> None:
    path = write(tmp_path, FIRES + SILENT)
    assert list(check(path)) == []
    assert main([str(tmp_path)]) == 0


def test_each_sample_stands_alone(tmp_path: Path) -> None:
    assert list(check(write(tmp_path, SILENT + SILENT + FIRES))) == []


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (FIRES, "has no sample that stays silent"),
        (SILENT, "has no sample that fires"),
        (FIRES + SILENT.replace("silent", "fires"), "a.samples.ndjson:2: stays silent, but should not: once"),
        (FIRES.replace("fires", "silent") + FIRES, "a.samples.ndjson:1: fires, but should not: twice"),
        ('{"because": "x"}', "a.samples.ndjson:1: has no `expect`"),
        ('{"expect": "fires"}', "a.samples.ndjson:1: has no `because`"),
        ("[", "a.samples.ndjson:1: not JSON"),
        ("[]", "a.samples.ndjson:1: is not an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, samples: str, message: str) -> None:
    assert any(message in line for line in check(write(tmp_path, samples)))


def test_a_rule_without_samples_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    assert list(check(tmp_path / "a.yml")) == [
        f"{tmp_path}/a.yml: has no samples; write a.samples.ndjson beside it"
    ]
    assert main([str(tmp_path)]) == 1


def test_ids_and_times_are_filled_in_and_given_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.samples.ndjson"
    path.write_text('{"expect": "fires", "because": "x", "events": [{}, {"event.id": "own"}]}', "utf-8")
    first, second = read_samples(path)[0].events
    assert first["@timestamp"] < second["@timestamp"]
    assert len(first["event.id"]) == 32
    assert second["event.id"] == "own"
    path.write_bytes(b"\xff")
    with pytest.raises(ContentError):
        read_samples(path)
