"""Is a script that was changed in place seen, and an update not taken for one?"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

from citywatch.clock import system_clock
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Portal
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.scripts import Scripts
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, accept
from tests.sensors.portal.hostile import answer, serving
from tests.sensors.portal.test_names import ROOT

LIBRARY = "function menu(){document.body.classList.toggle('open')}"
REDIRECT = ";if(document.referrer.indexOf('google')>0){location.href='https://kubong88.vip/'}"
PACKED = "eval(function(p,a,c,k,e,d){return p}('0',1,1,''.split('|'),0,{}))"


def looks(*texts: str, accept_after: int = -1, kept: dict[str, bytes] | None = None) -> list[list[Event]]:
    """Visit once with each text of the library; gives the script events of each visit, and what was kept."""
    kept = {} if kept is None else kept
    now = ""

    def keep(raw: bytes, _: str) -> str:
        name = sha256(raw).hexdigest()
        kept[name] = raw
        return name

    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        page = "<h1>So</h1><script src=/lib/menu.js?v=1></script><script src=/gone.js></script>"
        home, script = " / " in line, "menu.js" in line
        body = page if home else now if script else "no"
        writer.write(
            answer(body.encode(), "Content-Type: text/html", status="200 OK" if home or script else "404 No")
        )

    async def script() -> list[list[Event]]:
        nonlocal now
        told: list[list[Event]] = []
        baseline: Baseline | None = None
        budget = Budget(
            views=(DESKTOP,), inner_pages=0, probes=False, recheck_s=0, witnesses=(Scripts(),), ask_all=True
        )
        async with serving(talk) as port:
            sensor = PortalSensor(
                Fetch(allow_loopback=True, timeout_s=5), system_clock, keep=keep, budget=budget
            )
            for number, text in enumerate(texts):
                now = text
                done = await sensor.visit(
                    Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a"), baseline
                )
                baseline = done.baseline
                if number == accept_after:
                    baseline = accept(done, by="lan", at="2026-11-27T00:00:00.000000Z")
                told.append([event for event in done.events if event["event.dataset"] == "portal.script"])
            await sensor.close()
        return told

    return asyncio.run(script())


def test_a_line_added_to_a_library_is_told_until_it_is_gone_and_kept_for_yara() -> None:
    first, quiet, changed, still, mended = looks(
        LIBRARY, LIBRARY, LIBRARY + REDIRECT, LIBRARY + REDIRECT, LIBRARY
    )
    assert (first, quiet, mended) == ([], [], [])
    for (event,) in (changed, still):
        assert "script.redirects" in event["citywatch.portal.change.dangerous"]
        assert event["citywatch.evidence.what"] == ["script"]
    book = Rulebook.load(ROOT / "rules" / "sigma" / "portal")
    assert len(list(book.judge([changed[0] | {"event.sequence": 1}]))) == 1


def test_a_yara_rule_judges_the_script_that_was_kept(tmp_path: Path) -> None:
    (tmp_path / "lead.yar").write_text(
        'rule leads_to_a_betting_house { strings: $a = "kubong88.vip" condition: $a }', encoding="utf-8"
    )
    kept: dict[str, bytes] = {}
    _, _, (updated,), (changed,) = looks(
        LIBRARY, LIBRARY, LIBRARY + ";var b=2", LIBRARY + ";var b=2" + REDIRECT, kept=kept
    )
    book = Rulebook.load(tmp_path, evidence=kept.get)
    assert list(book.judge([updated | {"event.sequence": 1}])) == []
    (match,) = book.judge([changed | {"event.sequence": 2}])
    assert match.rule.id.endswith("/lead.yar:leads_to_a_betting_house")
    assert match.rule.language == "yara"


def test_an_update_is_kept_and_no_danger_and_what_a_library_always_did_is_none() -> None:
    _, (updated,), quiet = looks(LIBRARY, LIBRARY + ";var b=2", LIBRARY + ";var b=2")
    assert "citywatch.portal.change.dangerous" not in updated
    assert quiet == []
    (first,), second, (third,) = looks(PACKED, PACKED, PACKED + ";var c=1")
    assert "citywatch.portal.change.dangerous" not in first
    assert second == []
    assert "citywatch.portal.change.dangerous" not in third


def test_what_was_accepted_is_told_no_more() -> None:
    told = looks(LIBRARY, LIBRARY + REDIRECT, LIBRARY + REDIRECT, accept_after=1)
    assert len(told[1]) == 1
    assert told[2] == []
