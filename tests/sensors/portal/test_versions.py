"""Is a portal's software asked for its version and held against the table of known holes?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from citywatch import schema
from citywatch.clock import system_clock
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Portal
from citywatch.respond.version import Span
from citywatch.respond.vulnerability import Hole, Known
from citywatch.settings import Fetch
from sensors.portal.versions import Versions
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor
from tests.sensors.portal.hostile import Talk, answer, serving

ROOT = Path(__file__).parents[3]
TABLE = Known(
    holes=(
        Hole(cve="CVE-2017-1001000", product="wordpress", spans=(Span(low="4.7", high="4.7.1"),), score=7.5),
        Hole(cve="CVE-2020-1938", product="tomcat", spans=(Span(high="9.0.31", high_in=False),), score=9.8),
        Hole(
            cve="CVE-2021-41773",
            product="apache-httpd",
            spans=(Span(low="2.4.49", high="2.4.49"),),
            score=7.5,
        ),
        Hole(cve="CVE-2015-8562", product="joomla", spans=(Span(high="3.4.5"),), score=9.8),
        Hole(
            cve="CVE-2018-7600",
            product="drupal",
            spans=(Span(low="7", high="7.58", high_in=False),),
            score=9.8,
        ),
        Hole(cve="CVE-2022-1", product="nukeviet", spans=(Span(high="4.5"),), score=6.1),
    ),
    exploited=frozenset({"CVE-2021-41773", "CVE-2015-8562"}),
)
WORD = "<link href=/wp-content/themes/a.css><h1>Sở Y tế</h1>"


def look(home: str, files: dict[str, str], server: str = "nginx") -> list[Event]:
    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        path = line.split(" ")[1]
        body = home if path == "/" else files.get(path)
        status = "404 Not Found" if body is None else "200 OK"
        writer.write(
            answer((body or "no").encode(), "Content-Type: text/html", f"Server: {server}", status=status)
        )

    return [event for event in _visit(talk) if event["event.dataset"] == "portal.software"]


def _visit(talk: Talk) -> tuple[Event, ...]:
    async def script() -> tuple[Event, ...]:
        budget = Budget(
            views=(DESKTOP,),
            inner_pages=0,
            probes=False,
            recheck_s=0,
            witnesses=(Versions(known=lambda: TABLE),),
        )
        async with serving(talk) as port:
            sensor = PortalSensor(Fetch(allow_loopback=True, timeout_s=5), system_clock, budget=budget)
            try:
                return (
                    await sensor.visit(Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a"))
                ).events
            finally:
                await sensor.close()

    return asyncio.run(script())


@pytest.mark.parametrize(
    ("home", "files", "cve"),
    [
        (WORD, {"/readme.html": "<h1>WordPress</h1><br /> Version 4.7.1"}, "CVE-2017-1001000"),
        (WORD, {"/feed/": "<generator>https://wordpress.org/?v=4.7</generator>"}, "CVE-2017-1001000"),
        ("<meta name=generator content='WordPress 4.7.1'>", {}, "CVE-2017-1001000"),
        (
            "<script src=/media/jui/js/a.js></script>",
            {"/administrator/manifests/files/joomla.xml": "<version>3.4.5</version>"},
            "CVE-2015-8562",
        ),
        (
            "<a href=/sites/default/files/a>",
            {"/CHANGELOG.txt": "\nDrupal 7.57, 2018-02-21\n"},
            "CVE-2018-7600",
        ),
        ("<script>var nv_base_siteurl='/'</script>", {"/CHANGELOG.txt": "NukeViet 4.4.02"}, "CVE-2022-1"),
    ],
)
def test_a_version_is_found_where_its_system_keeps_it(home: str, files: dict[str, str], cve: str) -> None:
    (event,) = look(home, files)
    assert event["vulnerability.id"] == [cve]
    for name, value in event.items():
        field = schema.resolve(name)
        assert field is not None, name
        assert field.many == isinstance(value, list), name


@pytest.mark.parametrize(
    ("home", "files", "server"),
    [
        (WORD, {"/readme.html": "<br /> Version 6.7.1"}, "nginx"),
        ("<h1>Sở Y tế</h1>", {"/readme.html": "<br /> Version 4.7.1"}, "nginx"),
        (WORD, {}, "nginx"),
        ("<h1>a</h1>", {}, "Apache"),
    ],
)
def test_patched_hidden_and_other_software_is_silent(home: str, files: dict[str, str], server: str) -> None:
    assert look(home, files, server) == []


def test_what_is_exploited_is_grave_unless_a_distribution_may_have_patched_it() -> None:
    book = Rulebook.load(ROOT / "rules" / "sigma" / "portal")
    levels = {
        server: [
            match.rule.severity.name
            for match in book.judge([look("<h1>a</h1>", {}, server)[0] | {"event.sequence": 1}])
        ]
        for server in ("Apache/2.4.49", "Apache/2.4.49 (Ubuntu)")
    }
    assert levels == {"Apache/2.4.49": ["high"], "Apache/2.4.49 (Ubuntu)": ["low"]}
