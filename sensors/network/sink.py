"""Where do decoders put what they found?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from citywatch.model import Event
from sensors.network.flow import Flow, base_of
from sensors.network.moment import event_id, stamp

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 161)) if code not in (9, 10, 13)}
_TEXT_LIMIT = 8191
"""What the store indexes of a keyword."""


class Sink:
    """Collects events, gives them times and repeatable ids, keeps evidence."""

    __slots__ = ("_keep", "events", "name")

    def __init__(self, name: str, keep: Callable[[bytes, str], str]) -> None:
        self.name = name
        """The capture file's name, without its folder."""
        self.events: list[Event] = []
        self._keep = keep

    def say(self, flow: Flow, dataset: str, us: int, fields: Event) -> Event:
        """Write an event of a flow. `fields` win over the flow's own."""
        flow.said += 1
        event = base_of(flow, self.name).copy()
        event["@timestamp"] = stamp(us)
        event["event.id"] = event_id(
            dataset.encode("ascii"),
            b"%b %d %d %d %d" % (flow.key, flow.proto, flow.first, flow.number, flow.said),
        )
        event["event.dataset"] = dataset
        if flow.protocol:
            event["network.protocol"] = flow.protocol
        event.update(fields)
        self.events.append(event)
        return event

    def keep(self, data: bytes, media_type: str, what: str, fields: Event) -> None:
        """Keep bytes as evidence and name them in an event's fields."""
        digest = self._keep(data, media_type)
        fields.setdefault("citywatch.evidence.sha256", []).append(digest)
        fields.setdefault("citywatch.evidence.what", []).append(what)


def text(raw: bytes) -> str:
    r"""Bytes of a header as text: UTF-8 where it is, else one character a byte; control characters escaped.

    >>> text(b"caf\xc3\xa9"), text(b"caf\xe9"), text(b"a\x00b")
    ('café', 'café', 'a\\x00b')
    """
    raw = raw[:_TEXT_LIMIT]
    try:
        words = raw.decode("utf-8")
    except UnicodeDecodeError:
        words = raw.decode("latin-1")
    if words.isprintable():
        return words
    return words.translate(_ESCAPES)


def filled(fields: dict[str, Any]) -> Event:
    """Without what is empty: absent means missing.

    >>> filled({"a": "", "b": [], "c": 0, "d": None})
    {'c': 0}
    """
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [])}
