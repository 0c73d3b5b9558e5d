"""Which rules and playbooks are in force, and what is wrong with the others?"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import system_clock
from citywatch.errors import CityWatchError, ContentError
from citywatch.model import Event, Problem, Rule, from_doc, to_doc
from citywatch.ports import Query
from console.house import House, default_data, open_house

if TYPE_CHECKING:
    from citywatch.detect.rulebook import Rulebook
    from citywatch.respond.run import Run


def _house(data: Path | None) -> House:
    """The installation, or the project's own content where there is none yet."""
    folder = data or default_data()
    if folder.is_dir():
        return open_house(folder)
    from citywatch.settings import load_settings

    return House(load_settings(Path(tempfile.gettempdir()) / "citywatch-no-installation"), system_clock)


def _rulebook(data: Path | None) -> Rulebook:
    house = _house(data)
    from citywatch.detect.rulebook import Rulebook

    extra = [house.imported_rules] if house.imported_rules.is_dir() else []
    return Rulebook.load(house.content_dir, extra=extra)


def rule_rows(data: Path | None, text: str) -> tuple[list[dict[str, Any]], list[ContentError]]:
    """Rules with a text in title, id or tags, most severe first; and what was refused."""
    book = _rulebook(data)
    wanted = text.lower()
    rules = [
        rule
        for rule in book.rules.values()
        if wanted in f"{rule.id} {rule.title} {' '.join(rule.tags)}".lower()
    ]
    rules.sort(key=lambda rule: (-rule.severity, rule.category, rule.title))
    return [_rule_row(rule) for rule in rules], [
        each.error for each in book.refusals if each.kind == "refused"
    ]


def _rule_row(rule: Rule) -> dict[str, Any]:
    return to_doc(rule) | {"severity": rule.severity.name}


def rule_detail(data: Path | None, rule_id: str) -> dict[str, Any]:
    """One rule with its text.

    Raises:
        CityWatchError: there is none with this id.
    """
    house = _house(data)
    rule = _rulebook(data).rules.get(rule_id)
    if rule is None:
        raise CityWatchError(f"there is no rule '{rule_id}'; list them: citywatch rules list")
    for root in (house.content_dir, house.settings.data):
        file = root / rule.source
        if file.is_file():
            return _rule_row(rule) | {"text": file.read_text(encoding="utf-8", errors="replace")}
    return _rule_row(rule) | {"text": ""}


def check_rules(data: Path | None, folder: Path | None) -> tuple[list[ContentError], int]:
    """What is wrong with rules, and how many are sound. A file means the rules in it."""
    from citywatch.detect.rulebook import Place, read_folder
    from citywatch.detect.sigma.load import load_file
    from citywatch.detect.sigma.resolve import resolve

    if folder is None:
        book = _rulebook(data)
        return [each.error for each in book.refusals], len(book.rules)
    if not folder.exists():
        raise CityWatchError(f"{folder}: there is no such file or folder")
    if folder.is_dir():
        files = read_folder(Place(folder=folder, name=str(folder)))
    else:
        files = [load_file(folder.read_bytes(), str(folder))]
    ruleset = resolve(files)
    return [each.error for each in ruleset.refusals], len(ruleset.events) + len(ruleset.correlations)


def run_samples(data: Path | None, folder: Path | None) -> list[dict[str, Any]]:
    """Each sample of each rule: was it as expected?"""
    from citywatch.detect.samples import SUFFIX, judge, read_samples, rules_of

    root = folder or _house(data).content_dir / "rules"
    files = [root] if root.is_file() else sorted(root.rglob("*.yml"))
    rows: list[dict[str, Any]] = []
    for file in files:
        beside = file.with_name(file.stem + SUFFIX)
        if not beside.is_file():
            continue
        ruleset = rules_of(file)
        for sample in read_samples(beside):
            fired = bool(judge(ruleset, "/" + file.name, sample))
            rows.append(
                {
                    "rule": file.stem,
                    "file": str(beside),
                    "line": sample.line,
                    "expect": "fires" if sample.fires else "silent",
                    "fired": fired,
                    "ok": fired is sample.fires,
                    "because": sample.because,
                }
            )
    return rows


def import_archive(data: Path | None, archive: Path) -> list[dict[str, Any]]:
    """Take an archive of rules into the installation; one verdict a rule."""
    from citywatch.detect.importer import import_rules

    with open_house(data) as house:
        return [to_doc(each) for each in import_rules(archive, house.imported_rules)]


def match_file(rules: Path, events: Path, problem: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Hits of rules on a file of events; events are numbered from 1 in the order of the file.

    Raises:
        CityWatchError: a path does not exist, or the archive is not sound.
    """
    from citywatch.detect.rulebook import Rulebook

    for path in (rules, events):
        if not path.exists():
            raise CityWatchError(f"{path}: there is no such file or folder")
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        book = Rulebook.load(_rule_folder(rules, Path(folder)))
        for each in book.refusals:
            if each.kind == "refused":
                problem(str(each.error))
        for number, event in enumerate(_events(events, problem), 1):
            event["event.sequence"] = number
            for match in book.judge([event]):
                yield {"rule_id": match.rule.id, "event": number, "title": match.rule.title}


def _rule_folder(rules: Path, folder: Path) -> Path:
    if rules.is_dir():
        return rules
    if zipfile.is_zipfile(rules):
        _unpack(rules, folder)
        return folder
    (folder / rules.name).write_bytes(rules.read_bytes())
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    """Lay down the rules of an archive, by the bounds and names that an import holds to."""
    from citywatch.detect.importer import members

    with zipfile.ZipFile(archive) as file:
        for name, raw in members(file, archive):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)


def _events(path: Path, problem: Callable[[str], None]) -> Iterator[Event]:
    from sensors.tell import sources

    def report(each: Problem) -> None:
        problem(str(each))

    for file, sensor in sources([path], report):
        yield from sensor.read(file, report, lambda _data, _kind: "")


def playbook_rows(data: Path | None) -> tuple[list[dict[str, Any]], list[ContentError]]:
    """Playbooks, and what is wrong with those that were not loaded."""
    from citywatch.respond.playbook import load_playbooks

    playbooks, errors = load_playbooks(_house(data).content_dir / "playbooks")
    rows = [
        {
            "playbook": each.playbook,
            "version": each.version,
            "risk": each.risk,
            "name": each.name,
            "name_en": each.name_en,
            "steps": len(each.steps),
        }
        for each in playbooks
    ]
    return rows, errors


def check_playbooks(data: Path | None, folder: Path | None) -> tuple[list[ContentError], int]:
    """What is wrong with playbooks, and how many are sound."""
    from citywatch.respond.playbook import load_playbooks

    playbooks, errors = load_playbooks(folder or _house(data).content_dir / "playbooks")
    return list(errors), len(playbooks)


def run_rows(house: House) -> list[dict[str, Any]]:
    """Runs of playbooks, newest first."""
    from citywatch.respond.run import Run

    records = house.store.find("run", Query(order="started_at", limit=1000)).records
    return [_run_row(from_doc(record.doc, Run)) for record in records]


def _run_row(run: Run) -> dict[str, Any]:
    waiting = [f"{step.step} (approval)" for step in run.steps if step.state == "waiting"]
    return {
        "id": run.id,
        "playbook": f"{run.playbook} v{run.version}",
        "state": run.state,
        "waits_for": ", ".join(waiting),
        "alert": run.alert_id,
        "started_at": run.started_at,
        "steps": [{"step": step.step, "state": step.state, "error": step.error} for step in run.steps],
    }
