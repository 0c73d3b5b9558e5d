"""What do all tests share?"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow to draw examples; that is no fault of the code under test.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

GROUND_TRUTH = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def groundtruth() -> Path:
    """The third-party ground truth beside the repository; the test is skipped where it is absent."""
    if not GROUND_TRUTH.is_dir():
        absent("ground truth is absent: ../shared/data does not exist")
    return GROUND_TRUTH


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[str]:
    """URL of a real Elasticsearch: CITYWATCH_TEST_ELASTICSEARCH, else one started here on a free port."""
    given = os.environ.get("CITYWATCH_TEST_ELASTICSEARCH")
    if given:
        yield given
        return
    script = Path(__file__).with_name("elasticsearch.sh")
    with server_folder() as folder:
        started = subprocess.run(
            [script, "start", "--port", "0", "--dir", folder], capture_output=True, text=True, check=False
        )
        if started.returncode:
            absent(f"no Elasticsearch: {started.stderr.strip() or 'tests/elasticsearch.sh failed'}")
        yield started.stdout.strip().splitlines()[-1]
        subprocess.run([script, "stop", "--dir", folder], check=True)


@contextmanager
def server_folder() -> Generator[Path]:
    """A folder that the server's own user can reach: pytest's are closed to all but the one who runs it."""
    with tempfile.TemporaryDirectory(prefix="citywatch-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def absent(what: str) -> NoReturn:
    """Skip with one clear line; where everything must be there (CITYWATCH_TEST_REQUIRE=1), fail."""
    if os.environ.get("CITYWATCH_TEST_REQUIRE") == "1":
        pytest.fail(what)
    pytest.skip(what)
