"""What do all tests share?"""

from __future__ import annotations

from pathlib import Path

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
        pytest.skip("ground truth is absent: ../shared/data does not exist")
    return GROUND_TRUTH
