"""Are a site map's pages read, whatever state the map is in?"""

from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.sitemap import read_sitemap

MAP = b"""<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://a.example/old</loc><lastmod>2024-01-01</lastmod></url>
<url>
  <loc><![CDATA[https://a.example/new?a=1]]></loc><lastmod>2026-11-27T08:00:00+07:00</lastmod></url>
<url><loc>https://a.example/x?a=1&amp;b=2</loc></url></urlset>"""


def test_pages_come_newest_first() -> None:
    pages, maps = read_sitemap(MAP)
    assert pages == ["https://a.example/new?a=1", "https://a.example/old", "https://a.example/x?a=1&b=2"]
    assert maps == []


def test_an_index_names_further_maps() -> None:
    index = b"<sitemapindex><sitemap><loc>https://a.example/1.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index) == ([], ["https://a.example/1.xml"])


def test_a_packed_map_is_opened_and_a_bomb_is_not() -> None:
    assert read_sitemap(gzip.compress(MAP)) == read_sitemap(MAP)
    assert read_sitemap(gzip.compress(b" " * 50_000_000)) == ([], [])


def test_a_map_that_breaks_off_gives_what_stands_before() -> None:
    assert read_sitemap(MAP[:200])[0] == ["https://a.example/old"]


def test_entities_are_not_expanded() -> None:
    evil = (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><url><loc>https://a.example/&e;</loc></url>'
    )
    assert read_sitemap(evil) == (["https://a.example/&e;"], [])


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(body: bytes) -> None:
    pages, maps = read_sitemap(body)
    assert isinstance(pages, list)
    assert isinstance(maps, list)
