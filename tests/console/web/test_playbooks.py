"""Is a run drawn step by step, and steered by those who may?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from citywatch.model import Alert, to_doc
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.run import Run, StepState
from citywatch.respond.runner import Runner
from console.web import showcase
from console.web.playbooks import draw
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.fixture
def run(house: SmallHouse, city: list[Alert]) -> Iterator[Run]:
    playbook = next(one for one in house.playbooks if any(step.approve for step in one.steps))
    house.runner = Runner(house.store, house.playbooks, {}, Catalogue(house.store), house.clock)
    yield showcase.run_of(house.store, city[0], playbook, house.clock())
    house.runner.close()


def stored(house: SmallHouse) -> str:
    record = house.store.get("run", "shown")
    assert record
    return str(record.doc["state"])


def test_every_playbook_is_listed_and_shows_its_steps(browser: Browser, house: SmallHouse, run: Run) -> None:
    enter(browser, house, "viewer")
    page = browser.get("/playbooks").text
    assert all(f"/playbooks/{one.playbook}" in page for one in house.playbooks)
    assert f"/runs/{run.id}" in page
    assert "/runs/" not in browser.get("/playbooks?state=failed").text
    one = browser.get(f"/playbooks/{run.playbook}").text
    assert "block.add" in one
    assert browser.get("/playbooks/nothing").status_code == 404


def test_a_run_shows_what_was_done_what_waits_and_what_is_to_come(
    browser: Browser, house: SmallHouse, run: Run
) -> None:
    enter(browser, house, "lan")
    page = browser.get(f"/runs/{run.id}").text
    assert "flow-waiting" in page
    assert "flow-done" in page
    assert "after approval by:" in page
    assert "flow-pending" in page
    assert "/steer" not in page, "an analyst looks on"


def test_a_lead_pauses_resumes_and_cancels_a_run(browser: Browser, house: SmallHouse, run: Run) -> None:
    enter(browser, house, "lead")
    path = f"/runs/{run.id}"
    assert "is paused" in browser.submit(f"{path}/steer", page=path, deed="pause").text
    assert stored(house) == "paused"
    assert "goes on" in browser.submit(f"{path}/steer", page=path, deed="resume").text
    assert "was canceled" in browser.submit(f"{path}/steer", page=path, deed="cancel").text
    assert stored(house) == "canceled"
    assert "cannot be done" in browser.submit(f"{path}/steer", page="/me", deed="pause").text
    assert browser.submit(f"{path}/steer", page="/me", deed="explode").status_code == 404


def test_a_failed_step_is_tried_again(browser: Browser, house: SmallHouse, run: Run) -> None:
    first = run.steps[0].step
    failed = replace(run, state="failed", steps=(StepState(step=first, state="failed", error="away"),))
    house.store.put_many("run", {run.id: to_doc(failed)})
    enter(browser, house, "lead")
    path = f"/runs/{run.id}"
    assert "away" in browser.get(path).text
    assert "tried again" in browser.submit(f"{path}/steer", page=path, deed="retry", step=first).text
    assert stored(house) == "running"


def test_a_run_whose_version_is_gone_still_shows_its_own_steps(run: Run) -> None:
    assert [step.id for step in draw(None, run)] == [state.step for state in run.steps]
    assert draw(None) == []
