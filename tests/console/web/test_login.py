"""Does only the right person get in, and does nobody learn anything from trying?"""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from citywatch.model import Alert
from console.web import accounts, sessions
from console.web.throttle import PER_PAIR, Throttle
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse


def test_without_an_account_everything_leads_to_the_first_start(browser: Browser) -> None:
    answer = browser.get("/")
    assert answer.url.path == "/welcome"
    assert "Chào mừng" in answer.text


def test_the_first_administrator_is_made_against_the_code_of_the_terminal(
    browser: Browser, house: SmallHouse
) -> None:
    code = accounts.new_one_time_code(house.store, house.clock)
    values = {"name": "Lan", "password": PASSWORD, "again": PASSWORD}
    answer = browser.submit("/welcome", page="/welcome", code=code.lower(), **values)
    assert answer.url.path == "/setup"
    assert accounts.get_user(house.store, "lan") is not None
    assert not accounts.code_is_good(house.store, house.clock, code)


@pytest.mark.parametrize("code", ["", "AAAA-BBBB-CCCC", "x" * 5000])
def test_a_wrong_code_makes_nobody(browser: Browser, house: SmallHouse, code: str) -> None:
    accounts.new_one_time_code(house.store, house.clock)
    answer = browser.submit(
        "/welcome", page="/welcome", code=code, name="a", password=PASSWORD, again=PASSWORD
    )
    assert answer.url.path == "/welcome"
    assert not accounts.is_set_up(house.store)


def test_an_old_code_is_refused(browser: Browser, house: SmallHouse) -> None:
    code = accounts.new_one_time_code(house.store, house.clock)
    house.clock.now += timedelta(hours=2)
    browser.submit("/welcome", page="/welcome", code=code, name="a", password=PASSWORD, again=PASSWORD)
    assert not accounts.is_set_up(house.store)


def test_a_weak_password_does_not_use_the_code_up(browser: Browser, house: SmallHouse) -> None:
    code = accounts.new_one_time_code(house.store, house.clock)
    browser.submit("/welcome", page="/welcome", code=code, name="a", password="short", again="short")
    assert accounts.code_is_good(house.store, house.clock, code)


@pytest.mark.usefixtures("city")
def test_a_code_lets_the_first_administrator_in_once(browser: Browser, house: SmallHouse) -> None:
    code = accounts.new_one_time_code(house.store, house.clock)
    assert browser.submit("/welcome", page="/welcome", code=code).url.path == "/alerts"
    browser.cookies.clear()
    assert browser.submit("/welcome", page="/welcome", code=code).url.path == "/welcome"


@pytest.mark.usefixtures("city")
def test_name_and_password_lead_where_one_wanted_to_go(browser: Browser) -> None:
    assert browser.get("/tickets?q=a").url.path == "/login"
    values = {"name": "LAN", "password": PASSWORD, "next": "/tickets?q=a"}
    answer = browser.submit("/login", page="/login", **values)
    assert str(answer.url).endswith("/tickets?q=a")


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\\\\evil.example",
     "/%0d%0aset-cookie:a=b", "http:evil.example", "/\t/evil.example"],
)  # fmt: skip
def test_a_login_never_leads_away(browser: Browser, wanted: str) -> None:
    token = browser.token()
    values = {"csrf": token, "name": "lan", "password": PASSWORD, "next": wanted}
    answer = browser.post("/login", data=values, follow_redirects=False)
    place = answer.headers["location"]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\"))
    assert "\r" not in place
    assert "\n" not in place


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(("name", "password"), [("lan", "wrong-password"), ("nobody", PASSWORD), ("", "")])
def test_wrong_is_wrong_whatever_is_wrong(browser: Browser, name: str, password: str) -> None:
    answer = browser.submit("/login", page="/login", name=name, password=password)
    assert answer.url.path == "/login"
    assert "Sai tên tài khoản hoặc mật khẩu." in answer.text


@pytest.mark.usefixtures("city")
def test_an_unknown_name_takes_as_long_as_a_wrong_password(house: SmallHouse) -> None:
    lan = accounts.get_user(house.store, "lan")

    def took(user: accounts.User | None) -> float:
        best = 9.0
        for _ in range(3):
            began = time.perf_counter()
            accounts.check_password(user, "wrong-password")
            best = min(best, time.perf_counter() - began)
        return best

    known, unknown = took(lan), took(None)
    assert 0.5 < known / unknown < 2


@pytest.mark.usefixtures("city")
def test_guessing_is_slowed_down_for_the_guesser_and_not_for_the_owner(
    browser: Browser, house: SmallHouse
) -> None:
    throttle = Throttle(house.clock)
    for _ in range(PER_PAIR):
        throttle.failed("203.0.113.9", "lan")
    assert throttle.wait_s("203.0.113.9", "lan") > 0
    assert throttle.wait_s("10.0.0.7", "lan") == 0
    house.clock.now += timedelta(minutes=6)
    assert throttle.wait_s("203.0.113.9", "lan") == 0
    for _ in range(PER_PAIR):
        browser.log_in("lan", "wrong-password")
    assert "quá nhiều lần" in browser.log_in("lan").text


def test_an_office_behind_one_address_is_not_locked_out_by_logging_in(house: SmallHouse) -> None:
    throttle = Throttle(house.clock)
    for number in range(100):
        assert throttle.wait_s("10.0.0.1", f"user{number}") == 0
        throttle.failed("10.0.0.1", f"user{number}")  # counted before the password is looked at
        throttle.succeeded("10.0.0.1", f"user{number}")
    for number in range(20):
        throttle.failed("10.0.0.1", f"other{number}")
    assert throttle.wait_s("10.0.0.1", "user1") > 0


@pytest.mark.usefixtures("city")
def test_a_session_is_new_with_every_login_and_gone_with_the_logout(browser: Browser) -> None:
    browser.cookies.set("citywatch_session", "chosen-by-a-stranger", domain="localhost.local")
    browser.log_in("lan")
    first = browser.cookies["citywatch_session"]
    assert first != "chosen-by-a-stranger"
    browser.submit("/logout")
    browser.cookies.set("citywatch_session", first, domain="localhost.local")
    assert browser.get("/alerts").url.path == "/login"


@pytest.mark.usefixtures("city")
def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser, house: SmallHouse) -> None:
    token = browser.token()
    answer = browser.post(
        "/login", data={"csrf": token, "name": "lan", "password": PASSWORD}, follow_redirects=False
    )
    cookie = next(line for line in answer.headers.get_list("set-cookie") if "citywatch_session=" in line)
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    value = cookie.split("=", 1)[1].split(";")[0]
    assert house.store.get("session", value) is None
    assert house.store.get("session", sessions.session_id(value)) is not None


@pytest.mark.usefixtures("city")
def test_a_session_ends_after_idle_hours_and_when_the_account_is_switched_off(
    browser: Browser, house: SmallHouse
) -> None:
    browser.log_in("lan")
    house.clock.now += timedelta(hours=7)
    assert browser.get("/alerts").url.path == "/alerts"
    house.clock.now += timedelta(hours=9)
    assert browser.get("/alerts").url.path == "/login"


def test_language_follows_the_browser_and_can_be_chosen(browser: Browser, city: list[Alert]) -> None:
    assert city
    assert "Log in" in browser.get("/login", headers={"accept-language": "en-US"}).text
    assert "Đăng nhập" in browser.get("/login").text
    browser.submit("/look", page="/login", language="en", back="/login")
    assert "Log in" in browser.get("/login").text
