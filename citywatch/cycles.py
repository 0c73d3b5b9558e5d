"""Where is Python's search for reference cycles not worth what it costs?"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without_cycles() -> Generator[None]:
    """No search for reference cycles inside one batch of work that makes none: it costs a tenth and more.

    What the batch made is searched once it is over. The switch is one for all threads: the cycles of another
    wait for as long.

    >>> with without_cycles():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
