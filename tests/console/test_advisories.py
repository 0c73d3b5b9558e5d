"""Does a warning become a campaign that is told, followed and proven by looking at the real portal?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from citywatch.model import Agency, Portal, System, Ticket, from_doc, to_doc
from citywatch.ports import Everything, Query
from citywatch.respond import casework
from citywatch.respond.advisory import AffectedAsset, Product
from citywatch.respond.lifecycle import change_ticket
from citywatch.settings import load_settings
from console.advisories import AdvisoryError
from console.campaign import progress, task_text
from console.house import House
from tests.citywatch.respond.test_csaf import document
from tests.console.mailbox import Box, mailbox

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
CSAF = json.dumps(document()).encode()


@dataclass
class Site:
    """A portal on loopback that says which server it is."""

    version: str = "2.4.49"
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "<html><head><title>Cổng</title></head><body><p>Xin chào.</p></body></html>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def version_string(self) -> str:
                return f"Apache/{site.version} (Ubuntu)" if site.version else "Apache"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def box() -> Iterator[Box]:
    with mailbox() as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, site: Site, box: Box) -> Iterator[House]:
    settings = load_settings(
        tmp_path,
        environ={"CITYWATCH_FETCH_ALLOW_LOOPBACK": "true"},
        overrides={"mail": {"host": "127.0.0.1", "port": box.port, "sender": "csirt@hanoi.gov.vn"}},
    )
    with House(settings, lambda: NOW) as made:
        store = made.store
        agencies = [Agency(id=name, name=name, email=f"{name}@gov.vn") for name in ("so-a", "so-b", "so-c")]
        store.put_many("agency", {one.id: to_doc(one) for one in agencies})
        portal = Portal(id="cong-a", url=site.url, name="Cổng A", agency="so-a")
        store.put_many("portal", {portal.id: to_doc(portal)})
        store.put_many("software", {"cong-a": {"portal": "cong-a", "at": "", "software": ["Apache/2.4.49"]}})
        systems = [
            System(id="mot-cua", name="Một cửa", agency="so-b", product="Apache httpd", version="2.4.50"),
            System(id="moi", name="Mới", agency="so-c", vendor="Apache", product="httpd", version="2.4.62"),
            System(id="an", name="Ẩn", agency="so-b", product="Apache HTTP Server"),
        ]  # fmt: skip
        store.put_many("system", {one.id: to_doc(one) for one in systems})
        yield made


def by_asset(house: House, advisory_id: str) -> dict[str, AffectedAsset]:
    return {one.asset: one for one in house.advisories.follow(advisory_id)}


def ticket(house: House, ticket_id: str) -> Ticket:
    record = house.store.get("ticket", ticket_id)
    assert record
    return from_doc(record.doc, Ticket)


def begun(house: House) -> str:
    came = house.advisories.take_in(CSAF, "a.json", by="lan")
    house.advisories.start(came.advisory.id, house.runner, by="lan")
    while house.runner.tick():
        pass
    return came.advisory.id


def test_what_runs_in_the_range_is_sure_what_hides_its_version_is_not_and_what_is_newer_is_left_out(
    house: House,
) -> None:
    came = house.advisories.take_in(CSAF, "a.json", by="lan")
    assert {one.asset: one.sure for one in came.assets} == {"cong-a": True, "mot-cua": True, "an": False}
    again = house.advisories.take_in(CSAF, "other-name.json", by="minh")
    assert (again.known, again.advisory.id) == (True, came.advisory.id)
    assert house.store.tally("ticket", Everything(), "state") == []


def test_a_campaign_is_a_ticket_and_a_letter_for_each_agency_and_beginning_it_again_doubles_nothing(
    house: House, box: Box
) -> None:
    advisory_id = begun(house)
    assets = by_asset(house, advisory_id)
    first, second = ticket(house, assets["cong-a"].ticket_id), ticket(house, assets["mot-cua"].ticket_id)
    assert (first.agency, second.agency) == ("so-a", "so-b")
    assert assets["an"].ticket_id == second.id
    assert {task.text for task in second.tasks} == {task_text(assets["mot-cua"]), task_text(assets["an"])}
    assert "Mot" not in first.guide_vi
    assert "Cổng A [cong-a]: Apache 2.4.49" in first.guide_vi
    assert "HTTP Server → 2.4.51" in first.guide_vi
    assert sorted(to[0] for to, _ in box.letters) == ["so-a@gov.vn", "so-b@gov.vn"]
    assert "CB-2026-17" in str(box.letters[0][1]["Subject"])
    house.advisories.start(advisory_id, house.runner, by="minh")
    while house.runner.tick():
        pass
    by_asset(house, advisory_id)
    assert len(box.letters) == 2
    assert len(house.store.find("ticket", Query(order="id")).records) == 2
    assert len(ticket(house, second.id).tasks) == 2


def test_a_look_at_the_portal_proves_what_is_fixed_and_disproves_what_is_only_said(
    house: House, site: Site
) -> None:
    advisory_id = begun(house)
    asset = by_asset(house, advisory_id)["cong-a"]
    task = ticket(house, asset.ticket_id).tasks[0]
    at = "2026-11-22T09:00:00.000000Z"
    change_ticket(
        house.store,
        asset.ticket_id,
        lambda held: casework.with_task_done(held, task.id, by="so-a-1", at=at),
    )
    assert by_asset(house, advisory_id)["cong-a"].state == "said_fixed"
    house.advisories.prove(advisory_id, only="cong-a")
    asset = by_asset(house, advisory_id)["cong-a"]
    assert (asset.state, asset.version_now) == ("still_affected", "2.4.49")
    assert not ticket(house, asset.ticket_id).tasks[0].done_at
    site.version = ""
    house.advisories.prove(advisory_id, only="cong-a")
    asset = by_asset(house, advisory_id)["cong-a"]
    assert (asset.state, "proves nothing" in asset.note) == ("still_affected", True)
    site.version = "2.4.62"
    house.advisories.prove(advisory_id, only="cong-a")
    asset = by_asset(house, advisory_id)["cong-a"]
    assert (asset.state, asset.version_now, asset.changed_by) == ("proven", "2.4.62", "recheck")
    told = ticket(house, asset.ticket_id)
    assert told.tasks[0].done_by == "recheck"
    assert [line.what for line in told.history if line.what.startswith("asset_")] == [
        "asset_still_affected",
        "asset_proven",
    ]
    rows = {row["agency"]: row for row in progress(house.advisories.assets(advisory_id))}
    assert (rows["so-a"]["done"], rows["so-b"]["done"]) == ("1/1", "0/2")


def test_what_no_look_can_prove_needs_the_word_of_two(house: House) -> None:
    advisory_id = begun(house)
    asset = by_asset(house, advisory_id)["mot-cua"]
    say = house.advisories.say
    with pytest.raises(AdvisoryError, match="still one that the warning names"):
        say(asset.id, "said_fixed", by="so-b-1", version="2.4.50")
    say(asset.id, "said_fixed", by="so-b-1", version="2.4.62")
    with pytest.raises(AdvisoryError, match="a second person"):
        say(asset.id, "proven", by="so-b-1", version="2.4.62", note="seen")
    with pytest.raises(AdvisoryError, match="needs a reason"):
        say(asset.id, "proven", by="lan")
    assert say(asset.id, "proven", by="lan", note="ảnh chụp màn hình trong phiếu").state == "proven"
    with pytest.raises(AdvisoryError, match="2 of its assets are not proven"):
        house.advisories.close(advisory_id, by="lan")
    assert house.advisories.close(advisory_id, by="lan", note="chuyển sang đợt sau").state == "closed"


def test_a_person_says_which_product_a_bare_warning_means(house: House) -> None:
    came = house.advisories.take_in("Cảnh báo 7/CB\nKhẩn.".encode(), "tin.txt", by="lan")
    assert came.assets == ()
    with pytest.raises(AdvisoryError, match="concerns nothing"):
        house.advisories.start(came.advisory.id, house.runner, by="lan")
    product = Product(vendor="Apache", name="HTTP Server", versions="< 2.4.60")
    house.advisories.put_product(came.advisory.id, product, by="lan")
    assert set(by_asset(house, came.advisory.id)) == {"cong-a", "mot-cua", "an"}


def test_indicators_of_a_warning_are_watched_for_and_an_unread_revision_replaces_the_old(
    house: House,
) -> None:
    text = "Số: 8/CB\nCảnh báo\nMáy chủ điều khiển: evil[.]example, 198.51.100[.]7\n"
    came = house.advisories.take_in(text.encode(), "tin.txt", by="lan", source="A05")
    assert (came.advisory.indicators, came.advisory.watched) == (2, True)
    assert house.warnings.about("evil.example")[0].reference == "8/CB"
    first = house.advisories.take_in(CSAF, "a.json", by="lan").advisory
    newer = document()
    newer["document"]["tracking"]["version"] = "3"
    newer["document"]["title"] = "Corrected"
    second = house.advisories.take_in(json.dumps(newer).encode(), "a.json", by="lan").advisory
    assert (second.id, second.title, second.revision) == (first.id, "Corrected", "3")
    older = house.advisories.take_in(CSAF, "a.json", by="lan")
    assert (older.known, older.advisory.title) == (True, "Corrected")
