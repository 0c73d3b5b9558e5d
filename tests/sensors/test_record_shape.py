"""Is an event that is built at once the same as one that is built name by name?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import record_shape, winlog
from sensors.record_shape import Record, at_once, moment
from sensors.winlog import translate

SYSMON = "Microsoft-Windows-Sysmon/Operational"
FLAT: dict[str, Any] = {
    "EventID": 1, "Channel": SYSMON, "Computer": "pc7", "TimeCreated": "2026-11-20T01:02:03.000004Z",
    "Keywords": "0x80", "Image": r"C:\a.exe", "Hashes": "MD5=AB,SHA256=CD",
}  # fmt: skip
NAMES = [
    "Image",
    "Threat Name",
    "ThreatName",
    "Keywords",
    "Computer",
    "event'] = 1 #",
    "Data",
    "",
    "a.b",
    "\n",
]
values = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.floats(allow_nan=False), st.none(),
                   st.lists(st.text(max_size=2), max_size=2))  # fmt: skip
systems: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "EventID": st.one_of(st.integers(0, 5000), st.sampled_from(["1", True, 1.0, 4624, [1], None])),
        "Channel": st.sampled_from([SYSMON, "Security", "x'] = 1 #"]),
        "TimeCreated": st.sampled_from(["2026-11-20T01:02:03.000004Z", "2026-11-20 01:02:03 UTC", ""]),
    }
)
more: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(NAMES), values)


def never(record: Record) -> None:
    """No record is built at once."""
    del record


def told(record: dict[str, Any]) -> Any:
    try:
        return list(translate(dict(record), "an id").items())
    except (ValueError, TypeError, AttributeError) as error:
        return type(error), str(error)


@given(systems, more)
def test_any_record_gives_the_same_event_both_ways(system: dict[str, Any], rest: dict[str, Any]) -> None:
    record = {**system, **rest}
    fast = [told(record), told(record)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winlog, "at_once", never)
        slow = told(record)
    assert [sorted(each, key=str) for each in fast] == [sorted(slow, key=str)] * 2


def test_a_record_seen_before_is_built_at_once() -> None:
    event = at_once(FLAT)
    assert event is not None
    assert event["process.executable"] == r"C:\a.exe"
    assert (event["host.name"], event["winlog.keywords"], event["file.hash.md5"]) == ("pc7", ["0x80"], "ab")


def test_what_is_not_plain_is_made_so() -> None:
    event = at_once({**FLAT, "Image": None, "Data": ["a", None], "Binary": {"Hash": "x"}})
    assert event is not None
    assert "process.executable" not in event
    assert (event["winlog.event_data.Data"], event["winlog.event_data.Binary.Hash"]) == ("a", "x")


def test_records_that_are_not_plain_take_the_longer_way() -> None:
    assert at_once({**FLAT, "Computer": None}) is None
    assert at_once({**FLAT, "EventID": True}) is None
    assert at_once({"EventID": 1, "TimeCreated": "2026-11-20T01:02:03.000004Z"}) is None


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_shape, "MAXSHAPES", len(record_shape.SHAPES))
    assert at_once({**FLAT, "a name never seen": 1}) is None
    assert translate({**FLAT, "a name never seen": 1})["winlog.event_data.anameneverseen"] == 1


@pytest.mark.parametrize("end", ["00000४Z", "00000xZ", "000004"])
def test_a_time_is_checked_to_its_last_digit(end: str) -> None:
    assert moment("2026-11-20T01:02:03.000004Z") == "2026-11-20T01:02:03.000004Z"
    with pytest.raises(ValueError, match=r"\S"):
        moment(f"2026-11-20T01:02:03.{end}" if end[-1] == "Z" else "2026-11-20T01:02:03,x")


def test_no_time_is_told() -> None:
    with pytest.raises(ValueError, match="no time"):
        moment(None)
