"""Does a page read like the work of a defacer?"""

from __future__ import annotations

from dataclasses import dataclass

from sensors.portal.page import Page
from sensors.portal.signs import find_signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaced:
    """How much a page reads like a defaced one (0 to 1), and the sentences that say so."""

    score: float = 0.0
    signs: tuple[str, ...] = ()


def judge_defaced(page: Page) -> Defaced:
    """Judge one whole page, without any baseline."""
    signs = find_signs(f"{page.title}\n{page.text}")
    return Defaced(score=signs.score, signs=signs.names)
