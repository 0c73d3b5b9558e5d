"""What would a playbook do, what changed in it, and how is it taken elsewhere? For the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from citywatch.errors import CityWatchError, ContentError
from citywatch.model import Agency, Alert, Portal, from_doc, to_doc
from citywatch.respond.every import every
from console.house import House

if TYPE_CHECKING:
    from citywatch.respond.rehearsal import Rehearsal
    from citywatch.respond.run import Run
    from citywatch.respond.sample import Sample, Verdict
    from citywatch.respond.shape import Playbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A sample, where it stands, and what came of it."""

    place: str
    sample: Sample
    verdict: Verdict


def find_playbook(house: House, name: str) -> Playbook:
    """A playbook of the installation by its name, or any in a file.

    Raises:
        ContentError: the file is not a sound playbook.
        CityWatchError: there is none of that name.
    """
    from citywatch.respond.playbook import read_playbook

    known = {playbook.playbook: playbook for playbook in house.playbooks}
    if name in known:
        return known[name]
    file = Path(name)
    if not file.is_file():
        raise CityWatchError(f"there is no playbook '{name}'; there are: {', '.join(sorted(known))}")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(name, None, f"cannot be read: {error}") from error
    playbook, errors = read_playbook(text, name, templates=file.parent / "templates")
    if playbook is None:
        raise errors[0]
    return playbook


def read_alert(house: House, named: str) -> Alert:
    """An alert of the store by its id, or of a file that holds one as JSON.

    Raises:
        CityWatchError: there is none.
    """
    from citywatch.respond.sample import alert_of

    record = house.store.get("alert", named)
    if record is not None:
        return from_doc(record.doc, Alert)
    file = Path(named)
    if not file.is_file():
        raise CityWatchError(
            f"there is no alert '{named}', and no such file; list them: citywatch alerts list"
        )
    try:
        return alert_of(orjson.loads(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise CityWatchError(f"{named}: this is not an alert in JSON: {error}") from error


def dry_run(house: House, name: str, alert: str) -> Rehearsal:
    """What a playbook would do about an alert; actions that only read are really done."""
    from citywatch.respond.rehearsal import rehearse
    from citywatch.store.sqlite import SqliteStore

    return rehearse(
        find_playbook(house, name),
        read_alert(house, alert),
        {action: responder.effect for action, responder in house.responders.items()},
        now=house.clock(),
        real=house.responders,
        open_store=lambda path, clock: SqliteStore(path, clock=clock),
        agencies=tuple(every(house.store, "agency", Agency)),
        portals=tuple(every(house.store, "portal", Portal)),
    )


def test_samples(house: House, names: Sequence[str]) -> Iterator[Tested | ContentError]:
    """Try the samples beside playbooks; a playbook without any is an error."""
    from citywatch.respond.playbook import known_effects
    from citywatch.respond.sample import read_samples, samples_file, try_sample
    from citywatch.store.sqlite import SqliteStore

    chosen = [find_playbook(house, name) for name in names] if names else list(house.playbooks)
    for playbook in chosen:
        file = samples_file(playbook, house.content_dir)
        if not file.is_file():
            yield ContentError(playbook.source, None, "it has no samples", f"write them into {file.name}")
            continue
        samples, errors = read_samples(file)
        yield from errors
        for line, sample in samples:
            verdict = try_sample(
                playbook,
                sample,
                known_effects(),
                open_store=lambda path, clock: SqliteStore(path, clock=clock),
            )
            yield Tested(place=f"{file.name}:{line}", sample=sample, verdict=verdict)


def text_of(playbook: Playbook) -> str:
    """A playbook as plain YAML, in the order of its shape."""
    doc = playbook.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(doc, allow_unicode=True, sort_keys=False, width=100)


def diff(house: House, name: str, against: str) -> str:
    """What changed between a playbook and a file, or the version that a run is pinned to; empty when nothing.

    Raises:
        CityWatchError: there is no such file and no such run.
    """
    now = find_playbook(house, name)
    before = find_playbook(house, against) if Path(against).is_file() else _pinned(house, against)
    lines = unified_diff(
        text_of(before).splitlines(),
        text_of(now).splitlines(),
        f"{against} (version {before.version})",
        f"{name} (version {now.version})",
        lineterm="",
    )
    return "\n".join(lines)


def _pinned(house: House, run_id: str) -> Playbook:
    from citywatch.respond.run import Run
    from citywatch.respond.shape import Playbook

    record = house.store.get("run", run_id)
    if record is None:
        raise CityWatchError(f"'{run_id}' is neither a file nor a run; list runs: citywatch playbooks runs")
    version = house.store.get("playbook_version", from_doc(record.doc, Run).digest)
    if version is None:
        raise CityWatchError(f"the version of the playbook that run '{run_id}' began with is gone")
    return Playbook.of(version.doc["content"], str(version.doc["source"]), version.doc["templates"])


def run_detail(house: House, run_id: str) -> dict[str, Any]:
    """One run with all its steps.

    Raises:
        CityWatchError: there is none.
    """
    record = house.store.get("run", run_id)
    if record is None:
        raise CityWatchError(f"there is no run '{run_id}'; list them: citywatch playbooks runs")
    return record.doc


def rehearsal_rows(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """The steps of a dry run."""
    return [
        to_doc(step) | {"asked": orjson.dumps(step.asked, default=str).decode()} for step in rehearsal.steps
    ]


def start(house: House, name: str, alert: str, by: str, inputs: Sequence[str]) -> str:
    """Run a playbook on an alert now, by hand; give the run's id.

    Raises:
        CityWatchError: an input is not NAME=VALUE, or there is no such playbook or alert.
    """
    given: dict[str, Any] = {}
    for one in inputs:
        key, sign, value = one.partition("=")
        if not sign:
            raise CityWatchError(f"'{one}' is not NAME=VALUE")
        given[key] = value
    run_id = house.runner.start_by_hand(name, read_alert(house, alert), by, given)
    note(house, by, "run_started", f"{run_id} {name} {alert}")
    house.runner.tick()
    return run_id


def note(house: House, by: str, what: str, about: str) -> None:
    """Into the audit, as the console notes what is done there."""
    from citywatch.respond import audit

    audit.append(house.store, house.clock, by=by, what=what, about=f"{about} (terminal)")


def steer(house: House, what: str, run_id: str, by: str, step: str = "") -> Run:
    """Pause, resume, cancel, retry or replay a run."""
    runner = house.runner
    if what == "retry":
        run = runner.retry(run_id, step, by)
    elif what == "replay":
        run = runner.replay(run_id, step, by)
    else:
        run = {"pause": runner.pause, "resume": runner.resume, "cancel": runner.cancel}[what](run_id, by)
    note(house, by, f"run_{what}", f"{run_id} {step}".strip())
    runner.tick()
    return run


def may_approve(house: House, person: str, role: str) -> bool:
    """A person may approve for a role: it, or a mightier one, is theirs.

    Where nobody has an account yet, whoever works at the installation's own terminal may.
    """
    from console.web.access import AGENCY_ROLES, ROLES
    from console.web.accounts import get_user, is_set_up

    if not is_set_up(house.store):
        return True
    user = get_user(house.store, person)
    if user is None or not user.active or user.role in AGENCY_ROLES or user.role not in ROLES:
        return False
    asked = ROLES.index(role) if role in ROLES else 0
    return ROLES.index(user.role) <= asked
