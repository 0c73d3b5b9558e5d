"""Can an agency see what accepting its portal's face changes, choose blocks, and take a face back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from citywatch.clock import stamp
from citywatch.model import Alert
from console import cares, face_preview
from console.face_preview import Preview, Spot
from console.faces import to_record
from console.versions import OLD, Difference, key, rows
from console.web import showcase
from sensors.portal.baseline import Baseline
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

if TYPE_CHECKING:
    from console.house import House

PORTAL = "cong-so-y-te"
PAGE = f"/portals/{PORTAL}/face"
OTHER = "/portals/cong-so-giao-duc/face"


def seen(house: SmallHouse) -> tuple[str, str]:
    """What a look shows: two pictures, a title with a script in it, two blocks."""
    before, after = (
        house.evidence.keep(showcase.drawing(changed=changed), "image/png") for changed in (False, True)
    )
    difference = Difference(
        page="/", view="desktop", changed=("text", "title"), text=0.4, title_before="Sở Y tế",
        title="<script>alert(1)</script>", added=("<img src=x onerror=alert(1)>",), domains=("cdn.example",),
        dangerous=("page.replaced",), evidence={"picture_before": before, "picture_after": after},
    )  # fmt: skip
    spots = (
        Spot(place="div.tin>ul>li", text='"><script>alert(2)</script>', count=7),
        Spot(place="h1", text="Sở"),
    )
    house.preview = Preview(id="", at="", by="", differences=(difference,), spots=spots)
    return before, after


def test_a_look_shows_pictures_texts_and_dangers_before_anything_is_accepted(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    before, after = seen(house)
    enter(browser, house, "ytechinh")
    assert "Nobody has looked yet" in browser.get(PAGE).text
    page = browser.submit(f"{PAGE}/look", page=PAGE).text
    assert "Nothing was accepted" in page
    assert "page.replaced" in page
    assert "40 %" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(" not in page
    assert "<img src=x" not in page
    for name in (before, after):
        assert f"/portals/{PORTAL}/pictures/{name}" in page
        answer = browser.get(f"/portals/{PORTAL}/pictures/{name}")
        assert answer.headers["content-type"] == "image/png"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert "a moment ago" in browser.submit(f"{PAGE}/look", page=PAGE).text
    browser.submit(f"/portals/{PORTAL}/accept", page=PAGE)
    assert face_preview.read(house.store, PORTAL) is None


def test_blocks_are_chosen_kept_and_taken_back(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    seen(house)
    enter(browser, house, "ytechinh")
    browser.submit(f"{PAGE}/look", page=PAGE)
    browser.submit(f"{PAGE}/ignored", page=PAGE, place=["div.tin>ul>li", "div.cu>p"])
    wish = cares.read_wish(cast("House", house), PORTAL)
    assert (wish.ignored, wish.changed_by) == (("div.tin>ul>li", "div.cu>p"), "ytechinh")
    page = browser.get(PAGE).text
    assert page.count(" checked>") == 2
    assert "not on the page now" in page
    many = [f"p{number}" for number in range(101)]
    assert "At most 100 blocks" in browser.submit(f"{PAGE}/ignored", page=PAGE, place=many).text
    assert len(cares.read_wish(cast("House", house), PORTAL).ignored) == 2
    browser.submit(f"{PAGE}/ignored", page=PAGE)
    assert cares.read_wish(cast("House", house), PORTAL).ignored == ()


def test_an_earlier_face_stands_again(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    assert city
    house.store.put_many(OLD, {key(PORTAL, 1): to_record(Baseline(portal=PORTAL, visits=11))})
    house.store.put_many("baseline", {PORTAL: to_record(Baseline(portal=PORTAL, version=2, visits=22))})
    enter(browser, house, "ytechinh")
    assert "Let it stand again" in browser.get(PAGE).text
    assert "stands again" in browser.submit(f"{PAGE}/revert", page=PAGE, to="1").text
    newest = rows(cast("House", house), PORTAL)[0]
    assert (newest["version"], newest["visits"], newest["accepted_by"]) == (3, 11, "ytechinh")
    for wrong in ("9", "", "x", "-1", "9" * 30):
        assert "not kept any more" in browser.submit(f"{PAGE}/revert", page=PAGE, to=wrong).text


def test_the_pictures_of_a_portal_are_a_gallery_for_its_own_people(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    gallery = f"/portals/{PORTAL}/pictures"
    enter(browser, house, "yte")
    assert "No picture of this portal" in browser.get(gallery).text
    kept = house.evidence.keep(showcase.drawing(changed=False), "image/png")
    foreign = house.evidence.keep(showcase.drawing(changed=True), "image/png")
    now = stamp(house.clock())
    for number, (portal, picture) in enumerate(((PORTAL, kept), ("cong-so-giao-duc", foreign))):
        event = {
            "@timestamp": now, "event.id": f"{number:032d}", "event.sequence": 99_000 + number,
            "event.ingested": now, "event.kind": "event", "event.dataset": "portal.picture",
            "citywatch.portal.id": portal, "citywatch.portal.agency": portal.removeprefix("cong-"),
            "citywatch.evidence.sha256": [picture], "citywatch.evidence.what": ["picture_after"],
        }  # fmt: skip
        house.store.append([event])
    page = browser.get(gallery).text
    assert f"{gallery}/{kept}" in page
    assert foreign not in page
    assert browser.get(f"{gallery}/{kept}").status_code == 200
    assert browser.get(f"{gallery}/{foreign}").status_code == 404, "a picture of another portal"
    assert browser.get(f"/portals/cong-so-giao-duc/pictures/{foreign}").status_code == 404


def test_a_face_of_another_agency_is_not_there(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "ytechinh")
    assert browser.get(OTHER).status_code == 404
    token = browser.token(PAGE)
    for deed in ("look", "revert", "ignored"):
        answer = browser.post(f"{OTHER}/{deed}", data={"csrf": token, "to": "1", "place": "p"})
        assert answer.status_code == 404
    assert face_preview.read(house.store, "cong-so-giao-duc") is None
