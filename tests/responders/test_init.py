"""Is every responder listed, built, and known to playbooks with the effect it declares?"""

from __future__ import annotations

from pathlib import Path

import responders
from citywatch.clock import system_clock
from citywatch.respond.playbook import known_effects
from citywatch.settings import Settings
from citywatch.store.sqlite import SqliteStore


class NoEvidence:
    def get(self, sha256: str) -> bytes | None:  # noqa: ARG002
        return None

    def describe(self, sha256: str) -> None:  # noqa: ARG002
        return None


def test_what_is_listed_is_built_and_the_table_of_actions_says_what_each_declares(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite", clock=system_clock)
    built = responders.build(Settings(data=tmp_path), store, system_clock, NoEvidence())
    assert {type(one) for one in built.values()} == set(responders.ALL)
    assert {name: one.effect for name, one in built.items()} == known_effects()
    assert all(name == one.name for name, one in built.items())
    store.close()
