"""How do packets reach the dissecting process, and what if it hangs?

The process (`scapy_dissect.py`) is started when the first such packet appears, asked in batches, and killed
when an answer takes too long; the packet it choked on is given up, the others are asked again.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

PATIENCE_S = 10.0
START_PATIENCE_S = 60.0
"""The first answer includes loading scapy, on a machine that may be busy."""
MOST_DEATHS = 3
_LONGEST_ANSWER = 1 << 20
_PROGRAM = Path(__file__).with_name("scapy_dissect.py")

Question = tuple[str, bytes]
Answer = dict[str, Any]

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Gone(Exception):  # noqa: N818 - the name of a state
    """The process died or did not answer in time."""


class Dissector:
    """Asks the process; starts it again after a death, a few times."""

    def __init__(
        self,
        *,
        program: Path = _PROGRAM,
        patience_s: float = PATIENCE_S,
        start_patience_s: float = START_PATIENCE_S,
    ) -> None:
        self.deaths = 0
        self._program = program
        self._patience_s = patience_s
        self._start_patience_s = start_patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each; `{"error": ...}` where there is none."""
        answers: list[Answer] = []
        while len(answers) < len(questions):
            if self.deaths >= MOST_DEATHS:
                left = len(questions) - len(answers)
                return [*answers, *({"error": "the dissecting process died too often"} for _ in range(left))]
            try:
                self._put(questions[len(answers) :])
                self._collect(answers, len(questions))
            except Gone as gone:
                self.close()
                self.deaths += 1
                answers.append({"error": str(gone)})
        return answers[: len(questions)]

    def _put(self, questions: Sequence[Question]) -> None:
        process = self._process or self._start()
        lines = "".join(f'{{"kind":"{kind}","hex":"{raw.hex()}"}}\n' for kind, raw in questions)
        if process.stdin is None:
            raise Gone("the dissecting process has no input")
        try:
            process.stdin.write(lines.encode("ascii") + b"\n")
            process.stdin.flush()
        except OSError as error:
            raise Gone(f"the dissecting process died: {error}") from error

    def _start(self) -> subprocess.Popen[bytes]:
        self._fresh = True
        self._process = subprocess.Popen(  # noqa: S603 - our own program with our own interpreter
            [sys.executable, "-I", str(self._program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        )
        return self._process

    def _collect(self, answers: list[Answer], wanted: int) -> None:  # noqa: C901 - one loop over hostile lengths reads best in one piece
        process = self._process
        if process is None or process.stdout is None:
            raise Gone("the dissecting process has no output")
        carry = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                patience = self._start_patience_s if self._fresh else self._patience_s
                if not selector.select(patience):
                    raise Gone(f"no answer from the dissecting process in {patience:g} s")
                data = os.read(process.stdout.fileno(), 1 << 16)
                if not data:
                    raise Gone("the dissecting process died")
                self._fresh = False
                *lines, carry = (carry + data).split(b"\n")
                for line in lines:
                    if not line:
                        return
                    if len(answers) < wanted:
                        answers.append(_read(line))
                if len(carry) > _LONGEST_ANSWER:
                    raise Gone("an answer without end from the dissecting process")

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue

    def __del__(self) -> None:
        self.close()


def _read(line: bytes) -> Answer:
    try:
        return _decode(line)
    except msgspec.DecodeError as error:
        return {"error": f"not JSON from the dissecting process: {error}"}
