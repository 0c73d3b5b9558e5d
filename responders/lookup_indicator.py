"""Do the warnings of others name this value?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citywatch.ports import Effect, Order

MOST = 20


class Warned(Protocol):
    """What is known of a value that a warning names."""

    @property
    def source(self) -> str: ...
    @property
    def confidence(self) -> int: ...
    @property
    def title(self) -> str: ...


About = Callable[[str], Sequence[Warned]]
"""Every source's word on a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpIndicator:
    """`lookup.indicator`: `value`; gives `listed`, `sources`, `confidence`."""

    about: About | None

    name: str = "lookup.indicator"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()
        found = list(self.about(value))[:MOST] if self.about is not None and value else []
        sources = sorted({one.source for one in found})
        told = f"{value} is named by {', '.join(sources)}" if found else f"no warning names {value or 'it'}"
        return {
            "listed": bool(found),
            "sources": sources,
            "titles": [one.title for one in found if one.title],
            "confidence": max((one.confidence for one in found), default=0),
            "note": told,
        }
