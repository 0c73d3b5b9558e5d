"""Which cameras and devices are looked for, and which of them answer whom?

WS-Discovery over UDP port 3702 (OASIS WS-Discovery 1.1 and the draft of April 2005 that ONVIF's Core
Specification builds on): Hello, Bye, Probe, Resolve and their matches. A few elements are taken out of the
SOAP envelope as they stand there; no XML is parsed, so none can grow.
"""

from __future__ import annotations

import re
from html import unescape

from citywatch.model import Event
from sensors.network.datagram import Datagrams
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

PORT = 3702
_ACTION = re.compile(
    rb"<(?:[\w.-]{1,32}:)?Action\b[^<>]{0,256}>\s{0,64}[^<>\s]{0,200}/([A-Za-z]{3,20})\s{0,64}<"
)
_ACTIONS = {
    b"hello": "hello", b"bye": "bye", b"probe": "probe", b"probematches": "probe_matches",
    b"resolve": "resolve", b"resolvematches": "resolve_matches",
}  # fmt: skip
_WORDS = {
    name: re.compile(
        rb"<(?:[\w.-]{1,32}:)?"
        + tag
        + rb"(?:\s[^<>]{0,512})?>([^<>]{0,8192})</(?:[\w.-]{1,32}:)?"
        + tag
        + rb"\s*>"
    )
    for name, tag in (("types", b"Types"), ("scopes", b"Scopes"), ("addresses", b"XAddrs"))
}
_MOST_MATCHES = 16
_MOST_WORDS = 64
_MOST_TOLD = 32
"""Events of one flow."""


class Discovery(Datagrams):
    """One message a datagram; the same said again in one flow is told once."""

    __slots__ = ("_known", "_sink")

    protocol = "ws-discovery"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._known: set[str] = set()

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a message."""
        del out
        fields = message(data)
        if fields is None:
            flow.note("malformed ws-discovery")
            return len(self._known) > 0
        flow.protocol = self.protocol
        said = repr(sorted(fields.items()))
        if said not in self._known and len(self._known) < _MOST_TOLD:
            self._known.add(said)
            self._sink.say(flow, "network.discovery", us, fields)
        return True


def message(data: bytes) -> Event | None:
    """The fields of one message; None when it is none.

    >>> message(b"<e:Header><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></e:Header>")
    {'event.action': 'probe'}
    """
    found = _ACTION.search(data)
    action = _ACTIONS.get(found[1].lower()) if found else None
    if action is None:
        return None
    fields: Event = {"event.action": action}
    for name, pattern in _WORDS.items():
        fields[f"citywatch.discovery.{name}"] = _listed(pattern, data)
    return filled(fields)


def _listed(pattern: re.Pattern[bytes], data: bytes) -> list[str]:
    """What all matches of a message list, each once and in their order."""
    words: dict[str, None] = {}
    for number, found in enumerate(pattern.finditer(data)):
        if number >= _MOST_MATCHES:
            break
        words.update(dict.fromkeys(unescape(text(found[1])).split()))
    return list(words)[:_MOST_WORDS]
