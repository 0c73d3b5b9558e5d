"""Are Windows records, in each of their shapes, told as the same event?"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event, Problem
from sensors.winlog import Winlog, translate
from tests.sensors import reading

SYSMON = "Microsoft-Windows-Sysmon/Operational"
DATA = {"Image": r"C:\Windows\System32\cmd.exe", "CommandLine": "cmd /c whoami", "ProcessId": 4711}
FLAT: dict[str, Any] = {
    "EventID": 1,
    "Channel": SYSMON,
    "Computer": "pc7.gov.test",
    "Provider_Name": "Microsoft-Windows-Sysmon",
    "EventRecordID": 9,
    "TimeCreated": "2026-11-20T01:02:03.000004Z",
    **DATA,
}
EXPORTED: dict[str, Any] = {
    "Event": {
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
            "EventID": {"#attributes": {"Qualifiers": 0}, "#text": 1},
            "TimeCreated": {"#attributes": {"SystemTime": "2026-11-20T01:02:03.000004Z"}},
            "EventRecordID": 9,
            "Channel": SYSMON,
            "Computer": "pc7.gov.test",
        },
        "EventData": DATA,
    }
}
BEAT: dict[str, Any] = {
    "@timestamp": "2026-11-20T01:02:03.000004Z",
    "winlog": {
        "event_id": "1",
        "channel": SYSMON,
        "computer_name": "pc7.gov.test",
        "provider_name": "Microsoft-Windows-Sysmon",
        "record_id": 9,
        "event_data": DATA,
    },
}
DOTTED: dict[str, Any] = {
    "@timestamp": "2026-11-20T01:02:03.000004Z",
    "winlog.event_id": 1,
    "event.code": "1",
    "winlog.channel": SYSMON,
    "winlog.computer_name": "pc7.gov.test",
    "winlog.provider_name": "Microsoft-Windows-Sysmon",
    "winlog.record_id": 9,
    **{f"winlog.event_data.{name}": value for name, value in DATA.items()},
}
NXLOG: dict[str, Any] = {
    "EventTime": "2026-11-20 01:02:03.000004",
    "Hostname": "pc7.gov.test",
    "EventID": 1,
    "SourceName": "Microsoft-Windows-Sysmon",
    "RecordNumber": 9,
    "Channel": SYSMON,
    **DATA,
}


def read(path: Path) -> tuple[list[Event], list[Problem]]:
    return reading.read(Winlog(), path)


@pytest.mark.parametrize(
    "record", [FLAT, EXPORTED, BEAT, DOTTED, NXLOG], ids=["flat", "exported", "beat", "dotted", "nxlog"]
)
def test_every_shape_of_a_record_gives_the_same_fields(record: dict[str, Any]) -> None:
    event = translate(record)
    assert event["process.executable"] == DATA["Image"]
    assert event["process.command_line"] == "cmd /c whoami"
    assert event["winlog.event_data.ProcessId"] == 4711
    assert event["event.code"] == "1"
    assert event["@timestamp"] == "2026-11-20T01:02:03.000004Z"
    assert event["host.name"] == event["winlog.computer_name"] == "pc7.gov.test"
    assert event["winlog.provider_name"] == "Microsoft-Windows-Sysmon"
    assert event["event.dataset"] == "windows.sysmon"
    assert event["event.category"] == ["process"]


def test_names_with_spaces_are_written_without_them_and_nulls_are_left_out() -> None:
    event = translate({**FLAT, "Threat Name": "Trojan", "Binary": None})
    assert event["winlog.event_data.ThreatName"] == "Trojan"
    assert "winlog.event_data.Binary" not in event


def test_values_of_a_list_stay_a_list() -> None:
    assert translate({**FLAT, "Data": ["sa", " reason"]})["winlog.event_data.Data"] == ["sa", " reason"]


def test_user_data_answers_to_the_names_that_rules_use() -> None:
    record = {"Event": {**EXPORTED["Event"], "EventData": None}}
    record["Event"]["UserData"] = {
        "LogFileCleared": {"#attributes": {}, "SubjectUserName": "eve", "Channel": "System"}
    }
    event = translate(record)
    assert event["winlog.event_data.SubjectUserName"] == "eve"
    assert event["winlog.channel"] == SYSMON
    assert event["winlog.event_data.Channel"] == "System"


def test_a_data_name_cannot_overwrite_a_field_of_the_event() -> None:
    event = translate({**FLAT, "source.ip": "not an address", "message": "x"})
    assert "source.ip" not in event
    assert event["winlog.event_data.source.ip"] == "not an address"


def test_a_failed_login_names_the_address_and_the_account() -> None:
    record = {
        **FLAT,
        "EventID": 4625,
        "Channel": "Security",
        "IpAddress": "::ffff:10.1.2.3",
        "TargetUserName": "sa",
    }
    event = translate(record)
    assert (event["source.ip"], event["user.target.name"], event["event.outcome"]) == (
        "10.1.2.3",
        "sa",
        "failure",
    )


def test_bad_lines_are_told_by_line_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    good = orjson.dumps(FLAT)
    log = tmp_path / "a.ndjson"
    log.write_bytes(b"\n".join([good, b"{broken", b"[]", b'{"EventID":1,"Channel":"Security"}', good]))
    events, problems = read(log)
    assert len(events) == 2
    assert events[0]["event.id"] != events[1]["event.id"]
    assert [problem.position for problem in problems] == ["line 2", "line 3", "line 4"]
    assert "time" in problems[2].what


def test_a_copy_of_the_log_gives_the_same_ids_packed_or_not(tmp_path: Path) -> None:
    lines = orjson.dumps(FLAT) + b"\r\n" + orjson.dumps({**FLAT, "EventRecordID": 10}) + b"\r\n"
    (tmp_path / "a.ndjson").write_bytes(lines)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(lines))
    first, second = read(tmp_path / "a.ndjson")[0], read(tmp_path / "b.json.gz")[0]
    assert [event["event.id"] for event in first] == [event["event.id"] for event in second]


def test_a_json_array_and_utf_16_are_read(tmp_path: Path) -> None:
    (tmp_path / "array.json").write_bytes(orjson.dumps([FLAT, EXPORTED], option=orjson.OPT_INDENT_2))
    (tmp_path / "wide.json").write_bytes(orjson.dumps(FLAT).decode().encode("utf-16"))
    assert len(read(tmp_path / "array.json")[0]) == 2
    assert len(read(tmp_path / "wide.json")[0]) == 1


def test_a_file_that_only_begins_like_an_event_log_is_a_fatal_problem(tmp_path: Path) -> None:
    (tmp_path / "a.evtx").write_bytes(b"ElfFile\x00" + b"\x00" * 6000)
    events, problems = read(tmp_path / "a.evtx")
    assert events == []
    assert problems[-1].fatal


names = st.sampled_from(
    [*FLAT, "System", "Event", "winlog", "EventData", "Data", "#text", "@Name", "UserData", "x y", ""]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 1 << 70)
    | st.floats()
    | st.text(max_size=8)
    | st.just("Security"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=8), st.booleans())
def test_no_record_raises_anything_but_told_errors(record: dict[str, Any], based: bool) -> None:  # noqa: FBT001 - drawn
    try:
        event = translate({**FLAT, **record} if based else record)
    except (ValueError, TypeError, AttributeError):
        return
    assert reading.misfits(event) == []
    assert isinstance(event["event.code"], str)


@pytest.mark.groundtruth
def test_every_event_of_the_attack_samples_is_read(groundtruth: Path) -> None:
    events, problems = read(groundtruth / "windows-attack-events.ndjson.gz")
    assert len(events) == len({event["event.id"] for event in events}) == 8255
    assert problems == []


@pytest.mark.groundtruth
def test_every_regression_log_is_read_whole(groundtruth: Path) -> None:
    for path in sorted((groundtruth / "sigma-regression").glob("*.evtx")):
        events, problems = read(path)
        assert events, path
        assert problems == [], path


@pytest.mark.groundtruth
@given(
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 255)), min_size=1, max_size=20),
    st.integers(0, 70_000),
)
def test_a_damaged_event_log_is_a_told_problem(
    groundtruth: Path, tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], cut: int
) -> None:
    sample = min((groundtruth / "sigma-regression").glob("*.evtx"), key=lambda path: path.name)
    content = bytearray(sample.read_bytes())
    for place, value in damage:
        content[place] = value
    path = tmp_path_factory.mktemp("evtx") / "x.evtx"
    path.write_bytes(content[: max(cut, 8)])
    for event in read(path)[0]:
        assert reading.misfits(event) == []
