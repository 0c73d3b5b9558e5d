"""What does every screen look like? `python -m console.web.shots --out DIR [--documented]`

Fills a store in a folder of its own with the invented small city, serves the console on loopback and takes a
picture of each screen: Vietnamese and English, light and dark, desktop and phone. Needs the extra `pictures`
and a Chromium on the machine.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette

from citywatch.clock import Clock, stamp, system_clock
from citywatch.detect.indicators import Indicators
from citywatch.errors import CityWatchError
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.model import Alert, Rule, to_doc
from citywatch.ports import Query, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.law import Law, load_law
from citywatch.respond.playbook import load_playbooks
from citywatch.respond.runner import Runner
from citywatch.respond.shape import Playbook
from citywatch.respond.sla import Sla, load_sla
from citywatch.settings import Settings, load_settings
from citywatch.store import open_store
from citywatch.store.custody import Custody
from citywatch.watch import JUDGE
from console import standing
from console.advisories import Advisories
from console.face_preview import Preview
from console.indicators import Warnings
from console.packets import Packets
from console.web import accounts, bench, invite, seed, sessions, showcase
from console.web.accounts import User
from console.web.app import make_app
from console.web.door import COOKIE
from console.web.invite import Invite
from sensors.portal.proof import Proof

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "chi-de-chup-man-hinh"  # noqa: S105 - of a store that is thrown away
INVITED = "loi-moi-cho-don-vi"
_PROOF = b"<!doctype html><title>Hacked</title><h1>Hacked by ...</h1><script>alert(1)</script>"
_PHONE = {"width": 390, "height": 844}
_DESK = {"width": 1920, "height": 1080}


@dataclass(frozen=True, slots=True)
class OneProof:
    """Evidence: one page."""

    held: dict[str, bytes]

    def get(self, sha256: str) -> bytes | None:
        return self.held.get(sha256)

    def keep(self, raw: bytes, media_type: str) -> str:
        """Keep it as long as the pictures take, whatever its type."""
        del media_type
        name = sha256(raw).hexdigest()
        self.held[name] = raw
        return name


@dataclass(slots=True)
class ShowHouse:
    """A house that is only to be looked at."""

    settings: Settings
    clock: Clock
    store: Store
    evidence: OneProof
    warnings: Warnings
    rules: Mapping[str, Rule] = field(default_factory=seed.rules)
    runner: Runner | None = None

    @property
    def custody(self) -> Custody:
        return Custody(self.settings.data / "custody")

    @property
    def playbooks(self) -> Sequence[Playbook]:
        return load_playbooks(self.content_dir / "playbooks")[0]

    @property
    def sla(self) -> Sla:
        return load_sla(self.settings.data, self.settings.timezone)

    @property
    def law(self) -> Law:
        return load_law(self.settings.data, self.settings.timezone)

    @property
    def content_dir(self) -> Path:
        return self.settings.content_dir

    def prove(self, url: str, token: str) -> Proof:
        """Nothing is asked over the network for a picture."""
        return Proof(detail=f"{url}: not asked for {token}")

    def recheck(self, portal_id: str) -> Mapping[str, Any]:
        """Nothing is visited for a picture."""
        return {"portal": portal_id, "available": False}

    def accept_face(self, portal_id: str, by: str) -> str:
        """Nothing is visited for a picture."""
        return f"{portal_id}: not accepted by {by}"

    def preview_face(self, portal_id: str, by: str) -> Preview:
        """Nothing is visited for a picture."""
        raise CityWatchError(f"{portal_id}: not visited for {by}")

    def packets(self, alert_id: str, by: str) -> Packets:
        """There are no packets behind a picture."""
        raise CityWatchError(f"{alert_id}: nothing to keep for {by}")

    def software_now(self, kind: str, asset: str) -> Mapping[str, Any]:
        """Nothing is visited for a picture."""
        return {"available": False, "software": [], "error": f"{kind} {asset}: not visited"}

    def mail(self, key: str, to: str, subject: str, text: str) -> str:
        """Nothing is sent for a picture."""
        return f"{key}: '{subject}' with {len(text)} letters is not sent to {to}"

    def health(self) -> Mapping[str, Any]:
        state = self.store.health()
        page = self.store.find("health", Query(order="part"))
        known = {"ok": state.ok, "name": self.store.name, "what": state.what, "events": state.events}
        known |= {"bytes": state.bytes, "refused": state.refused, "records": dict(state.records)}
        return {"ok": state.ok, "store": known, "parts": [record.doc for record in page.records]}


@contextmanager
def show_house(folder: Path, *, number: int = 400, clock: Clock = system_clock) -> Generator[ShowHouse]:
    """The small city in a store of its own, with accounts, a waiting approval and parts of a service."""
    settings = load_settings(folder, environ={})
    store = open_store(settings, clock)
    proof = sha256(_PROOF).hexdigest()
    indicators = Indicators(folder / "indicators.db")
    indicators.add(seed.indicators())
    journal = LmdbJournal(folder / "journal", cap_mb=16, drop_oldest=True, clock=clock, readers=(JUDGE,))
    warnings = Warnings(indicators=indicators, journal=journal, store=store, clock=clock)
    house = ShowHouse(settings, clock, store, OneProof({proof: _PROOF}), warnings)
    made = seed.fill(store, clock, number=number, evidence=proof)
    people = (("lan", "Nguyễn Ngọc Lan", "admin", ""), ("yte", "Trần Văn Minh", "agency", "so-y-te"))
    for name, full, role, agency in people:
        accounts.add_user(store, clock, User(id=name, name=full, role=role, agency=agency), PASSWORD)
    coded = accounts.get_user(store, "yte")
    if coded is not None:  # asked for a code after the password, so that this screen can be seen
        accounts.change_user(store, replace(coded, totp="sealed"))
    deeds = (("login", "10.10.4.21"), ("alerts_close", "12"), ("evidence_read", "HN-2026-000003"))
    for deed, about in deeds:
        accounts.write_audit(store, clock, "lan", deed, about)
    now = stamp(clock())
    parts = {
        "judge": {"events": 18_204, "matches": 412},
        "shipper": {"events": 18_204},
        "sensor:portal": {"pages": 96},
        "journal": {"waiting": 412, "dropped": 0, "kib": 20_480, "most_kib": 1_048_576},
        "lag:judge": {"behind": 0},
        "lag:ship": {"behind": 412},
    }
    store.put_many(
        "health",
        {
            name: {"part": name, "at": now, "counts": counts, "problems": [], "error": ""}
            for name, counts in parts.items()
        },
    )
    _show_more(house, made)
    draft = bench.blank(proof[:6], User(id="lan", name="Nguyễn Ngọc Lan"), now)
    store.put_many("draft", {"shown": to_doc(replace(draft, id="shown", sound=True))})
    house.runner = Runner(store, (), {}, Catalogue(store), clock)
    try:
        yield house
    finally:
        house.runner.close()
        store.close()


def _show_more(house: ShowHouse, made: Sequence[Alert]) -> None:
    """Rule texts, portals before and after, a run that waits, hunts."""
    warned = Advisories(
        store=house.store,
        clock=house.clock,
        keep=house.evidence.keep,
        get=house.evidence.get,
        warnings=house.warnings,
        software_now=house.software_now,
    )
    warned.take_in(showcase.ADVISORY.encode(), "canh-bao.txt", by="lan", source="NCSC", watch=False)
    for hunt in showcase.hunts(house.clock()):
        standing.keep(house.store, hunt)
    showcase.write_rules(house.settings.data, house.rules, seed.MATCHED)
    showcase.deface(house.store, house.evidence.keep)
    showcase.redesign(house.store, house.evidence.keep, house.clock())
    scanned = next((alert for alert in made if alert.title == "Port scan"), made[0])
    approved = next(one for one in house.playbooks if any(step.approve for step in one.steps))
    showcase.run_of(house.store, scanned, approved, house.clock())


@contextmanager
def served(house: ShowHouse) -> Generator[str]:
    """The console on a free port of loopback; gives its address."""
    with listening(make_app(house)) as address:
        yield address


@contextmanager
def listening(app: Starlette) -> Generator[str]:
    """Any application on a free port of loopback; gives its address."""
    # named TCP, else asyncio leaves the delay of small packets on: 40 ms a page
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def chromium() -> Generator[Browser]:
    """A real Chromium; without its sandbox only as root, since it sees our own pages only."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def log_in(house: ShowHouse, page: Page, address: str, name: str, **look: str) -> None:
    """Give a browser a session, and its account a language and a theme."""
    user = accounts.get_user(house.store, name)
    if user is None:
        raise LookupError(name)
    user = replace(user, **look)
    accounts.change_user(house.store, user)
    token, _ = sessions.open_session(house.store, house.clock, user, "Chromium")
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": address}])


def screens(house: ShowHouse) -> dict[str, str]:
    """Every screen by name, with a path that shows it."""
    alerts = [record.doc for record in house.store.find("alert", Query(order="last_seen", limit=400)).records]
    alert = next(doc for doc in alerts if doc["category"] == "defacement")
    ticket = house.store.find("ticket", Query(order="severity", limit=1)).records[0]
    advisory = house.store.find("advisory", Query(order="received_at", limit=1)).records[0]
    return {
        "advisories": "/advisories",
        "advisory": f"/advisories/{advisory.id}",
        "alerts": "/alerts",
        "alert": f"/alerts/{alert['id']}",
        "suppress": f"/alerts/{alert['id']}/suppress",
        "tickets": "/tickets",
        "ticket": f"/tickets/{ticket.id}",
        "search": "/search?range=7d&by=source.ip",
        "event": f"/events/{alert['event']['event.id']}",
        "overview": "/overview",
        "reports": "/reports",
        "wall": "/wall",
        "hunts": "/hunts",
        "rules": "/rules",
        "rule": f"/rules/{alert['rule_id']}",
        "bench": "/rules/drafts/shown",
        "portals": "/portals",
        "portal": f"/portals/{alert['asset']}",
        "portal_new": "/portals/new",
        "portal_proof": f"/portals/{alert['asset']}/proof",
        "portal_face": f"/portals/{alert['asset']}/face",
        "portal_pictures": f"/portals/{alert['asset']}/pictures",
        "people": "/people",
        "factor": "/me/factor",
        "agencies": "/agencies",
        "approvals": "/approvals",
        "difference": f"/alerts/{alert['id']}/difference",
        "playbooks": "/playbooks",
        "playbook": "/playbooks/defacement",
        "run": "/runs/shown",
        "indicators": "/indicators",
        "attack": "/attack?technique=T1491.002",
        "health": "/health",
        "suppressions": "/suppressions",
        "values": "/alerts/values",
        "me": "/me",
        "accounts": "/accounts",
        "setup": "/setup",
        "audit": "/audit",
        "allow": f"/alerts/{alert['id']}/allow",
        "allowances": "/allowances",
        "missing": "/nothing",
    }


def gates(house: ShowHouse) -> dict[str, str]:
    """Screens of somebody who is not logged in yet."""
    now = house.clock()
    invited = Invite(
        id=invite.id_of(INVITED), role="agency_admin", agency="so-y-te", by="lan",
        at=stamp(now), until=stamp(now + timedelta(days=7)),
    )  # fmt: skip
    house.store.put_many("invite", {invited.id: to_doc(invited)})
    return {
        "login": "/login",
        "welcome": "/welcome",
        "login_code": "/login/code",
        "join": f"/invite/{INVITED}",
    }


LOOKS = {
    "vi-light-desktop": ("vi", "light", _DESK),
    "en-dark-desktop": ("en", "dark", _DESK),
    "vi-light-phone": ("vi", "light", _PHONE),
    "en-dark-phone": ("en", "dark", _PHONE),
}


def take(out: Path) -> list[Path]:
    """Take all pictures; gives their files."""
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        show_house(Path(folder)) as house,
        served(house) as address,
        chromium() as browser,
    ):
        for look, (language, theme, view) in LOOKS.items():
            page = browser.new_page(viewport={"width": view["width"], "height": view["height"]})
            page.set_extra_http_headers({"accept-language": language})
            files.append(_shot(page, f"{address}/login", out / f"login-{look}.png"))
            log_in(house, page, address, "lan", language=language, theme=theme)
            for name, path in screens(house).items():
                files.append(_shot(page, address + path, out / f"{name}-{look}.png"))
            page.close()
    return files


DOCUMENTED: Mapping[str, tuple[str, str, str]] = {
    "inbox": ("alerts", "en", "light"),
    "alert": ("alert", "en", "light"),
    "difference": ("difference", "en", "dark"),
    "ticket": ("ticket", "en", "light"),
    "search": ("search", "en", "dark"),
    "bench": ("bench", "en", "light"),
    "run": ("run", "en", "dark"),
    "overview": ("overview", "vi", "light"),
    "attack": ("attack", "en", "light"),
    "health": ("health", "en", "light"),
    "wall": ("wall", "vi", "dark"),
    "portal": ("portal", "vi", "light"),
}
"""Pictures of README and docs: screen, language, colors."""


def take_documented(out: Path) -> list[Path]:
    """The pictures that the documents show, in few colors, and one of a phone."""
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        show_house(Path(folder)) as house,
        served(house) as address,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        paths = screens(house)
        for name, (screen, language, theme) in DOCUMENTED.items():
            log_in(house, page, address, "lan", language=language, theme=theme)
            files.append(_shot(page, address + paths[screen], out / f"{name}.png"))
        page.set_viewport_size({"width": _PHONE["width"], "height": _PHONE["height"]})
        log_in(house, page, address, "lan", language="vi", theme="light")
        files.append(_shot(page, address + "/alerts", out / "phone.png"))
    for file in files:
        _shrink(file)
    return files


def _shrink(file: Path) -> None:
    """Few colors are enough for a screen; a fifth of the bytes."""
    from PIL import Image

    with Image.open(file) as opened:
        small = opened.convert("RGB").quantize(96)
    small.save(file, optimize=True)


def _shot(page: Page, url: str, file: Path) -> Path:
    page.goto(url, wait_until="load")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=str(file))
    return file


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m console.web.shots", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument(
        "--documented", action="store_true", help="only those of the documents, in few colors"
    )
    chosen = parser.parse_args()
    if not CHROMIUM.exists():
        sys.stderr.write(f"{CHROMIUM} is absent: install Chromium (apt install chromium)\n")
        return 1
    for file in take_documented(chosen.out) if chosen.documented else take(chosen.out):
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
