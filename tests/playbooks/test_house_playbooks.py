"""Are the house's playbooks sound, does each answer some rule, and has each rule of weight one?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from citywatch.model import Alert, Severity
from citywatch.respond.playbook import known_effects, load_playbooks
from citywatch.respond.sample import read_samples, samples_file, try_sample
from citywatch.respond.trigger import chosen, wants
from citywatch.store.sqlite import SqliteStore

HOUSE = Path(__file__).resolve().parents[2]
PLAYBOOKS, ERRORS = load_playbooks(HOUSE / "playbooks")


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((HOUSE / "rules" / "sigma").rglob("*.yml")):
        for document in yaml.load_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            own: dict[str, Any] = document.get("citywatch") or {}
            if own.get("category"):
                yield str(file.relative_to(HOUSE)), document


RULES = list(rules())


def alert_of(rule: dict[str, Any]) -> Alert:
    return Alert(
        id="a",
        rule_id=str(rule.get("id", "")),
        title=str(rule["title"]),
        severity=Severity[rule["level"]],
        subject="s",
        subject_fields={},
        first_seen="",
        last_seen="",
        count=1,
        category=rule["citywatch"]["category"],
        tags=tuple(rule.get("tags") or ()),
    )


def test_every_playbook_of_the_house_is_sound() -> None:
    assert [str(error) for error in ERRORS] == []
    assert PLAYBOOKS


@pytest.mark.parametrize(("file", "rule"), RULES, ids=[f"{file}:{rule['title']}" for file, rule in RULES])
def test_every_rule_of_medium_or_above_has_a_playbook(file: str, rule: dict[str, Any]) -> None:
    if "level" not in rule or Severity[rule["level"]] < Severity.medium:
        return
    assert any(wants(playbook, alert_of(rule)) for playbook in PLAYBOOKS), f"{file}: no playbook wants it"


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=[playbook.playbook for playbook in PLAYBOOKS])
def test_every_trigger_answers_some_rule(playbook: Any) -> None:
    alerts = [alert_of(rule) for _, rule in RULES if "level" in rule]
    assert any(wants(playbook, alert) for alert in alerts) or playbook.trigger.event == "manual"


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=[playbook.playbook for playbook in PLAYBOOKS])
def test_every_playbook_guides_the_agency_in_both_languages_and_opens_a_ticket(playbook: Any) -> None:
    assert playbook.guide_vi.strip()
    assert playbook.guide_en.strip()
    actions = {step.do for step in playbook.every_step()}
    assert "ticket.open" in actions
    assert actions <= set(known_effects())


WANTED = {
    "changed face": "defacement",
    "code injected into a portal": "injection",
    "hidden spam": "spam",
    "exposure": "exposure",
    "data leak": "leak",
    "loss, ransomware": "loss",
    "account guessing": "account_guessing",
    "scanning": "scanning",
    "malware contact": "malware",
    "camera takeover": "camera_takeover",
    "rogue network device": "rogue_device",
    "DNS or TLS hijack": "hijack",
    "denial of service": "denial_of_service",
    "imitation of a portal": "phishing",
    "insider": "insider",
    "known-vulnerable portal": "known_vulnerable",
    "portal down": "availability",
    "silent sensor": "silent_sensor",
    "advisory campaign": "advisory_campaign",
}


def test_the_house_has_a_playbook_for_each_of_its_dangers() -> None:
    assert set(WANTED.values()) <= {playbook.playbook for playbook in PLAYBOOKS}


@pytest.mark.parametrize(("file", "rule"), RULES, ids=[f"{file}:{rule['title']}" for file, rule in RULES])
def test_an_alert_of_a_rule_starts_one_playbook_not_several(file: str, rule: dict[str, Any]) -> None:
    if "level" in rule:
        started = [playbook.playbook for playbook in chosen(PLAYBOOKS, alert_of(rule))]
        assert len(started) <= 1, f"{file}: {started}"


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=[playbook.playbook for playbook in PLAYBOOKS])
def test_every_playbook_does_about_its_samples_what_they_expect(playbook: Any) -> None:
    samples, errors = read_samples(samples_file(playbook, HOUSE))
    assert not errors
    expected = {sample.expect for _, sample in samples}
    assert expected == ({"runs"} if playbook.trigger.event == "manual" else {"runs", "silent"})
    for line, sample in samples:
        verdict = try_sample(
            playbook,
            sample,
            known_effects(),
            open_store=lambda path, clock: SqliteStore(path, clock=clock),
        )
        assert verdict.wrong == (), f"line {line}: {sample.because}"


def test_what_changes_something_waits_for_a_lead() -> None:
    effects = known_effects()
    for playbook in PLAYBOOKS:
        for step in playbook.every_step():
            if effects[step.do] == "change":
                assert step.approve is not None
                assert step.approve.role == "lead"
