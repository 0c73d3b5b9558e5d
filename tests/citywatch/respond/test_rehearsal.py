"""Does a rehearsal do nothing but read, and tell what the run would have done?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from citywatch.errors import ActionFailed, ContentError
from citywatch.model import Agency
from citywatch.ports import Order, Responder, Store
from citywatch.respond.rehearsal import Rehearsal, rehearse
from citywatch.respond.shape import Playbook
from citywatch.store.sqlite import SqliteStore

from .conftest import Recorder, Watch, a_playbook, an_alert


def open_store(path: Path, clock: Callable[[], datetime]) -> Store:
    return SqliteStore(path, clock=clock)


def rehearsed(playbook: Playbook, *real: Responder, agency: str = "") -> Rehearsal:
    return rehearse(
        playbook,
        an_alert(agency=agency),
        {one.name: one.effect for one in real},
        now=Watch().now,
        open_store=open_store,
        real={one.name: one for one in real},
        agencies=(Agency(id="so-mau", name="Sở Mẫu", email="a@example.org"),),
    )


STEPS = """
  - { id: look, do: test.look, retry: { times: 2, wait: 1h } }
  - { id: tell, each: agency.contacts, do: test.tell, with: { to: "{{ item }}" } }
  - { id: block, do: test.block, approve: { role: lead, within: 30m }, when: "steps.look.bad" }
"""


def test_only_what_reads_is_done_and_the_rest_is_shown() -> None:
    look = Recorder(name="test.look", effect="read_only", answer=lambda _: {"bad": True})
    tell, block = Recorder(name="test.tell"), Recorder(name="test.block", effect="change")
    told = rehearsed(a_playbook(STEPS), look, tell, block, agency="so-mau")
    assert (len(look.orders), len(tell.orders), len(block.orders)) == (1, 0, 0)
    assert told.state == "done"
    assert [(step.step, step.state, step.approval) for step in told.steps] == [
        ("look", "done", ""),
        ("tell", "shown", ""),
        ("block", "shown", "lead"),
    ]
    assert told.steps[1].asked == {"to": "a@example.org"}


def test_a_rehearsal_does_not_wait_for_the_retries_that_it_makes() -> None:
    times: list[int] = []

    def answer(_: Order) -> dict[str, bool]:
        times.append(1)
        if len(times) < 3:
            raise ActionFailed("test.look", "not yet")
        return {"bad": False}

    look = Recorder(name="test.look", effect="read_only", answer=answer)
    told = rehearsed(a_playbook(STEPS), look, Recorder(name="test.tell"), Recorder("test.block", "change"))
    assert len(times) == 3
    assert [step.state for step in told.steps] == ["done", "skipped", "skipped"]
    assert "agency.contacts" in told.steps[1].why


def test_a_playbook_with_an_action_that_there_is_not_is_refused() -> None:
    with pytest.raises(ContentError, match=r"there is no action 'test\.look'"):
        rehearsed(a_playbook(STEPS), Recorder(name="test.tell"))
