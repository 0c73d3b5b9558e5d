"""Does somebody else's command line run over this connection?

A shell's prompt, the answer of `id`, a script's first line or Windows' banner, in clear and without a
protocol around it, is how reverse shells look; mining pools speak JSON of their own. Only names are given
here, as the flow's `network.protocol`.
"""

from __future__ import annotations

import re

from sensors.network.flow import FIRST_LOAD, Flow

_SHELL = re.compile(
    rb"^#! ?/(?:usr/)?bin/|uid=\d{1,6}\([\w.-]{1,32}\) gid=\d|no job control in this shell"
    rb"|can't access tty; job control|Microsoft Windows \[Version [\d.]+\]|PS [A-Z]:\\[^\r\n>]{0,200}> "
    rb"|(?:^|\n)(?:ba|z|k)?sh-\d\.\d+[$#] |[\w.-]{1,32}@[\w.-]{1,64}:[~/][^\r\n]{0,128}[$#] "
    rb"|(?:^|\n)[A-Z]:\\[^\r\n<>]{0,200}>$|^/bin/(?:ba)?sh -i|^(?:ba)?sh -i\b"
)
_STRATUM = re.compile(
    rb'"method"\s*:\s*"(?:mining\.|eth_(?:submit|getWork|login)|login"|keepalived|submit")', re.DOTALL
)
_PROMPT = re.compile(rb"@[\w.-]{1,64}:[~/][^\r\n]{0,128}[$#] ")
"""The part of the pattern that an at sign begins: in binary data there nearly always is one."""
_WATCHED = 4096


def spoken(data: bytes) -> str:
    """The name of what these first bytes speak; empty when it is neither.

    >>> spoken(b"uid=0(root) gid=0(root)"), spoken(b'{"id":1,"method":"mining.subscribe"}'), spoken(b"hello")
    ('shell', 'stratum', '')
    """
    if data[:1] == b"{" and _STRATUM.search(data):
        return "stratum"
    return "shell" if _marked(data) and _SHELL.search(data) else ""


def _marked(data: bytes) -> bool:
    """Whatever the pattern finds has one of these: a look for them costs a fiftieth of the pattern."""
    return (
        (b"@" in data and _PROMPT.search(data) is not None)
        or b"#!" in data
        or b":\\" in data
        or b"sh-" in data
        or b"PS " in data
        or b"uid=" in data
        or b"sh -i" in data
        or b"job control" in data
        or b"Microsoft W" in data
    )


class Watch:
    """Looks at the first bytes of both sides of a flow that no protocol claims."""

    __slots__ = ("_left",)

    protocol = ""

    def __init__(self) -> None:
        self._left = _WATCHED

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Give the flow its name once something tells."""
        del us
        if out and not flow.load:
            flow.load = data[:FIRST_LOAD]
        self._left -= len(data)
        name = spoken(data[:_WATCHED])
        if name:
            flow.protocol = name
            return False
        return self._left > 0

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """A hole hides at most a prompt."""
        del flow, out
        self._left -= size
        return self._left > 0

    def close(self, flow: Flow) -> None:
        """Nothing is held back."""
