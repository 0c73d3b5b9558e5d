"""Are an installation's mappings found, and checked by a command?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from citywatch.errors import ContentError
from citywatch.model import Problem
from console.mappings import check, own_tables
from tests.sensors.test_mapping import GOOD
from tests.sensors.test_table import CSV

REPO = Path(__file__).parents[2]


def citywatch(*words: str, data: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tests.sensors.network.live.run", *words]
    return subprocess.run(
        command,
        cwd=REPO,
        capture_output=True,
        input=given,
        check=False,
        env={"CITYWATCH_DATA": str(data), "PATH": ""},
    )


def test_named_mappings_come_first_and_bad_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "a.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "mappings" / "b.yml").write_text("name: x\n", encoding="utf-8")
    told: list[Problem] = []
    assert len(own_tables(tmp_path, told.append, [tmp_path / "mappings" / "a.yml"])) == 2
    assert [problem.what for problem in told] == ["the mapping is not used"]
    with pytest.raises(ContentError, match=r"b\.yml:1"):
        own_tables(tmp_path, told.append, [tmp_path / "mappings" / "b.yml"])


def test_a_check_shows_columns_and_what_the_first_rows_become(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8")
    assert {"column": "Cổng", "field": "observer.name"} in check(tmp_path / "m.yml", None)
    rows = check(tmp_path / "m.yml", tmp_path / "x.csv")
    assert {"column": "row 1", "field": "labels.plate = ['29A-12345']"} in rows
    assert any(row["column"] == "problem" and "line 3, column 'Số xe'" in row["field"] for row in rows)


def test_the_commands_read_a_table_and_say_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8")
    done = citywatch("decode", str(tmp_path / "x.csv"), "--mapping", str(tmp_path / "m.yml"), data=tmp_path)
    assert (done.returncode, done.stdout.count(b"\n")) == (3, 3)
    assert "line 3, column 'Số xe'".encode() in done.stderr
    (tmp_path / "m.yml").write_text("name: x\n", encoding="utf-8")
    done = citywatch("sensors", "check-mapping", str(tmp_path / "m.yml"), data=tmp_path)
    assert done.returncode == 2
    assert b"m.yml:1: no 'columns'" in done.stderr
    done = citywatch("sensors", "list", "--json", data=tmp_path)
    assert b"modsecurity" in done.stdout


def test_control_characters_of_a_log_never_reach_a_terminal(tmp_path: Path) -> None:
    line = b"Nov 22 10:00:00 web1 app: \x1b[31mred\x07\n" + b"\x1b]0;title\x07 no time\n"
    done = citywatch("decode", "-", data=tmp_path, given=line)
    assert done.stdout.count(b"\n") == 1
    assert not set(done.stdout + done.stderr) & (set(range(32)) - {10})
    assert b"line 2" in done.stderr
