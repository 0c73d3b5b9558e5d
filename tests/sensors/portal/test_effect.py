"""Is it seen what styles and attributes do to a page, and only that?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.effect import effects_of_css, effects_of_element


@pytest.mark.parametrize(
    ("css", "effect"),
    [
        ("body:after{content:'0wned by X';position:fixed}", "say 0wned by X"),
        ("body > * { display : none !important }", "blank body > *"),
        ("html,body{visibility:hidden}", "blank html,body"),
        ("html::after{content:'';position:fixed;inset:0;background:#000}", "cover html::after"),
        ("@import url('//la.top/x.css');", "import //la.top/x.css"),
        ("body{background:url(https://la.top/x.jpg)}", "picture https://la.top/x.jpg"),
    ],
)
def test_a_style_sheet_that_takes_the_page_over_is_told(css: str, effect: str) -> None:
    assert effect in effects_of_css(css)


@pytest.mark.parametrize(
    "css",
    [
        "",
        ".menu{display:none}.menu:hover{display:block}",
        "body{background:url(/images/nen.png)} .icon:before{content:'\\f101'}",
        ".modal{position:fixed;top:0;left:0;width:100%;height:100%}",
        "body.loading{visibility:hidden}",
        "/* body{display:none} */ p{color:red}",
        "a:after{content:'Xem thêm tin tức'}",
    ],
)
def test_an_ordinary_style_sheet_has_no_effect(css: str) -> None:
    assert effects_of_css(css) == []


@pytest.mark.parametrize(
    ("attributes", "effects"),
    [
        ({"style": "position:fixed;top:0;width:100%;height:100%;z-index:99999"}, 1),
        ({"style": "background:url('https://la.top/a.png')"}, 1),
        ({"formaction": "https://la.top/"}, 1),
        ({"alt": "Hacked by X"}, 1),
        ({"alt": "Lễ khai giảng", "style": "color:red", "title": None}, 0),
        ({"style": "position:fixed;bottom:0;width:100%"}, 0),
        ({"style": "background:url(/a.png)"}, 0),
    ],
)
def test_an_element_has_the_effects_of_its_attributes(
    attributes: dict[str, str | None], effects: int
) -> None:
    assert len(effects_of_element(attributes)) == effects


@given(st.text(max_size=500))
def test_no_style_breaks_the_reading(text: str) -> None:
    assert all(" " in effect for effect in effects_of_css(text) + effects_of_element({"style": text}))
