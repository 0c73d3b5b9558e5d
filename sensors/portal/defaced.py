"""Does a page read like the work of a defacer?

One linear model over hashed features (`model/`), evaluated in plain Python; the signs say why. See the
model's card in `docs/portals.md`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sensors.portal.model.features import features_of, how_signed, settled, signs_of
from sensors.portal.page import Page

_MODEL = Path(__file__).parent / "model" / "defaced.json"
CALLED = 0.5
"""From this score on a page is called defaced."""
_TOO_LITTLE = 12
"""A page of fewer letters than "It works!" and its like says nothing of who wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaced:
    """How much a page reads like a defaced one (0 to 1), and the sentences that say so."""

    score: float = 0.0
    signs: tuple[str, ...] = ()


@cache
def _model() -> tuple[float, dict[int, float]]:
    read = json.loads(_MODEL.read_text(encoding="utf-8"))
    return float(read["bias"]), {int(index): float(weight) for index, weight in read["weights"].items()}


def judge_defaced(page: Page) -> Defaced:
    """Judge one whole page, without any baseline."""
    bias, weights = _model()
    total = bias + sum(weights.get(index, 0.0) * value for index, value in features_of(page).items())
    score = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
    signed = how_signed(page)
    if not signed and sum(map(str.isalpha, f"{page.title} {page.text}"[:200])) < _TOO_LITTLE:
        return Defaced()
    return Defaced(score=round(settled(score, signed), 3), signs=signs_of(page))
