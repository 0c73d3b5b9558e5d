"""Who takes the packets from the kernel, with no right left but that?

A process of its own, started by `warden.py` with a plan (one JSON line on its standard input). It opens the
interfaces, gives up every right (`confine.py`) and from then on only copies packets from the kernel's rings
to the rings on disk, and counts. It outlives whoever started it for a while, so that a restart of the
service misses nothing: it ends when the file `wanted` beside the rings is gone, names another plan, or was
not touched for long.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sensors.network.live.bpf import Instruction
from sensors.network.live.confine import CannotConfine, confine
from sensors.network.live.counters import ABSENT, FILE, Counters, dump, read_counters
from sensors.network.live.ring import DEVICES, ETHERNET, RETIRE_MS, Ring, Unreadable, passed
from sensors.network.live.spool import Writer

WANTED = "wanted"
LOCK = "lock"
ALONE_S = 120.0
"""So long it goes on when nobody says that it is still wanted."""
RAW_IP = 101
_LOOK_S = 1.0
_BLOCKS_A_TURN = 16
BUSY, REFUSED = 3, 4
"""Exit codes: another one is at work here; a right is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is wanted of the process."""

    folder: str
    interfaces: tuple[str, ...]
    filter: str
    ethernet: tuple[Instruction, ...]
    raw: tuple[Instruction, ...]
    """The filter's programs for packets with and without an Ethernet header."""
    blocks: int
    """MiB of each kernel ring."""
    file_bytes: int
    files: int
    user: int
    group: int
    digest: str
    """Names this plan in `wanted`."""


class Face:
    """One interface on its way to the disk."""

    def __init__(self, name: str, plan: Plan, devices: int) -> None:
        place = Path(plan.folder, name)
        self._folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        self._devices = devices
        known = read_counters(place)
        self._counters = known if known and known.interface == name else Counters(interface=name)
        self._counters.filter, self._counters.process = plan.filter, os.getpid()
        self._dropped_before = self._counters.kernel_dropped
        self._writer = Writer(self._folder, file_bytes=plan.file_bytes, files=plan.files)
        self._counters.written = self._writer.written
        self.ring = Ring(name, blocks=plan.blocks, programs={ETHERNET: plan.ethernet, RAW_IP: plan.raw})

    def drain(self) -> int:
        """Copy what is there; give how many packets that was."""
        done = 0
        for _ in range(_BLOCKS_A_TURN):
            taken = self.ring.take()
            if taken is None:
                break
            try:
                self._writer.write(self.ring.link, taken.parts, taken.packets)
            except OSError:
                self._counters.unwritten += taken.packets
            self.ring.give_back()
            done += taken.packets
        self._counters.written = self._writer.written
        return done

    def look(self) -> None:
        """See how the interface is, and write the counters down."""
        counters, ring = self._counters, self.ring
        had = ring.index
        try:
            new = ring.look()
            count = self._passed()
            if count is None or not ring.index:
                if had:
                    counters.is_gone()
                counters.state = ABSENT
            else:
                if new:
                    counters.is_bound(ring.index, count, merged=ring.is_merged)
                else:
                    counters.counts(count)
                counters.state = "up" if ring.is_up else "down"
        except (OSError, Unreadable) as error:
            counters.state = str(error)
        ring.count()
        counters.kernel_dropped = self._dropped_before + ring.dropped
        counters.at_us = time.time_ns() // 1000
        self._save()

    def _passed(self) -> int | None:
        os.lseek(self._devices, 0, os.SEEK_SET)
        table = b""
        while part := os.read(self._devices, 1 << 16):
            table += part
        return passed(table.decode("ascii", "replace"), self.ring.name, loopback=self.ring.is_loopback)

    def _save(self) -> None:
        beside = f"{FILE}.new"
        try:
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640, dir_fd=self._folder)
            try:
                os.write(file, dump(self._counters))
            finally:
                os.close(file)
            os.replace(beside, FILE, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:  # a full disk: the counters are right again as soon as there is room
            return


def open_all(plan: Plan) -> tuple[list[Face], int, int]:
    """The interfaces and the folder, while there is the right to; and the lock that nobody else can have.

    Raises:
        OSError: a right is missing, or another process is at work here (BlockingIOError).
    """
    for name in plan.interfaces:
        place = Path(plan.folder, name)
        place.mkdir(mode=0o750, exist_ok=True)
        if os.geteuid() == 0:
            # The folder above stays root's: only what is written must belong to the one who writes.
            for path in (place, *place.iterdir()):
                os.chown(path, plan.user, plan.group, follow_symlinks=False)
    lock = os.open(Path(plan.folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    devices = os.open(DEVICES, os.O_RDONLY)
    folder = os.open(plan.folder, os.O_RDONLY | os.O_DIRECTORY)
    return [Face(name, plan, devices) for name in plan.interfaces], folder, lock


def is_wanted(folder: int, digest: str, now: float) -> bool:
    """Somebody still wants this plan carried out."""
    try:
        file = os.open(WANTED, os.O_RDONLY, dir_fd=folder)
    except OSError:
        return False
    try:
        return os.read(file, 200).decode("ascii", "replace") == digest and (
            now - os.fstat(file).st_mtime < ALONE_S
        )
    finally:
        os.close(file)


def run(faces: Sequence[Face], folder: int, digest: str) -> None:
    """Copy until it is no longer wanted, or until a signal."""
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    poll = select.poll()
    for face in faces:
        poll.register(face.ring.fileno(), select.POLLIN | select.POLLERR)
    due = 0.0
    while not stop:
        now = time.monotonic()
        if now >= due:
            for face in faces:
                face.look()
            if due and not is_wanted(folder, digest, time.time()):
                break
            due = now + _LOOK_S
        if not sum([face.drain() for face in faces]):
            _rest(poll, faces)
    _end(faces)


def _end(faces: Sequence[Face]) -> None:
    """Copy what is still there."""
    time.sleep(2 * RETIRE_MS / 1000)  # what the kernel holds is handed over after that long
    while sum([face.drain() for face in faces]):
        pass
    for face in faces:
        face.look()


def _rest(poll: select.poll, faces: Sequence[Face]) -> None:
    """Wait for packets, or for the time to look around."""
    gone = {file for file, event in poll.poll(RETIRE_MS) if event & select.POLLERR}
    for face in faces:
        if face.ring.fileno() in gone:
            face.ring.clear_error()


def main() -> int:
    """Carry out the plan on standard input."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    try:
        faces, folder, _lock = open_all(plan)
        confined = confine(plan.user, plan.group)
    except BlockingIOError:
        return _tell(BUSY, {"error": "another capture process is at work here"})
    except (OSError, CannotConfine) as error:
        hint = "capturing needs the right CAP_NET_RAW: run as root, or see docs/operators.md"
        return _tell(REFUSED, {"error": f"{error}; {hint}"})
    _tell(0, {"user": confined.user, "seccomp": confined.seccomp})
    run(faces, folder, plan.digest)
    return 0


def _tell(code: int, what: dict[str, object]) -> int:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
