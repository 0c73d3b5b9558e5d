"""Is an agency done in five minutes, and does nobody get hold of a portal that is not theirs?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from citywatch.model import Portal, from_doc
from citywatch.ports import Query
from console import claims
from console.web import accounts
from console.web.app import make_app
from sensors.portal.proof import FILE, Proof
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse
from tests.sensors.portal.test_proof import Names, site

pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture
def near(house: SmallHouse) -> Iterator[Browser]:
    """A console that may visit portals on loopback, and asks a DNS server that knows nothing."""
    house.settings = replace(house.settings, fetch=replace(house.settings.fetch, allow_loopback=True))
    with Names().serving() as resolver, Browser(make_app(house), base_url="http://localhost") as made:
        house.names = resolver
        yield made


def invite_link(browser: Browser, house: SmallHouse, role: str = "agency_admin") -> str:
    browser.log_in("lead")
    page = browser.submit(
        "/people", page="/people", role=role, agency="so-y-te", email="it@soyte.example"
    ).text
    found = re.search(r'id="link">http://localhost(/invite/[\w-]+)<', page)
    assert found
    assert house.letters[-1][0] == "it@soyte.example"
    assert found[1] in house.letters[-1][2]
    browser.cookies.clear()
    return found[1]


def join(browser: Browser, link: str, name: str = "binh") -> str:
    return browser.submit(link, page=link, name=name, password=PASSWORD, again=PASSWORD).url.path


def test_from_an_invitation_to_a_proven_portal(near: Browser, house: SmallHouse) -> None:
    assert join(near, invite_link(near, house)) == "/portals/new"
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
    with site(pages) as url:
        answer = near.submit("/portals/new", page="/portals/new", url=url, name="Cổng khám bệnh", level="3")
        portal = answer.url.path.split("/")[2]
        assert answer.url.path.endswith("/proof")
        token = re.search(r'class="token">(cw-[0-9a-f]{40})<', answer.text)
        assert token
        assert not read(house, portal).active
        house.clock.now += timedelta(minutes=1)
        assert "file" not in near.submit(f"/portals/{portal}/proof", page=f"/portals/{portal}/proof").url.path
        assert not read(house, portal).active, "nothing proves it yet"
        pages[FILE] = (200, {}, token[1].encode())
        house.clock.now += timedelta(minutes=1)
        near.submit(f"/portals/{portal}/proof", page=f"/portals/{portal}/proof")
    made = read(house, portal)
    assert (made.active, made.agency, made.level) == (True, "so-y-te", 3)
    near.cookies.clear()
    assert "2026" in near.get(f"/badge/{portal}.svg").text


def read(house: SmallHouse, portal: str) -> Portal:
    record = house.store.get("portal", portal)
    assert record
    return from_doc(record.doc, Portal)


def test_an_invitation_is_good_once(browser: Browser, house: SmallHouse) -> None:
    link = invite_link(browser, house)
    join(browser, link)
    browser.cookies.clear()
    assert browser.get(link).url.path == "/login"
    assert accounts.get_user(house.store, "binh")


def test_an_invitation_ends_after_seven_days(browser: Browser, house: SmallHouse) -> None:
    link = invite_link(browser, house)
    house.clock.now += timedelta(days=8)
    assert browser.get(link).url.path == "/login"


def test_an_invitation_survives_a_weak_password_and_a_taken_name(browser: Browser, house: SmallHouse) -> None:
    link = invite_link(browser, house)
    browser.submit(link, page=link, name="binh", password="short", again="short")
    assert join(browser, link, name="lan") == link
    assert join(browser, link) == "/portals/new"


def test_an_agency_invites_to_itself_only(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("ytechinh")
    browser.submit("/people", page="/people", role="agency", agency="so-tai-chinh")
    browser.submit("/people", page="/people", role="lead", agency="")
    made = [record.doc for record in house.store.find("invite", Query(order="at")).records]
    assert [(one["role"], one["agency"]) for one in made] == [("agency", "so-y-te")]


def test_an_agency_switches_off_its_own_people_only(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("ytechinh")
    browser.submit("/people/yte", page="/people", active="0")
    assert browser.submit("/people/giaoduc", page="/people", active="0").status_code == 404
    assert browser.submit("/people/lan", page="/people", active="0").status_code == 404
    states = {user.id: user.active for user in accounts.all_users(house.store)}
    assert (states["yte"], states["giaoduc"], states["lan"]) == (False, True, True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
        "http://[::1]/", "gopher://x/",
        "http://[::ffff:169.254.169.254]/", "http://169.254.169.254/latest/", "http://localhost/",
        "http://0/", "http://10.1.2.3/", "http://a:b@cong.example/", "file:///etc/passwd", "cong",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_cannot_be_registered(
    browser: Browser, house: SmallHouse, url: str
) -> None:
    before = house.store.find("portal", Query(order="id", limit=1)).total
    browser.log_in("ytechinh")
    answer = browser.submit("/portals/new", page="/portals/new", url=url, name="x", level="2")
    assert answer.url.path == "/portals/new"
    assert 'role="alert"' in answer.text
    assert house.store.find("portal", Query(order="id", limit=1)).total == before


def test_a_portal_of_another_agency_cannot_be_registered_again(browser: Browser, house: SmallHouse) -> None:
    taken = read(house, "cong-so-tai-chinh")
    browser.log_in("lead")
    browser.submit("/portals/new", page="/portals/new", url=taken.url, name="x", agency="so-tai-chinh")
    browser.cookies.clear()
    browser.log_in("ytechinh")
    browser.submit("/portals/new", page="/portals/new", url=taken.url, name="x", level="2")
    held = house.store.find("portal", Query(order="id", limit=500)).records
    assert {one.doc["agency"] for one in held if one.doc["url"] == taken.url} == {"so-tai-chinh"}


def test_a_hundred_portals_come_from_a_list_and_wrong_lines_are_told(
    browser: Browser, house: SmallHouse
) -> None:
    browser.log_in("ytechinh")
    lines = [f"https://tram-y-te-{one}.example.vn/,Trạm y tế {one},{one % 5 + 1}" for one in range(100)]
    lines[41] = "ftp://tram.example.vn/,Trạm,2"
    lines[70] = "https://tram-y-te-1.example.vn/,Trùng,9"
    text = "\n".join(["url,name,level", *lines])
    answer = browser.submit("/portals/list", page="/portals/new", csv=text)
    assert "98 portals were registered" in answer.text
    assert "portals.csv:43:" in answer.text
    assert "portals.csv:72:" in answer.text
    assert read(house, "tram-y-te-7-example-vn").agency == "so-y-te"


def test_an_agency_watches_a_portal_only_once_it_is_proven(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("ytechinh")
    browser.submit("/portals/new", page="/portals/new", url="https://moi.example.vn/", name="Mới", level="2")
    answer = browser.submit("/portals/moi-example-vn/change", page="/portals/moi-example-vn", active="1")
    assert answer.url.path.endswith("/proof")
    assert not read(house, "moi-example-vn").active


def nothing_but(proof: Proof) -> claims.Prove:
    """A look that always sees this."""
    return lambda _url, _token: proof


def test_a_proof_that_is_gone_lapses_after_three_misses_and_comes_back(house: SmallHouse) -> None:
    store, clock, portal = house.store, house.clock, read(house, "cong-so-y-te")
    claim = claims.check(
        store,
        clock,
        portal,
        claims.make(store, clock, portal.id, "binh"),
        nothing_but(Proof(way="dns")),
    )
    assert claim.state == "proven"
    states: list[str] = []
    for _ in range(4):
        claim = claims.check(store, clock, portal, claim, nothing_but(Proof(detail="gone")))
        states.append(claim.state)
    assert states == ["proven", "proven", "lapsed", "lapsed"]
    claim = claims.check(store, clock, portal, claim, nothing_but(Proof(way="file")))
    assert (claim.state, claim.misses) == ("proven", 0)
