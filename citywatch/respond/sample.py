"""Does a playbook do about a sample alert what its author expects?

Samples stand beside a playbook, in `<playbook>.samples.ndjson`: one JSON object a line, with `expect`
(runs or silent), `because`, `alert`, and where it runs `steps` (step to state) and `effects` (the actions
in their order); `answers` are what read-only actions would give, `agencies` and `portals` what the
catalogue holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from citywatch.errors import ContentError
from citywatch.model import Agency, Alert, Portal, Severity, from_doc
from citywatch.ports import Effect
from citywatch.respond.rehearsal import OpenStore, Rehearsal, rehearse
from citywatch.respond.shape import Playbook
from citywatch.respond.trigger import wants

LARGEST: Final = 1024 * 1024
MOST: Final = 500
AT: Final = "2026-11-23T02:00:00.000000Z"
NOW: Final = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An alert, and what shall come of it."""

    expect: Literal["runs", "silent"]
    because: str
    alert: dict[str, Any]
    steps: dict[str, str] = field(default_factory=dict[str, str])
    """Step id to the state of its first item: done, skipped, failed."""
    effects: tuple[str, ...] = ()
    """The actions that are not read-only, in their order, one for each item."""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    agencies: tuple[Agency, ...] = ()
    portals: tuple[Portal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a sample: `wrong` is empty when all is as expected."""

    wrong: tuple[str, ...]
    rehearsal: Rehearsal | None = None


def alert_of(doc: Mapping[str, Any]) -> Alert:
    """An alert from what a sample or a file says; what it does not say is filled in.

    Raises:
        ValueError: a field is not of its kind.
    """
    severity = doc.get("severity", "high")
    if isinstance(severity, str):
        if severity not in Severity.__members__:
            raise ValueError(f"severity '{severity}' is not one of {', '.join(Severity.__members__)}")
        severity = Severity[severity]
    filled: dict[str, Any] = {
        "id": "sample",
        "rule_id": "sample",
        "title": "Sample",
        "subject": "sample",
        "subject_fields": {},
        "first_seen": AT,
        "last_seen": AT,
        "count": 1,
    }
    return from_doc(filled | dict(doc) | {"severity": int(severity)}, Alert)


def samples_file(playbook: Playbook, content: Path) -> Path:
    """Where the samples of a playbook stand: beside it."""
    stands = Path(playbook.source)
    file = stands if stands.is_file() else content / "playbooks" / stands.name
    return file.with_name(f"{file.stem}.samples.ndjson")


def read_samples(file: Path) -> tuple[list[tuple[int, Sample]], list[ContentError]]:
    """The samples of a file with their lines, and what is wrong with the others."""
    samples: list[tuple[int, Sample]] = []
    errors: list[ContentError] = []
    try:
        if file.stat().st_size > LARGEST:
            return [], [ContentError(file.name, None, f"the file is larger than {LARGEST} bytes")]
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [], [ContentError(file.name, None, f"cannot be read: {error}")]
    for number, line in enumerate(lines[:MOST], 1):
        if not line.strip():
            continue
        try:
            sample = msgspec.json.decode(line, type=Sample)
            alert_of(sample.alert)
        except (msgspec.MsgspecError, ValueError) as error:
            errors.append(ContentError(file.name, number, f"this is not a sample: {error}"))
            continue
        samples.append((number, sample))
    if len(lines) > MOST:
        errors.append(ContentError(file.name, MOST + 1, f"more than {MOST} samples are not read"))
    return samples, errors


def try_sample(
    playbook: Playbook, sample: Sample, effects: Mapping[str, Effect], *, open_store: OpenStore
) -> Verdict:
    """Rehearse a sample, without any action done, and compare."""
    alert = alert_of(sample.alert)
    runs = playbook.trigger.event == "manual" or wants(playbook, alert)
    if sample.expect == "silent":
        return Verdict(wrong=("the playbook starts",) if runs else ())
    if not runs:
        return Verdict(wrong=("the playbook does not start",))
    rehearsal = rehearse(
        playbook,
        alert,
        effects,
        now=NOW,
        open_store=open_store,
        agencies=sample.agencies,
        portals=sample.portals,
        answers=sample.answers,
    )
    return Verdict(wrong=tuple(_wrong(sample, rehearsal)), rehearsal=rehearsal)


def _wrong(sample: Sample, rehearsal: Rehearsal) -> Iterator[str]:
    if rehearsal.state != "done":
        yield f"the run ends {rehearsal.state}: {rehearsal.error}"
    states = {
        (step.step, step.item): "done" if step.state == "shown" else step.state for step in rehearsal.steps
    }
    for step, wanted in sample.steps.items():
        came = states.get((step, 0), "never reached")
        if came != wanted:
            why = next((one.why for one in rehearsal.steps if one.step == step and one.why), "")
            yield f"step '{step}' is {came}, not {wanted}" + (f" ({why})" if why else "")
    effects = tuple(
        step.action for step in rehearsal.steps if step.state == "shown" and step.effect != "read_only"
    )
    if sample.effects and effects != sample.effects:
        yield f"its effects are {', '.join(effects) or 'none'}, not {', '.join(sample.effects)}"
