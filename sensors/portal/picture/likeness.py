"""Do two pictures of a page look alike, and where not?

The first screen is cut into cells. A cell has a difference hash (which of two neighboring spots is lighter:
64 bits, deaf to brightness and size) and a tone. What changes by itself (a banner, a ticker, news) is learned
cell by cell; only cells that stood still speak of a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS, ROWS = 8, 5
SCREEN = (1280, 800)
_WIDEST, _TALLEST = 4_000, 20_000
_FAR = 12
"""Bits of 64 in which two hashes of the same spot differ by more than noise of scaling and compression."""
_FLAT = 6.0
"""Contrast below which a cell is an even surface, whose hash is noise."""
_TONE_FAR = 48
_KNOWN = 6
_RESTLESS = 0.2
"""A cell that showed something new on this share of days is restless; at first, one that ever did."""
_FLAT_WEIGHS = 0.25
"""An even surface that stays even says less than a part with something on it."""
_WHOLE_FAR = 24
_FEW = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the first screen."""

    hash: str
    tone: int
    flat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is kept of a picture to know it again."""

    screen: str
    """Hash of the first screen."""
    whole: str
    """Hash of the whole page."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What one cell showed so far, and how often it was something new."""

    known: tuple[Cell, ...]
    new: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a picture differs from what was learned. `share` is over the cells that stand still."""

    share: float
    cells: tuple[int, ...]
    steady: int
    distance: int
    """Bits of 64 by which the first screen differs from the nearest one known."""


def open_picture(raw: bytes) -> Image:
    """Open a picture of ours, bounded in size.

    Raises:
        ValueError: it is none, or too large.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - an extra

    try:
        image = Image.open(BytesIO(raw), formats=("JPEG", "PNG"))
        if image.width > _WIDEST or image.height > _TALLEST:
            raise ValueError(f"a picture of {image.width} x {image.height}")
        return image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"no picture: {error}") from error


def difference_hash(image: Image) -> str:
    """64 bits: is each of 8 x 8 spots lighter than the one to its right?"""
    small = image.convert("L").resize((9, 8))  # pyright: ignore[reportUnknownMemberType] - loosely typed there
    pixels = small.tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            at = row * 9 + column
            bits = bits << 1 | (pixels[at] > pixels[at + 1])
    return f"{bits:016x}"


def distance(one: str, other: str) -> int:
    """In how many bits two hashes differ.

    >>> distance("00000000000000ff", "000000000000000f")
    4
    """
    return (int(one, 16) ^ int(other, 16)).bit_count()


def marks_of(image: Image) -> Marks:
    """The marks of a picture."""
    from PIL import ImageStat  # noqa: PLC0415 - an extra

    screen = image.crop((0, 0, *SCREEN))
    wide, high = SCREEN[0] // COLUMNS, SCREEN[1] // ROWS
    cells: list[Cell] = []
    for number in range(COLUMNS * ROWS):
        left, top = number % COLUMNS * wide, number // COLUMNS * high
        part = screen.crop((left, top, left + wide, top + high)).convert("L")
        stat = ImageStat.Stat(part)
        cells.append(
            Cell(hash=difference_hash(part), tone=int(stat.mean[0]), flat=float(stat.stddev[0]) < _FLAT)
        )
    return Marks(screen=difference_hash(screen), whole=difference_hash(image), cells=tuple(cells))


def same_cell(one: Cell, other: Cell) -> bool:
    """Two looks at one cell show the same."""
    if one.flat or other.flat:
        return one.flat == other.flat and abs(one.tone - other.tone) < _TONE_FAR
    return distance(one.hash, other.hash) <= _FAR


def compare(habits: Sequence[Habit], screens: Sequence[str], now: Marks, days: int) -> Change:
    """How a picture differs from what was learned on so many days."""
    steady = steady_cells(habits, days)
    changed = tuple(number for number in steady if not _known(habits[number], now.cells[number]))
    whole = float(len(changed))
    for number in set(steady) - set(changed):
        whole += _FLAT_WEIGHS if now.cells[number].flat else 1.0
    far = min((distance(one, now.screen) for one in screens), default=0)
    share = len(changed) / whole if len(steady) >= _FEW and whole else float(far > _WHOLE_FAR)
    return Change(share=round(share, 3), cells=changed, steady=len(steady), distance=far)


def steady_cells(habits: Sequence[Habit], days: int) -> list[int]:
    """The cells that do not change by themselves."""
    return [number for number, habit in enumerate(habits) if habit.new < max(1, days * _RESTLESS)]


def _known(habit: Habit, cell: Cell) -> bool:
    return any(same_cell(cell, one) for one in habit.known)


def learn(habits: Sequence[Habit], now: Marks) -> tuple[Habit, ...]:
    """The habits after one more quiet look."""
    if not habits:
        return tuple(Habit(known=(cell,)) for cell in now.cells)
    after: list[Habit] = []
    for habit, cell in zip(habits, now.cells, strict=True):
        if _known(habit, cell):
            after.append(habit)
        else:
            after.append(replace(habit, known=(cell, *habit.known)[:_KNOWN], new=habit.new + 1))
    return tuple(after)


def unrest(habits: Sequence[Habit], last: Sequence[Cell], now: Marks) -> tuple[Habit, ...]:
    """The habits after a look that is not learned: what moved since the look before moves by itself."""
    return tuple(
        replace(habit, new=habit.new + 1)
        if not _known(habit, cell) and not _known(habit, before) and not same_cell(cell, before)
        else habit
        for habit, before, cell in zip(habits, last, now.cells, strict=True)
    )


def difference_picture(before: Image, after: Image) -> bytes:
    """The later picture in gray, with what differs from the earlier one in red; PNG."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - an extra

    size = (max(before.width, after.width), max(before.height, after.height))
    old, new = Image.new("RGB", size, "white"), Image.new("RGB", size, "white")
    old.paste(before, (0, 0))
    new.paste(after, (0, 0))
    gap = ImageChops.difference(old, new).convert("L")
    mask = gap.point([0] * 40 + [160] * 216)  # pyright: ignore[reportUnknownMemberType] - loosely typed there
    shown = new.convert("L").convert("RGB")
    shown.paste(Image.new("RGB", size, (220, 20, 20)), (0, 0), mask)
    return encode(shown, "PNG")


def encode(image: Image, kind: str) -> bytes:
    """The bytes of a picture."""
    out = BytesIO()
    if kind == "PNG":
        image.quantize(64).save(out, "PNG", optimize=False)
    else:
        image.save(out, kind, quality=80)
    return out.getvalue()


def pack_cells(cells: Sequence[Cell]) -> list[list[Any]]:
    """Cells as plain JSON types."""
    return [[cell.hash, cell.tone, int(cell.flat)] for cell in cells]


def unpack_cells(held: Sequence[Any]) -> tuple[Cell, ...]:
    """Cells as they were packed; nothing when they are of another grid."""
    cells = tuple(Cell(hash=str(c[0]), tone=int(c[1]), flat=bool(c[2])) for c in held)
    return cells if len(cells) == COLUMNS * ROWS else ()


def pack(habits: Sequence[Habit]) -> list[list[Any]]:
    """Habits as plain JSON types."""
    return [[habit.new, [[c.hash, c.tone, int(c.flat)] for c in habit.known]] for habit in habits]


def unpack(held: Sequence[Any]) -> tuple[Habit, ...]:
    """Habits as they were packed; nothing when they are of another grid."""
    habits = tuple(
        Habit(
            new=int(new),
            known=tuple(Cell(hash=str(c[0]), tone=int(c[1]), flat=bool(c[2])) for c in known),
        )
        for new, known in held
    )
    return habits if len(habits) == COLUMNS * ROWS else ()


def where(cells: Sequence[int]) -> list[str]:
    """Cells for people: column and row from 1 on.

    >>> where([0, 9])
    ['1:1', '2:2']
    """
    return [f"{number % COLUMNS + 1}:{number // COLUMNS + 1}" for number in cells]
