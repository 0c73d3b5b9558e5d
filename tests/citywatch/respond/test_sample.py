"""Is a sample that does not come true told, with the reason?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.ports import Store
from citywatch.respond.playbook import known_effects, read_playbook
from citywatch.respond.sample import Sample, alert_of, read_samples, try_sample
from citywatch.store.sqlite import SqliteStore

TEXT = """
playbook: spam
version: 1
name: Rác
name_en: Spam
owner: csirt
risk: notify
trigger: { where: { rule.category: spam } }
steps:
  - { id: look, do: portal.recheck }
  - { id: tell, when: "steps.look.alerting", do: notify.webhook }
"""


def open_store(path: Path, clock: Callable[[], datetime]) -> Store:
    return SqliteStore(path, clock=clock)


SPAM = {"category": "spam", "severity": "high"}


@pytest.mark.parametrize(
    ("sample", "wrong"),
    [
        (Sample(expect="runs", because="", alert=SPAM, steps={"tell": "skipped"}), ()),
        (Sample(expect="runs", because="", alert={"category": "leak"}), ("the playbook does not start",)),
        (Sample(expect="silent", because="", alert={"category": "leak"}), ()),
        (Sample(expect="silent", because="", alert=SPAM), ("the playbook starts",)),
        (
            Sample(expect="runs", because="", alert=SPAM, steps={"tell": "done"}),
            ("step 'tell' is skipped, not done (steps.look.alerting)",),
        ),
        (
            Sample(
                expect="runs",
                because="",
                alert=SPAM,
                answers={"portal.recheck": {"alerting": True}},
                effects=("notify.mail",),
            ),
            ("its effects are notify.webhook, not notify.mail",),
        ),
    ],
)
def test_what_is_not_as_expected_is_told(sample: Sample, wrong: tuple[str, ...]) -> None:
    playbook, errors = read_playbook(TEXT, "playbooks/spam.yml")
    assert playbook is not None, errors
    assert try_sample(playbook, sample, known_effects(), open_store=open_store).wrong == wrong


def test_a_bad_line_is_told_with_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "spam.samples.ndjson"
    file.write_text('{"expect": "silent", "because": "", "alert": {}}\n\n{"expect": "maybe"}\n{"a"\n')
    samples, errors = read_samples(file)
    assert [line for line, _ in samples] == [1]
    assert [error.line for error in errors] == [3, 4]


@given(st.dictionaries(st.sampled_from(["severity", "count", "values", "title"]), st.text() | st.integers()))
def test_any_alert_is_taken_or_refused_as_a_value(doc: dict[str, str | int]) -> None:
    try:
        alert_of(doc)
    except ValueError:
        return
