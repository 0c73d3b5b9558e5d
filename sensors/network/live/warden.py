"""Is the capture process at work, and if not, why not?

Starts it, starts it again when it died, takes over one that a killed service left behind, and tells it once
in a while that it is still wanted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import selectors
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

import msgspec

from citywatch.errors import CityWatchError, SettingsError
from citywatch.settings import Network
from sensors.network.live.bpf import Instruction, compile_filter
from sensors.network.live.process import LOCK, WANTED, Plan

FOLDER = "live"
"""Of the installation's data: where the rings are."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}")
_START_S = 20.0
_END_S = 10.0
_FILES = 16
_LEAST_FILE = 1 << 20


def plan_of(data: Path, wanted: Network) -> Plan:
    """What the settings ask of the capture process.

    Raises:
        SettingsError: an interface's name, the filter or the user is wrong.
    """
    names = tuple(dict.fromkeys(wanted.interfaces))
    for name in names:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"[network] interfaces: '{name[:40]}' is no interface's name")
    user, group = _owner(wanted.user)
    plan = Plan(
        folder=str((data / FOLDER).resolve()),
        interfaces=names,
        filter=" ".join(wanted.filter.split()),
        ethernet=tuple(compile_filter(wanted.filter)),
        raw=_without_ethernet(wanted.filter),
        blocks=max(wanted.ring_mib, 2),
        file_bytes=max(wanted.disk_mib * 2**20 // _FILES, _LEAST_FILE),
        files=_FILES,
        user=user,
        group=group,
        digest="",
    )
    return replace(plan, digest=hashlib.sha256(msgspec.json.encode(plan)).hexdigest())


def _without_ethernet(text: str) -> tuple[Instruction, ...]:
    try:
        return tuple(compile_filter(text, ethernet=False))
    except SettingsError:  # it asks for hardware addresses: interfaces without them cannot be read with it
        return ()


def _owner(name: str) -> tuple[int, int]:
    """Who the process becomes; itself when it has no right to become another."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise SettingsError(f"[network] user: there is no user '{name}' on this machine") from None
    if entry.pw_uid == 0:
        raise SettingsError("[network] user: the capture process must not stay root; name another user")
    return entry.pw_uid, entry.pw_gid


class Warden:
    """Keeps the capture process of one plan at work."""

    def __init__(self, plan: Plan, *, start_s: float = _START_S) -> None:
        self.plan = plan
        self.deaths = 0
        self.confined = ""
        """What the process gave up, in words; empty when it was taken over."""
        self._start_s = start_s
        self._folder = Path(plan.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def step(self) -> int:
        """Say that it is wanted, and start it where nobody is at work; 1 when it was started.

        Raises:
            CityWatchError: it cannot be started; tells why.
        """
        self._want()
        if self._process is not None and self._process.poll() is not None:
            self.deaths += 1
            self._drop()
        if self._is_at_work():
            return 0
        self._start()
        return 1

    def _want(self) -> None:
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        wanted = self._folder / WANTED
        beside = self._folder / f"{WANTED}.{os.getpid()}"
        beside.write_text(self.plan.digest, encoding="ascii")
        beside.chmod(0o644)
        beside.replace(wanted)

    def _is_at_work(self) -> bool:
        """Somebody holds the lock: ours, or one that a service before us has left.

        The latter ends by itself when it has another plan.
        """
        try:
            lock = os.open(self._folder / LOCK, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _start(self) -> None:
        self._process = process = subprocess.Popen(
            [sys.executable, "-I", "-m", "sensors.network.live.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        )
        if process.stdin is None or process.stdout is None:
            raise CityWatchError("the capture process has no pipes")
        try:
            process.stdin.write(msgspec.json.encode(self.plan) + b"\n")
            process.stdin.flush()
            told = _line(process.stdout, self._start_s)
        except OSError as error:
            told = {"error": str(error)}
        if "error" in told:
            process.kill()
            self._drop()
            raise CityWatchError(f"the capture process did not start: {told['error']}")
        calls = "system calls by list" if told.get("seccomp") else "no list of system calls on this machine"
        self.confined = f"user {told.get('user')}, no capabilities, no new ones, {calls}"

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.wait(_END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> None:
        """It is no longer wanted; wait until it has copied what was still there."""
        (self._folder / WANTED).unlink(missing_ok=True)
        ends = time.monotonic() + _END_S
        while self._is_at_work() and time.monotonic() < ends:
            time.sleep(0.05)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._drop()


def _line(pipe: IO[bytes], patience_s: float) -> dict[str, object]:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        if not selector.select(patience_s):
            return {"error": f"no answer in {patience_s:g} s"}
    try:
        return msgspec.json.decode(pipe.readline(), type=dict[str, object])
    except msgspec.DecodeError:
        return {"error": "it ended at once"}
