"""What does a console in a test stand on? A real store in its own folder, a small city, real requests."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import dns.asyncresolver
import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from citywatch.clock import stamp
from citywatch.detect.indicators import Indicators
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.model import Alert, Rule, to_doc
from citywatch.ports import Query, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.law import Law, load_law
from citywatch.respond.playbook import load_playbooks
from citywatch.respond.run import Run, StepState
from citywatch.respond.runner import Runner
from citywatch.respond.shape import Playbook
from citywatch.respond.sla import Sla, load_sla
from citywatch.settings import Settings, load_settings
from citywatch.store import open_store
from citywatch.store.custody import Custody
from console import face_preview
from console.indicators import Warnings
from console.packets import Packets
from console.web import accounts, seed
from console.web.accounts import User
from console.web.app import make_app
from sensors.portal.proof import Proof, prove

PASSWORD = "mat-khau-rat-dai"
PAGE = b"<html><script>alert('proof')</script>Hacked</html>"
PAGE_HASH = sha256(PAGE).hexdigest()


@dataclass
class Ticking:
    """A clock that a test may move."""

    now: datetime = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass
class Kept:
    """Evidence of one page."""

    held: dict[str, bytes] = field(default_factory=lambda: {PAGE_HASH: PAGE})

    def get(self, sha256: str) -> bytes | None:
        return self.held.get(sha256)

    def keep(self, raw: bytes, media_type: str) -> str:
        assert media_type
        name = sha256(raw).hexdigest()
        self.held[name] = raw
        return name


@dataclass
class SmallHouse:
    """What the console asks of a house."""

    settings: Settings
    clock: Ticking
    store: Store
    evidence: Kept = field(default_factory=Kept)
    rules: Mapping[str, Rule] = field(default_factory=seed.rules)
    runner: Any = None
    names: dns.asyncresolver.Resolver | None = None
    """Who is asked for TXT records; a test may put its own server here."""
    warnings: Warnings = field(init=False)
    preview: face_preview.Preview = field(default_factory=lambda: face_preview.Preview(id="", at="", by=""))
    """What a look at a portal shows."""
    letters: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def __post_init__(self) -> None:
        folder = self.settings.data
        journal = LmdbJournal(
            folder / "journal", cap_mb=16, drop_oldest=False, clock=self.clock, readers=("judge",)
        )
        indicators = Indicators(folder / "indicators.db")
        self.warnings = Warnings(indicators=indicators, journal=journal, store=self.store, clock=self.clock)

    @property
    def custody(self) -> Custody:
        return Custody(self.settings.data / "custody")

    @property
    def playbooks(self) -> Sequence[Playbook]:
        return _playbooks()

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
        return asyncio.run(prove(url, token, self.settings.fetch, resolver=self.names))

    def recheck(self, portal_id: str) -> Mapping[str, Any]:
        return {"portal": portal_id, "available": True, "alerting": False}

    def accept_face(self, portal_id: str, by: str) -> str:
        return f"{portal_id} by {by}"

    def preview_face(self, portal_id: str, by: str) -> face_preview.Preview:
        taken = replace(self.preview, id=portal_id, by=by, at=stamp(self.clock()))
        self.store.put_many(face_preview.KIND, {portal_id: to_doc(taken)})
        return taken

    def packets(self, alert_id: str, by: str) -> Packets:
        raw = f"packets of {alert_id} for {by}".encode()
        kept = sha256(raw).hexdigest()
        self.evidence.held[kept] = raw
        return Packets(sha256=kept, size=len(raw), packets=1, left_out=0, source="in0")

    def software_now(self, kind: str, asset: str) -> Mapping[str, Any]:
        return {"kind": kind, "asset": asset, "available": True, "software": ["nginx/1.27.0"]}

    def mail(self, key: str, to: str, subject: str, text: str) -> str:
        self.letters.append((to, subject, text))
        return f"{key} sent to {to}"

    def health(self) -> Mapping[str, Any]:
        state = self.store.health()
        page = self.store.find("health", Query(order="part"))
        known = {"ok": state.ok, "name": self.store.name, "what": state.what, "events": state.events}
        known |= {"bytes": state.bytes, "refused": state.refused, "records": dict(state.records)}
        return {"ok": state.ok, "store": known, "parts": [record.doc for record in page.records]}


@cache
def _playbooks() -> Sequence[Playbook]:
    return load_playbooks(load_settings(Path("/nowhere"), environ={}).content_dir / "playbooks")[0]


@cache
def _hash() -> str:
    return accounts.hash_password(PASSWORD)


def waiting_run(house: SmallHouse, alert: Alert) -> Run:
    """A run that the lead started and that waits for a second person, with a runner that knows it."""
    run = Run(
        id="run1", playbook="web_defacement", version=1, digest="d", alert=alert, alert_id=alert.id,
        group="g", group_id="g", state="waiting", started_by="lead", updated_at="2026-11-22T08:00:00.000000Z",
        steps=(StepState(step="takedown", state="waiting", due_at="2026-11-22T20:00:00.000000Z"),),
    )  # fmt: skip
    house.store.put_many("run", {run.id: to_doc(run)})
    house.runner = Runner(house.store, (), {}, Catalogue(house.store), house.clock)
    return run


class Browser(TestClient):
    """A browser without scripts: keeps cookies, follows redirects, finds the forms' tokens."""

    def token(self, path: str = "/login") -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def submit(self, path: str, *, page: str = "/alerts", **values: Any) -> httpx.Response:
        """Post a form that stands on a page."""
        return self.post(path, data={"csrf": self.token(page)} | values)

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.submit("/login", page="/login", name=name, password=password)


ROLES = {
    "admin": ("", "admin"),
    "lead": ("", "lead"),
    "lan": ("", "analyst"),
    "viewer": ("", "read_only"),
    "yte": ("so-y-te", "agency"),
    "giaoduc": ("so-giao-duc", "agency"),
    "ytechinh": ("so-y-te", "agency_admin"),
}


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallHouse]:
    if "city" in request.fixturenames:
        small: SmallCity = request.getfixturevalue("small_city")
        shutil.copytree(small.folder, tmp_path, dirs_exist_ok=True)
    settings = load_settings(tmp_path, environ={})
    clock = Ticking()
    store = open_store(settings, clock)
    yield SmallHouse(settings, clock, store)
    store.close()


@dataclass(frozen=True)
class SmallCity:
    """The folder of a store with the small city in it, to be copied."""

    folder: Path
    alerts: list[Alert]


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    folder = tmp_path_factory.mktemp("city")
    clock = Ticking()
    store = open_store(load_settings(folder, environ={}), clock)
    people(store)
    alerts = seed.fill(store, clock, number=120, evidence=PAGE_HASH)
    store.close()
    return SmallCity(folder, alerts)


def people(store: Store) -> None:
    """One account of each role; the hash is made once, since it is slow on purpose."""
    made = {
        name: to_doc(
            User(id=name, name=name.title(), role=role, agency=agency, password=_hash(), language="en")
        )
        for name, (agency, role) in ROLES.items()
    }
    store.put_many("user", made)


@pytest.fixture
def city(small_city: SmallCity) -> list[Alert]:
    """The small city and one account of each role: `house` has them when a test asks for this."""
    return small_city.alerts


@pytest.fixture
def app(house: SmallHouse) -> Starlette:
    return make_app(house)


@pytest.fixture
def browser(app: Starlette) -> Iterator[Browser]:
    with Browser(app, base_url="http://localhost") as made:
        yield made
