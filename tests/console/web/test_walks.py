"""Do people get their work done in a real browser, from the first start to a verified portal?"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from citywatch.clock import system_clock
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.runner import Runner
from citywatch.settings import load_settings
from citywatch.store import open_store
from console.web import accounts, shots
from console.web.accounts import User
from sensors.portal.proof import Proof
from tests.console.test_bench import RULE, SAMPLES
from tests.console.web.test_pictures import chromium as chromium  # noqa: PLC0414 - a fixture, taken over

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.chromium

KEY_S, CLICK_S = 0.35, 4.0
"""A slow typist, who also looks before each click."""
PASSWORD = "mat-khau-cua-don-vi"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[shots.ShowHouse, str]]:
    with (
        shots.show_house(tmp_path_factory.mktemp("walks"), number=120) as house,
        shots.served(house) as address,
    ):
        for name, role in (("lead", "lead"), ("minh", "analyst")):
            accounts.add_user(house.store, house.clock, User(id=name, name=name.title(), role=role), PASSWORD)
        yield house, address


@contextmanager
def at_desk(chromium: Browser, shown: tuple[shots.ShowHouse, str], name: str = "") -> Generator[Page]:
    """A page of this person's, in English; nobody's with an empty name."""
    house, address = shown
    context = chromium.new_context(base_url=address, locale="en-GB")
    page = context.new_page()
    if name:
        shots.log_in(house, page, address, name, language="en")
    yield page
    context.close()


class Slow:
    """A person at a page: counts how long the hands would take."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seconds = 0.0

    def types(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)
        self.seconds += CLICK_S + KEY_S * len(text)

    def clicks(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.seconds += CLICK_S


def set_up(page: Page, hands: Slow, data: Path) -> None:
    """Choose what is read, and look at the invented city and away from it again."""
    hands.types("Folders and files, by commas", "/var/log/nginx")
    page.locator("form:has([value=sensors]) button").click()
    page.get_by_text("takes effect with the next start").first.wait_for()
    assert load_settings(data, environ={}).watch.inputs == ("/var/log/nginx",)
    page.get_by_role("button", name="Fill with the invented city").click()
    page.get_by_text("The invented city is there.").wait_for()
    page.goto("/alerts")
    assert page.locator("table.inbox tbody tr").count() == 50
    page.goto("/setup")
    page.get_by_role("button", name="Take the invented city out").click()
    page.get_by_text("The invented city was taken out.").wait_for()
    page.goto("/alerts?state=any")
    assert page.locator("table.inbox tbody tr").count() == 0


def test_the_first_start_makes_the_first_administrator(chromium: Browser, tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    store = open_store(settings, system_clock)
    with shots.show_house(tmp_path / "donor", number=5) as donor:
        house = replace(donor, settings=settings, store=store)
        code = accounts.new_one_time_code(store, system_clock)
        with shots.served(house) as address, at_desk(chromium, (house, address)) as page:
            page.goto("/")
            assert "/welcome" in page.url
            hands = Slow(page)
            hands.types("One-time code", code)
            hands.types("Account", "lan")
            hands.types("Full name", "Nguyễn Ngọc Lan")
            hands.types("Password (at least 10 characters)", PASSWORD)
            hands.types("Password again", PASSWORD)
            hands.clicks("Make the account")
            page.wait_for_url("**/setup")
            set_up(page, hands, tmp_path)
            page.goto("/accounts")
            assert page.get_by_text("Nguyễn Ngọc Lan").count() >= 1
    store.close()


def test_a_second_person_approves_what_waits(chromium: Browser, shown: tuple[shots.ShowHouse, str]) -> None:
    house, _ = shown
    house.runner = house.runner or Runner(house.store, (), {}, Catalogue(house.store), house.clock)
    with at_desk(chromium, shown, "minh") as page:
        page.goto("/approvals")
        assert page.get_by_role("button", name="Approve").count() == 0
    with at_desk(chromium, shown, "lead") as page:
        page.goto("/approvals")
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Approved.").wait_for()
        assert page.get_by_text("Nothing waits for approval.").count() == 1


def found(house: shots.ShowHouse, url: str, token: str) -> Proof:
    """As if the agency had put the file there."""
    return Proof(way="file", detail=f"{url}: {token} at {house.clock()}")


def test_an_agency_comes_from_an_invitation_to_a_proven_portal_in_five_minutes(
    chromium: Browser, shown: tuple[shots.ShowHouse, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_desk(chromium, shown, "lead") as page:
        page.goto("/people")
        page.get_by_label("Role").select_option("agency_admin")
        page.get_by_label("Agency", exact=True).fill("so-y-te")
        page.get_by_role("button", name="Make a link").click()
        link = page.locator("#link").inner_text()
    with at_desk(chromium, shown) as page:
        page.goto(link)
        hands = Slow(page)
        hands.types("Account", "binh")
        hands.types("Full name", "Phạm Thanh Bình")
        hands.types("Password (at least 10 characters)", PASSWORD)
        hands.types("Password again", PASSWORD)
        hands.clicks("Make the account")
        page.goto("/portals/new")
        hands.types("Address of the portal", "https://tiemchung.soyte-hanoi.vn/")
        hands.types("Name", "Cổng tiêm chủng")
        page.get_by_label(re.compile("Level")).select_option("3")
        hands.types("Who is called when something happens", "Phạm Thanh Bình, 024 3000 0010")
        hands.clicks("Register")
        hands.clicks("Look now")
        page.get_by_text("The proof was not found yet.").wait_for()
        monkeypatch.setattr(shots.ShowHouse, "prove", found)
        monkeypatch.setattr("console.web.bring._PAUSE", timedelta(0))
        hands.clicks("Look now")
        page.get_by_text("Proven.").wait_for()
        assert hands.seconds < 300, f"{hands.seconds:.0f} s of typing and clicking"
        assert page.goto("/agencies").status == 404  # type: ignore[union-attr]


def test_a_suppression_is_looked_at_before_it_is_made(
    chromium: Browser, shown: tuple[shots.ShowHouse, str]
) -> None:
    with at_desk(chromium, shown, "minh") as page:
        page.goto("/alerts")
        page.locator("td.c-title a").first.click()
        page.get_by_role("link", name="Suppress").click()
        page.get_by_role("button", name="Preview").click()
        told = page.locator("#would-hide").inner_text()
        assert re.match(r"[1-9]\d* past alerts? would have been hidden", told)
        page.get_by_label("Reason").fill("known scanner of the ministry")
        page.locator("form#suppress button.primary").click()
        page.get_by_text("Suppression saved").wait_for()


def test_a_rule_is_written_tried_and_put_in_force_by_another(
    chromium: Browser, shown: tuple[shots.ShowHouse, str]
) -> None:
    house, _ = shown
    with at_desk(chromium, shown, "minh") as page:
        page.goto("/rules")
        page.get_by_role("button", name="Write a rule").click()
        page.locator("#rule-text").fill(RULE.replace("startswith", "startwith"))
        page.locator("textarea[name=samples]").fill(SAMPLES)
        page.locator("#try").click()
        page.get_by_text("did you mean 'startswith'?").wait_for()
        page.locator("#rule-text").fill(RULE)
        page.locator("#try").click()
        page.get_by_text("The rule holds.").wait_for()
        page.get_by_role("button", name="Ask for a second look").click()
        page.get_by_text("A second person can now look at it.").wait_for()
        path = page.url
    with at_desk(chromium, shown, "lead") as page:
        page.goto(path)
        page.get_by_role("button", name="Put in force").click()
        page.get_by_text("The rule is in force").wait_for()
    assert list((house.settings.data / "rules" / "own").glob("*.yml"))


def test_a_value_of_the_filter_is_completed_by_keyboard(
    chromium: Browser, shown: tuple[shots.ShowHouse, str]
) -> None:
    with at_desk(chromium, shown, "minh") as page:
        page.goto("/alerts?state=any")
        page.keyboard.press("/")
        page.keyboard.type("severity:crit")
        page.wait_for_selector('#completions option[value="severity:critical"]', state="attached")
        page.keyboard.type("ical agen")
        page.wait_for_selector('#completions option[value="severity:critical agency:"]', state="attached")
        page.keyboard.type("cy:so-y")
        option = '#completions option[value="severity:critical agency:so-y-te"]'
        page.wait_for_selector(option, state="attached")
        page.keyboard.type("-te")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=severity%3Acritical%20agency%3Aso-y-te**", wait_until="commit")


def test_without_a_script_a_value_is_chosen_from_a_list(
    chromium: Browser, shown: tuple[shots.ShowHouse, str]
) -> None:
    house, address = shown
    with at_desk(chromium, shown, "minh") as page:
        state = page.context.storage_state()
    context = chromium.new_context(
        base_url=address, locale="en-GB", java_script_enabled=False, storage_state=state
    )
    page = context.new_page()
    page.goto("/alerts?q=count:>0")
    page.get_by_role("link", name="Fields and values").click()
    page.get_by_role("link", name="so-y-te", exact=True).first.click()
    assert page.locator("#q").input_value() == "count:>0 agency:so-y-te"
    assert page.locator("tr[data-id]").count() > 0
    context.close()
    assert house
