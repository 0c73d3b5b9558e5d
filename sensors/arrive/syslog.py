"""What does a syslog message say that came over the network?

Every message is kept, also one without a header: when and from whom it came is known anyway. The readers are
those of files (`sensors.syslog`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from citywatch.model import Event
from sensors.arrive.receiver import Message
from sensors.syslog import Lines
from sensors.when import epoch

_HOUR = 3600


class Arrived:
    """Reads messages as they come; old headers leave out year and zone, which follow from when they came."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._lines = Lines(datetime.fromtimestamp(0, UTC), timezone, live=True)
        self._until = 0.0

    def __call__(self, message: Message) -> list[Event]:
        """The event of a message, without an id."""
        if message.at >= self._until:
            self._lines = Lines(datetime.fromtimestamp(message.at, UTC), self._timezone, live=True)
            self._until = message.at + _HOUR - message.at % _HOUR
        return [self._lines.arrived(message.data, epoch(message.at), message.sender)]

    def due(self, at: float) -> list[Event]:
        """Nothing waits here: each message is an event of its own."""
        del at
        return []

    @property
    def open(self) -> int:
        """Nothing waits here."""
        return 0

    def counts(self) -> Mapping[str, int]:
        """The receiver's counts say it all."""
        return {}
