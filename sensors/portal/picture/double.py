"""Does the page under another name look like a portal to the eye?

A page that imitates may share no text with the portal: it is a picture of it, or is written by a script. Its
first screen is held, part by part, against the kept picture of the portal. The hashes by which a portal knows
itself again are too kind for that: pages of one template have the same rhythm of lines. So the parts are
compared as they look at an eighth of their size: their correlation (Pearson's, over gray) and their color.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from sensors.portal.picture.likeness import COLUMNS, ROWS, SCREEN, open_picture, steady_cells, unpack

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE: Final = 20
"""Spots along each side of a part."""
_FLAT: Final = 6.0
_SAME: Final = 0.85
_COLOR: Final = 40.0
_FLAT_WEIGHS: Final = 0.25
_FEW: Final = 6


def share(genuine: bytes, other: bytes, known: Mapping[str, Any]) -> float:
    """How much of a portal's first screen another page shows, 0 to 1.

    Args:
        genuine: the kept picture of the portal.
        other: that of the other page.
        known: what the witness *picture* remembers of the portal.

    Raises:
        ValueError: one of them is no picture, or too large.
    """
    steady = steady_cells(unpack(known.get("habits") or ()), int(known.get("days") or 0))
    return alike(open_picture(genuine), open_picture(other), steady)


def alike(genuine: Image, other: Image, steady: Iterable[int]) -> float:
    """How much of one page's first screen another page shows, 0 to 1.

    Even surfaces are alike everywhere: they count a quarter, and without enough parts that have something on
    them and are the same, nothing is alike.

    Args:
        genuine: the portal's picture.
        other: the other page's.
        steady: the parts that count: those that do not change by themselves.
    """
    ours, theirs = _parts(genuine), _parts(other)
    weight = same = 0.0
    textured = 0
    for number in steady:
        weighs = _FLAT_WEIGHS if ours[number].flat else 1.0
        weight += weighs
        if _looks_same(ours[number], theirs[number]):
            same += weighs
            textured += not ours[number].flat
    return round(same / weight, 3) if textured >= _FEW else 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a first screen, small: how far each spot is from its mean gray, and its mean color."""

    off: tuple[float, ...]
    energy: float
    color: tuple[float, ...]

    @property
    def flat(self) -> bool:
        return self.energy < _FLAT * _FLAT * len(self.off)


def _parts(image: Image) -> list[_Part]:
    from PIL import ImageStat  # noqa: PLC0415 - an extra

    screen = image.crop((0, 0, *SCREEN)).resize((COLUMNS * _SIDE, ROWS * _SIDE))  # pyright: ignore[reportUnknownMemberType] - loosely typed there
    found: list[_Part] = []
    for number in range(COLUMNS * ROWS):
        left, top = number % COLUMNS * _SIDE, number // COLUMNS * _SIDE
        part = screen.crop((left, top, left + _SIDE, top + _SIDE))
        gray = part.convert("L").tobytes()
        mean = fmean(gray)
        off = tuple(spot - mean for spot in gray)
        color = tuple(float(value) for value in ImageStat.Stat(part).mean)
        found.append(_Part(off, sum(value * value for value in off), color))
    return found


def _looks_same(one: _Part, other: _Part) -> bool:
    if max(abs(a - b) for a, b in zip(one.color, other.color, strict=True)) > _COLOR:
        return False
    if one.flat or other.flat:
        return one.flat == other.flat
    product = sum(a * b for a, b in zip(one.off, other.off, strict=True))
    return product >= _SAME * (one.energy * other.energy) ** 0.5
