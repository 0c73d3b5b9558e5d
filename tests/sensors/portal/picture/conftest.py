"""Which camera do the tests of pictures share?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from citywatch.settings import Pictures
from sensors.portal.picture.camera import Camera, missing
from tests.conftest import absent

SETTINGS = Pictures(chromium="/usr/bin/chromium", tabs=1)


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    lacking = missing(SETTINGS)
    if lacking:
        absent(f"no pictures: {lacking}")
    made = Camera(SETTINGS, allow_loopback=True)
    yield made
    made.close()
