"""Does each construct of Sigma mean what decision 0020 says, in every shape of a Windows record?

`meanings.ndjson`: a detection, the data of events that must fire it, and of near ones that must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.model import Event
from sensors.winlog import translate

CASES = [orjson.loads(line) for line in Path(__file__).with_name("meanings.ndjson").read_bytes().splitlines()]
SYSTEM: dict[str, Any] = {
    "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "pc",
    "Provider_Name": "Microsoft-Windows-Sysmon", "TimeCreated": "2026-11-20T01:02:03.000004Z",
    "EventRecordID": 1, "Level": 4, "Keywords": "0x8000000000000000",
}  # fmt: skip


def rule_of(detection: dict[str, Any]) -> EventRule:
    document = {
        "title": "A meaning", "id": "00000000-0000-4000-8000-0000000000cc", "level": "low",
        "logsource": {"product": "windows", "category": "process_creation"}, "detection": detection,
    }  # fmt: skip
    file = load_file(orjson.dumps(document), "meaning.yml")
    assert not file.refusals
    return file.events[0]


def flat(data: dict[str, Any]) -> Event:
    return translate({**SYSTEM, **data}, as_written=True)


def beat(data: dict[str, Any]) -> Event:
    record = {
        "@timestamp": SYSTEM["TimeCreated"], "log": {"level": "information"},
        "event": {"code": str(SYSTEM["EventID"])},
        "winlog": {"channel": SYSTEM["Channel"], "computer_name": "pc", "record_id": 1,
                   "provider_name": SYSTEM["Provider_Name"], "keywords": [SYSTEM["Keywords"]],
                   "event_data": data},
    }  # fmt: skip
    return translate(record, as_written=True)


def exported(data: dict[str, Any]) -> Event:
    system = {**SYSTEM, "Provider": {"#attributes": {"Name": SYSTEM["Provider_Name"]}}}
    return translate({"Event": {"System": system, "EventData": data}}, as_written=True)


@pytest.mark.parametrize("shape", [flat, beat, exported])
@pytest.mark.parametrize("case", CASES, ids=[str(case["detection"])[:60] for case in CASES])
def test_a_construct_means_what_is_written_down(case: dict[str, Any], shape: Any) -> None:
    rule = rule_of(case["detection"])
    engine = Engine([rule])
    for fires in (True, False):
        for data in case["fires" if fires else "silent"]:
            event = shape(data)
            assert oracle.matches(rule.gate, event)
            assert oracle.matches(rule.tree, event) is fires, data
            for _ in range(3):
                assert bool(engine.hits(event)) is fires, data


@pytest.mark.parametrize(
    ("detection", "said"),
    [
        ({"s": {"A|contains": 5}, "condition": "s"}, "SigmaContainsModifier"),
        ({"s": {"A|containz": "x"}, "condition": "s"}, "did you mean 'contains'"),
        ({"s": {"A|re": "a(?=b)"}, "condition": "s"}, "not supported"),
        ({"s": {"A|expand": "%none%"}, "condition": "s"}, "%none% has no values"),
        ({"s": {"A": "x"}, "condition": "t"}, "t"),
        ({"s": {"A": "x"}, "condition": "s | count() > 5"}, "deprecated"),
    ],
)
def test_what_has_no_exact_meaning_is_refused_by_name(detection: dict[str, Any], said: str) -> None:
    document = {"title": "x", "id": "00000000-0000-4000-8000-0000000000dd", "level": "low",
                "logsource": {"product": "windows"}, "detection": detection}  # fmt: skip
    (refusal,) = load_file(orjson.dumps(document), "meaning.yml").refusals
    assert said in f"{refusal.what} {refusal.hint}"


def test_an_expression_that_runs_away_elsewhere_is_answered_here() -> None:
    rule = rule_of({"s": {"A|re": "^(a+)+$"}, "condition": "s"})
    engine = Engine([rule])
    for data, fires in ((50_000 * "a", True), (50_000 * "a" + "b", False)):
        assert oracle.matches(rule.tree, flat({"A": data})) is fires
        assert bool(engine.hits(flat({"A": data}))) is fires
