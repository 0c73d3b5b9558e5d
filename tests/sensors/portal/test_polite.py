"""Is a server asked no more often than it should be, and only for what it lets be crawled?"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.polite import Pace, Robots, pause_before_retry


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def _turns(rate: float, servers: list[str]) -> float:
    time = Time()

    async def script() -> float:
        pace = Pace(rate, sleep=time.sleep, now=time.read)
        for server in servers:
            await pace.turn(server)
        return time.now - 1000.0

    return asyncio.run(script())


def test_a_burst_goes_through_and_the_rest_keeps_its_pace() -> None:
    assert _turns(10, ["a"] * 12) == 0
    assert _turns(10, ["a"] * 52) == pytest.approx(3.9, abs=0.2)


def test_one_server_does_not_wait_for_another() -> None:
    assert _turns(10, [f"server-{number}" for number in range(500)]) == 0


def test_no_limit_means_no_wait() -> None:
    assert _turns(0, ["a"] * 1000) == 0


def test_a_retry_waits_as_asked_but_not_for_ever() -> None:
    assert pause_before_retry(1, "2") == 2
    assert pause_before_retry(1, "86400") == 5
    assert 0.2 <= pause_before_retry(1, "Fri, 27 Nov 2026 08:00:00 GMT") <= 0.5
    assert len({pause_before_retry(1, "") for _ in range(20)}) > 10


ROBOTS = "User-agent: *\nDisallow: /admin/\nAllow: /admin/news\nSitemap: https://a.example/map.xml\n"


def test_robots_are_obeyed() -> None:
    robots = Robots(ROBOTS)
    assert not robots.allows("https://a.example/admin/x")
    assert robots.allows("https://a.example/admin/news")
    assert robots.allows("https://a.example/")
    assert robots.sitemaps == ["https://a.example/map.xml"]


def test_a_rule_for_us_alone_is_obeyed() -> None:
    assert not Robots("User-agent: CityWatch\nDisallow: /\n\nUser-agent: *\nAllow: /\n").allows(
        "https://a.example/x"
    )


def test_without_robots_everything_may_be_crawled() -> None:
    assert Robots().allows("https://a.example/admin/")


@given(st.text(max_size=500), st.text(max_size=80))
def test_any_robots_and_any_url_are_answered(text: str, url: str) -> None:
    robots = Robots(text)
    assert robots.allows(url) in {True, False}
    assert len(robots.sitemaps) <= 5
