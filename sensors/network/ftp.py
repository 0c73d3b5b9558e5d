"""Who logs in to FTP servers, and what is moved?

One event a login (name, refused or accepted; the password only as `default_password` tag) and one a file
command with its answer (RFC 959).
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.defaults import TAG, is_default
from sensors.network.flow import Flow
from sensors.network.lines import Lines
from sensors.network.sink import Sink, filled, text

_FILES = {b"RETR", b"STOR", b"STOU", b"APPE", b"DELE", b"RNTO", b"MKD", b"RMD", b"SITE"}


class Ftp:
    """Pairs commands with answers."""

    __slots__ = ("_command", "_in", "_out", "_password", "_sink", "_us", "_user")

    protocol = "ftp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = Lines()
        self._in = Lines()
        self._user = ""
        self._password = ""
        self._command = (b"", b"")
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take lines of one side."""
        if out:
            for line in self._out.add(data):
                word, _, rest = line.partition(b" ")
                self._command = (word.upper(), rest)
                self._us = us
                if self._command[0] == b"USER":
                    self._user = text(rest)[:128]
                elif self._command[0] == b"PASS":
                    self._password = text(rest)[:128]
            return True
        for line in self._in.add(data):
            if line[:3].isdigit() and line[3:4] != b"-" and not self._answer(flow, int(line[:3])):
                return False
        return True

    def _answer(self, flow: Flow, code: int) -> bool:
        word, rest = self._command
        if code < 200 or 300 <= code < 400:
            return True
        self._command = (b"", b"")
        done = code < 400
        outcome = "success" if done else "failure"
        if word in {b"PASS", b"USER"}:
            if word == b"USER" and done:
                return True
            fields: Event = {
                "event.action": "login",
                "event.outcome": outcome,
                "event.code": str(code),
                "citywatch.auth.attempts": 1,
            }
            if self._user:
                fields["citywatch.auth.user"] = [self._user]
                fields["user.name"] = self._user
            if is_default(self._user, self._password):
                fields["tags"] = [TAG]
            self._sink.say(flow, "network.ftp", self._us, fields)
        elif word in _FILES:
            path = text(rest)[:1024]
            self._sink.say(
                flow,
                "network.ftp",
                self._us,
                filled(
                    {
                        "event.action": word.decode("ascii").lower(),
                        "event.outcome": outcome,
                        "event.code": str(code),
                        "file.path": path,
                        "file.name": path.rpartition("/")[2],
                        "user.name": self._user,
                    }
                ),
            )
        return word != b"AUTH" or not done

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Go on with the next line."""
        del flow, size
        (self._out if out else self._in).rest()
        return True

    def close(self, flow: Flow) -> None:
        """Nothing is held back."""
