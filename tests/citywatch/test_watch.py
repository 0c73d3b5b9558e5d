"""Is the walk taken up again at the right place, whatever broke it?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from citywatch.clock import stamp_us, system_clock
from citywatch.errors import StoreUnreachable
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.model import Alert, Event, Match, Problem, Rule, Severity, repeatable_id
from citywatch.ports import Keep, Place, Query, Report
from citywatch.store.sqlite import SqliteStore
from citywatch.watch import JUDGE, Judge, gather, is_gathered

RULE = Rule(id="r", title="Many", severity=Severity.high)


class Lines:
    """Reads one event a line; `!` at the start of a line is not readable, `#` ends the reading."""

    name = "lines"

    def recognizes(self, head: bytes, name: str) -> bool:
        return bool(head and name)

    def read(self, path: Path, report: Report, keep: Keep) -> Iterator[Event]:
        keep(b"", "text/plain")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line[0] in "!#":
                report(
                    Problem(
                        sensor="lines",
                        source=path.name,
                        position=f"line {number}",
                        what="?",
                        fatal=line[0] == "#",
                    )
                )
                if line[0] == "#":
                    return
                continue
            yield {
                "@timestamp": stamp_us(number),
                "event.id": repeatable_id("lines", number, line),
                "event.dataset": "test",
                "host.name": line,
            }


class EveryEvent:
    """Says yes to each event and counts them in its state."""

    def __init__(self) -> None:
        self.seen = 0
        self.windows: dict[str, str] = {}

    def adopt(self, older: EveryEvent) -> None:
        self.seen += older.seen

    def look(self, events: Sequence[Event]) -> list[Event]:
        self.seen += len(events)
        return list(events)

    def settle(self, seen: Sequence[Event]) -> list[Match]:
        return [
            Match(
                rule=RULE,
                subject=(("host.name", str(event["host.name"])),),
                at=str(event["@timestamp"]),
                first_at=str(event["@timestamp"]),
                event_ids=(str(event["event.id"]),),
                event=event,
            )
            for event in seen
        ]

    def changes(self) -> dict[str, bytes | None]:
        return {"seen": str(self.seen).encode()}

    def restore(self, state: dict[str, bytes]) -> None:
        self.seen = int(state.get("seen", b"0"))


class ByHost:
    """One alert a host, counting."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.dirty: set[str] = set()
        self.windows: Mapping[str, str] = {}

    def tune(self, windows: Mapping[str, str]) -> None:
        self.windows = windows

    def add(self, matches: Sequence[Match]) -> list[Alert]:
        grown: dict[str, Alert] = {}
        for match in matches:
            host = match.subject[0][1]
            before = self.alerts.get(host)
            grown[host] = self.alerts[host] = Alert(
                id=host,
                rule_id="r",
                title="Many",
                severity=Severity.high,
                subject=host,
                subject_fields=dict(match.subject),
                first_seen=before.first_seen if before else match.first_at,
                last_seen=match.at,
                count=(before.count if before else 0) + 1,
            )
        self.dirty |= set(grown)
        return list(grown.values())

    def changes(self) -> dict[str, bytes | None]:
        changed = {host: json.dumps(self.alerts[host].count).encode() for host in self.dirty}
        self.dirty.clear()
        return dict(changed)

    def restore(self, state: dict[str, bytes]) -> None:
        for host, count in state.items():
            self.add(
                [Match(rule=RULE, subject=(("host.name", host),), at="", first_at="", event_ids=())]
                * int(count)
            )
        self.dirty.clear()


class Building:
    """One installation on disk that can be left and entered again, like after a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[str] = []
        self.open()

    def open(self) -> None:
        self.journal = LmdbJournal(self.folder / "journal", cap_mb=64, drop_oldest=False, clock=system_clock)
        self.store: Any = SqliteStore(self.folder / "store.sqlite", clock=system_clock)
        self.rules = EveryEvent()
        self.fold = ByHost()
        self.judge: Judge[EveryEvent] = Judge(
            self.journal, self.rules, self.fold, self.store, own=lambda alert: alert, start=self._start
        )

    def _start(self, alerts: Sequence[Alert]) -> None:
        self.started.extend(alert.id for alert in alerts)

    def close(self) -> None:
        self.journal.close()
        self.store.close()

    def again(self) -> None:
        self.close()
        self.open()

    def counts(self) -> dict[str, int]:
        return {r.id: r.doc["count"] for r in self.store.find("alert", Query(order="id")).records}


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    made = Building(tmp_path)
    yield made
    made.close()


def read(building: Building, path: Path, problems: list[Problem] | None = None, batch: int = 2) -> Any:
    told = problems if problems is not None else []
    return gather(
        Lines(), path, building.journal, report=told.append, keep=lambda _data, _kind: "", batch=batch
    )


def test_a_source_read_twice_is_journalled_once(building: Building, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a\nb\na\n")
    assert not is_gathered(source, building.journal)
    assert read(building, source).new == 3
    assert is_gathered(source, building.journal)
    assert read(building, source).new == 0
    source.write_text("a\nb\na\nc\n")
    assert not is_gathered(source, building.journal)
    assert read(building, source).new == 1


def test_what_could_not_be_read_is_told_and_the_rest_is_kept(building: Building, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a\n!\nb\n#\nc\n")
    problems: list[Problem] = []
    outcome = read(building, source, problems)
    assert (outcome.events, outcome.problems, outcome.whole) == (2, 2, False)
    assert [problem.position for problem in problems] == ["line 2", "line 4"]


def test_the_judge_takes_up_where_its_last_commit_was(building: Building, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a\nb\na\na\n")
    read(building, source)
    assert building.judge.step(limit=3) == 3
    building.again()
    assert building.rules.seen == 3
    assert building.judge.run() == 1
    assert building.counts() == {"a": 3, "b": 1}
    assert building.journal.cursor(JUDGE) == 4


def test_rules_are_taken_up_between_two_batches_with_what_the_old_ones_counted(
    building: Building, tmp_path: Path
) -> None:
    source = tmp_path / "a.lines"
    source.write_text("a\nb\nc\n", "utf-8")
    read(building, source)
    building.judge.step(2)
    newer = EveryEvent()
    newer.windows = {"r": "1h"}
    building.judge.renew(newer)
    assert building.fold.windows == {}
    building.judge.step(2)
    assert (newer.seen, building.rules.seen) == (3, 2)
    assert building.fold.windows == {"r": "1h"}
    assert building.journal.state(JUDGE)["r:seen"] == b"3"


def test_alerts_wait_while_the_store_is_down_and_detection_goes_on(
    building: Building, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a\nb\na\n")
    read(building, source)
    working = building.store.put_many

    def down(kind: str, docs: object) -> None:
        raise StoreUnreachable(f"{kind} {docs}")

    building.store.put_many = down
    assert building.judge.step() == 3
    with pytest.raises(StoreUnreachable):
        building.judge.flush()
    assert building.judge.waiting == 2
    building.again()
    assert building.judge.waiting == 2, "what waits survives a kill"
    assert building.judge.flush() == 2
    assert building.counts() == {"a": 2, "b": 1}
    assert sorted(building.started) == ["a", "b"]
    building.again()
    assert building.judge.waiting == 0
    assert building.judge.flush() == 0
    assert working is not None


def test_a_kill_between_delivery_and_its_note_delivers_again_and_changes_nothing(
    building: Building, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a\n")
    read(building, source)
    building.judge.step()
    commit = building.journal.commit

    def killed(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    building.journal.commit = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        building.judge.flush()
    building.journal.commit = commit  # type: ignore[method-assign]
    building.again()
    building.judge.flush()
    assert building.counts() == {"a": 1}
    assert building.started == ["a", "a"], "the runner is asked twice and knows the alert by its id"


class Followed(Lines):
    """Reads one event a line from a place on."""

    follows = True

    def __init__(self) -> None:
        self.taken: list[int] = []

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        del report, keep
        assert place is not None
        raw = path.read_bytes()
        while place.offset < len(raw):
            end = raw.find(b"\n", place.offset)
            if end < 0 and not whole:
                return
            end = len(raw) if end < 0 else end + 1
            line, start = raw[place.offset : end], place.offset
            place.offset, place.line = end, place.line + 1
            self.taken.append(start)
            yield {
                "@timestamp": stamp_us(start),
                "event.id": repeatable_id("followed", start, line),
                "event.dataset": "test",
                "host.name": line.decode().strip(),
            }


def follow(building: Building, path: Path, *, whole: bool = True) -> tuple[int, list[int]]:
    sensor = Followed()
    outcome = gather(
        sensor,
        path,
        building.journal,
        report=lambda _: None,
        keep=lambda _data, _kind: "",
        whole=whole,
        batch=2,
    )
    return outcome.new, sensor.taken


def test_a_growing_log_is_taken_up_where_it_was_left(building: Building, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("a\nb\nc\nhal")
    assert follow(building, log, whole=False) == (3, [0, 2, 4])
    assert not is_gathered(log, building.journal)
    with log.open("a") as file:
        file.write("f\nd\n")
    building.again()
    assert follow(building, log) == (2, [6, 11])
    assert is_gathered(log, building.journal)


def test_a_log_that_was_rotated_is_read_from_its_start(building: Building, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("a\nb\nc\n")
    follow(building, log)
    log.write_text("x\nb\nc\nd\n")
    assert follow(building, log)[1] == [0, 2, 4, 6]
    log.write_text("y\n")
    assert follow(building, log) == (1, [0])
