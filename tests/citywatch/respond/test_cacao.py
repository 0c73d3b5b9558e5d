"""Does a playbook survive the way to CACAO 2.0 and back, and does nothing from elsewhere ever run?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.respond.cacao import from_cacao, to_cacao
from citywatch.respond.playbook import load_playbooks
from citywatch.respond.shape import Playbook

HOUSE, _ = load_playbooks(Path(__file__).resolve().parents[3] / "playbooks")


@pytest.mark.parametrize("playbook", HOUSE, ids=[one.playbook for one in HOUSE])
def test_what_was_exported_comes_back_as_it_was(playbook: Playbook) -> None:
    exported = to_cacao(playbook)
    assert exported == to_cacao(playbook)
    back, errors = from_cacao(json.dumps(exported), "x.json")
    assert errors == []
    assert back is not None
    assert back.model_dump() == playbook.model_dump()


@pytest.mark.parametrize("playbook", HOUSE, ids=[one.playbook for one in HOUSE])
def test_every_step_that_is_named_in_the_workflow_is_there_and_the_end_is_reached(playbook: Playbook) -> None:
    doc = to_cacao(playbook)
    workflow: dict[str, dict[str, Any]] = doc["workflow"]
    reached, waiting = set[str](), [doc["workflow_start"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        ways = (workflow[name].get(way) for way in ("on_completion", "on_true", "on_false"))
        waiting += [way for way in ways if way]
    assert reached == set(workflow)
    assert {name.partition("--")[0] for name in reached} >= {"start", "action", "end"}


def a_foreign(**steps: dict[str, Any]) -> str:
    workflow = {
        "start--1": {"type": "start", "on_completion": "action--1"},
        "end--1": {"type": "end"},
        **steps,
    }
    doc = {"type": "playbook", "spec_version": "cacao-2.0", "name": "Theirs", "id": "playbook--x"}
    return json.dumps(doc | {"workflow_start": "start--1", "workflow": workflow})


def test_commands_from_elsewhere_become_notes_for_a_person() -> None:
    evil = "{{ ''.__class__.__mro__ }} rm -rf /"
    text = a_foreign(
        **{
            "action--1": {
                "type": "action",
                "name": "Wipe",
                "commands": [{"type": "bash", "command": evil}],
                "on_completion": "if-condition--1",
            },
            "if-condition--1": {"type": "if-condition", "on_true": "action--2", "on_false": "end--1"},
            "action--2": {"type": "action", "name": "Two", "on_completion": "action--1"},
            "action--3": {"type": "action", "name": "Nobody leads here"},
        }
    )
    playbook, told = from_cacao(text, "x.json")
    assert playbook is not None
    assert [step.do for step in playbook.steps] == ["ticket.open", "ticket.comment", "ticket.comment"]
    assert playbook.trigger.event == "manual"
    said = str(playbook.steps[1].with_["text"])
    assert "rm -rf /" in said
    assert "{{" not in said
    assert ["does not map" in str(one) or "cannot be reached" in str(one) for one in told] == [True, True]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type": "playbook", "spec_version": "cacao-2.0"}', "[" * 100_000]
)
def test_what_is_no_cacao_playbook_is_refused(text: str) -> None:
    playbook, told = from_cacao(text, "x.json")
    assert playbook is None
    assert told


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "start--1"]), st.dictionaries(
    st.sampled_from(["type", "name", "commands", "on_completion", "cases", "next_steps"]), JSON, max_size=4
), max_size=3))  # fmt: skip
def test_any_workflow_is_taken_or_told(workflow: dict[str, dict[str, Any]]) -> None:
    playbook, told = from_cacao(a_foreign(**workflow), "x.json")
    assert playbook is not None or told
