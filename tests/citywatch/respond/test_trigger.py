"""Do alerts that belong together fall into one group, whichever end of the wire they saw?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from citywatch.respond.playbook import load_playbooks
from citywatch.respond.trigger import group, told
from tests.citywatch.respond.conftest import an_alert

PLAYBOOKS, _ = load_playbooks(Path(__file__).resolve().parents[3] / "playbooks")
CAMERA = next(one for one in PLAYBOOKS if one.playbook == "camera_takeover")


@pytest.mark.parametrize(
    "fields",
    [
        {"destination.ip": "10.9.1.4"},
        {"destination.ip": "10.9.1.4", "source.ip": "93.184.216.34"},
        {"source.ip": "10.9.1.4", "destination.ip": "93.184.216.34"},
        {"source.ip": "10.9.1.4"},
    ],
)
def test_a_camera_that_was_attacked_and_then_attacks_is_one_story(fields: dict[str, Any]) -> None:
    assert group(CAMERA, an_alert(subject_fields=fields)) == "10.9.1.4"


def test_the_end_that_an_alert_is_about_comes_first() -> None:
    alert = an_alert(subject_fields={"source.ip": "10.9.1.4"}, values={"destination.ip": ["10.9.1.5"]})
    assert told(alert, "inside.ip") == ("10.9.1.4", "10.9.1.5")
    assert told(an_alert(subject_fields={"source.ip": "x", "destination.ip": "8.8.8.8"}), "inside.ip") == ()
