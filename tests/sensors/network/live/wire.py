"""How do the tests lay a cable between two network namespaces, and put packets on it?"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import absent

_numbers = itertools.count(1)
REPO = Path(__file__).parents[4]


class Wire:
    """Two ends of a cable: `here` in a namespace that sends, `there` in one that listens."""

    def __init__(self, name: str) -> None:
        self.sender, self.listener = f"{name}s", f"{name}l"
        self.here, self.there = "out0", "in0"

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def lay(self) -> None:
        """Lay the cable; its ends stay silent but for what a test sends."""
        big = ("mtu", "65535")  # captures hold packets that a network card joined
        near = (self.here, *big, "netns", self.sender)
        self.ip("link", "add", *near, "type", "veth", "peer", self.there, *big, "netns", self.listener)
        for space, end in ((self.sender, self.here), (self.listener, self.there)):
            switch = f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6"
            subprocess.run(["ip", "netns", "exec", space, "sh", "-c", f"echo 1 > {switch}"], check=True)
            self.ip("-n", space, "link", "set", end, "up")

    def cut(self) -> None:
        """Take the cable away, with both its ends."""
        self.ip("-n", self.listener, "link", "del", self.there)

    def send(self, frames: Iterable[bytes]) -> int:
        """Put frames on the cable as fast as it goes; give how many."""
        program = (
            "import socket,sys\n"
            f"s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(({self.here!r},0))\n"
            "for line in sys.stdin.buffer:s.send(bytes.fromhex(line.decode()))\n"
        )
        lines = [frame.hex() for frame in frames]
        command = ["ip", "netns", "exec", self.sender, sys.executable, "-I", "-c", program]
        subprocess.run(command, input="\n".join(lines).encode(), check=True)
        return len(lines)

    def replay(self, capture: Path) -> None:
        """Put a capture on the cable with tcpreplay, as fast as it goes."""
        command = ["ip", "netns", "exec", self.sender, "tcpreplay", "-q", "-i", self.here, "--topspeed"]
        subprocess.run([*command, str(capture)], check=True, capture_output=True)

    def start(self, *words: str, env: Mapping[str, str] | None = None, log: Path) -> subprocess.Popen[bytes]:
        """Start a `citywatch` command where the listener is."""
        command = [
            "ip",
            "netns",
            "exec",
            self.listener,
            sys.executable,
            "-m",
            "tests.sensors.network.live.run",
        ]
        with log.open("ab") as file:
            return subprocess.Popen(
                [*command, *words], stdout=file, stderr=file, cwd=REPO, env={**os.environ, **(env or {})}
            )


@contextmanager
def wire() -> Generator[Wire]:
    """A cable between two namespaces of its own; skipped where namespaces cannot be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None or not hasattr(socket, "AF_PACKET"):
        absent("network namespaces need root and iproute2")
    made = Wire(f"cw{os.getpid() % 100_000}n{next(_numbers)}")
    try:
        for space in (made.sender, made.listener):
            done = subprocess.run(["ip", "netns", "add", space], capture_output=True, check=False, text=True)
            if done.returncode:
                absent(f"no network namespaces here: {done.stderr.strip()}")
        made.lay()
        yield made
    finally:
        for space in (made.sender, made.listener):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)


def eventually(holds: Callable[[], bool], what: str, patience_s: float = 40.0) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < ends, f"not within {patience_s:g} s: {what}"
        time.sleep(0.1)
