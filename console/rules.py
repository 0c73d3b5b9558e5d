"""Which rules are in force, what is wrong with the others, and how are they owned?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import system_clock
from citywatch.errors import CityWatchError, ContentError
from citywatch.model import Rule, to_doc
from console.house import House, default_data, open_house

if TYPE_CHECKING:
    from citywatch.detect.importer import Verdict
    from citywatch.detect.rulebook import Rulebook

OFF = "off"


def house_of(data: Path | None) -> House:
    """The installation, or the project's own content where there is none yet."""
    folder = data or default_data()
    if folder.is_dir():
        return open_house(folder)
    from citywatch.settings import load_settings

    return House(load_settings(Path(tempfile.gettempdir()) / "citywatch-no-installation"), system_clock)


def rulebook_of(data: Path | None) -> Rulebook:
    """All rules, without what only judging needs."""
    from citywatch.detect.rulebook import Rulebook

    house = house_of(data)
    extra = [house.imported_rules] if house.imported_rules.is_dir() else []
    return Rulebook.load(house.content_dir, extra=extra, today=house.clock().date().isoformat())


def rule_rows(data: Path | None, text: str) -> tuple[list[dict[str, Any]], list[ContentError]]:
    """Rules with a text in title, id or tags, most severe first; and what was refused."""
    book = rulebook_of(data)
    wanted = text.lower()
    rules = [
        rule
        for rule in book.rules.values()
        if wanted in f"{rule.id} {rule.title} {' '.join(rule.tags)}".lower()
    ]
    rules.sort(key=lambda rule: (-rule.severity, rule.category, rule.title))
    refused = [each.error for each in book.refusals if each.kind == "refused"]
    return [_rule_row(rule) for rule in rules], refused


def off_rows(data: Path | None) -> list[dict[str, Any]]:
    """Rules that are switched off, with who did it and why."""
    return [
        {"id": each.rule_id, "title": each.title, "source": each.source, "what": each.what}
        for each in rulebook_of(data).refusals
        if each.kind == OFF
    ]


def exception_rows(data: Path | None) -> list[dict[str, Any]]:
    """Exceptions to rules (Sigma filters), with who answers for them, why and until when."""
    from citywatch.detect.rulebook import places, read_places

    house = house_of(data)
    extra = [house.imported_rules] if house.imported_rules.is_dir() else []
    today = house.clock().date().isoformat()
    return [
        {
            "title": each.rule.title,
            "rules": list(each.targets) or [f"all of {each.logs}"],
            "owner": each.owner,
            "reason": each.reason,
            "expires": each.expires,
            "holds": not each.expires or each.expires >= today,
            "source": each.rule.source,
        }
        for file in read_places(places(house.content_dir, extra))
        for each in file.filters
    ]


def _rule_row(rule: Rule) -> dict[str, Any]:
    return to_doc(rule) | {"severity": rule.severity.name}


def rule_detail(data: Path | None, rule_id: str) -> dict[str, Any]:
    """One rule with its text.

    Raises:
        CityWatchError: there is none with this id.
    """
    house = house_of(data)
    rule = rulebook_of(data).rules.get(rule_id)
    if rule is None:
        raise CityWatchError(f"there is no rule '{rule_id}'; list them: citywatch rules list")
    for root in (house.content_dir, house.settings.data):
        file = root / rule.source
        if file.is_file():
            return _rule_row(rule) | {"text": file.read_text(encoding="utf-8", errors="replace")}
    return _rule_row(rule) | {"text": ""}


def check_rules(
    data: Path | None, folder: Path | None, attack: Path | None = None
) -> tuple[list[ContentError], list[ContentError], int]:
    """What is wrong with rules, what is doubtful, and how many are sound. A file means the rules in it."""
    from citywatch.detect.rulebook import (
        PLACEHOLDERS,
        Place,
        all_placeholders,
        places,
        read_placeholders,
        read_places,
    )
    from citywatch.detect.sigma.load import load_file
    from citywatch.detect.sigma.resolve import resolve
    from citywatch.detect.yara import YaraRules

    house = house_of(data)
    if folder is None:
        extra = [house.imported_rules] if house.imported_rules.is_dir() else []
        found = places(house.content_dir, extra)
    elif folder.is_dir():
        found = [Place(folder=folder, name=str(folder))]
    elif folder.is_file():
        values, wrong = read_placeholders(Place(folder=folder.parent, name=str(folder.parent)))
        ruleset = resolve([load_file(folder.read_bytes(), str(folder), values)])
        errors = [each.error for each in (*wrong, *ruleset.refusals)]
        doubts = list(_doubts([(folder, str(folder))], attack, values))
        return errors, doubts, len(ruleset.events) + len(ruleset.correlations)
    else:
        raise CityWatchError(f"{folder}: there is no such file or folder")
    ruleset = resolve(read_places(found))
    yara = YaraRules.load([place.folder for place in found])
    errors = [each.error for each in ruleset.refusals if each.kind != OFF] + list(yara.refusals)
    files = [
        (path, f"{place.name}/{path.relative_to(place.folder).as_posix()}")
        for place in found
        for path in sorted(place.folder.rglob("*.y*ml"))
        if path.name != PLACEHOLDERS
    ]
    sound = len(ruleset.events) + len(ruleset.correlations) + len(yara.rules)
    values, _ = all_placeholders(found)
    return errors, list(_doubts(files, attack, values)), sound


def _doubts(
    files: list[tuple[Path, str]], attack: Path | None, values: Mapping[str, Sequence[str]]
) -> Iterator[ContentError]:
    from citywatch.detect.sigma.advice import Advisor
    from citywatch.detect.sigma.load import load_file

    advisor = Advisor(attack)
    for path, name in files:
        raw = path.read_bytes()
        yield from advisor.look(raw, name, load_file(raw, name, values))
    yield from advisor.finish()


def run_samples(data: Path | None, folder: Path | None) -> tuple[list[dict[str, Any]], list[ContentError]]:
    """Each sample of each Sigma rule: was it as expected? And what is wrong with samples of YARA rules."""
    from citywatch.detect import yara_samples
    from citywatch.detect.samples import SUFFIX, judge, read_samples, rules_of

    root = folder or house_of(data).content_dir / "rules"
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
    if not root.is_dir() or not any(root.rglob("*.yar")):
        return rows, []
    ran = yara_samples.run_samples(root)
    wrong = {error.file for error in ran.failures}
    rows.append(
        {"rule": "YARA", "file": str(root), "line": 0, "expect": f"{ran.samples} samples", "fired": True,
         "ok": not wrong, "because": f"{len(ran.failures)} not as expected"}
    )  # fmt: skip
    return rows, list(ran.failures)


def import_archive(data: Path | None, archive: Path, name: str = "") -> list[Verdict]:
    """Take an archive of rules into the installation; one verdict a rule."""
    from citywatch.detect.importer import import_rules

    with open_house(data) as house:
        return import_rules(archive, house.imported_rules, name)


def update_archive(data: Path | None, archive: Path) -> tuple[str, list[Verdict]]:
    """Take a newer release of what was imported before, over it; gives which collection that was.

    Raises:
        InputError: it is no archive, or none that was imported before has files of these names.
    """
    from citywatch.detect.importer import collection_of, import_rules

    with open_house(data) as house:
        name = collection_of(archive, house.imported_rules)
        return name, import_rules(archive, house.imported_rules, name)


def switch(data: Path | None, rule_id: str, *, on: bool, by: str, reason: str) -> str:
    """Switch a rule off or on again, for this team; gives the rule's title.

    Raises:
        CityWatchError: there is no such rule, or it is so already.
    """
    from citywatch.detect import tuning

    with open_house(data) as house:
        book = rulebook_of(data)
        folder = house.imported_rules
        off = next((each for each in book.refusals if each.kind == OFF and each.rule_id == rule_id), None)
        if on:
            if not tuning.switch_on(folder, rule_id):
                raise CityWatchError(f"rule '{rule_id}' is not switched off; see: citywatch rules list --off")
            return off.title if off else rule_id
        rule = book.rules.get(rule_id)
        if rule is None:
            raise CityWatchError(f"there is no rule '{rule_id}' in force; list them: citywatch rules list")
        if not reason.strip():
            raise CityWatchError("give a reason: --reason 'too loud on the backup server'")
        day = house.clock().date().isoformat()
        tuning.switch_off(folder, rule_id, by=by, day=day, reason=reason)
        return rule.title
