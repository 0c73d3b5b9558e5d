"""Is what a portal showed before told from what is new, whatever changes with every request?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.clock import stamp
from sensors.portal.answer import Fetched
from sensors.portal.memory import (
    LEARNED,
    NOTHING,
    Memory,
    Seen,
    conditional,
    is_same,
    judged,
    refreshed,
    signature,
    steady_signature,
)

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)


def page(body: str, *headers: tuple[str, str], status: int = 200, url: str = "https://a.example/") -> Fetched:
    return Fetched(url=url, final_url=url, status=status, headers=headers, body=body.encode())


PLAIN = page("<h1>UBND</h1><p>Lượt xem: 1.204</p>", ("Content-Type", "text/html"), ("ETag", '"a"'))


def seen(fetched: Fetched = PLAIN, at: datetime = NOW) -> Seen:
    return judged(None, fetched, stamp(at))


REQUEST_NOISE = (
    ("<p>Lượt xem: 1.204</p>", "<p>Lượt xem: 98.377</p>"),
    ("<i>27/11/2026 08:15</i>", "<i>28/11/2026 23:59</i>"),
    (
        '<input name="_token" value="Ab3dEf6hIj9kLmN2pQrS">',
        '<input name="_token" value="Zz9yXw8vUt7sRqP6oNmL">',
    ),
    ('<input value="/wEPDwUKMTY1NDU2MTA1MmRkabc+/=12">', '<input value="/wEPDwUKLTE2NTQ1NjEwNTJkZHXX+/=77">'),
    ('<a href="/x;jsessionid=0A1B2C">x</a>', '<a href="/x;jsessionid=FF00EE">x</a>'),
    ('<script src="/core.js?9f8e7d6c5b4a"></script>', '<script src="/core.js?ffeeddccbbaa"></script>'),
    ('<script src="/a.js?v=171234"></script>', '<script src="/a.js?v=199999"></script>'),
)


@pytest.mark.parametrize(("one", "two"), REQUEST_NOISE)
def test_what_changes_with_every_request_is_no_change(one: str, two: str) -> None:
    assert signature(page(one)) != signature(page(two))
    assert steady_signature(page(one)) == steady_signature(page(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ('<a href="https://bet88.top/">x</a>', '<a href="https://bet99.top/">x</a>'),
        ("<p>CCCD 001202003004</p>", "<p>CCCD 001202003005</p>"),
        ("<p>0</p>", "<p>001202003005</p>"),
        ("<h1>UBND</h1>", "<h1>Hacked</h1>"),
        ('<script src="/a.js"></script>', '<script src="/b.js"></script>'),
        ("<p>x</p>", "<p>x</p><iframe src='//evil.example'></iframe>"),
        ("<p>x</p>", "<p>x\u200b</p>"),
    ],
)
def test_what_an_attack_changes_is_a_change(one: str, two: str) -> None:
    assert steady_signature(page(one)) != steady_signature(page(two))


@pytest.mark.parametrize(
    "other",
    [
        page("<p>x</p>", status=404),
        page("<p>x</p>", url="https://b.example/"),
        page("<p>x</p>", ("Content-Type", "image/svg+xml")),
        page("<p>x</p>", ("Refresh", "0;url=https://evil.example/")),
        page("<p>x</p>", ("Server", "nginx")),
    ],
    ids=["status", "place", "type", "refresh", "server"],
)
def test_status_place_and_telling_headers_count(other: Fetched) -> None:
    assert steady_signature(page("<p>x</p>")) != steady_signature(other)


def test_dates_and_cookies_in_headers_do_not_count() -> None:
    one = page(
        "x", ("Date", "Fri"), ("Set-Cookie", "a=1"), ("Content-Security-Policy", "script-src 'nonce-abc'")
    )
    two = page(
        "x", ("Date", "Sat"), ("Set-Cookie", "a=2"), ("Content-Security-Policy", "script-src 'nonce-xyz'")
    )
    assert steady_signature(one) == steady_signature(two)


def test_a_page_is_known_again_until_the_night() -> None:
    known = seen()
    assert is_same(known, PLAIN, NOW + timedelta(hours=19))
    assert not is_same(known, PLAIN, NOW + timedelta(hours=21))
    assert not is_same(None, PLAIN, NOW)


def test_a_banner_that_rotates_is_known_in_each_of_its_faces() -> None:
    first, second, third = (page(f"<img src='/banner-{name}.jpg'>") for name in ("a", "b", "c"))
    known = judged(judged(None, first, stamp(NOW)), second, stamp(NOW))
    assert is_same(known, first, NOW)
    assert is_same(known, second, NOW)
    assert not is_same(known, third, NOW)


def test_an_answer_that_broke_off_is_not_the_same() -> None:
    cut = Fetched(url="https://a.example/", final_url="https://a.example/", error="cut_off")
    assert not is_same(seen(), cut, NOW)


def test_a_host_that_says_unchanged_is_believed_for_some_hours_only() -> None:
    known = seen()
    assert conditional(known, NOW + timedelta(hours=1)) == {"If-None-Match": '"a"'}
    assert conditional(known, NOW + timedelta(hours=5)) == {}
    assert conditional(None, NOW) == {}
    same = Fetched(url="https://a.example/", final_url="https://a.example/", status=304)
    assert is_same(known, same, NOW + timedelta(hours=1))
    assert refreshed(known, same, stamp(NOW + timedelta(hours=1))).fetched_at == known.fetched_at
    assert refreshed(known, PLAIN, stamp(NOW + timedelta(hours=1))).fetched_at > known.fetched_at


def test_without_a_mark_the_date_is_asked_with() -> None:
    dated = seen(page("x", ("Last-Modified", "Fri, 27 Nov 2026 08:00:00 GMT")))
    assert conditional(dated, NOW) == {"If-Modified-Since": "Fri, 27 Nov 2026 08:00:00 GMT"}


def test_nothing_is_skipped_while_the_baseline_learns() -> None:
    memory = Memory(learned=LEARNED - 1, seen={"desktop /": seen()})
    assert memory.of("desktop", "/") is None
    assert Memory(learned=LEARNED, seen=memory.seen).of("desktop", "/") is not None


def test_what_was_not_quiet_is_forgotten_and_the_number_is_bounded() -> None:
    memory = NOTHING.with_seen({f"desktop /{number}": seen() for number in range(100)})
    assert len(memory.seen) == 64
    assert "desktop /99" not in memory.with_seen({"desktop /99": None}).seen


@given(st.binary(max_size=3000))
def test_any_bytes_have_signatures(body: bytes) -> None:
    fetched = Fetched(url="http://a/", final_url="http://a/", body=body)
    assert len(signature(fetched)) == len(steady_signature(fetched)) == 32
