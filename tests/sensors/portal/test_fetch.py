"""Does a fetch end in time, in bounds and away from where it must not go, whatever the host does?"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citywatch.clock import system_clock
from citywatch.model import Portal
from citywatch.settings import Fetch
from sensors.portal.fetch import Fetched, Fetcher
from sensors.portal.visit import Budget, PortalSensor
from tests.sensors.portal.hostile import Talk, answer, redirect, serving

OPEN = Fetch(allow_loopback=True, timeout_s=1.5, max_bytes=200_000, max_redirects=4)
CLOSED = Fetch(timeout_s=1.5, max_bytes=200_000)


async def _fetch(
    url: str, settings: Fetch, resolver: AbstractResolver | None = None, ca: str = ""
) -> Fetched:
    fetcher = Fetcher(settings, resolver=resolver, ca_file=ca)
    try:
        async with fetcher.open() as talk:
            return await talk.fetch(url, {"User-Agent": "test"})
    finally:
        await fetcher.close()


def _against(talk: Talk, settings: Fetch = OPEN, path: str = "/") -> Fetched:
    async def script() -> Fetched:
        async with serving(talk) as port:
            return await _fetch(f"http://127.0.0.1:{port}{path}", settings)

    return asyncio.run(script())


def _sends(data: bytes) -> Talk:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return talk


def test_a_plain_page_comes_whole() -> None:
    got = _against(_sends(answer(b"<h1>Xin ch\xc3\xa0o</h1>", "Content-Type: text/html")))
    assert (got.status, got.error, got.available) == (200, "", True)
    assert got.body.decode() == "<h1>Xin chào</h1>"
    assert got.address == "127.0.0.1"


INNER = (
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/", "http://0:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://[::]:{port}/",
    "http://user:pw@127.0.0.1:{port}/", "http://localhost:{port}/", "http://①②⑦.⓪.⓪.①:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://168.63.129.16/",
    "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://100.64.0.1/", "http://192.0.0.192/",
    "http://[fec0::1]/", "http://[64:ff9b:1::1]/", "http://224.0.0.1/", "http://255.255.255.255/", "http://[2002:7f00:1::]/",
    "http://127。0。0。1:{port}/", "http://１２７．０．０．１:{port}/", "http://ⓛocalhost:{port}/", "http://1.1.1.1@127.0.0.1:{port}/",
    "http://0x7f.1:{port}/", "http://017700000001:{port}/", "http://[::127.0.0.1]:{port}/", "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://127.0.0.1.:{port}/", "http://[::1%25lo]:{port}/", "http://4294967297:{port}/", "http:///127.0.0.1:{port}/",
)  # fmt: skip


@pytest.mark.parametrize("target", INNER)
def test_no_spelling_of_an_inner_address_is_connected_to(target: str) -> None:
    async def script() -> tuple[Fetched, int]:
        touched = 0

        async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
            nonlocal touched
            touched += 1
            writer.write(answer(b"secret"))

        async with serving(talk) as port:
            return await _fetch(target.format(port=port), CLOSED), touched

    got, touched = asyncio.run(script())
    assert touched == 0
    assert got.body == b""
    assert got.error in {"refused_address", "bad_url", "dns"}, got


@pytest.mark.parametrize("target", [url for url in INNER if "{port}" not in url])
def test_a_redirect_to_an_inner_address_is_refused_even_with_loopback_open(target: str) -> None:
    got = _against(_sends(redirect(target)))
    assert got.error in {"refused_address", "bad_url"}
    assert (got.body, got.available) == (b"", False)


class Rebinding(AbstractResolver):
    """Says a public address first, and loopback from then on."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        said = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        return [ResolveResult(hostname=host, host=said, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Holds nothing."""


def test_a_name_that_rebinds_to_loopback_is_refused_when_connected() -> None:
    async def script() -> tuple[Fetched, int]:
        touched = 0

        async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
            nonlocal touched
            touched += 1
            writer.write(answer(b"secret"))

        async with serving(talk) as port:
            url = f"http://portal.example:{port}/"
            return await _fetch(url, CLOSED, Rebinding(["127.0.0.1"])), touched

    got, touched = asyncio.run(script())
    assert (got.error, touched) == ("refused_address", 0)


@pytest.mark.parametrize("inner", ["169.254.169.254", "10.0.0.1", "100.64.0.1"])
def test_a_name_that_was_good_once_is_checked_again_at_the_next_visit(inner: str) -> None:
    async def script() -> tuple[Fetched, Fetched, list[str]]:
        asked: list[str] = []

        async def talk(line: str, writer: asyncio.StreamWriter) -> None:
            asked.append(line.split()[1])
            writer.write(answer(b"page"))

        async with serving(talk) as port:
            names = Rebinding(["127.0.0.1", inner])
            first = await _fetch(f"http://portal.example:{port}/a", OPEN, names)
            return first, await _fetch(f"http://portal.example:{port}/b", OPEN, names), asked

    first, second, asked = asyncio.run(script())
    assert (first.body, asked) == (b"page", ["/a"])
    assert (second.error, second.body) == ("refused_address", b"")


def test_while_one_visit_lasts_a_name_stays_where_it_was_first() -> None:
    """A redirect to the same name is not looked up anew, so a second answer leads nowhere else."""

    async def script() -> tuple[Fetched, list[str]]:
        asked: list[str] = []

        async def talk(line: str, writer: asyncio.StreamWriter) -> None:
            asked.append(line.split()[1])
            writer.write(answer(b"page") if asked[-1] == "/b" else redirect("/b"))

        async with serving(talk) as port:
            names = Rebinding(["127.0.0.1", "169.254.169.254"])
            return await _fetch(f"http://portal.example:{port}/a", OPEN, names), asked

    got, asked = asyncio.run(script())
    assert (got.body, got.address, asked) == (b"page", "127.0.0.1", ["/a", "/b"])


def test_redirects_end() -> None:
    got = _against(_sends(redirect("/again")))
    assert got.error == "too_many_redirects"
    assert len(got.redirects) == OPEN.max_redirects + 1


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "data:text/html,x"]
)
def test_a_redirect_out_of_the_web_is_refused(target: str) -> None:
    got = _against(_sends(redirect(target)))
    assert got.error in {"bad_redirect", "bad_url"}


def test_a_gigabyte_is_cut_at_the_limit() -> None:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(16_000):
            writer.write(b"x" * 65_536)
            await writer.drain()

    got = _against(talk)
    assert (got.error, len(got.body), got.available) == ("too_large", OPEN.max_bytes, True)


def test_a_gzip_bomb_is_cut_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000), compresslevel=9)
    began = time.process_time()
    got = _against(_sends(answer(bomb, "Content-Encoding: gzip")))
    assert (got.error, len(got.body)) == ("too_large", OPEN.max_bytes)
    assert time.process_time() - began < 1


def test_rubbish_after_the_end_of_gzip_is_counted() -> None:
    got = _against(_sends(answer(gzip.compress(b"ok") + b"y" * 400_000, "Content-Encoding: gzip")))
    assert got.error == "too_large"


def test_broken_gzip_is_told() -> None:
    got = _against(_sends(answer(b"no gzip at all", "Content-Encoding: gzip")))
    assert (got.error, got.available) == ("decompression", False)


async def _drip(_line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def _hang(_line: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(20)


async def _flood(_line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(b"X-Flood-%d: %s\r\n" % (number, b"a" * 1000))
        await writer.drain()


@pytest.mark.parametrize(
    ("talk", "errors"),
    [
        (_drip, {"timeout"}),
        (_hang, {"timeout"}),
        (_flood, {"protocol", "timeout"}),
        (_sends(b""), {"cut_off"}),
        (_sends(b"\x00\xff\x00 rubbish\r\n\r\n"), {"protocol", "cut_off"}),
        (_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), {"cut_off"}),
        (_sends(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"), {"protocol"}),
        (_sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), {"protocol", "cut_off"}),
    ],
    ids=["drip", "hang", "flood", "empty", "rubbish", "half", "long-header", "bad-chunk"],
)
def test_a_host_that_misbehaves_is_told_within_its_time(talk: Talk, errors: set[str]) -> None:
    began = time.monotonic()
    got = _against(talk)
    assert got.error in errors, got
    assert not got.available
    assert time.monotonic() - began < OPEN.timeout_s + 1.5


@pytest.mark.parametrize(
    "frame",
    [
        "000012040000000000" + "000300000064000400100000000600010000",
        "000000040000000000",
        "00000a040000000000",
    ],
)
def test_a_server_that_speaks_http_2_only_is_told_as_that(frame: str) -> None:
    got = _against(_sends(bytes.fromhex(frame)))
    assert (got.error, got.available) == ("http2_only", False)
    assert "HTTP/1.1" in got.detail


def test_nobody_listens_there() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    got = asyncio.run(_fetch(f"http://127.0.0.1:{port}/", OPEN))
    assert got.error == "connect"


# -- TLS -------------------------------------------------------------------------------------------------


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - untyped in trustme
    return context


def _tls(tmp_path: Path, make: Callable[[trustme.CA], trustme.LeafCert], *, trusted: bool) -> Fetched:
    authority = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())

    async def script() -> Fetched:
        talk = _sends(answer(b"<p>ok</p>"))
        async with serving(talk, _context(make(authority))) as port:
            ca = tmp_path / "ca.pem" if trusted else other
            return await _fetch(f"https://localhost:{port}/", OPEN, ca=str(ca))

    return asyncio.run(script())


def _good(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost")


def _misnamed(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.example")


def _expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=3))


@pytest.mark.parametrize(
    ("make", "trusted", "problem"),
    [
        (_good, True, ""),
        (_good, False, "unknown_issuer"),
        (_misnamed, True, "name_mismatch"),
        (_expired, True, "expired"),
    ],
    ids=["good", "unknown", "name", "expired"],
)
def test_a_certificate_is_kept_with_what_is_wrong(
    tmp_path: Path, make: Callable[[trustme.CA], trustme.LeafCert], problem: str, *, trusted: bool
) -> None:
    got = _tls(tmp_path, make, trusted=trusted)
    assert (got.status, got.body, got.error) == (200, b"<p>ok</p>", "")
    assert got.certificate is not None
    assert got.certificate.problem == problem
    assert got.certificate.version in {"1.2", "1.3"}
    assert len(got.certificate.sha256) == 64
    assert got.certificate.not_after


# -- any bytes -------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.booleans())
def test_no_answer_makes_it_raise(data: bytes, proper: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    got = _against(_sends((b"HTTP/1.1 200 OK\r\n" if proper else b"") + data))
    assert isinstance(got, Fetched)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_no_url_makes_it_raise(text: str) -> None:
    got = asyncio.run(
        _fetch(f"http://{text}" if "://" not in text else text, Fetch(timeout_s=0.2), Rebinding(["10.0.0.1"]))
    )
    assert got.body == b""
    assert got.error


# -- as events -------------------------------------------------------------------------------------------


def _visited(talk: Talk) -> tuple[list[dict[str, object]], float]:
    async def script() -> list[dict[str, object]]:
        async with serving(talk) as port:
            sensor = PortalSensor(OPEN, system_clock, budget=Budget(recheck_s=0))
            portal = Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a")
            try:
                return list((await sensor.visit(portal)).events)
            finally:
                await sensor.close()

    began = time.monotonic()
    return asyncio.run(script()), time.monotonic() - began


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (_hang, "timeout"),
        (_sends(redirect("/again")), "too_many_redirects"),
        (_sends(redirect("http://169.254.169.254/")), "refused_address"),
        (_sends(b""), "cut_off"),
    ],
    ids=["hang", "redirects", "metadata", "empty"],
)
def test_a_bad_host_becomes_an_event_that_says_why(talk: Talk, error: str) -> None:
    events, took = _visited(talk)
    assert [event["citywatch.portal.error"] for event in events] == [error]
    assert events[0]["citywatch.portal.available"] is False
    assert took < 2 * OPEN.timeout_s + 2


def test_a_hanging_portal_delays_no_other() -> None:
    async def script() -> list[tuple[str, float]]:
        began = time.monotonic()
        ends: list[tuple[str, float]] = []
        async with serving(_hang) as slow, serving(_sends(answer(b"<p>ok</p>"))) as quick:
            sensor = PortalSensor(
                Fetch(allow_loopback=True, timeout_s=1.5, concurrency=4),
                system_clock,
                budget=Budget(recheck_s=0, probes=False),
            )
            portals = [
                Portal(id=f"{port}-{number}", url=f"http://127.0.0.1:{port}/", name="P", agency="a")
                for number in range(2)
                for port in (slow, quick)
            ]
            await sensor.visit_many(
                portals, {}, lambda done: ends.append((done.error, time.monotonic() - began))
            )
            await sensor.close()
        return ends

    ends = asyncio.run(script())
    assert [error for error, _ in ends] == ["", "", "timeout", "timeout"]
    assert ends[1][1] < 1


# -- once more, and by another way -----------------------------------------------------------------------


def _in_turn(*answers: bytes) -> tuple[Talk, list[str]]:
    asked: list[str] = []

    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[min(len(asked), len(answers) - 1)])
        asked.append(line)

    return talk, asked


@pytest.mark.parametrize(
    "first",
    [
        b"",
        answer(b"busy", status="503 Service Unavailable"),
        answer(b"slow down", "Retry-After: 0", status="429 Slow"),
    ],
    ids=["cut off", "busy", "too often"],
)
def test_a_broken_line_and_a_busy_server_are_asked_once_more(first: bytes) -> None:
    talk, asked = _in_turn(first, answer(b"<p>ok</p>"))
    got = _against(talk)
    assert (got.status, got.body) == (200, b"<p>ok</p>")
    assert len(asked) == 2
    assert got.attempts == (
        2 if first else 1
    )  # a line that was cut off before an answer the library mends itself


def test_what_stays_broken_is_told_after_one_more_try() -> None:
    talk, asked = _in_turn(answer(b"busy", status="503 Service Unavailable"))
    assert (_against(talk).status, len(asked)) == (503, 2)
    talk, asked = _in_turn(answer(b"no", status="404 Not Found"))
    assert (_against(talk).status, len(asked)) == (404, 1)


def test_a_set_proxy_is_asked_for_the_page() -> None:
    async def script() -> tuple[Fetched, list[str]]:
        talk, asked = _in_turn(answer(b"<p>by proxy</p>"))
        async with serving(talk) as port:
            settings = Fetch(allow_loopback=True, timeout_s=2, proxy=f"http://127.0.0.1:{port}")
            return await _fetch("http://127.0.0.1:9/x", settings), asked

    got, asked = asyncio.run(script())
    assert (got.body, got.address) == (b"<p>by proxy</p>", "")
    assert asked == ["GET http://127.0.0.1:9/x HTTP/1.1"]


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://169.254.169.254/", "http://portal.example/"])
def test_a_proxy_is_not_asked_for_inner_addresses(target: str) -> None:
    async def script() -> tuple[Fetched, list[str]]:
        talk, asked = _in_turn(answer(b"secret"))
        async with serving(talk) as port:
            settings = Fetch(timeout_s=2, proxy=f"http://127.0.0.1:{port}")
            resolver = Rebinding(["10.0.0.1"]) if "portal" in target else None
            return await _fetch(target, settings, resolver), asked

    got, asked = asyncio.run(script())
    assert (got.error, asked) == ("refused_address", [])
