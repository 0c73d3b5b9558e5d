"""Which kept bytes does an event name?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from citywatch.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One piece of evidence that an event names."""

    sha256: str
    what: str


def proofs_of(event: Event) -> list[Proof]:
    """The evidence that an event names."""
    hashes = _list(event.get("citywatch.evidence.sha256"))
    names = _list(event.get("citywatch.evidence.what"))
    names += [""] * (len(hashes) - len(names))
    return [Proof(sha256=one, what=what) for one, what in zip(hashes, names, strict=False)]


def _list(held: Any) -> list[str]:
    if held is None:
        return []
    return [str(one) for one in held] if isinstance(held, list) else [str(held)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - events are flat dicts of anything
