"""Are the pages looked at those that tell most, and does every page get its turn?"""

from __future__ import annotations

from sensors.portal.crawl import choose, linked_pages, mapped_pages, named_pages, path_of
from sensors.portal.walk import parse_page

FRONT = "https://a.example/"
PAGES = tuple(f"https://a.example/tin/{number}" for number in range(10))


def _may(_url: str) -> bool:
    return True


def test_links_of_the_same_host_that_are_pages_are_found() -> None:
    body = b"""<a href="/tin/1">1</a><a href="/tin/1#x">1</a><a href="/a.pdf">p</a>
    <a href="https://b.example/">b</a>
    <a href="//a.example:81/">port</a><a href="/">home</a><a href="javascript:x()">j</a>
    <a href="mailto:a@b">m</a>"""
    assert linked_pages(parse_page(body, FRONT), FRONT) == ("https://a.example/tin/1",)


def test_pages_of_a_map_on_another_host_are_left_out() -> None:
    assert mapped_pages(["https://a.example/x", "https://b.example/x", "https://a.example/"], FRONT) == (
        "https://a.example/x",
    )


def test_pages_that_the_agency_named_come_first_whatever_robots_say() -> None:
    named = named_pages(FRONT, ["/dich-vu"])
    chosen = choose(named, PAGES, (), turn=0, budget=3, may=lambda url: url.endswith("5"))
    assert chosen == ["https://a.example/dich-vu", "https://a.example/tin/5"]


def test_pages_that_came_newly_come_before_the_others() -> None:
    fresh = "https://a.example/slot-gacor"
    chosen = choose((), (*PAGES, fresh), PAGES, turn=7, budget=2, may=_may)
    assert chosen[0] == fresh
    assert len(chosen) == 2


def test_every_page_gets_its_turn() -> None:
    seen = {url for turn in range(5) for url in choose((), PAGES, PAGES, turn=turn, budget=2, may=_may)}
    assert seen == set(PAGES)


def test_nothing_to_crawl_is_no_error() -> None:
    assert choose((), (), (), turn=3, budget=2, may=_may) == []


def test_a_path_keeps_its_query() -> None:
    assert path_of("https://a.example/x?a=1#b") == "/x?a=1"
    assert path_of("https://[broken/") == "/"
