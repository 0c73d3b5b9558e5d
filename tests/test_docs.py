"""Do the guides name what there is, and do their links lead somewhere?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import responders
import sensors
from citywatch.clock import system_clock
from citywatch.settings import Settings
from citywatch.store.evidence import EvidenceFolder
from citywatch.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_sensor_has_its_line() -> None:
    text = (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
    for sensor in sensors.ALL:
        assert f"| `{sensor.name}` |" in text, sensor.name


def test_every_action_is_named(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    store = SqliteStore(tmp_path / "store.sqlite", clock=system_clock)
    made = responders.build(Settings(data=tmp_path), store, system_clock, EvidenceFolder(tmp_path))
    assert len(made) == len(responders.ALL)
    for name in made:
        assert f"`{name}`" in text, name
    store.close()


def test_every_decision_says_what_was_decided() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} "), page.name


def test_every_verb_stands_in_a_guide() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    verbs = "init doctor demo replay decode scan hunt watch alerts tickets portals agencies rules playbooks"
    for verb in verbs.split():
        assert f"citywatch {verb}" in text, verb
