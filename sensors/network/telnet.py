"""Who logs in by Telnet, and what is typed then?

One event a login (name, refused or accepted; the password only as `default_password` tag), one a line that
the client types afterwards, which is how bots load themselves (RFC 854).
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.network.defaults import TAG, is_default
from sensors.network.flow import Flow
from sensors.network.sink import Sink, text

_COMMANDS = re.compile(rb"\xff(?:[\xfb-\xfe].|\xfa.*?\xff\xf0|[\xf0-\xfa])", re.DOTALL)
_ASKS_NAME = re.compile(r"(?i)(?:login|user\s?name|user|account)\s*:\s*$")
_ASKS_PASSWORD = re.compile(r"(?i)pass(?:word|wd)?[^:\n]{0,20}:\s*$")
_REFUSES = re.compile(r"(?i)incorrect|fail|denied|invalid|wrong|error|bad |locked|try again|not correct")
_MOST_LINES = 200
_MOST_HELD = 4096
_MOST_PROMPTS = 16


class Telnet:
    """Follows the dialogue: name, password, verdict, commands."""

    __slots__ = (
        "_early",
        "_in",
        "_lines",
        "_name",
        "_open",
        "_out",
        "_password",
        "_prompts",
        "_sink",
        "_us",
        "_wait",
    )

    protocol = "telnet"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = b""
        self._in = ""
        self._name = ""
        self._password = ""
        self._prompts: list[str] = []
        """What the server asked and the client has not answered: name or password."""
        self._wait = False
        """A password was given, its verdict is open."""
        self._early = 0
        """Refusals that came before the password they are about (packets were captured out of order)."""
        self._open = False
        self._lines = 0
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side, negotiation left out."""
        data = _COMMANDS.sub(b"", data).replace(b"\0", b"")
        if not data:
            return True
        if not out:
            self._in = (self._in + data.decode("latin-1"))[-_MOST_HELD:]
            self._heard(flow)
            return True
        self._out += data
        if len(self._out) > _MOST_HELD:
            self._out = self._out[-_MOST_HELD:]
        if b"\r" not in data and b"\n" not in data:
            return self._lines < _MOST_LINES
        *lines, self._out = re.split(rb"\r\n|\r|\n", self._out)
        for line in lines:
            self._said(flow, text(line.strip()), us)
        return self._lines < _MOST_LINES

    def _heard(self, flow: Flow) -> None:
        """What the server shows last tells what it waits for."""
        shown = self._in.strip()
        refused = _REFUSES.search(shown) is not None
        asks_name = _ASKS_NAME.search(self._in) is not None
        heard = self._in
        if self._wait and shown and (refused or asks_name or len(shown) > 1):
            self._tell(flow, success=not refused and not asks_name)
        elif refused and "password" in self._prompts:
            self._early += 1
        if len(self._prompts) < _MOST_PROMPTS and not self._open:
            if _ASKS_PASSWORD.search(heard):
                self._prompts.append("password")
                self._in = ""
            elif asks_name:
                self._prompts.append("name")
                self._in = ""

    def _said(self, flow: Flow, line: str, us: int) -> None:
        asked = self._prompts.pop(0) if self._prompts else ""
        if asked == "name":
            self._name = line[:128]
        elif asked == "password":
            self._password, self._wait, self._us, self._in = line[:128], True, us, ""
            if self._early:
                self._early -= 1
                self._tell(flow, success=False)
        elif self._open and line:
            self._lines += 1
            fields: Event = {"event.action": "command", "process.command_line": line[:2048]}
            if self._name:
                fields["user.name"] = self._name
            self._sink.say(flow, "network.telnet", us, fields)

    def _tell(self, flow: Flow, *, success: bool) -> None:
        self._wait = False
        self._open = success
        self._in = ""
        fields: Event = {
            "event.action": "login",
            "event.outcome": "success" if success else "failure",
            "citywatch.auth.attempts": 1,
        }
        if self._name:
            fields["citywatch.auth.user"] = [self._name]
            fields["user.name"] = self._name
        if is_default(self._name, self._password):
            fields["tags"] = [TAG]
        self._password = ""
        self._sink.say(flow, "network.telnet", self._us, fields)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Go on: the dialogue shows where it is."""
        del flow, out, size
        return True

    def close(self, flow: Flow) -> None:
        """A login without a verdict was refused by hanging up."""
        if self._wait:
            self._tell(flow, success=False)
