"""Is what accepting a face would change kept for people to look at, with the blocks they may choose from?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import CityWatchError
from console.face_preview import Preview, Spot, forget, read, spots_of, take
from console.house import House
from console.portals import scan
from console.registry import register_portal
from console.versions import Difference, rows
from sensors.portal.page import Block
from sensors.portal.range import PortalRange
from tests.console.test_versions import house as house  # noqa: PLC0414 - a fixture, taken over


def test_a_changed_portal_is_looked_at_without_changing_its_face(house: House) -> None:
    with PortalRange.demo() as city:
        portal = city.portals()[0]
        register_portal(house, url=portal.url, name="P", agency="a", portal_id="p")
        for _ in range(3):
            scan(house, ["p"], deep=False, tell=lambda _: None)
        standing = rows(house, "p")
        city.attack(city.sites[0].id, "iframe_full")
        taken = house.preview_face("p", "an")
        assert taken.by == "an"
        assert taken.differences[0].dangerous == ("frame.foreign",)
        assert len(taken.spots) > 5
        assert all(spot.place and spot.text for spot in taken.spots)
        assert read(house.store, "p") == taken
        assert rows(house, "p") == standing
        forget(house.store, "p")
        assert read(house.store, "p") is None


def test_a_portal_that_does_not_answer_leaves_no_preview(house: House) -> None:
    with PortalRange.demo() as city:
        portal = city.portals()[0]
        register_portal(house, url=portal.url, name="P", agency="a", portal_id="p")
    with pytest.raises(CityWatchError, match="did not answer"):
        take(house, "p", "an")
    assert read(house.store, "p") is None


def test_only_the_three_pictures_of_a_look_are_its_pictures() -> None:
    seen = Difference(
        page="/", view="desktop", changed=("text",), text=0.5, title_before="", title="", added=(),
        domains=(), dangerous=(), evidence={"page": "a" * 64, "picture_after": "b" * 64},
    )  # fmt: skip
    assert Preview(id="p", at="", by="an", differences=(seen,)).pictures == {"picture_after": "b" * 64}


_PIECES = st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=400), st.booleans())


@given(st.lists(_PIECES, max_size=60))
def test_each_visible_place_is_offered_once_and_bounded(found: list[tuple[str, str, bool]]) -> None:
    blocks = [
        Block(place=place, text=text, key=str(number), hidden="style" if hidden else "")
        for number, (place, text, hidden) in enumerate(found)
    ]
    spots = spots_of(blocks)
    visible = [block for block in blocks if not block.hidden and block.text.strip()]
    assert [spot.place for spot in spots] == list(dict.fromkeys(block.place for block in visible))
    assert sum(spot.count for spot in spots) == len(visible)
    assert all(len(spot.text) <= 160 for spot in spots)


def test_a_page_of_very_many_places_offers_three_hundred() -> None:
    blocks = [Block(place=f"p{number}", text="x", key=str(number)) for number in range(1000)]
    assert len(spots_of(blocks)) == 300
    assert spots_of(blocks)[0] == Spot(place="p0", text="x")
