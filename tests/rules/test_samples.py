"""Does every rule of ours fire where it must and stay silent where it must not?"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from uuid import UUID

import pytest

from citywatch.detect.rulebook import Place, read_folder
from citywatch.detect.samples import SUFFIX, check
from citywatch.detect.sigma.resolve import RuleSet, resolve

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted((RULES / "sigma").rglob("*.yml"))


@cache
def ruleset() -> RuleSet:
    return resolve(read_folder(Place(folder=RULES, name="rules")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(RULES).as_posix())
def test_a_rule_fires_and_stays_silent_as_its_samples_say(path: Path) -> None:
    assert list(check(path)) == []


def test_no_rule_of_ours_is_refused() -> None:
    assert [str(each.error) for each in ruleset().refusals] == []


def test_every_rule_has_a_uuid_a_title_in_both_languages_and_guides() -> None:
    for part in (ruleset().events, ruleset().correlations):
        for key, each in part.items():
            rule = each.rule
            assert str(UUID(key)) == key, rule.source
            assert rule.title, rule.source
            if key not in ruleset().silent:
                assert rule.description, rule.source
                assert rule.title_vi, rule.source
                assert rule.guide_vi, rule.source
                assert rule.guide_en, rule.source
                assert rule.category, rule.source
                assert any(tag.startswith(("attack.t", "citywatch.")) for tag in rule.tags), rule.source


def test_every_samples_file_has_its_rule() -> None:
    orphans = [
        path.name
        for path in (RULES / "sigma").rglob(f"*{SUFFIX}")
        if not path.with_name(path.name.removesuffix(SUFFIX) + ".yml").is_file()
    ]
    assert orphans == []
