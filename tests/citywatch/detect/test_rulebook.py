"""Does the rulebook give matches that explain themselves?"""

from __future__ import annotations

from pathlib import Path

from citywatch.detect.rulebook import Place, Rulebook, read_folder
from citywatch.model import Reason

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
    book = Rulebook.load(tmp_path)
    assert list(book.rules) == ["5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10"]
    assert [refusal.source for refusal in book.refusals] == ["rules/b.yml"]


FOLDER_RULE = (
    RULE.replace("9a10", "9a11")
    .replace("Odd parent", "Odd folder")
    .replace("{Image|endswith: '\\cmd.exe', ParentImage|contains: w3wp}", "{CurrentDirectory|contains: temp}")
)
FOLDER = "process.working_directory"
UNTOLD = 10**5000
"""Python refuses to write so long a number as text."""


def test_a_rule_that_raises_is_named_and_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    (tmp_path / "b.yml").write_text(FOLDER_RULE, "utf-8")
    book = Rulebook.load(tmp_path)
    events = [{**EVENT, FOLDER: "C:\\Temp"}, {**EVENT, "event.id": "e2", FOLDER: UNTOLD}, EVENT]
    matches = book.judge(events)
    assert [(match.rule.title, match.event_ids) for match in matches] == [
        ("Odd parent", ("e1",)),
        ("Odd folder", ("e1",)),
        ("Odd parent", ("e2",)),
        ("Odd parent", ("e1",)),
    ]
    (failure,) = book.failures.all()
    assert (failure.title, failure.count, failure.event_id) == ("Odd folder", 1, "e2")
    assert failure.source.endswith("b.yml")
    assert failure.error.startswith("ValueError: Exceeds the limit")


def test_a_correlation_that_raises_is_named_and_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    (tmp_path / "count.yml").write_text(COUNT, "utf-8")
    by_folder = COUNT.replace("000000000001", "000000000002").replace("Computer]", "CurrentDirectory]")
    (tmp_path / "folder.yml").write_text(by_folder, "utf-8")
    book = Rulebook.load(tmp_path)
    hits = [{**EVENT, **COMPUTER, "event.id": f"e{number}", FOLDER: UNTOLD} for number in range(3)]
    assert [match.rule.id[-1] for match in book.judge(hits)] == ["1"]
    (failure,) = book.failures.all()
    assert (failure.rule_id[-1], failure.count) == ("2", 3)


def test_a_field_that_holds_an_object_is_asked_as_text(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(FOLDER_RULE, "utf-8")
    book = Rulebook.load(tmp_path)
    assert len(book.judge([{**EVENT, FOLDER: {"path": "C:\\Temp"}}])) == 1
    assert book.failures.all() == ()


COUNT = """title: Three odd parents
id: 00000000-0000-4000-8000-000000000001
correlation:
  type: event_count
  rules: [5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10]
  group-by: [Computer]
  timespan: 5m
  condition: {gte: 3}
"""
COMPUTER = {"winlog.computer_name": "WEB01"}


def seen(second: int) -> dict[str, str]:
    return {
        **EVENT,
        **COMPUTER,
        "@timestamp": f"2026-11-22T08:00:{second:02}.000000Z",
        "event.id": f"e{second}",
    }


def test_a_rule_that_feeds_a_correlation_does_not_alert_by_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    (tmp_path / "b.yml").write_text(COUNT, "utf-8")
    matches = Rulebook.load(tmp_path).judge([seen(second) for second in (1, 2, 3)])
    assert [(match.rule.title, match.count) for match in matches] == [("Three odd parents", 3)]


def test_what_a_correlation_counts_outlives_a_restart_and_a_reload(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, "utf-8")
    (tmp_path / "b.yml").write_text(COUNT, "utf-8")
    first = Rulebook.load(tmp_path)
    assert first.judge([seen(1), seen(2)]) == []
    kept = {key: raw for key, raw in first.changes().items() if raw is not None}
    second = Rulebook.load(tmp_path)
    second.restore(kept)
    (tmp_path / "c.yml").write_text(RULE.replace("5c1d7a34", "5c1d7a35").replace("w3wp", "nginx"), "utf-8")
    third = Rulebook.load(tmp_path)
    third.adopt(second)
    assert len(third.judge([seen(3)])) == 1


def test_a_kept_rule_set_is_the_same_and_follows_every_edit(tmp_path: Path) -> None:
    rules, cache = tmp_path / "r", tmp_path / "cache"
    rules.mkdir()
    (rules / "a.yml").write_text(RULE, "utf-8")
    (rules / "b.yml").write_text("title: [", "utf-8")
    (rules / "c.yml").write_text(COUNT, "utf-8")
    books = [Rulebook.load(rules, cache=cache) for _ in range(2)]
    assert books[0].ruleset == books[1].ruleset
    assert books[1].judge([EVENT]) == []
    (rules / "a.yml").write_text(RULE.replace("Odd", "Strange"), "utf-8")
    titles = {rule.title for rule in Rulebook.load(rules, cache=cache).rules.values()}
    assert titles == {"Strange parent", "Three odd parents"}


def test_a_damaged_cache_costs_only_time(tmp_path: Path) -> None:
    rules, cache = tmp_path / "r", tmp_path / "cache"
    rules.mkdir()
    (rules / "a.yml").write_text(RULE, "utf-8")
    Rulebook.load(rules, cache=cache)
    for path in cache.glob("*.msgpack"):
        path.write_bytes(path.read_bytes()[:-7])
    assert len(Rulebook.load(rules, cache=cache).rules) == 1


PLACED = RULE.replace("ParentImage|contains: w3wp", "Computer|expand: '%kiosks%'")


def test_the_organisations_values_go_before_those_that_come_with_the_rules(tmp_path: Path) -> None:
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    (own / "rules" / "sigma" / "windows").mkdir(parents=True)
    theirs.mkdir()
    (own / "rules" / "sigma" / "windows" / "a.yml").write_text(PLACED, "utf-8")
    (own / "rules" / "placeholders.yml").write_text("kiosks: ['KIOSK-*']\nothers: [x]\n", "utf-8")
    seen = [{**EVENT, "winlog.computer_name": name} for name in ("KIOSK-7", "QUAY-7")]

    assert [bool(Rulebook.load(own).judge([event])) for event in seen] == [True, False]
    (theirs / "placeholders.yml").write_text("kiosks: ['QUAY-*']\n", "utf-8")
    assert [bool(Rulebook.load(own, extra=[theirs]).judge([event])) for event in seen] == [False, True]


def test_values_at_the_root_of_a_rule_folder_hold_in_its_rooms(tmp_path: Path) -> None:
    room = tmp_path / "sigma" / "windows"
    room.mkdir(parents=True)
    (room / "a.yml").write_text(PLACED, "utf-8")
    (tmp_path / "placeholders.yml").write_text("kiosks: ['KIOSK-*']\n", "utf-8")
    assert not read_folder(Place(folder=room, name="windows"))[0].refusals
    (tmp_path / "placeholders.yml").write_text("[1]", "utf-8")
    refused = [
        each.what for file in read_folder(Place(folder=room, name="windows")) for each in file.refusals
    ]
    assert refused == ["is not a mapping of names to lists", "placeholder %kiosks% has no values"]
