"""Can the first administrator set the house up, and nobody else?"""

from __future__ import annotations

import pytest

from citywatch.model import Alert
from citywatch.ports import Query
from citywatch.settings import load_settings
from console.web.accounts import User, add_user
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.fixture
def admin(browser: Browser, house: SmallHouse) -> Browser:
    add_user(house.store, house.clock, User(id="admin", name="Admin", role="admin", language="en"), PASSWORD)
    enter(browser, house, "admin")
    return browser


def test_each_choice_is_written(admin: Browser, house: SmallHouse) -> None:
    for form in (
        {"part": "store", "store": "https://es.example:9200", "user": "citywatch"},
        {"part": "sensors", "inputs": "/var/log/a, /srv/b", "interfaces": "ens5"},
        {"part": "mail", "host": "mail.example", "port": "587", "sender": "a@b.example", "starttls": "1"},
    ):
        assert "takes effect with the next start" in admin.submit("/setup", page="/setup", **form).text
    settings = load_settings(house.settings.data, environ={})
    assert (settings.store, settings.elastic.user) == ("https://es.example:9200", "citywatch")
    assert [str(one) for one in settings.watch.inputs] == ["/var/log/a", "/srv/b"]
    assert (settings.mail.port, settings.mail.starttls) == (587, True)


@pytest.mark.parametrize(
    "form",
    [
        {"part": "mail", "host": "m", "port": "25; rm"},
        {"part": "mail", "host": "m", "port": "٢٥"},
    ],
)
def test_what_does_not_hold_is_told_and_not_written(
    admin: Browser, house: SmallHouse, form: dict[str, str]
) -> None:
    assert 'role="alert"' in admin.submit("/setup", page="/setup", **form).text
    assert not (house.settings.data / "citywatch.toml").exists()
    assert admin.submit("/setup", page="/setup", part="content", content="/").status_code == 404


def test_a_password_that_is_left_empty_stays(admin: Browser, house: SmallHouse) -> None:
    admin.submit("/setup", page="/setup", part="mail", host="m", password="geheim-1")
    page = admin.submit("/setup", page="/setup", part="mail", host="m2").text
    settings = load_settings(house.settings.data, environ={})
    assert (settings.mail.host, settings.mail.password) == ("m2", "geheim-1")
    assert "geheim-1" not in page


def test_a_letter_is_sent_to_one_address_only(admin: Browser, house: SmallHouse) -> None:
    assert "sent to a@b.example" in admin.submit("/setup/mail", page="/setup", to="a@b.example").text
    for to in ("", "a@b.example, c@d.example", "a@b.example\r\nBcc: x@y.example"):
        assert "Write one mail address" in admin.submit("/setup/mail", page="/setup", to=to).text
    assert [letter[0] for letter in house.letters] == ["a@b.example"]


def test_the_invented_city_comes_goes_and_never_mixes_with_the_real_one(
    admin: Browser, house: SmallHouse
) -> None:
    admin.submit("/setup/sample", page="/setup", deed="fill")
    assert house.store.find("alert", Query(order="last_seen")).total == 200
    assert "already" in admin.submit("/setup/sample", page="/setup", deed="fill").text
    admin.submit("/setup/sample", page="/setup", deed="remove")
    for kind in ("alert", "alert_state", "ticket", "portal", "agency"):
        assert house.store.find(kind, Query(order="id")).total == 0, kind


def test_where_real_alerts_are_nothing_is_filled_in(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    enter(browser, house, "admin")
    assert "already" in browser.submit("/setup/sample", page="/setup", deed="fill").text
    assert house.store.find("alert", Query(order="last_seen")).total == len(city)
