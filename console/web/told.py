"""What does a handler give when no person but a program asks: not a page, but what would stand on it?

`Visit.page` and `Visit.go` make these for programs; `counterpart` turns them into JSON. Neither is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class Shown(Response):
    """A page: its status and what its template would get."""

    def __init__(self, status: int, context: Mapping[str, Any]) -> None:
        super().__init__(status_code=503)
        self.status, self.context = status, context


class Done(Response):
    """The way to another page, with the note that would be read there."""

    def __init__(self, note: str, count: int, undo: str, made: str) -> None:
        super().__init__(status_code=503)
        self.note, self.count, self.undo, self.made = note, count, undo, made
