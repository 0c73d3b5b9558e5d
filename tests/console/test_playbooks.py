"""Do the terminal's words about playbooks do what they say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from citywatch.model import Alert, Severity, to_doc
from citywatch.respond.playbook import schema
from console.cli.app import app
from console.house import House, open_house
from console.web.accounts import User, add_user

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = """
playbook: bar
version: 2
name: Chặn
name_en: Bar
owner: csirt
risk: notify
trigger: { event: manual }
steps:
  - { id: ticket, do: ticket.open, with: { title: "{{ alert.title }}" } }
  - { id: say, do: ticket.comment, with: { text: said }, approve: { role: lead, within: 1h } }
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    content = tmp_path / "content"
    (content / "playbooks").mkdir(parents=True)
    (content / "rules").mkdir()
    (content / "playbooks" / "bar.yml").write_text(PLAYBOOK, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    (home / "citywatch.toml").write_text(f'content = "{content}"\n', encoding="utf-8")
    with open_house(home) as made:
        alert = Alert(
            id="a1", rule_id="r", title="Scan", severity=Severity.high, subject="10.0.0.1", subject_fields={},
            first_seen="2026-11-23T02:00:00.000000Z", last_seen="2026-11-23T02:00:00.000000Z", count=1,
        )  # fmt: skip
        made.store.put_if("alert", "a1", to_doc(alert), 0)
        yield made


def run(house: House, *words: str) -> Result:
    return CliRunner().invoke(app, ["playbooks", *words, "--data", str(house.settings.data)])


def test_a_dry_run_opens_no_ticket_and_leaves_no_run(house: House) -> None:
    done = run(house, "dry-run", "bar", "a1", "--json")
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["step"], row["state"], row["approval"]) for row in rows] == [
        ("ticket", "shown", ""),
        ("say", "shown", "lead"),
    ]
    assert json.loads(rows[0]["asked"])["title"] == "Scan"
    assert (house.store.health().records.get("ticket", 0), house.store.health().records.get("run", 0)) == (
        0,
        0,
    )


def test_a_run_begun_at_the_terminal_waits_for_a_second_person_with_the_role(house: House) -> None:
    done = run(house, "run", "bar", "a1", "--as", "lan")
    assert done.exit_code == 0, done.stderr
    run_id = done.stdout.strip()
    for name, role in (("lan", "lead"), ("an", "analyst"), ("hoa", "lead"), ("ad", "admin")):
        add_user(house.store, house.clock, User(id=name, name=name, role=role), "a long pass phrase 12")
    for name in ("lan", "an", "nobody"):
        assert run(house, "approve", run_id, "say", "--as", name).exit_code != 0, name
    assert run(house, "approve", run_id, "say", "--as", "hoa").exit_code == 0
    steps = [json.loads(line) for line in run(house, "runs", run_id, "--json").stdout.splitlines()]
    assert [(step["step"], step["state"]) for step in steps] == [("ticket", "done"), ("say", "done")]
    assert run(house, "replay", run_id, "say", "--as", "lan").exit_code == 0
    for verb in ("pause", "resume", "cancel"):
        assert run(house, verb, run_id, "--as", "lan").exit_code == 0, verb
    assert run(house, "cancel", run_id, "--as", "lan").exit_code != 0


def test_what_changed_since_a_run_began_or_since_a_file_is_shown(house: House, tmp_path: Path) -> None:
    run_id = run(house, "run", "bar", "a1", "--as", "lan").stdout.strip()
    assert run(house, "diff", "bar", run_id).exit_code == 0
    file = house.content_dir / "playbooks" / "bar.yml"
    file.write_text(PLAYBOOK.replace("version: 2", "version: 3").replace("said", "told"), encoding="utf-8")
    done = run(house, "diff", "bar", run_id)
    assert done.exit_code == 1
    assert "-    text: said" in done.stdout
    assert "+    text: told" in done.stdout
    old = tmp_path / "old.yml"
    old.write_text(PLAYBOOK, encoding="utf-8")
    assert "+version: 3" in run(house, "diff", "bar", str(old)).stdout


def test_samples_that_are_missing_or_wrong_are_told(house: House) -> None:
    assert "has no samples" in run(house, "test").stderr
    file = house.content_dir / "playbooks" / "bar.samples.ndjson"
    sample: dict[str, object] = {
        "expect": "runs",
        "because": "it opens a ticket",
        "alert": {},
        "effects": ["ticket.open"],
    }
    file.write_text(json.dumps(sample), encoding="utf-8")
    done = run(house, "test", "bar")
    assert done.exit_code == 1
    assert "bar.samples.ndjson:1: its effects are ticket.open, ticket.comment" in done.stderr
    sample["effects"] = ["ticket.open", "ticket.comment"]
    file.write_text(json.dumps(sample), encoding="utf-8")
    assert run(house, "test", "bar").exit_code == 0


def test_a_playbook_goes_out_as_cacao_and_comes_back(house: House, tmp_path: Path) -> None:
    there, back = tmp_path / "there.json", tmp_path / "back.yml"
    there.write_text(run(house, "export", "bar").stdout, encoding="utf-8")
    done = CliRunner().invoke(app, ["playbooks", "import", str(there), "--out", str(back)])
    assert done.exit_code == 0, done.stderr
    assert back.read_text(encoding="utf-8") == run(house, "export", "bar", "--format", "yaml").stdout


def test_the_published_schema_is_the_one_in_force() -> None:
    published = (ROOT / "docs" / "playbook.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == schema(), (
        "make it anew: citywatch playbooks schema > docs/playbook.schema.json"
    )
