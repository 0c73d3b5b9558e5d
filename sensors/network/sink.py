"""Where do decoders put what they found?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.flowevent import OWN, base_of, event_of
from sensors.network.flowline import FlowLines
from sensors.network.knock import Knock, flow_of
from sensors.network.moment import event_id, raw_id, raw_stamp, stamp

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 161)) if code not in (9, 10, 13)}
_TEXT_LIMIT = 8191
"""What the store indexes of a keyword."""


class Sink:
    """Collects what decoders tell, in the order in which it becomes known, with times and repeatable ids."""

    __slots__ = ("_keep", "name", "told")

    def __init__(self, name: str, keep: Callable[[bytes, str], str]) -> None:
        self.name = name
        """The capture file's name, without its folder."""
        self.told: list[Any] = []
        """Events or lines, as the kind of sink has it."""
        self._keep = keep

    def say(self, flow: Flow, dataset: str, us: int, fields: Event) -> None:
        """Tell an event of a flow. `fields` win over the flow's own."""
        raise NotImplementedError

    def put(self, event: Event) -> None:
        """Tell an event that is whole."""
        raise NotImplementedError

    def over(self, flow: Flow) -> None:
        """Tell that a flow ended."""
        raise NotImplementedError

    def silence(self, knocks: list[Knock], reason: str) -> None:
        """Tell that nobody answered these."""
        for knock in knocks:
            flow = flow_of(knock)
            flow.reason = reason
            self.over(flow)

    def keep(self, data: bytes, media_type: str, what: str, fields: Event) -> None:
        """Keep bytes as evidence and name them in an event's fields."""
        digest = self._keep(data, media_type)
        fields.setdefault("citywatch.evidence.sha256", []).append(digest)
        fields.setdefault("citywatch.evidence.what", []).append(what)


class Events(Sink):
    """Tells events."""

    __slots__ = ()

    def say(self, flow: Flow, dataset: str, us: int, fields: Event) -> None:
        flow.said += 1
        event = base_of(flow, self.name).copy()
        event["@timestamp"] = stamp(us)
        event["event.id"] = _id(flow, dataset)
        event["event.dataset"] = dataset
        if flow.protocol:
            event["network.protocol"] = flow.protocol
        event.update(fields)
        self.told.append(event)

    def put(self, event: Event) -> None:
        self.told.append(event)

    def over(self, flow: Flow) -> None:
        self.told.append(event_of(flow, self.name))


class Lines(Sink):
    """Tells the same as lines of JSON, without making the events: for `citywatch decode`."""

    __slots__ = ("_flows",)

    def __init__(self, name: str, keep: Callable[[bytes, str], str]) -> None:
        super().__init__(name, keep)
        self._flows = FlowLines(name)

    def say(self, flow: Flow, dataset: str, us: int, fields: Event) -> None:
        flow.said += 1
        if not fields or not OWN.isdisjoint(fields):
            self._mixed(flow, dataset, us, fields)
            return
        start = flow.start
        if not start:
            start = flow.start = self._flows.start(flow)
        kind = dataset.encode()
        place = b"%b %d %d %d %d" % (flow.key, flow.proto, flow.first, flow.number, flow.said)
        self.told.append(
            b'%b"@timestamp":"%b","event.id":"%b","event.dataset":"%b",%b%b'
            % (
                start,
                raw_stamp(us),
                raw_id(kind, place),
                kind,
                b'"network.protocol":"%b",' % flow.protocol.encode() if flow.protocol else b"",
                orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)[1:],
            )
        )

    def _mixed(self, flow: Flow, dataset: str, us: int, fields: Event) -> None:
        """Fields that win over the flow's own."""
        event = base_of(flow, self.name) | {"@timestamp": stamp(us), "event.id": _id(flow, dataset)}
        event["event.dataset"] = dataset
        if flow.protocol:
            event["network.protocol"] = flow.protocol
        self.put(event | fields)

    def put(self, event: Event) -> None:
        self.told.append(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))

    def over(self, flow: Flow) -> None:
        self.told.append(self._flows.line(flow))

    def silence(self, knocks: list[Knock], reason: str) -> None:
        self.told += self._flows.silent(knocks, reason)


def _id(flow: Flow, dataset: str) -> str:
    place = b"%b %d %d %d %d" % (flow.key, flow.proto, flow.first, flow.number, flow.said)
    return event_id(dataset.encode("ascii"), place)


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
    return {
        name: value
        for name, value in fields.items()
        if value or (value is not None and value not in ("", []))  # what is true is not empty: no comparison
    }
