"""Are ClamAV's finds told, and not what was clean?"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from sensors.clamav import ClamAv
from tests.sensors.expected import SAMPLES, fits, sample
from tests.sensors.reading import read


def test_clamd_tells_time_file_and_name() -> None:
    checked, found, hashed = sample(ClamAv(), "clamav.clamd.log")
    fits(checked, {"event.dataset": "antivirus.log"})
    fits(
        found,
        {
            "@timestamp": "2026-11-22T03:00:01.000000Z",
            "event.dataset": "antivirus.finding",
            "rule.name": "Php.Webshell.Generic-1",
            "file.path": "/srv/www/uploads/anh.php",
        },
    )
    fits(hashed, {"rule.name": "Win.Test.EICAR_HDB-1"})


def test_clamscan_tells_no_time_and_that_of_the_file_stands_for_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes((SAMPLES / "clamav.clamscan.log").read_bytes())
    at = datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "log", (at, at))
    (found,), problems = read(ClamAv(), tmp_path / "log")
    assert problems == []
    fits(found, {"@timestamp": "2026-11-22T03:00:00.000000Z", "file.name": "x y.php"})


def test_other_lines_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("words\n")
    assert [problem.position for problem in read(ClamAv(), tmp_path / "log")[1]] == ["line 1"]
