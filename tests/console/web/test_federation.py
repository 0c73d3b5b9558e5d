"""Does the identity provider let in whom it should, as what it should, and nobody else?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest
from joserfc import jwk

from citywatch.model import to_doc
from citywatch.settings import Oidc
from console.web import accounts
from console.web.app import make_app
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.provider import CLIENT, SECRET, TestProvider, provided

ROLES = {"csirt-leads": "lead", "csirt-analysts": "analyst", "health-it": "agency:so-y-te"}


@pytest.fixture
def provider() -> Iterator[TestProvider]:
    with provided() as made:
        yield made


@pytest.fixture
def visitor(house: SmallHouse, provider: TestProvider) -> Iterator[Browser]:
    oidc = Oidc(
        issuer=provider.address, client_id=CLIENT, client_secret=SECRET, name="Hà Nội ID", roles=ROLES,
        allow_http=True,
    )  # fmt: skip
    house.settings = replace(house.settings, oidc=oidc)
    house.clock.now = datetime.fromtimestamp(time.time(), UTC)
    with Browser(make_app(house), base_url="http://localhost") as made:
        yield made


def come(visitor: Browser, path: str = "/login/oidc") -> httpx.Response:
    """Go to the provider and back, as a browser does."""
    out = visitor.get(path, follow_redirects=False)
    back = httpx.get(out.headers["location"], follow_redirects=False).headers["location"]
    parts = urlsplit(back)
    return visitor.get(f"{parts.path}?{parts.query}")


@pytest.mark.usefixtures("city")
def test_a_member_of_a_group_comes_in_with_its_role(visitor: Browser, house: SmallHouse) -> None:
    assert "Hà Nội ID" in visitor.get("/login").text
    answer = come(visitor, "/login/oidc?next=/tickets")
    assert 'url=/tickets"' in answer.text
    assert "Lê Thị Mai" in visitor.get("/tickets").text
    user = accounts.get_user(house.store, "mai.le")
    assert user
    assert (user.role, user.password) == ("analyst", "")


@pytest.mark.usefixtures("city")
def test_another_group_the_next_day_is_another_role(
    visitor: Browser, house: SmallHouse, provider: TestProvider
) -> None:
    come(visitor)
    provider.claims["groups"] = ["health-it"]
    held = dict(visitor.cookies)
    visitor.cookies.clear()
    come(visitor)
    user = accounts.get_user(house.store, "mai.le")
    assert user
    assert (user.role, user.agency) == ("agency", "so-y-te")
    visitor.cookies.clear()
    visitor.cookies.update(held)
    assert visitor.get("/alerts").url.path == "/login", "the session with the old role has ended"


def wrong_groups(provider: TestProvider) -> None:
    provider.claims["groups"] = ["others"]


def groups_as_text(provider: TestProvider) -> None:
    provider.claims["groups"] = "csirt-leads"


def other_audience(provider: TestProvider) -> None:
    provider.claims["aud"] = "another"


def other_nonce(provider: TestProvider) -> None:
    provider.claims["nonce"] = "replayed"


def old(provider: TestProvider) -> None:
    provider.claims["exp"] = int(time.time()) - 600


def other_issuer(provider: TestProvider) -> None:
    provider.claims["iss"] = "https://evil.example"


def foreign_key(provider: TestProvider) -> None:
    provider.published = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


def name_of_lan(provider: TestProvider) -> None:
    provider.claims["preferred_username"] = "lan"


def odd_name(provider: TestProvider) -> None:
    provider.claims["preferred_username"] = "<script>"


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    "lie",
    [
        wrong_groups, groups_as_text, other_audience, other_nonce, old, other_issuer, foreign_key,
        name_of_lan, odd_name,
    ],
)  # fmt: skip
def test_who_should_not_come_in_does_not(
    visitor: Browser, house: SmallHouse, provider: TestProvider, lie: Callable[[TestProvider], Any]
) -> None:
    before = {user.id: to_doc(user) for user in accounts.all_users(house.store)}
    lie(provider)
    assert come(visitor).url.path == "/login"
    assert visitor.get("/alerts").url.path == "/login"
    assert {user.id: to_doc(user) for user in accounts.all_users(house.store)} == before


@pytest.mark.usefixtures("city")
def test_an_answer_that_was_asked_for_by_another_browser_is_refused(visitor: Browser) -> None:
    out = visitor.get("/login/oidc", follow_redirects=False).headers["location"]
    back = urlsplit(httpx.get(out, follow_redirects=False).headers["location"])
    visitor.cookies.clear()
    assert visitor.get(f"{back.path}?{back.query}").url.path == "/login"
    visitor.get("/login/oidc", follow_redirects=False)
    assert visitor.get(f"{back.path}?{back.query}").url.path == "/login"
    assert parse_qs(back.query)["state"]


@pytest.mark.usefixtures("city")
def test_a_switched_off_account_stays_out(visitor: Browser, house: SmallHouse) -> None:
    come(visitor)
    user = accounts.get_user(house.store, "mai.le")
    assert user
    accounts.change_user(house.store, replace(user, active=False))
    visitor.cookies.clear()
    assert come(visitor).url.path == "/login"


@pytest.mark.usefixtures("city")
def test_a_provider_that_is_away_is_told(visitor: Browser, house: SmallHouse) -> None:
    away = replace(house.settings.oidc, issuer="http://127.0.0.1:9")
    house.settings = replace(house.settings, oidc=away)
    assert visitor.get("/login/oidc").url.path == "/login"


@pytest.mark.usefixtures("city")
def test_a_provider_over_plain_http_is_not_asked(visitor: Browser, house: SmallHouse) -> None:
    house.settings = replace(house.settings, oidc=replace(house.settings.oidc, allow_http=False))
    assert visitor.get("/login/oidc").url.path == "/login"


@pytest.mark.usefixtures("city")
def test_without_a_provider_there_is_no_such_page(browser: Browser) -> None:
    assert browser.get("/login/oidc").status_code == 404
    assert browser.get("/login/oidc/back?code=a&state=b").status_code == 404
