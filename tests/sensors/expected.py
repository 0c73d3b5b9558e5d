"""What does a test want of an event?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from citywatch.model import Event
from citywatch.ports import Sensor
from tests.sensors.reading import misfits, read

SAMPLES = Path(__file__).with_name("samples")


def sample(sensor: Sensor, name: str) -> list[Event]:
    """The events of a sample, which is read without a word."""
    events, problems = read(sensor, SAMPLES / name)
    assert problems == []
    return events


def fits(event: Event, wanted: dict[str, Any]) -> None:
    """The event says this, and keeps to the schema."""
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
