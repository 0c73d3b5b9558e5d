"""Are choices written whole, with the file's comments, and refused when they do not hold?"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import SettingsError
from citywatch.settings import load_settings
from console import choices
from console.installation import TEMPLATE


def test_a_choice_is_written_beside_what_was_there_and_its_comments(tmp_path: Path) -> None:
    file = tmp_path / "citywatch.toml"
    file.write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    choices.write(tmp_path, {"mail": {"host": "mail.example", "port": 587}})
    choices.write(tmp_path, {"store": "https://es.example:9200", "network": {"interfaces": ["ens5"]}})
    settings = load_settings(tmp_path, environ={})
    assert (settings.mail.host, settings.mail.port) == ("mail.example", 587)
    assert settings.store == "https://es.example:9200"
    assert settings.network.interfaces == ("ens5",)
    assert "# Every setting can also be given" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "chosen", [{"mail": {"port": "many"}}, {"mail": {"prot": 25}}, {"nothing": 1}, {"mail": 7}]
)
def test_what_does_not_hold_is_refused_and_changes_nothing(tmp_path: Path, chosen: dict[str, object]) -> None:
    choices.write(tmp_path, {"organisation": "HN"})
    before = (tmp_path / "citywatch.toml").read_bytes()
    with pytest.raises(SettingsError, match=r"citywatch\.toml"):
        choices.write(tmp_path, chosen)
    assert (tmp_path / "citywatch.toml").read_bytes() == before


def test_a_file_that_is_broken_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "citywatch.toml").write_text("store = [", encoding="utf-8")
    with pytest.raises(SettingsError):
        choices.write(tmp_path, {"organisation": "HN"})
    assert (tmp_path / "citywatch.toml").read_text(encoding="utf-8") == "store = ["


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=60))
def test_any_text_stays_a_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        choices.write(folder, {"mail": {"user": text}})
    except SettingsError:
        return
    assert load_settings(folder, environ={}).mail.user == text
