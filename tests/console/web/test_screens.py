"""Is every screen looked at, small enough, no wider than a phone, and within the rules of accessibility?"""

from __future__ import annotations

import gzip
import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from console.web import shots
from console.web.app import WAYS
from tests.console.web.test_pictures import chromium as chromium  # noqa: PLC0414 - a fixture, taken over
from tests.console.web.test_pictures import violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

pytestmark = pytest.mark.chromium

NO_SCREEN = {
    "/": "leads on to the inbox",
    "/alerts/next": "leads on to an alert",
    "/alerts/{id}/evidence/{sha256}": "kept bytes",
    "/tickets/{id}/evidence/{sha256}": "kept bytes",
    "/events/{id}/evidence/{sha256}": "kept bytes",
    "/tickets/{id}/report": "a PDF or DOCX",
    "/tables/{file}": "a CSV or XLSX",
    "/reports/file": "a PDF or DOCX",
    "/portals/{id}/picture": "kept bytes",
    "/portals/{id}/pictures/{sha256}": "kept bytes",
    "/badge/{id}.svg": "a picture for other sites",
    "/feeds/block/{form}": "a list for firewalls",
    "/healthz": "for a load balancer",
    "/readyz": "for a load balancer",
    "/live": "a stream",
    "/complete": "words for a script",
    "/login/oidc": "leads on to the identity provider",
    "/login/oidc/back": "leads on from there",
}
"""Routes that a person never sees as a page of ours."""

LARGEST = 100 * 1024

LOOKS = (
    ("vi", "light", 1920, 1080),
    ("en", "dark", 390, 844),
    pytest.param("en", "dark", 1920, 1080, marks=pytest.mark.long),
    pytest.param("vi", "light", 390, 844, marks=pytest.mark.long),
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[shots.ShowHouse, str]]:
    with (
        shots.show_house(tmp_path_factory.mktemp("screens"), number=120) as house,
        shots.served(house) as address,
    ):
        yield house, address


def route_of(address: str) -> str:
    """The route that answers an address: the first that fits, as the application has it."""
    path = address.partition("?")[0]
    for way in WAYS:
        if way.method == "GET" and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", way.path), path):
            return way.path
    return ""


def test_every_route_is_a_screen_that_is_looked_at_or_no_screen_for_a_reason(
    shown: tuple[shots.ShowHouse, str],
) -> None:
    screens = {**shots.screens(shown[0]), **shots.gates(shown[0])}
    looked_at = {route_of(path) for path in screens.values()}
    pages = {way.path for way in WAYS if way.method == "GET" and not way.api}
    assert not pages - looked_at - set(NO_SCREEN)
    assert not looked_at & set(NO_SCREEN)
    assert set(NO_SCREEN) <= pages


def unfit(answer: Response | None, name: str) -> list[str]:
    """What is wrong with the answer itself."""
    if answer is None or answer.status != (404 if name == "missing" else 200):
        return [f"{name}: answered {answer and answer.status}"]
    large = len(gzip.compress(answer.body(), 5)) > LARGEST
    return [f"{name}: more than 100 KiB over the wire"] if large else []


@pytest.mark.parametrize(("language", "theme", "width", "height"), LOOKS)
def test_no_screen_breaks_a_rule_of_accessibility(
    chromium: Browser, shown: tuple[shots.ShowHouse, str], language: str, theme: str, width: int, height: int
) -> None:
    house, address = shown
    context = chromium.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        locale="vi-VN" if language == "vi" else "en-GB",
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    wrong: list[str] = []

    def look(name: str, path: str) -> None:
        wrong.extend(unfit(page.goto(path, wait_until="load"), name))
        wrong.extend(f"{name}: {one}" for one in violations(page))
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 1:
            wrong.append(f"{name}: wider than the screen by {wide}")

    gates = shots.gates(house)
    page.goto("/login")
    page.fill("[name=name]", "yte")
    page.fill("[name=password]", shots.PASSWORD)
    page.click("form.stack button.primary")
    page.wait_for_url("**/login/code")
    for name, path in gates.items():
        look(name, path)
    shots.log_in(house, page, address, "lan", language=language, theme=theme)
    for name, path in shots.screens(house).items():
        look(name, path)
    page.goto("/alerts?state=any")
    page.locator("input[name=id]").first.check()
    page.locator("button[value=suppress]").click()
    page.wait_for_selector("#would-hide")
    wrong.extend(f"suppress_many: {one}" for one in violations(page))
    context.close()
    assert not wrong
