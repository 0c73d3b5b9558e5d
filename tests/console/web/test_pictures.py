"""Does the console work in a real browser: accessible, by keyboard, live, without scripts, without leaks?"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from citywatch.clock import stamp
from citywatch.model import repeatable_id, to_doc
from citywatch.ports import Is, Query
from console.web import seed, shots

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.chromium
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[shots.ShowHouse, str]]:
    with (
        shots.show_house(tmp_path_factory.mktemp("shown"), number=260) as house,
        shots.served(house) as address,
    ):
        yield house, address


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    if not shots.CHROMIUM.exists():
        if os.environ.get("CITYWATCH_TEST_REQUIRE") == "1":
            pytest.fail(f"{shots.CHROMIUM} is absent and CITYWATCH_TEST_REQUIRE=1")
        pytest.skip(f"{shots.CHROMIUM} is absent: apt install chromium")
    pytest.importorskip("playwright")
    with shots.chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, shown: tuple[shots.ShowHouse, str]) -> Generator[Page]:
    """A page of Lan's, in English; ends with no error, no refused script and no request to anywhere else."""
    house, address = shown
    context = chromium.new_context(viewport={"width": 1920, "height": 1080}, base_url=address)
    made = context.new_page()
    wrong: list[str] = []
    made.on("console", lambda told: wrong.append(told.text) if told.type in {"error", "warning"} else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("request", lambda asked: None if asked.url.startswith(address) else wrong.append(asked.url))
    shots.log_in(house, made, address, "lan", language="en", theme="light")
    yield made
    context.close()
    assert not [text for text in wrong if "404" not in text]


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found["violations"]
    ]


def test_at_least_twenty_alerts_stand_on_a_screen(page: Page) -> None:
    page.goto("/alerts")
    rows = page.locator("table.inbox tbody tr")
    seen = sum(
        1 for number in range(rows.count()) if (rows.nth(number).bounding_box() or {"y": 9999})["y"] < 1052
    )
    assert seen >= 20


def test_two_hundred_alerts_are_triaged_by_keyboard_alone(
    page: Page, shown: tuple[shots.ShowHouse, str]
) -> None:
    house, _ = shown
    page.goto("/alerts?state=new")
    before = _acknowledged(house)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("x")
    assert page.locator("#chosen").inner_text() == "2"
    page.keyboard.press("a")
    page.wait_for_selector(".note")
    assert _acknowledged(house) == before + 2
    page.keyboard.press("u")
    page.get_by_text("Undone for 2 alerts.").wait_for()
    assert _acknowledged(house) == before
    for _ in range(4):
        page.keyboard.press("Shift+X")
        with page.expect_navigation():
            page.keyboard.press("a")
    assert _acknowledged(house) >= before + 200


def test_one_alert_is_opened_and_closed_by_keyboard(page: Page) -> None:
    page.goto("/alerts")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/alerts/[0-9a-f]{32}"))
    opened = page.url
    page.keyboard.press("c")
    page.keyboard.type("planned change")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url != opened, "the next new alert is shown"
    page.goto(opened)
    assert "Closed" in page.locator(".head-side").inner_text()
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tickets")


def _acknowledged(house: shots.ShowHouse) -> int:
    where = Is("state", "acknowledged")
    return house.store.find("alert_state", Query(where=where, order="changed_at", limit=1)).total


def test_a_filter_works_as_one_types_and_is_in_the_address(page: Page) -> None:
    page.goto("/alerts?state=any")
    page.locator("#q").press_sequentially("severity:critical", delay=5)
    page.wait_for_url("**q=severity%3Acritical**")
    assert set(page.locator("table.inbox .sev").all_inner_texts()) == {"Critical"}
    page.reload()
    assert page.locator("#q").input_value() == "severity:critical"


def test_a_new_alert_appears_without_a_reload(page: Page, shown: tuple[shots.ShowHouse, str]) -> None:
    house, _ = shown
    page.goto("/alerts?state=any")
    page.evaluate("window.notReloaded = true")
    page.wait_for_timeout(500)
    alert = next(seed.alerts(1, house.clock(), seed=99))
    new = replace(alert, id=repeatable_id("live"), title="Seen just now", last_seen=stamp(house.clock()))
    house.store.put_many("alert", {new.id: to_doc(new)})
    page.wait_for_selector(f"tr[data-id='{new.id}']", timeout=10_000)
    assert page.evaluate("window.notReloaded")


def test_the_menu_changes_language_and_colors(page: Page) -> None:
    page.goto("/tickets")
    page.locator(".menu summary").click()
    page.locator("button[name=theme][value=dark]").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator(".menu summary").click()
    page.locator("button[name=language][value=vi]").click()
    assert page.locator("html").get_attribute("lang") == "vi"
    assert page.url.endswith("/tickets")


def test_without_scripts_the_inbox_and_the_ticket_still_work(
    chromium: Browser, shown: tuple[shots.ShowHouse, str]
) -> None:
    house, address = shown
    context = chromium.new_context(java_script_enabled=False, base_url=address, locale="en-GB")
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=name]", "lan")
    page.fill("[name=password]", shots.PASSWORD)
    page.click("button.primary")
    assert page.locator("table.inbox tbody tr").count() > 10
    page.select_option("[name=severity]", "high")
    page.select_option("#filter [name=state]", "any")
    page.click("#filter button")
    assert page.locator("table.inbox .sev-low").count() == 0
    page.locator("input[name=id]").first.check()
    page.click("button[value=acknowledge]")
    assert page.locator(".note").count() == 1
    ticket = house.store.find("ticket", Query(order="id", limit=1)).records[0].id
    page.goto(f"/tickets/{ticket}")
    page.fill("[name=note]", "Đã gọi cho đơn vị")
    page.click("button.primary")
    assert page.get_by_text("Đã gọi cho đơn vị").count() >= 1
    context.close()
