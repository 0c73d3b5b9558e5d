"""Who asks the browser for pictures?

`Camera` starts the browser's process when the first picture is wanted, keeps it warm, and ends it when it
does not answer. It may be used from several event loops, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from citywatch.errors import CityWatchError
from citywatch.settings import Pictures

_START_S = 45.0
_ANSWER_S = 40.0
_LARGEST = 40_000_000
_MOST_FAILED = 3
_HERE = Path(__file__).resolve().parents[3]


class NoCameraError(CityWatchError):
    """No picture can be taken; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What one picture showed. `raw` is a JPEG, empty when `error` says why there is none."""

    raw: bytes = b""
    url: str = ""
    """Where the page's redirects and scripts had led when the picture was taken."""
    error: str = ""
    detail: str = ""
    height: int = 0
    dialogs: int = 0
    downloads: int = 0
    popups: int = 0
    frames: int = 0
    stopped: str = ""
    refused: tuple[str, ...] = ()


class Camera:
    """Takes pictures in a process of its own.

    Args:
        settings: which Chromium, how many tabs, as which user.
        allow_loopback: for test portals only.
    """

    def __init__(self, settings: Pictures, *, allow_loopback: bool = False) -> None:
        self._settings = settings
        self._allow_loopback = allow_loopback
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: dict[int, Future[Shot]] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._failed = 0
        self.home = ""
        self.uid = -1

    async def shoot(self, url: str, *, pins: Mapping[str, str], agent: str) -> Shot:
        """Take a picture of a page; never raises for what the page does.

        Raises:
            NoCameraError: Chromium cannot be started.
        """
        future = await asyncio.to_thread(self._order, url, pins, agent)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), _ANSWER_S)
        except TimeoutError:
            self.close()
            return Shot(error="browser_hangs")

    def _order(self, url: str, pins: Mapping[str, str], agent: str) -> Future[Shot]:
        with self._lock:
            process = self._running()
            self._number += 1
            future: Future[Shot] = Future()
            self._waiting[self._number] = future
            order = {"id": self._number, "url": url[:4096], "pins": dict(pins), "agent": agent[:500]}
            head = json.dumps(order).encode()
            try:
                _pipe(process.stdin).write(struct.pack(">I", len(head)) + head)
                _pipe(process.stdin).flush()
            except OSError:
                self._waiting.pop(self._number, None)
                future.set_result(Shot(error="browser_broke"))
            return future

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if self._failed >= _MOST_FAILED:
            raise NoCameraError(
                f"Chromium failed to start {self._failed} times; see citywatch doctor, then restart"
            )
        self._failed += 1
        process = self._start()
        self._process = process
        self._failed = 0
        return process

    def _start(self) -> subprocess.Popen[bytes]:
        why = missing(self._settings)
        if why:
            raise NoCameraError(why)
        command = [sys.executable, "-m", "sensors.portal.picture.browser"]
        command += ["--chromium", self._settings.chromium, "--tabs", str(max(1, self._settings.tabs))]
        self.home = home = _home_for(self._settings.user)
        command += ["--user", self._settings.user, "--home", home]
        command += ["--allow-loopback"] if self._allow_loopback else []
        keep = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
        environment = {name: os.environ[name] for name in keep if name in os.environ}
        environment["PYTHONPATH"] = str(_HERE)
        process = subprocess.Popen(  # noqa: S603 - our own module, arguments from the settings
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip
        ready: Future[dict[str, Any]] = Future()
        threading.Thread(target=self._listen, args=(process, ready, home), daemon=True, name="camera").start()
        try:
            told = ready.result(_START_S)
        except TimeoutError:
            told = {"error": "no_browser", "detail": f"no answer within {_START_S:.0f} s"}
        if told.get("error"):
            _end(process)
            raise NoCameraError(f"Chromium did not start: {told.get('detail') or told['error']}")
        self.uid = int(told.get("uid", -1))
        return process

    def _listen(self, process: subprocess.Popen[bytes], ready: Future[dict[str, Any]], home: str) -> None:
        out = _pipe(process.stdout)
        try:
            while True:
                told = json.loads(_frame(out, 1_000_000))
                raw = _frame(out, _LARGEST)
                if not told["id"]:
                    ready.set_result(told)
                    continue
                future = self._waiting.pop(int(told["id"]), None)
                if future is not None and not future.done():
                    future.set_result(_shot(told, raw))
        except (OSError, EOFError, ValueError, KeyError):
            _end(process)
            _remove(home)
        if not ready.done():
            ready.set_result({"error": "no_browser", "detail": "its process ended at once"})
        for number, future in list(self._waiting.items()):
            self._waiting.pop(number, None)
            if not future.done():
                future.set_result(Shot(error="browser_broke"))

    def close(self) -> None:
        """End the browser; the next picture starts another."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        _remove(self.home)


def _home_for(user: str) -> str:
    home = tempfile.mkdtemp(prefix="citywatch-browser-")
    if os.geteuid() == 0:
        with suppress(KeyError):  # a user that is not there is told by the process that would become it
            entry = pwd.getpwnam(user)
            os.chown(home, entry.pw_uid, entry.pw_gid)
    return home


def _remove(home: str) -> None:
    """Remove the browser's folder; Chromium may write into it while it ends."""
    for _ in range(30):
        if not home or not Path(home).exists():
            return
        shutil.rmtree(home, ignore_errors=True)
        time.sleep(0.1)


def missing(settings: Pictures) -> str:
    """What is lacking to take pictures, or nothing."""
    if not settings.chromium:
        return "pictures are switched off (settings: [pictures] chromium)"
    if not Path(settings.chromium).is_file():
        return f"{settings.chromium} is absent: install Chromium, or change [pictures] chromium"
    from importlib.util import find_spec  # noqa: PLC0415 - asked rarely

    for name, package in (("playwright", "playwright"), ("PIL", "pillow")):
        if find_spec(name) is None:
            return f"{package} is not installed: pip install 'citywatch[pictures]'"
    return ""


def _shot(told: Mapping[str, Any], raw: bytes) -> Shot:
    return Shot(
        raw=raw,
        url=str(told.get("url") or ""),
        error=str(told.get("error") or "")[:100],
        detail=str(told.get("detail") or "")[:300],
        stopped=str(told.get("stopped") or "")[:100],
        height=int(told.get("height") or 0),
        dialogs=int(told.get("dialogs") or 0),
        downloads=int(told.get("downloads") or 0),
        popups=int(told.get("popups") or 0),
        frames=int(told.get("frames") or 0),
        refused=tuple(str(one) for one in told.get("refused") or ()),
    )


def _frame(out: IO[bytes], most: int) -> bytes:
    (size,) = struct.unpack(">I", _exactly(out, 4))
    if size > most:
        raise ValueError(f"a frame of {size} bytes")
    return _exactly(out, size)


def _exactly(out: IO[bytes], size: int) -> bytes:
    raw = out.read(size)
    if len(raw) != size:
        raise EOFError
    return raw


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError("the pipe to the browser is closed")
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            _pipe(pipe).close()
