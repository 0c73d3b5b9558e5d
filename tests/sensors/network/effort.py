"""How much work and memory does something take, counted and not timed?"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a call cost."""

    steps: int
    """Calls of functions, in Python and in C, and resumed generators."""
    peak: int
    """Bytes allocated at most at one time."""


def effort(call: Callable[[], object]) -> Effort:
    """Run it twice: once counting calls, once counting bytes."""
    steps = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal steps
        del frame, arg
        steps += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    tracemalloc.start()
    try:
        call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Effort(steps=steps, peak=peak)
