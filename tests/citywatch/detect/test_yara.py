"""Do YARA rules load whole, answer over evidence, and survive bad files and slow rules?"""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.detect.yara import YaraRules, externals_of, shown
from citywatch.model import Event, Severity

OWN = Path(__file__).resolve().parents[3] / "rules" / "yara"
SHELL = b'<?php @eval($_POST["x"]); ?>'
SHA = sha256(SHELL).hexdigest()
EVENT: Event = {
    "@timestamp": "2026-11-22T08:05:00.000000Z",
    "event.id": "e1",
    "source.ip": "198.51.100.7",
    "destination.ip": "10.0.0.5",
    "url.domain": "portal.example",
    "url.path": "/upload/a.php",
    "citywatch.evidence.sha256": [SHA],
    "citywatch.evidence.what": ["request_body"],
}
ALWAYS = 'rule {name} {{ meta: id = "{name}-id" condition: true }}'


def nothing(digest: str) -> bytes | None:
    del digest
    return None


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yar").write_text(text)
    return folder


@pytest.fixture(scope="module")
def own() -> YaraRules:
    return YaraRules.load([OWN])


def test_own_rules_all_compile_and_say_what_to_do(own: YaraRules) -> None:
    assert own.refusals == ()
    assert len(own.rules) >= 13
    for rule in own.rules.values():
        assert rule.language == "yara"
        assert rule.title
        assert rule.title_vi
        assert rule.guide_vi
        assert rule.guide_en
        assert rule.severity >= Severity.high
        assert rule.source.startswith("yara/")
        assert any(tag.startswith("attack.t") for tag in rule.tags)


def test_evidence_of_an_event_gives_a_match_with_its_place_and_bytes(own: YaraRules) -> None:
    matches = own.judge(EVENT, {SHA: SHELL}.get)
    assert [match.rule.title for match in matches] == ["PHP code that runs what a request says"]
    reasons = matches[0].reasons
    assert any("$run" in reason.pattern and "at byte 7 " in reason.value for reason in reasons)
    assert matches[0].subject == (("url.domain", "portal.example"),)
    assert matches[0].values["source.ip"] == ["198.51.100.7"]
    assert matches[0].event_ids == ("e1",)


def test_evidence_is_scanned_once(own: YaraRules) -> None:
    rules = YaraRules.load([OWN])
    asked: list[str] = []

    def get(digest: str) -> bytes:
        asked.append(digest)
        return SHELL

    assert rules.judge(EVENT, get) == rules.judge(EVENT, get)
    assert asked == [SHA]
    assert rules.health().cached == 1
    assert rules.health().bytes == len(SHELL)
    assert own.health().rules == rules.health().rules


def test_evidence_that_is_gone_is_counted(own: YaraRules) -> None:
    rules = YaraRules.load([OWN])
    assert rules.judge(EVENT, nothing) == []
    assert rules.health().missing == 1
    assert own.judge({"event.id": "x"}, nothing) == []


def test_a_broken_file_is_refused_with_its_line_and_the_others_go_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", bad="rule a {\n  condition:\n    tru\n}", good=ALWAYS.format(name="b"))
    rules = YaraRules.load([folder])
    assert [str(refusal) for refusal in rules.refusals] == [
        'r/bad.yar:3: undefined identifier "tru"; correct the rule'
    ]
    assert [found.rule_id for found in rules.scan(b"x")] == ["b-id"]


def test_two_files_may_name_their_rules_alike(tmp_path: Path) -> None:
    text = "rule same { condition: true }"
    rules = YaraRules.load([write(tmp_path / "r", one=text, two=text)])
    assert sorted(rules.rules) == ["yara:r/one.yar:same", "yara:r/two.yar:same"]
    assert sorted(found.rule_id for found in rules.scan(b"x")) == sorted(rules.rules)


def test_two_folders_of_one_name_do_not_hide_each_others_rules(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    one = write(tmp_path / "x" / "rules", a=ALWAYS.format(name="a"))
    two = write(tmp_path / "y" / "rules", a=ALWAYS.format(name="b"))
    rules = YaraRules.load([one, two], cache=tmp_path / "cache")
    assert sorted(found.rule_id for found in rules.scan(b"x")) == ["a-id", "b-id"]


def test_an_id_used_twice_does_not_hide_a_rule(tmp_path: Path) -> None:
    text = 'rule {} {{ meta: id = "1" condition: true }}'
    rules = YaraRules.load([write(tmp_path / "r", one=text.format("a"), two=text.format("b"))])
    assert len(rules.scan(b"x")) == 2


@pytest.mark.parametrize("wanted", ["../out.yar", "/etc/hostname", "sub/../../out.yar"])
def test_an_include_outside_the_folder_is_refused(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "out.yar").write_text("rule secret { condition: true }")
    folder = write(
        tmp_path / "r", a=f'include "{wanted}"\nrule a {{ condition: true }}', b=ALWAYS.format(name="b")
    )
    (folder / "sub").mkdir()
    rules = YaraRules.load([folder])
    assert len(rules.refusals) == 1
    assert rules.refusals[0].file.startswith("r/a.yar")
    assert "include" in rules.refusals[0].what
    assert [found.rule_id for found in rules.scan(b"x")] == ["b-id"]


def test_an_include_inside_the_folder_works_from_where_it_stands(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", a='include "sub/b.inc"\nrule a { condition: b }')
    (folder / "sub").mkdir()
    (folder / "sub" / "b.inc").write_text('include "c.inc"\nrule b { condition: c }')
    (folder / "sub" / "c.inc").write_text("rule c { condition: true }")
    rules = YaraRules.load([folder])
    assert rules.refusals == ()
    assert len(rules.scan(b"x")) == 3


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.yar").write_text("rule secret { condition: true }")
    folder = write(tmp_path / "r")
    (folder / "a.yar").symlink_to(tmp_path / "out.yar")
    rules = YaraRules.load([folder])
    assert "link out of the folder" in rules.refusals[0].what
    assert not rules.rules


def test_compiled_rules_are_kept_by_content_and_spoilt_ones_made_anew(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", a=ALWAYS.format(name="a"))
    cache = tmp_path / "cache"
    YaraRules.load([folder], cache=cache)
    kept = list(cache.glob("yara-*.bin"))
    assert len(kept) == 1
    assert [found.rule_id for found in YaraRules.load([folder], cache=cache).scan(b"x")] == ["a-id"]
    kept[0].write_bytes(kept[0].read_bytes()[:-7])
    assert [found.rule_id for found in YaraRules.load([folder], cache=cache).scan(b"x")] == ["a-id"]
    write(folder, a=ALWAYS.format(name="changed"))
    assert [found.rule_id for found in YaraRules.load([folder], cache=cache).scan(b"x")] == ["changed-id"]
    assert len(list(cache.glob("yara-*.bin"))) == 2


def test_a_changed_include_is_noticed_by_the_cache(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", a='include "b.inc"\nrule a { condition: b }')
    (folder / "b.inc").write_text("rule b { condition: false }")
    assert YaraRules.load([folder], cache=tmp_path / "c").scan(b"x") == ()
    (folder / "b.inc").write_text("rule b { condition: true }")
    assert len(YaraRules.load([folder], cache=tmp_path / "c").scan(b"x")) == 2


SLOW = """
rule slow_one {
  strings: $a = "a"
  condition: for all i in (1..#a) : ( for all j in (1..#a) : ( @a[i] + @a[j] >= 0 ) )
}
rule quick_one { condition: true }
"""


def test_a_slow_rule_is_named_and_loses_only_its_own_files_answer(tmp_path: Path) -> None:
    rules = YaraRules.load(
        [write(tmp_path / "r", slow=SLOW, other=ALWAYS.format(name="b"))], limit_s=1, slow_s=0.3
    )
    found = rules.scan(b"a" * 60_000)
    assert [one.rule_id for one in found] == ["b-id"]
    health = rules.health()
    assert health.timeouts >= 1
    assert [(slow.file, slow.rule, slow.timed_out) for slow in health.slow] == [
        ("r/slow.yar", "slow_one", True)
    ]


def test_conditions_may_ask_for_name_and_kind_of_file(tmp_path: Path) -> None:
    text = """rule up { condition: extension == ".php" and filename == "a.php" and
      filepath contains "/upload/" and what == "request_body" and filetype == "PHP" and owner == "" }"""
    rules = YaraRules.load([write(tmp_path / "r", a=text)])
    assert len(rules.judge(EVENT, {SHA: SHELL}.get)) == 1
    assert rules.scan(SHELL) == ()
    assert externals_of({"file.path": "C:\\x\\B.EXE"})["filename"] == "B.EXE"


def test_long_numbers_are_not_shown() -> None:
    assert "123456789" not in shown(b"card 4111111123456789 end")
    assert shown(b"\x00\xff" * 200).endswith(" …")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned_and_shown(data: bytes) -> None:
    rules = _own()
    rules.scan(data)
    assert all(letter.isprintable() for letter in shown(data))


_OWN: list[YaraRules] = []


def _own() -> YaraRules:
    if not _OWN:
        _OWN.append(YaraRules.load([OWN]))
    return _OWN[0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=20), st.integers(), st.none()), max_size=4))
def test_odd_evidence_names_do_no_harm(names: list[Any]) -> None:
    assert _own().judge({"citywatch.evidence.sha256": names}, nothing) == []


@pytest.mark.groundtruth
def test_signature_base_loads_whole(groundtruth: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(groundtruth / "yara-webshells.zip") as archive:
        archive.extractall(tmp_path / "sb")
    rules = YaraRules.load([tmp_path / "sb"])
    assert rules.refusals == ()
    assert len(rules.rules) > 750
    assert rules.judge(EVENT, {SHA: SHELL}.get)
