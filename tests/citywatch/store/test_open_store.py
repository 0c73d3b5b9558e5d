"""Does the setting `store` open the store that it names?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.errors import SettingsError
from citywatch.settings import Settings
from citywatch.store import open_store


@pytest.mark.parametrize(
    ("where", "file"), [("", "store.sqlite"), ("sqlite:", "store.sqlite"), ("sqlite:other.db", "other.db")]
)
def test_a_file_in_the_data_folder(tmp_path: Path, where: str, file: str) -> None:
    store = open_store(Settings(data=tmp_path, store=where), system_clock)
    assert store.name == "sqlite"
    assert (tmp_path / file).is_file()
    store.close()


def test_a_file_elsewhere(tmp_path: Path) -> None:
    store = open_store(Settings(data=tmp_path / "data", store=f"sqlite:{tmp_path}/x.db"), system_clock)
    assert (tmp_path / "x.db").is_file()
    store.close()


def test_a_cluster_is_not_asked_before_it_is_needed(tmp_path: Path) -> None:
    store = open_store(Settings(data=tmp_path, store="http://127.0.0.1:1"), system_clock)
    assert store.name == "elasticsearch"
    store.close()


@pytest.mark.parametrize("where", ["postgres://x", "store.sqlite", "ftp://x"])
def test_anything_else_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:PATH"):
        open_store(Settings(data=tmp_path, store=where), system_clock)


def test_the_client_of_elasticsearch_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, citywatch.store; print('elasticsearch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
