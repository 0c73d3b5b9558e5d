"""Does a visit end in time, in bounds and with a clear word, whatever page a hostile host serves?"""

from __future__ import annotations

import asyncio
import resource
import ssl
import time
import zlib
from pathlib import Path

import pytest
import trustme

from citywatch.clock import system_clock
from citywatch.model import Portal
from citywatch.settings import Fetch
from sensors.portal import encoding
from sensors.portal.encoding import decode_page
from sensors.portal.visit import Budget, PortalSensor, Visit
from tests.sensors.portal.hostile import Talk, answer, redirect, serving

LIMITS = Fetch(allow_loopback=True, timeout_s=5, retries=0)
HOME = Budget(inner_pages=2, probes=False, recheck_s=0)
HTML = "Content-Type: text/html"


def visit(
    talk: Talk, *, settings: Fetch = LIMITS, budget: Budget = HOME, tls: ssl.SSLContext | None = None
) -> Visit:
    async def script() -> Visit:
        async with serving(talk, tls) as port:
            sensor = PortalSensor(settings, system_clock, budget=budget)
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
            try:
                return await sensor.visit(Portal(id="p", url=url, name="P", agency="a"))
            finally:
                await sensor.close()

    return asyncio.run(script())


def serves(body: bytes, *headers: str) -> Talk:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, *(headers or (HTML,))))

    return talk


def ten_gigabytes() -> bytes:
    """A gzip stream of ten gigabytes of zeros, in ten megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(bytes(10_000_000))
    packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return bytes.fromhex("1f8b08000000000000ff") + block * 1000


def test_ten_gigabytes_in_gzip_cost_neither_memory_nor_time() -> None:
    bomb = ten_gigabytes()
    assert len(bomb) < 20_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    done = visit(
        serves(bomb, HTML, "Content-Encoding: gzip"), budget=Budget(views=(), probes=False, inner_pages=0)
    )
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    assert done.error == "too_large"
    assert done.events[0]["http.response.body.bytes"] == LIMITS.max_bytes


def test_two_hundred_megabytes_are_cut_at_the_limit() -> None:
    sent = 0

    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 200000000\r\n\r\n")
        for _ in range(3_200):
            writer.write(b"<p>x</p> " * 6_944)
            sent += 62_500
            await writer.drain()

    done = visit(talk, budget=Budget(views=(), probes=False, inner_pages=0))
    assert done.error == "too_large"
    assert sent < 30_000_000


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html><body>" + b"<b>" * 1_000_000, "open"),
        (b"<html><body>" + b"<p>x</p>" * 600_000, "flat"),
        (b"<html><body>" + b"<i></i>" * 700_000, "empty"),
        (b"<div " + b" ".join(b"a%d=1" % number for number in range(400_000)) + b">x</div>", "attributes"),
        (b"<iframe src=//evil.example/>" * 100 + b"</iframe>" * 100, "frames"),
        (b"<svg>" * 200_000, "foreign"),
        (b"<!--" * 1_000_000, "comments"),
        (b"<table>" * 150_000, "tables"),
    ],
    ids=[
        "million-open",
        "million-flat",
        "million-empty",
        "attributes",
        "frames",
        "svg",
        "comments",
        "tables",
    ],
)
def test_a_tree_of_a_million_nodes_is_read_in_time_and_told(body: bytes, what: str) -> None:
    began = time.process_time()
    done = visit(serves(body), budget=Budget(views=(), probes=False, inner_pages=0, recheck_s=0))
    assert time.process_time() - began < 15, what
    assert done.events[0]["event.dataset"] == "portal.page"
    assert done.available


def test_a_hundred_frames_inside_each_other_are_seen_and_none_is_followed() -> None:
    asked: list[str] = []
    nested = "<p>innermost</p>"
    for depth in range(100):
        nested = f'<iframe src="/frame/{depth}" srcdoc="x"></iframe><div>{nested}</div>'

    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        asked.append(line.split()[1])
        writer.write(answer(nested.encode(), HTML))

    done = visit(talk)
    assert done.available
    assert not any(path.startswith("/frame/") for path in asked)


TEXT = "Cổng thông tin điện tử Ủy ban nhân dân thành phố Hà Nội, các thủ tục hành chính của người dân"


def _in(table: str) -> bytes:
    """Text in an old encoding, made by looking every byte up in its own reading."""
    letters = {decode: code for code in range(256) if (decode := _letter(table, code))}
    return bytes(letters.get(letter, ord("?")) for letter in f"<title>{TEXT}</title><h1>{TEXT}</h1>")


def _letter(table: str, code: int) -> str:
    tables = {"viscii": encoding._VISCII, "tcvn3": encoding._TCVN3}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the tables under test
    return tables[table].get(code, chr(code) if code < 128 else "")


@pytest.mark.parametrize("table", ["viscii", "tcvn3"])
def test_a_page_in_an_old_vietnamese_encoding_is_read_through_a_visit(table: str) -> None:
    done = visit(serves(_in(table)))
    title = done.events[0]["citywatch.portal.title"]
    assert "thông tin" in title
    assert title.count("?") < 8  # TCVN3 has no capital letters with tone marks


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-8-sig", "utf-16"])
def test_a_page_in_wide_letters_with_or_without_mark_is_read_through_a_visit(codec: str) -> None:
    done = visit(serves(f"<title>{TEXT}</title><h1>{TEXT}</h1>".encode(codec)))
    assert done.events[0]["citywatch.portal.title"] == TEXT


def test_windows_1258_is_read_through_a_visit() -> None:
    raw = "Cô\u0309ng thông tin cu\u0309a ngươ\u0300i dân".encode("cp1258")
    done = visit(serves(b"<title>" + raw + b"</title>", "Content-Type: text/html; charset=windows-1258"))
    assert done.events[0]["citywatch.portal.title"] == decode_page(raw, "windows-1258")[0]
    assert "của người dân" in done.events[0]["citywatch.portal.title"]


SVG = b"""<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><foreignObject>
<body xmlns="http://www.w3.org/1999/xhtml"><h1>Hacked by Team X</h1>
<h2>Owned by Team X, greetz to all hackers</h2>
</body></foreignObject><script>location.href='https://evil.example/'</script></svg>"""


def test_a_defacement_inside_an_svg_is_read_as_the_page_it_is() -> None:
    done = visit(serves(SVG, "Content-Type: image/svg+xml"))
    assert done.events[0]["citywatch.portal.defaced.score"] >= 0.5


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
        "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://user:pw@169.254.169.254/",
        "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
        "http://10.0.0.1/", "http://[fd00:ec2::254]/", "//169.254.169.254/", "http://169.254.169.254.:80/",
    ],
)  # fmt: skip
def test_a_portal_that_leads_inside_is_told_and_nothing_is_asked_there(target: str) -> None:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(redirect(target.encode("utf-8").decode("latin-1")))

    done = visit(talk)
    event = done.events[0]
    assert event["citywatch.portal.error"] in {"refused_address", "bad_url", "bad_redirect", "dns"}
    assert event["citywatch.portal.available"] is False
    assert "destination.ip" not in event or event["destination.ip"].startswith("127.")


def test_a_server_that_speaks_no_tls_where_it_should_is_told(tmp_path: Path) -> None:
    async def script() -> Visit:
        async with serving(serves(b"plain")) as port:
            sensor = PortalSensor(Fetch(allow_loopback=True, timeout_s=1.0), system_clock, budget=HOME)
            try:
                portal = Portal(id="p", url=f"https://127.0.0.1:{port}/", name="P", agency="a")
                return await sensor.visit(portal)
            finally:
                await sensor.close()

    done = asyncio.run(script())
    assert done.error in {"tls", "cut_off", "connect", "timeout"}
    assert tmp_path.exists()


def test_a_self_signed_portal_is_looked_at_and_its_certificate_told() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - untyped in trustme
    event = visit(serves(b"<title>x</title>"), tls=context).events[0]
    assert event["citywatch.portal.available"] is True
    assert event["citywatch.portal.certificate.problem"] == "unknown_issuer"


def test_robots_and_site_maps_that_are_huge_or_endless_do_not_hold_a_visit_up() -> None:
    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        path = line.split()[1]
        if path == "/":
            writer.write(answer(b'<title>x</title><a href="/tin">t</a>', HTML))
        elif path == "/robots.txt":
            writer.write(answer(b"Sitemap: /map-1.xml\n" * 100_000, "Content-Type: text/plain"))
        elif "map" in path:
            number = len(path)
            index = f"<sitemapindex><sitemap><loc>/{'m' * number}map.xml</loc></sitemap></sitemapindex>"
            writer.write(answer(index.encode() * 1000))
        else:
            writer.write(answer(b"<title>inner</title>", HTML))

    began = time.monotonic()
    done = visit(talk, budget=Budget(inner_pages=3, probes=False, sitemap=True, recheck_s=0))
    assert done.available
    assert time.monotonic() - began < 10
