"""Does a stolen password alone open nothing once there is a second factor, and is no code good twice?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.settings import Accounts
from console.web import accounts, passkeys, shots, totp
from console.web.accounts import User
from console.web.app import make_app
from console.web.passkeys import PasskeyRefusedError, Place
from console.web.seal import Seal
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse, Ticking

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page


def set_up_app(browser: Browser, house: SmallHouse) -> tuple[str, list[str]]:
    """Take an app into use for the account that is logged in; gives its secret and the backup codes."""
    page = browser.get("/me/factor").text
    secret = re.search(r'class="mono secret">([A-Z2-7 ]+)<', page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert secret
    assert sealed
    plain = secret[1].replace(" ", "")
    answer = browser.submit("/me/factor/app", page="/me/factor", sealed=sealed[1], code=code(house, plain))
    codes = re.findall(r'<li class="mono">([a-z0-9-]+)</li>', answer.text)
    assert len(codes) == 10
    return plain, codes


def code(house: SmallHouse, secret: str) -> str:
    return totp.code_at(secret, int(house.clock.now.timestamp()) // totp.STEP_S)


@pytest.mark.usefixtures("city")
def test_a_password_alone_no_longer_opens_an_account_with_an_app(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    secret, _ = set_up_app(browser, house)
    browser.cookies.clear()
    assert browser.log_in("lan").url.path == "/login/code"
    assert browser.get("/alerts").url.path == "/login"
    house.clock.now += timedelta(minutes=1)
    browser.log_in("lan")
    assert browser.submit("/login/code", page="/login/code", code=code(house, secret)).url.path == "/alerts"


@pytest.mark.usefixtures("city")
def test_a_code_is_good_once(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    secret, _ = set_up_app(browser, house)
    house.clock.now += timedelta(minutes=1)
    seen = code(house, secret)
    for where in ("/alerts", "/login/code"):
        browser.cookies.clear()
        browser.log_in("lan")
        assert browser.submit("/login/code", page="/login/code", code=seen).url.path == where


@pytest.mark.usefixtures("city")
def test_a_backup_code_is_good_once(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    _, codes = set_up_app(browser, house)
    for where in ("/alerts", "/login/code"):
        browser.cookies.clear()
        browser.log_in("lan")
        assert browser.submit("/login/code", page="/login/code", code=codes[0].upper()).url.path == where


@pytest.mark.usefixtures("city")
def test_guessing_codes_has_to_wait(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    secret, _ = set_up_app(browser, house)
    browser.cookies.clear()
    browser.log_in("lan")
    for _ in range(6):
        assert browser.submit("/login/code", page="/login/code", code="000000").url.path == "/login/code"
    house.clock.now += timedelta(minutes=1)
    assert browser.submit("/login/code", page="/login/code", code=code(house, secret)).url.path != "/alerts"


@pytest.mark.usefixtures("city")
def test_a_half_done_login_is_forgotten_after_five_minutes(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    secret, _ = set_up_app(browser, house)
    browser.cookies.clear()
    browser.log_in("lan")
    token = browser.token("/login/code")
    house.clock.now += timedelta(minutes=6)
    answer = browser.post("/login/code", data={"csrf": token, "code": code(house, secret)})
    assert answer.url.path == "/login"


@pytest.mark.usefixtures("city")
def test_the_app_is_taken_away_only_with_the_password(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    set_up_app(browser, house)
    browser.submit("/me/factor/app/end", page="/me/factor", present="wrong")
    user = accounts.get_user(house.store, "lan")
    assert user
    assert user.has_second_factor
    browser.submit("/me/factor/app/end", page="/me/factor", present=PASSWORD)
    user = accounts.get_user(house.store, "lan")
    assert user
    assert not user.has_second_factor


@pytest.mark.usefixtures("city")
def test_an_administrator_resets_a_lost_device_and_every_browser_is_logged_out(
    browser: Browser, house: SmallHouse
) -> None:
    browser.log_in("lan")
    set_up_app(browser, house)
    held = dict(browser.cookies)
    browser.cookies.clear()
    browser.log_in("admin")
    browser.submit("/accounts/lan/factor", page="/accounts")
    browser.cookies.clear()
    browser.cookies.update(held)
    assert browser.get("/alerts").url.path == "/login"
    browser.cookies.clear()
    assert browser.log_in("lan").url.path == "/alerts"


@pytest.fixture
def strict(house: SmallHouse) -> Iterator[Browser]:
    house.settings = replace(house.settings, accounts=Accounts(second_factor=("lead",)))
    with Browser(make_app(house), base_url="http://localhost") as made:
        yield made


@pytest.mark.usefixtures("city")
def test_a_role_that_must_have_a_second_factor_gets_no_further_without(
    strict: Browser, house: SmallHouse
) -> None:
    assert strict.log_in("lead").url.path == "/me/factor"
    assert strict.get("/alerts").url.path == "/me/factor"
    set_up_app(strict, house)
    assert strict.get("/alerts").url.path == "/alerts"


@pytest.mark.usefixtures("city")
def test_nobody_sets_up_an_app_with_the_form_of_another(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    sealed = re.search(r'name="sealed" value="([^"]+)"', browser.get("/me/factor").text)
    assert sealed
    browser.cookies.clear()
    browser.log_in("lead")
    browser.submit("/me/factor/app", page="/me/factor", sealed=sealed[1], code="123456")
    user = accounts.get_user(house.store, "lead")
    assert user
    assert not user.totp


# -- the pieces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_codes_are_those_of_the_rfc(time: int, wanted: str) -> None:
    assert totp.code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", time // 30) == wanted


@given(st.text(max_size=40))
def test_whatever_is_typed_is_answered(typed: str) -> None:
    assert totp.step_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", typed, Ticking().now, 0) is None or typed.strip()
    assert len(totp.backup_hash(typed)) == 64


@given(st.text(max_size=200))
def test_no_answer_of_a_browser_breaks_the_passkey_check(answer: str) -> None:
    place = Place.of("https://console.example")
    user = User(id="lan", name="Lan")
    assert passkeys.handle_of(answer) == "" or answer
    with pytest.raises(PasskeyRefusedError):
        passkeys.proven(place, b"c" * 32, answer, user)
    with pytest.raises(PasskeyRefusedError):
        passkeys.made(place, b"c" * 32, answer, name="x", at="")


def test_what_was_sealed_opens_only_here_unchanged_and_in_time(tmp_path: Path) -> None:
    now = Ticking().now
    seal = Seal(tmp_path / "a")
    closed = seal.close("bí mật", now)
    assert seal.open(closed, now, timedelta(minutes=5)) == "bí mật"
    assert seal.open(closed, now + timedelta(minutes=6), timedelta(minutes=5)) is None
    assert Seal(tmp_path / "b").open(closed, now) is None
    assert seal.open(closed[:-4] + "AAAA", now) is None
    assert (tmp_path / "a" / "console.key").stat().st_mode & 0o077 == 0


# -- a real browser with a virtual security key ----------------------------------------------------------


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[tuple[Page, shots.ShowHouse]]:
    if not shots.CHROMIUM.exists():
        pytest.skip(f"{shots.CHROMIUM} is absent: apt install chromium")
    with (
        shots.show_house(tmp_path, number=5) as house,
        shots.served(house) as address,
        shots.chromium() as browser,
    ):
        local = address.replace("127.0.0.1", "localhost")
        page = browser.new_context(base_url=local).new_page()
        session: Any = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        yield page, house


@pytest.mark.chromium
def test_a_passkey_made_in_a_browser_lets_its_owner_in_without_a_password(
    keyed: tuple[Page, shots.ShowHouse],
) -> None:
    page, house = keyed
    page.goto("/login")
    page.fill("input[name=name]", "lan")
    page.fill("input[name=password]", shots.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/alerts")
    page.goto("/me/factor")
    form = page.locator("form[data-passkey=create]")
    form.locator("input[name=name]").fill("Máy của Lan")
    form.locator("button").click()
    page.get_by_text("Máy của Lan").wait_for()
    user = accounts.get_user(house.store, "lan")
    assert user
    assert [key.name for key in user.passkeys] == ["Máy của Lan"]
    page.context.clear_cookies()
    page.goto("/login")
    page.locator("form[data-passkey=get] button").click()
    page.wait_for_url("**/alerts")
    assert page.locator(".who").inner_text() == "Nguyễn Ngọc Lan"
