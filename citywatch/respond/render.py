"""What does a playbook's text say once its names are filled in?

A name alone (`{{ alert.title }}`) is filled in here, with its type kept. Everything else Jinja2 does inside a
persistent process with limits (`cage.py`), since the sandbox alone does not stop `'a'*10**9`.
"""

from __future__ import annotations

import json
import os
import re
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from citywatch.errors import CityWatchError
from citywatch.respond.when import UNDEFINED, look_up

WALL_S: Final = 10.0
_CAGE: Final = Path(__file__).with_name("cage.py")
_NAME = re.compile(r"\{\{\s*([A-Za-z_][\w@-]*(?:\.[\w@-]+){0,15})\s*\}\}")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


class RenderError(CityWatchError):
    """A template could not be filled in: wrong, too long, too slow or too big."""


class Renderer:
    """Fills in texts. One process behind it, started when first needed and again when it had to be ended."""

    def __init__(self, *, wall_s: float = WALL_S) -> None:
        self._wall_s = wall_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def fill(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """Plain data with every text in it filled in; a name that is not there becomes an empty text.

        Raises:
            RenderError: a template cannot be filled in.
        """
        left: dict[str, str] = {}
        made = _walk(value, lambda text: _plainly(text, scope, left))
        if not left:
            return made
        texts = self.render(left, scope)
        return _walk(made, lambda text: texts.get(text, text))

    def render(self, texts: Mapping[str, str], scope: Mapping[str, Any]) -> dict[str, str]:
        """Fill in templates by name, inside the cage.

        Raises:
            RenderError: one of them cannot be filled in.
        """
        request = json.dumps({"texts": dict(texts), "scope": nested(scope)}, default=str).encode()
        with self._lock:
            answer = self._ask(request)
        if "error" in answer:
            raise RenderError(f"the template cannot be filled in: {answer['error']}")
        return cast("dict[str, str]", answer["texts"])

    def _ask(self, request: bytes) -> dict[str, Any]:
        try:
            process = self._running()
            _write(process, struct.pack(">I", len(request)) + request, monotonic() + self._wall_s)
            deadline = monotonic() + self._wall_s
            size = struct.unpack(">I", _read(process, 4, deadline))[0]
            return json.loads(_read(process, size, deadline))
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self._end()
            raise RenderError("the template cannot be filled in: it took too long or too much") from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                [sys.executable, "-I", "-B", str(_CAGE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                bufsize=0,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()

    def close(self) -> None:
        """End the process behind it."""
        with self._lock:
            self._end()


def _write(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    pipe = process.stdin
    if pipe is None:
        raise EOFError
    view = memoryview(data)
    while view:
        _, ready, _ = select.select([], [pipe], [], max(0.0, deadline - monotonic()))
        if not ready:
            raise TimeoutError
        view = view[os.write(pipe.fileno(), view[:4096]) :]


def _read(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    pipe = process.stdout
    if pipe is None or size > 16 * 1024 * 1024:
        raise EOFError
    parts: list[bytes] = []
    while size:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _plainly(text: str, scope: Mapping[str, Any], left: dict[str, str]) -> Any:
    """Fill in a text that has only names in it; any other is put aside for the cage."""
    if not _TEMPLATE.search(text):
        return text
    alone = _NAME.fullmatch(text.strip())
    if alone is not None:
        found = look_up(alone[1], scope)
        return "" if found is UNDEFINED or found is None else found
    filled: list[str] = []
    rest = text
    while found := _NAME.search(rest):
        filled += [rest[: found.start()], _said(look_up(found[1], scope))]
        rest = rest[found.end() :]
    filled.append(rest)
    if _TEMPLATE.search(_NAME.sub("", text)):
        mark = f"\0{len(left)}\0"
        left[mark] = text
        return mark
    return "".join(filled)


def _said(value: Any) -> str:
    if value is UNDEFINED or value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in cast("list[Any]", value))
    return str(value)


def _walk(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _walk(part, change) for name, part in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_walk(part, change) for part in cast("list[Any]", value)]
    return value


def nested(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys opened up, as Jinja2 looks names up; what is both a value and a prefix stays a value.

    >>> nested({"event": {"source.ip": "10.0.0.1", "source.port": 22}})
    {'event': {'source': {'ip': '10.0.0.1', 'port': 22}}}
    """
    made: dict[str, Any] = {}
    for key in sorted(scope):
        value: Any = scope[key]
        if isinstance(value, Mapping):
            value = nested(cast("Mapping[str, Any]", value))
        *path, last = key.split(".")
        place = made
        for label in path:
            inner = place.setdefault(label, {})
            if not isinstance(inner, dict):
                break
            place = cast("dict[str, Any]", inner)
        else:
            held = place.get(last)
            if isinstance(held, dict) and isinstance(value, dict):
                held.update(value)  # pyright: ignore[reportUnknownMemberType] - plain JSON
            else:
                place.setdefault(last, value)
    return made
