"""Is what was said of a page in one view said again in another, and never where faces differ?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from citywatch.model import Portal
from sensors.portal import case as casework
from sensors.portal.answer import Fetched
from sensors.portal.baseline import Baseline, Face
from sensors.portal.care import CARELESS
from sensors.portal.case import Case
from sensors.portal.look import Look, look_at
from sensors.portal.memory import NOTHING
from sensors.portal.view import ALL, CRAWLER, DESKTOP, MOBILE, SEARCH, View

URL = "https://xa-a.example/"
PORTAL = Portal(id="p", url=URL, name="Xã A", agency="a")
AT = datetime(2026, 11, 27, tzinfo=UTC)
PAGE = "<title>Xã A</title><h1>Ủy ban nhân dân xã A</h1>" + "".join(
    f"<p>Tin {n} của xã</p>" for n in range(9)
)
LINE = "<p>Hacked by Gh0st</p>"


def fetched(html: str) -> Fetched:
    return Fetched(url=URL, final_url=URL, status=200, body=html.encode())


def looks(baseline: Baseline | None, html: str, views: tuple[View, ...] = ALL) -> tuple[Case, list[Look]]:
    case = Case(portal=PORTAL, known=baseline, memory=NOTHING, care=CARELESS, began=AT, skip_known=False)

    async def judge() -> list[Look]:
        return [await case.judge(fetched(html), "/", view) for view in views]

    case.looks = asyncio.run(judge())
    return case, case.looks


def learned(*pages: str) -> Baseline:
    baseline: Baseline | None = None
    for html in pages:
        case, _ = looks(baseline, html)
        baseline = case.learned("2026-11-27T00:00:00.000000Z")
    assert baseline is not None
    return baseline


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The views in which a page was really compared."""
    done: list[str] = []

    def counting(answer: Fetched, before: Face | None, **given: Any) -> Look:
        done.append(given["view"])
        return look_at(answer, before, **given)

    monkeypatch.setattr(casework, "look_at", counting)
    return done


def test_one_page_in_four_views_is_compared_once_and_said_for_each(counted: list[str]) -> None:
    baseline = learned(PAGE, PAGE, PAGE)
    counted.clear()
    _, seen = looks(baseline, PAGE + LINE)
    assert counted == ["desktop"]
    for look, view in zip(seen, ALL, strict=True):
        alone = look_at(fetched(PAGE + LINE), baseline.face("/", view.name), path="/", view=view.name)
        assert look == alone
        assert look.dangerous
        assert look.face is not None
        assert look.face.view == view.name


def test_views_whose_faces_differ_are_compared_each(counted: list[str]) -> None:
    mobile = PAGE.replace("Tin 3", "Bản di động")
    case, _ = looks(None, PAGE, (DESKTOP, CRAWLER, SEARCH))
    quiet = case.learned("2026-11-27T00:00:00.000000Z")
    assert quiet is not None
    case, _ = looks(quiet, mobile, (MOBILE,))
    both = case.learned("2026-11-27T00:00:00.000000Z")
    assert both is not None
    counted.clear()
    _, seen = looks(both, mobile, (DESKTOP, MOBILE))
    assert counted == ["desktop", "mobile"]
    changed = [look.difference.changed if look.difference is not None else () for look in seen]
    assert changed == [("text",), ()]


def test_another_page_in_another_view_is_never_taken_for_the_first(counted: list[str]) -> None:
    baseline = learned(PAGE)
    counted.clear()
    case = Case(portal=PORTAL, known=baseline, memory=NOTHING, care=CARELESS, began=AT, skip_known=False)

    async def judge() -> tuple[Look, Look]:
        clean = await case.judge(fetched(PAGE), "/", DESKTOP)
        return clean, await case.judge(fetched(PAGE + LINE), "/", CRAWLER)

    clean, dirty = asyncio.run(judge())
    assert counted == ["desktop", "crawler"]
    assert not clean.dangerous
    assert dirty.dangerous
