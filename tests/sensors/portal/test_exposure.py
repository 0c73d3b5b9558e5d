"""Is an exposure proven by its content, never by its status?"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.clock import system_clock
from citywatch.model import Portal
from citywatch.settings import Fetch
from sensors.portal.exposure import find_exposure, masked, probes, proves
from sensors.portal.range import KINDS
from sensors.portal.visit import Budget, PortalSensor
from sensors.portal.walk import parse_page
from tests.sensors.portal.hostile import Talk, answer, serving

SOFT = (
    b"<html><head><title>Khong tim thay</title></head><body>Index of pages: DB_PASSWORD, CREATE TABLE, "
    b"ref: refs/heads</body></html>"
)


def _kinds(talk: Talk) -> list[str]:
    async def script() -> list[str]:
        async with serving(talk) as port:
            sensor = PortalSensor(
                Fetch(allow_loopback=True, timeout_s=3),
                system_clock,
                budget=Budget(inner_pages=0, recheck_s=0),
            )
            portal = Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a")
            try:
                events = (await sensor.visit(portal)).events
            finally:
                await sensor.close()
        return [
            str(event["citywatch.portal.exposure.kind"])
            for event in events
            if "citywatch.portal.exposure.kind" in event
        ]

    return asyncio.run(script())


def test_a_host_that_answers_everything_with_a_page_exposes_nothing() -> None:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(SOFT, "Content-Type: text/html"))

    assert _kinds(talk) == []


def test_a_host_that_answers_everything_with_a_dump_is_believed_in_nothing() -> None:
    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(
            answer(
                b"-- dump\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n", "Content-Type: text/plain"
            )
        )

    assert _kinds(talk) == []


def test_one_real_repository_is_found_among_soft_404s() -> None:
    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        real = " /.git/HEAD " in line
        writer.write(answer(b"ref: refs/heads/master\n" if real else SOFT))

    assert _kinds(talk) == ["git"]


@pytest.mark.parametrize("kind", [kind for kind, attack in KINDS.items() if attack.files])
def test_each_exposure_of_the_range_is_proven(kind: str) -> None:
    for path, sent in KINDS[kind].files:
        probe = next(item for item in probes() if item.path == path)
        assert proves(probe, sent.body) is not None


def test_secrets_in_a_proof_are_masked() -> None:
    proof = masked("APP_ENV=x\nDB_PASSWORD=hunter2\nAPI_TOKEN: 'abc'\nAWS=AKIAIOSFODNN7EXAMPLEAKIAIOSF")
    assert "hunter2" not in proof
    assert "abc" not in proof
    assert "AKIA" not in proof


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<title>Index of /data</title><a href='../'>Parent Directory</a>", "listing"),
        ("<TITLE>\u0130NDEX OF /</TITLE><pre>../ <a>../<", "listing"),
        ("<title>PHP 8.1 - phpinfo()</title>", "phpinfo"),
        ("<title>php\u0131nfo()</title>", "phpinfo"),
        ("<p>Whoops, look\u017f like something went wrong.</p>", "debug"),
        ("<title>DisallowedHost at /</title>", "debug"),
        ("<pre>Traceback (most recent call last):\n</pre>", "debug"),
        ("<b>Fatal error</b>: Uncaught x in <b>/var/www/a.php</b>", "debug"),
        ("<h1>Server Error in '/' Application.</h1><b>Stac\u212a Trace:</b>", "debug"),
        ("<p>You have an error in your SQL syntax; check the manual</p>", "debug"),
        ("<title>Apache2 Ubuntu Default Page: It works</title>", "default_page"),
        ("<title>WELCOME TO NGINX!</title>", "default_page"),
        ("<title>IIS Windows Server</title>", "default_page"),
        ("<title>Apache Tomcat/9.0.1</title>", "default_page"),
        ("<title>WordPress &rsaquo; Installation</title>", "install"),
        ("<title>Trang: WordPress \u203a Setup</title>", "install"),
        ("<title>CÀI ĐẶT NUKEVIET 4</title>", "install"),
        ("<title>Joomla! Web Installer</title>", "install"),
        ("<title>Trang chủ</title><p>Index of /data, phpinfo(), Installation, Setup", None),
        ("<p>Welcome to nginx! Traceback (most recent", None),
    ],
)
def test_what_a_page_shows_of_its_insides_is_seen(html: str, kind: str | None) -> None:
    found = find_exposure(parse_page(html.encode(), "https://a.vn/", "text/html; charset=utf-8"))
    assert (found.kind if found is not None else None) == kind


@given(st.binary(max_size=600))
def test_no_bytes_make_a_probe_raise(raw: bytes) -> None:
    assert all(proves(probe, raw) is None or probe.kind for probe in probes())
