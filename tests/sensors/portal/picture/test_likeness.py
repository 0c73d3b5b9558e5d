"""Is a changed face told from one that only moves?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sensors.portal.picture.likeness import (
    Habit,
    Marks,
    compare,
    difference_picture,
    distance,
    encode,
    learn,
    marks_of,
    open_picture,
    pack,
    unpack,
    where,
)


def page(seed: int, *, news: int = 0, banner: int = 0, height: int = 1000) -> Marks:
    """A picture of a page: a frame that stays, news and a banner that may not."""
    return marks_of(draw(seed, news=news, banner=banner, height=height))


def draw(seed: int, *, news: int = 0, banner: int = 0, height: int = 1000) -> Image.Image:
    image = Image.new("RGB", (1280, height), (250, 250, 250))
    pen = ImageDraw.Draw(image)
    _strokes(pen, seed, (0, 0, 1280, 800), 900)
    pen.rectangle((160, 320, 800, 800), fill="white")
    _strokes(pen, 1000 + news, (160, 320, 800, 800), 300)
    pen.rectangle((160, 160, 1120, 320), fill="white")
    _strokes(pen, 2000 + banner, (160, 160, 1120, 320), 200)
    return image


def _strokes(pen: ImageDraw.ImageDraw, seed: int, box: tuple[int, int, int, int], count: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a made-up picture
    for _ in range(count):
        x, y = dice.randrange(box[0], box[2] - 60), dice.randrange(box[1], box[3] - 30)
        shade = dice.randrange(230)
        pen.rectangle(
            (x, y, x + dice.randrange(8, 60), y + dice.randrange(4, 30)), fill=(shade, shade, shade)
        )


def _learned(*marks: Marks) -> tuple[tuple[Habit, ...], list[str]]:
    habits: tuple[Habit, ...] = ()
    for one in marks:
        habits = learn(habits, one)
    return habits, [one.screen for one in marks]


def test_news_and_banners_that_change_daily_are_learned_and_alarm_nobody() -> None:
    habits, screens = _learned(*(page(1, news=day, banner=day % 3) for day in range(6)))
    change = compare(habits, screens, page(1, news=99, banner=1), 6)
    assert change.share == 0
    assert 6 < change.steady < 40


def test_another_page_is_a_change_of_nearly_all() -> None:
    habits, screens = _learned(*(page(1, news=day) for day in range(4)))
    change = compare(habits, screens, page(7), 4)
    assert change.share > 0.7
    assert change.distance > 12


def test_one_swapped_part_is_found_where_it_is() -> None:
    habits, screens = _learned(*(page(1) for _ in range(4)))
    change = compare(habits, screens, page(1, banner=5), 4)
    assert 0.05 < change.share < 0.4
    assert {place.partition(":")[2] for place in where(change.cells)} == {"2"}


def test_compression_and_a_pixel_more_are_no_change() -> None:
    image = draw(3)
    habits, screens = _learned(marks_of(image), marks_of(image))
    again = marks_of(open_picture(encode(image, "JPEG")))
    assert compare(habits, screens, again, 2).share == 0


def test_habits_survive_being_stored() -> None:
    habits, _ = _learned(page(1), page(1, news=4))
    assert unpack(pack(habits)) == habits
    assert unpack(pack(habits)[:5]) == ()


def test_the_difference_is_red_where_it_differs() -> None:
    gap = open_picture(difference_picture(draw(1, height=900), draw(1, banner=3, height=1000)))
    assert gap.size == (1280, 1000)
    reds = _reds(gap.crop((160, 160, 1120, 320)))
    elsewhere = _reds(gap.crop((0, 400, 1280, 800)))
    assert reds > 5_000
    assert elsewhere == 0


def _reds(part: Image.Image) -> int:
    raw = part.tobytes()
    return sum(1 for red, green in zip(raw[::3], raw[1::3], strict=False) if red > green + 60)


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise_but_that_they_are_no_picture(raw: bytes) -> None:
    with pytest.raises(ValueError, match="picture"):
        open_picture(raw)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_distance_is_a_distance(one: int, other: int) -> None:
    assert distance(f"{one:016x}", f"{other:016x}") == distance(f"{other:016x}", f"{one:016x}") <= 64
