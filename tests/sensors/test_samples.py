"""Is every log told apart from every other, read alike packed or in pieces, and never broken by its bytes?

The samples beside this file were made for this project; each is named SENSOR.what.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import sensors
from citywatch.model import Event, Problem
from citywatch.ports import Follower, Place, Sensor
from sensors.lines import head_of
from sensors.tell import sensor_for, sources
from tests.sensors.reading import misfits, no_evidence

SAMPLES = sorted(Path(__file__).with_name("samples").iterdir())
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.compress}
KNOWN_BAD = {"syslog.rfc5424.log": ["line 2"]}
"""What must be told of a sample."""


def read(path: Path) -> tuple[str, list[Event], list[Problem]]:
    problems: list[Problem] = []
    ((_, sensor),) = sources([path], problems.append)
    return sensor.name, list(sensor.read(path, problems.append, no_evidence)), problems


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_read_by_its_sensor_whole_and_fits_the_schema(path: Path) -> None:
    name, events, problems = read(path)
    assert name == path.name.partition(".")[0]
    assert events
    assert [problem.position for problem in problems] == KNOWN_BAD.get(path.name, [])
    assert [misfit for event in events for misfit in misfits(event)] == []
    assert len({event["event.id"] for event in events}) == len(events)


@pytest.mark.parametrize("sensor", sensors.ALL, ids=lambda sensor: sensor.name)
def test_no_sensor_takes_a_log_of_another(sensor: Sensor) -> None:
    """The confusion matrix: rows are sensors, columns samples; what is off the diagonal is named."""
    taken = {path.name.partition(".")[0] for path in SAMPLES if sensor.recognizes(head_of(path), "log")}
    assert taken <= {sensor.name}


@pytest.mark.parametrize("sensor", sensors.ALL, ids=lambda sensor: sensor.name)
def test_a_log_that_cannot_be_opened_is_told_once_and_is_no_error(sensor: Sensor, tmp_path: Path) -> None:
    problems: list[Problem] = []
    assert list(sensor.read(tmp_path / "gone", problems.append, no_evidence)) == []
    assert [problem.fatal for problem in problems] == [True]
    assert "No such file" in problems[0].what


def test_no_name_is_needed_and_a_wrong_one_does_not_matter() -> None:
    for path in SAMPLES:
        for name in ("log", "eve.json", "conn.log", "x.csv"):
            found = sensor_for(Path(name), head_of(path))
            assert found is not None
            assert found.name == path.name.partition(".")[0], (path.name, name)


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_samples_give_the_same_events(packer: str, tmp_path: Path) -> None:
    for path in SAMPLES:
        packed = tmp_path / path.name
        packed.write_bytes(PACKERS[packer](path.read_bytes()))
        if path.name.startswith("clamav.clamscan"):  # its time is that of the file
            continue
        assert read(packed)[1] == read(path)[1], path.name


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_log_that_grows_in_pieces_gives_every_event_once(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    name, wanted, _ = read(path)
    sensor = next(each for each in sensors.ALL if each.name == name)
    assert isinstance(sensor, Follower)
    growing, place, found = tmp_path / path.name, Place(), dict[str, Event]()
    step = max(40, len(whole) // 25)
    for end in [*range(step, len(whole), step), len(whole)]:
        growing.write_bytes(whole[:end])
        shutil.copystat(path, growing)
        for event in sensor.read(growing, lambda _: None, no_evidence, place=place, whole=end == len(whole)):
            found[event["event.id"]] = event
    for event in wanted:
        # A session is known only where it began: what a reading from the middle cannot know may be missing.
        grown = found.pop(event["event.id"])
        assert {**event, **grown} == event
    assert found == {}


changes = st.lists(
    st.tuples(
        st.floats(0, 0.999),
        st.sampled_from([b"", b'"', b"\n", b"\0", b"\xff", b"\x1b[31m", b"=", b"9" * 30, b"[", b"<"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25)
@given(changes, st.data())
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_no_change_of_bytes_breaks_a_sensor(
    path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[float, bytes]],
    data: st.DataObject,
) -> None:
    whole = bytearray(path.read_bytes())
    for where, put in changes:
        at = int(where * len(whole))
        whole[at : at + data.draw(st.integers(0, 3))] = put
    changed = tmp_path_factory.getbasetemp() / f"changed-{path.name}"
    changed.write_bytes(whole)
    sensor = next(each for each in sensors.ALL if each.name == path.name.partition(".")[0])
    for event in sensor.read(changed, lambda _: None, no_evidence):
        assert misfits(event) == []
