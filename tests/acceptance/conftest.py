"""How do the walks of the whole house call it?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CITYWATCH = Path(sys.executable).with_name("citywatch")


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; fails when anything else stands in it."""
        return [json.loads(line) for line in self.out.splitlines()]


Citywatch = Callable[..., Said]


@pytest.fixture
def citywatch(tmp_path: Path) -> Citywatch:
    """Runs the command line as a user does, in a folder of its own."""

    def run(*words: str | Path, timeout: float = 240, **environ: str) -> Said:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CITYWATCH_")}
        said = subprocess.run(
            [CITYWATCH, *words],
            cwd=tmp_path,
            env={**clean, "CITYWATCH_DATA": str(tmp_path / "nowhere"), "COLUMNS": "200", **environ},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Said(said.returncode, said.stdout, said.stderr)

    return run
