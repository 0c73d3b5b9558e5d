"""Does the test city stand on loopback, change by itself, ail and take attacks?"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.range import KINDS, PortalRange
from sensors.portal.range.city import HEALTH, TLS, make_city, most_portals
from sensors.portal.range.control import Control, agencies_csv, attack_some, portals_csv
from sensors.portal.range.server import address_of
from sensors.portal.range.site import Site, render
from sensors.portal.range.widget import STEPS, honest_steps

Get = Callable[[str], Awaitable[tuple[int, bytes]]]


def _served(city: PortalRange, script: Callable[[Get], Awaitable[Any]], *, ca: str = "") -> Any:
    async def run() -> Any:
        await city.start()
        trust = ssl.create_default_context(cadata=ca) if ca else True
        connector = aiohttp.TCPConnector(resolver=city.resolver, ssl=trust)
        limit = aiohttp.ClientTimeout(total=5)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:

                async def get(url: str) -> tuple[int, bytes]:
                    async with session.get(url) as answer:
                        return answer.status, await answer.read()

                return await script(get)
        finally:
            await city.stop()

    return asyncio.run(run())


def test_a_city_has_two_thousand_different_portals() -> None:
    assert most_portals() >= 2000
    sites = make_city(2000, sick=False)
    assert len({site.id for site in sites}) == 2000
    assert len({site.name for site in sites}) == 2000
    assert len({render(site, "/") for site in sites[:200]}) == 200


def test_a_city_is_the_same_again_and_another_with_another_seed() -> None:
    assert make_city(50) == make_city(50)
    assert make_city(50) != make_city(50, seed=2)


def test_some_portals_of_a_city_ail_in_every_way() -> None:
    sites = make_city(2000)
    assert {site.health for site in sites} == set(HEALTH)
    assert {site.tls for site in sites} == set(TLS)
    assert 1800 < sum(site.health == "ok" for site in sites) < 2000


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_a_city_of_no_size_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to"):
        make_city(count)


@given(st.text(max_size=60), st.integers(0, 4000), st.integers(0, 10**6))
def test_no_path_breaks_a_page(path: str, day: int, hit: int) -> None:
    page = render(make_city(1)[0], path, day=day, hit=hit)
    assert page is None or "</html>" in page


def test_pages_change_with_the_look_and_the_day_unless_the_portal_is_still() -> None:
    lively, still = make_city(1)[0], make_city(1, changing=0)[0]
    assert render(lively, "/", hit=1) != render(lively, "/", hit=2)
    assert render(lively, "/") != render(lively, "/", day=1)
    assert render(still, "/", day=9, hit=7) == render(still, "/")


def test_a_webmaster_does_each_honest_thing_some_day() -> None:
    done = {name for site in ("a", "b", "c") for day in range(160) for name, _ in honest_steps(site, day)}
    assert done == set(STEPS)


@pytest.mark.parametrize("by", ["name", "address", "port"])
def test_each_portal_is_served_at_its_own_place_over_tls(by: Any) -> None:
    city = PortalRange(make_city(12, sick=False), by=by, tls=True)
    assert city.authority is not None

    async def script(get: Get) -> None:
        for portal in city.portals():
            status, body = await get(portal.url)
            assert status == 200
            assert portal.name.encode() in body
            assert city.url(portal.id) == portal.url

    _served(city, script, ca=city.authority.pem.decode())


@pytest.mark.parametrize("kind", [kind for kind in TLS if kind != "good"])
def test_a_bad_certificate_is_bad(kind: str) -> None:
    city = PortalRange([Site(id="a", name="A", agency="a", tls=kind)], by="port", tls=True)
    assert city.authority is not None

    async def script(get: Get) -> str:
        try:
            await get(city.url("a"))
        except aiohttp.ClientConnectorError as error:
            return str(error)
        return ""

    said = _served(city, script, ca=city.authority.pem.decode())
    assert bool(said) == (kind != "expires_soon"), said


@pytest.mark.parametrize("health", ["resets", "cut", "error", "empty", "loop"])
def test_a_sick_portal_fails_as_it_says(health: str) -> None:
    city = PortalRange([Site(id="a", name="A", agency="a", health=health)])

    async def script(get: Get) -> str:
        try:
            status, body = await get(city.url("a"))
        except aiohttp.TooManyRedirects:
            return "loop"
        except aiohttp.ClientPayloadError:
            return "cut"
        except aiohttp.ClientError:
            return "resets"
        return "empty" if status == 200 and not body else "error" if status == 500 else "ok"

    assert _served(city, script) == health


def test_an_attack_lasts_until_it_is_healed() -> None:
    city = PortalRange([Site(id="a", name="A", agency="a")])

    async def script(get: Get) -> list[bool]:
        seen: list[bool] = []
        for step in (lambda: None, lambda: city.attack("a", "title"), lambda: city.heal("a")):
            step()
            seen.append(b"Hacked by" in (await get(city.url("a")))[1])
        return seen

    assert _served(city, script) == [False, True, False]
    with pytest.raises(KeyError):
        city.attack("b", "title")


def test_the_control_page_steers_the_range_and_refuses_strangers() -> None:
    async def script() -> None:
        city = PortalRange([Site(id="a", name="<b>A", agency="a")])
        control = Control(city)
        await city.start()
        port = await control.start(0)
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:

            async def post(path: str, headers: dict[str, str] | None = None, **asked: str) -> int:
                async with session.post(url + path, data=asked, headers=headers) as answer:
                    return answer.status

            assert await post("/attack", portal="a", kind="title") == 200
            assert city.attacked() == {"a": ("title",)}
            assert await post("/attack", portal="a", kind="no") == 400
            assert await post("/attack", portal="no", kind="title") == 400
            assert await post("/nothing") == 404
            assert await post("/day", headers={"Origin": "https://evil.example"}) == 403
            assert await post("/day", headers={"Host": "evil.example"}) == 403
            assert city.day == 0
            assert await post("/day") == 200
            assert city.day == 1
            assert await post("/heal") == 200
            assert city.attacked() == {}
            for path, word in (("/", "&lt;b&gt;A"), ("/portals.csv", "a,a,3"), ("/agencies.csv", "office")):
                async with session.get(url + path) as answer:
                    assert word in await answer.text()
        await control.stop()
        await city.stop()

    asyncio.run(script())


def test_lists_for_registering_name_every_portal() -> None:
    city = PortalRange(make_city(30), by="name")
    _served(city, _nothing)
    assert len(portals_csv(city).splitlines()) == 31
    assert len(agencies_csv(city).splitlines()) == 31


async def _nothing(_get: Get) -> None:
    return


def test_some_are_attacked_in_all_kinds() -> None:
    city = PortalRange(make_city(200))
    played = attack_some(city, 100)
    assert len(played) == 100
    assert {kind for _, kind in played} == set(KINDS)
    assert len(KINDS) >= 30


def test_addresses_stay_on_loopback() -> None:
    assert all(address_of(number).startswith("127.10.") for number in range(0, 5000, 7))
    assert len({address_of(number) for number in range(5000)}) == 5000
