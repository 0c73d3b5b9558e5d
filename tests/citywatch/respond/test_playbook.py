"""Is a playbook read, and is each mistake told like a compiler does?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.ports import Effect
from citywatch.respond.playbook import known_effects, load_playbooks, read_playbook, schema
from citywatch.respond.trigger import group, wants

from .conftest import a_playbook, an_alert

EFFECTS: dict[str, Effect] = {"ticket.open": "notify", "block": "change", "look": "read_only"}
GOOD = """playbook: scan
version: 1
name: Quét cổng
name_en: Port scan
owner: csirt
risk: notify
trigger:
  where: { rule.category: network_attack, severity: [high, critical] }
  group_by: [source.ip]
steps:
  - id: look
    do: look
  - id: ticket
    do: ticket.open
    when: "steps.look.state == 'done'"
    with: { title: "{{ alert.title }}" }
"""


def complaints(text: str) -> list[str]:
    playbook, errors = read_playbook(text, "playbooks/x.yml", effects=EFFECTS)
    assert playbook is None
    return [str(error) for error in errors]


def test_a_playbook_that_stands_instead_of_none_that_there_is_is_told(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[3] / "playbooks" / "insider.yml").read_text(encoding="utf-8")
    (tmp_path / "insider.yml").write_text(text.replace("template: notice", "text: x"), encoding="utf-8")
    _, errors = load_playbooks(tmp_path)
    assert ["instead_of: there is no other playbook 'leak'" in str(error) for error in errors] == [True]


def test_a_sound_playbook_is_read() -> None:
    playbook, errors = read_playbook(GOOD, "playbooks/x.yml", effects=EFFECTS)
    assert not errors
    assert playbook is not None
    assert [step.id for step in playbook.steps] == ["look", "ticket"]
    assert playbook.trigger.within == 1800


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("version: 1", "version: no", "x.yml:2: 'version': Input should be a valid integer"),
        ("owner: csirt\n", "", "x.yml:1: 'owner' is missing"),
        ("owner:", "onwer:", "x.yml:5: 'onwer' means nothing here; known: playbook, version"),
        (
            "    do: look\n",
            "    do: look\n    wen: x\n",
            "x.yml:13: 'wen' means nothing here; known: id, name",
        ),
        ("id: ticket", "id: look", "x.yml:13: there is a step 'look' already"),
        (
            "steps.look.state",
            "steps.late.state",
            "x.yml:15: step 'ticket' asks for 'late', which does not exist",
        ),
        (
            "    do: look\n",
            "    do: look\n    needs: [ticket]\n",
            "x.yml:13: step 'look' needs 'ticket', which comes later; move 'ticket' before it",
        ),
        ("steps.look.state ==", "steps.look.state =", "column 18: '=' means nothing here"),
        ("steps.look.state ==", "secret.look ==", "x.yml:15: there is nothing named 'secret'"),
        ("do: ticket.open", "do: ticket.opne", "x.yml:14: there is no action 'ticket.opne'; known: block"),
        ("do: ticket.open", "do: block", "x.yml:13: step 'ticket': 'block' changes something and nobody"),
        (
            "do: ticket.open",
            "do: block\n    approve: { role: lead }",
            "x.yml:6: risk is 'notify' but step 'ticket' is 'change'; write risk: change",
        ),
        ("{{ alert.title }}", "{{ alert.title", "x.yml:16: the template cannot be read"),
        ("{{ alert.title }}", "{{ steps.gone.x }}", "x.yml:16: step 'ticket' speaks of 'gone'"),
        ("group_by: [source.ip]", "group_by: [source.pi]", "x.yml:9: field 'source.pi' is not in the event"),
        ("network_attack,", "network_atack,", "x.yml:8: there is no rule.category 'network_atack'"),
        ("[high, critical]", "[hgih]", "x.yml:8: there is no severity 'hgih'"),
        (
            "    do: look\n",
            "    do: look\n    timeout: soon\n",
            "x.yml:13: 'steps.0.timeout': a span of time",
        ),
        ("    do: look\n", "    name: nothing\n", "x.yml:11: step 'look' needs either 'do' or 'steps'"),
        ("owner: csirt", "owner: &a csirt", "x.yml:5: anchors and aliases are not taken"),
        ("owner: csirt", "owner: a\nowner: b", "x.yml:6: 'owner' is said in line 5 already"),
        ("owner: csirt", "owner: [", "x.yml:7: this is not YAML"),
        ("owner: csirt", "owner: " + "[" * 30, "nested deeper than 20"),
        ("owner: csirt", "owner: !!python/object:os.system x", "x.yml:5: "),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, error: str) -> None:
    assert old in GOOD
    told = complaints(GOOD.replace(old, new))
    assert any(error in one for one in told), told


def test_one_broken_playbook_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yml").write_text("playbook: [", encoding="utf-8")
    (tmp_path / "c.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "d.yml").write_bytes(b"\xff\xfe")
    playbooks, errors = load_playbooks(tmp_path, effects=EFFECTS)
    assert [playbook.playbook for playbook in playbooks] == ["scan"]
    assert [error.file.rpartition("/")[2] for error in errors] == ["b.yml", "c.yml", "d.yml"]


def test_a_template_that_does_not_exist_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace("title: ", "template: notice, x: "), encoding="utf-8")
    _, errors = load_playbooks(tmp_path, effects=EFFECTS)
    assert "template 'templates/notice.vi.j2' does not exist" in str(errors[0])


def test_a_change_without_approval_is_refused_at_load(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace("do: ticket.open", "do: block"), encoding="utf-8")
    playbooks, errors = load_playbooks(tmp_path, effects=EFFECTS)
    assert not playbooks
    assert "nobody must approve it" in str(errors[0])


def test_a_playbook_wants_the_alerts_that_its_trigger_describes() -> None:
    head = GOOD.partition("steps:")[0] + "steps:\n"
    playbook = a_playbook("  - { id: one, do: test.do }", head)
    assert wants(playbook, an_alert())
    assert not wants(playbook, an_alert(category="spam"))
    assert group(playbook, an_alert(values={"source.ip": ["10.9.9.9"]}, subject_fields={})) == "10.9.9.9"
    assert group(playbook, an_alert(subject_fields={"host.name": "a"})) == "host.name=a"
    wild = a_playbook(
        "  - { id: one, do: test.do }",
        head.replace("rule.category: network_attack,", "tags: 'attack.t11*', asset.level: 3,"),
    )
    assert wants(wild, an_alert(tags=("x", "attack.T1110"), asset_level=3))
    assert not wants(wild, an_alert(tags=("attack.t1090",), asset_level=3))
    assert not wants(wild, an_alert(tags=("attack.t1110",), asset_level=2))


def test_the_json_schema_says_what_a_playbook_may_hold() -> None:
    made = schema()
    assert set(made["required"]) >= {"playbook", "version", "steps", "trigger"}
    assert "with" in made["$defs"]["Step"]["properties"]


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(text: str) -> None:
    playbook, errors = read_playbook(text, "x.yml", effects=EFFECTS)
    assert playbook is None
    assert errors


@given(st.integers(0, len(GOOD)), st.text(max_size=5))
def test_no_small_damage_breaks_the_reading(place: int, damage: str) -> None:
    read_playbook(GOOD[:place] + damage + GOOD[place:], "x.yml", effects=known_effects())
