"""Which SSH programs met, and how often was a login tried?

Banners and HASSH (github.com/salesforce/hassh) from the clear part. After that only sizes are left: a
server refuses each login with a message of one and the same size, and accepts with a smaller one, so the
refusals can be counted (the idea is Zeek's).
"""

from __future__ import annotations

from hashlib import md5

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

_LONGEST_BANNER = 8192
_LONGEST_PACKET = 1 << 18
_KEXINIT, _NEWKEYS = 20, 21
_MOST_SIZES = 256
_LISTS = 10
_KEY_QUESTIONS = 3


class _Side:
    """What one side sent in the clear."""

    __slots__ = ("banner", "encrypted", "held", "lists")

    def __init__(self) -> None:
        self.banner = ""
        self.held = b""
        self.lists: list[str] = []
        self.encrypted = False


class Ssh:
    """Reads banners and key exchange, then counts answers by size."""

    __slots__ = ("_answers", "_asked", "_in", "_out", "_sink", "_us")

    protocol = "ssh"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = _Side()
        self._in = _Side()
        self._us = 0
        self._answers: list[int] = []
        """Sizes of what the server sent encrypted, each the sum of one turn."""
        self._asked = False

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side."""
        self._us = self._us or us
        side = self._out if out else self._in
        if side.encrypted:
            return self._turn(flow, out, len(data))
        side.held += data
        if not side.banner and not self._banner(side):
            if len(side.held) > _LONGEST_BANNER:
                raise ValueError("a banner without end")
            return True
        self._packets(side)
        if side.encrypted and side.held:
            size, side.held = len(side.held), b""
            return self._turn(flow, out, size)
        return True

    def _banner(self, side: _Side) -> bool:
        while not side.banner:
            line, newline, rest = side.held.partition(b"\n")
            if not newline:
                return False
            side.held = rest
            if line.startswith(b"SSH-"):
                side.banner = text(line.rstrip(b"\r"))[:255]
        return True

    def _packets(self, side: _Side) -> None:
        """Binary packets (RFC 4253, section 6) up to the new keys."""
        while len(side.held) >= 6 and not side.encrypted:
            size = int.from_bytes(side.held[:4], "big")
            if not 2 <= size <= _LONGEST_PACKET:
                raise ValueError("a packet of impossible size")
            if len(side.held) < 4 + size:
                return
            kind = side.held[5]
            if kind == _KEXINIT and not side.lists:
                side.lists = _name_lists(side.held[22 : 4 + size])
            side.encrypted = kind == _NEWKEYS
            side.held = side.held[4 + size :]

    def _turn(self, flow: Flow, out: bool, size: int) -> bool:
        if out:
            self._asked = True
        elif self._asked or not self._answers:
            self._answers.append(size)
            self._asked = False
        else:
            self._answers[-1] += size
        if len(self._answers) >= _MOST_SIZES:
            self.close(flow)
            return False
        return True

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """A hole in the encrypted part changes nothing but a count."""
        if (self._out if out else self._in).encrypted:
            return self._turn(flow, out, size)
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell what was seen."""
        if not (self._out.banner or self._in.banner):
            return
        fields: Event = {
            "ssh.client": self._out.banner,
            "ssh.server": self._in.banner,
            "ssh.hassh.client": _hassh(self._out.lists, (0, 2, 4, 6)),
            "ssh.hassh.server": _hassh(self._in.lists, (0, 3, 5, 7)),
        }
        refused, accepted = logins(self._answers)
        if refused or accepted:
            fields["citywatch.auth.attempts"] = refused + accepted
            fields["event.outcome"] = "success" if accepted else "failure"
        self._sink.say(flow, "network.ssh", self._us, filled(fields))


def logins(answers: list[int]) -> tuple[int, bool]:
    """How many logins a server refused, and whether it then accepted one, from the sizes of its answers.

    The first answer grants the service. Refusals have one size; an acceptance is smaller, and comes at most a
    few answers (key questions) after the last refusal.

    >>> logins([52, 84, 84, 84, 36, 500]), logins([44, 60]), logins([276, 44, 76, 28])
    ((3, True), (1, False), (1, True))
    """
    if len(answers) < 2:
        return 0, False
    size = answers[1]
    refused = 0
    for answer in answers[1:]:
        if answer != size:
            break
        refused += 1
    after = answers[1 + refused : 1 + refused + _KEY_QUESTIONS]
    return refused, any(answer < size for answer in after)


def _name_lists(body: bytes) -> list[str]:
    """The name lists of a key exchange message, behind its cookie."""
    lists: list[str] = []
    at = 0
    for _ in range(_LISTS):
        size = int.from_bytes(body[at : at + 4], "big")
        if at + 4 + size > len(body):
            break
        lists.append(body[at + 4 : at + 4 + size].decode("ascii", "replace"))
        at += 4 + size
    return lists


def _hassh(lists: list[str], chosen: tuple[int, ...]) -> str:
    if len(lists) <= max(chosen):
        return ""
    words = ";".join(lists[place] for place in chosen)
    return md5(words.encode("utf-8"), usedforsecurity=False).hexdigest()
