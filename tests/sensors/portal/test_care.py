"""Do a portal's owners' wishes count, and never hide an attack?"""

from __future__ import annotations

import pytest

from sensors.portal.answer import Fetched
from sensors.portal.baseline import face_of
from sensors.portal.care import Care, with_ignored
from sensors.portal.compare import Difference
from sensors.portal.danger import GRAVITY
from sensors.portal.look import Look, look_at, read

FETCHED = Fetched(url="https://a.example/", final_url="https://a.example/", status=200)


def look(*dangerous: str, changed: tuple[str, ...] = ()) -> Look:
    difference = Difference(changed=changed)
    return Look(path="/", view="desktop", fetched=FETCHED, dangerous=dangerous, difference=difference)


def test_nothing_set_changes_nothing() -> None:
    seen = look(*GRAVITY)
    assert Care().tuned(seen) is seen


def test_low_sensitivity_passes_over_medium_changes_alone() -> None:
    assert Care(sensitivity="low").tuned(
        look("title.replaced", "image.foreign", "form.foreign")
    ).dangerous == ("form.foreign",)


def test_maintenance_passes_over_a_redesign_and_no_attack() -> None:
    kept = Care(in_maintenance=True).tuned(
        look("page.replaced", "title.replaced", "spam.text", "text.defaced")
    )
    assert kept.dangerous == ("spam.text", "text.defaced")


@pytest.mark.parametrize(
    ("part", "danger"), [("scripts", "script.any"), ("iframes", "frame.any"), ("forms", "form.any")]
)
def test_high_sensitivity_tells_every_new_script_frame_and_form(part: str, danger: str) -> None:
    assert Care(sensitivity="high").tuned(look(changed=(part,))).dangerous == (danger,)
    assert Care(sensitivity="high").tuned(look("script.foreign", changed=(part,))).dangerous == (
        "script.foreign",
    )
    assert Care().tuned(look(changed=(part,))).dangerous == ()


def fetched(body: str) -> Fetched:
    return Fetched(url="https://a.example/", final_url="https://a.example/", status=200, body=body.encode())


def test_an_ignored_block_may_change_as_it_likes_but_not_into_an_attack() -> None:
    before = read(
        fetched('<body><div class="ticker">Giá vàng hôm nay</div><p>Giới thiệu chung</p></body>')
    ).page
    face = face_of(before, path="/", view="desktop")
    place = next(block.place for block in before.blocks if "vàng" in block.text)
    loose = with_ignored(face, Care(ignored=(place,)))
    calm = fetched('<body><div class="ticker">Thời tiết ngày mai rất đẹp</div><p>Giới thiệu chung</p></body>')
    strict = look_at(calm, face, path="/", view="desktop").difference
    ignoring = look_at(calm, loose, path="/", view="desktop").difference
    assert strict is not None
    assert ignoring is not None
    assert ignoring.text < strict.text
    evil = fetched('<body><div class="ticker">Hacked by Team X. Owned!</div><p>Giới thiệu chung</p></body>')
    assert "text.defaced" in look_at(evil, loose, path="/", view="desktop").dangerous
