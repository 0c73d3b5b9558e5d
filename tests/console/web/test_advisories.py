"""Can people bring an advisory in, begin its campaign and follow it, and programs too?"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from citywatch.model import System, to_doc
from citywatch.ports import Query
from console.advisories import SEEN, SILENT, UNPROVEN, UNTOLD
from console.web.advisories import note_said
from tests.citywatch.respond.test_csaf import document
from tests.console.test_advisories import CSAF
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_api import bearer

pytestmark = pytest.mark.usefixtures("city")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def told(house: SmallHouse) -> str:
    agency = house.store.find("agency", Query(order="id")).records[0].id
    system = System(
        id="s1", name=HOSTILE, agency=agency, vendor="Apache", product="HTTP Server", version="2.4.49"
    )
    house.store.put_many("system", {"s1": to_doc(system)})
    return agency


class Begun:
    """A runner that is only asked to begin."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def start_by_hand(self, name: str, alert: Any, by: str, inputs: Any = None, *, once: str = "") -> str:
        assert inputs["advisory"] == "CB-2026-17"
        self.asked.append((name, alert.agency, by))
        return f"run-{once}"


def first_id(house: SmallHouse) -> str:
    return house.store.find("advisory", Query(order="received_at")).records[0].id


def test_a_file_is_read_matched_and_begun_and_a_look_settles_it(
    browser: Browser, house: SmallHouse, told: str
) -> None:
    browser.log_in("lan")
    token = browser.token("/advisories")
    files = {"file": ("../../cb.json", CSAF, "application/json")}
    page = browser.post("/advisories", data={"csrf": token, "source": ""}, files=files).text
    assert "Taken in; it concerns 1 assets." in page
    assert HOSTILE not in page
    assert "CB-2026-17" in page
    path = f"/advisories/{first_id(house)}"
    runner = house.runner = Begun()
    page = browser.submit(path, page=path, do="start").text
    assert "1 more agencies are told now." in page
    assert runner.asked == [("advisory_campaign", told, "lan")]
    assert "Campaign runs" in browser.get("/advisories").text
    page = browser.submit(path, page=path, do="check").text
    assert "1 assets were looked at." in page
    asset = house.store.find("affected", Query(order="id")).records[0].id
    page = browser.submit(
        f"{path}/say", page=path, asset=asset, state="proven", note="seen", version="2.4.50"
    ).text
    assert "Not written down" in page
    page = browser.submit(f"{path}/say", page=path, asset=asset, state="not_affected", note="tắt rồi").text
    assert "Not affected" in page
    assert "1/1" in browser.get("/advisories").text
    assert "Closed" in browser.submit(path, page=path, do="close").text


def test_what_cannot_be_read_or_is_no_product_is_told(browser: Browser, house: SmallHouse) -> None:
    browser.log_in("lan")
    files = {"file": ("x.bin", b"\x7fELF\0\0\0", "application/pdf")}
    page = browser.post("/advisories", data={"csrf": browser.token("/advisories")}, files=files).text
    assert "cannot be read as an advisory" in page
    page = browser.submit("/advisories", page="/advisories", text=f"Số: 5/CB\nCảnh báo {HOSTILE}").text
    assert HOSTILE not in page
    path = f"/advisories/{first_id(house)}"
    assert (
        "Name the product" in browser.submit(f"{path}/product", page=path, name="nginx", versions="cũ").text
    )
    page = browser.submit(f"{path}/product", page=path, name="nginx", versions="< 1.25").text
    assert "nginx" in page
    assert "Not possible yet" in browser.submit(path, page=path, do="start").text or house.runner is None


def test_programs_bring_advisories_in_too(browser: Browser, house: SmallHouse, told: str) -> None:
    headers = bearer(house)

    def post(given: dict[str, str]) -> Any:
        return browser.post("/api/v1/advisories", json=given, headers=headers)

    answer = post({"text": CSAF.decode(), "name": "a.json"})
    assert (answer.status_code, answer.json()["number"], answer.json()["agencies"]) == (200, "CB-2026-17", 1)
    again = post({"base64": base64.b64encode(CSAF).decode()})
    assert again.json()["known"] is True
    large = document()
    large["document"]["notes"][0]["text"] = "x" * 300_000
    large["document"]["tracking"]["id"] = "CB-2026-18"
    assert post({"text": json.dumps(large)}).json()["number"] == "CB-2026-18"
    assert told
    wrong_ones: tuple[dict[str, str], ...] = (
        {},
        {"text": "a", "base64": "YQ=="},
        {"base64": "***"},
        {"text": "\x7fELF\0"},
    )
    assert [post(wrong).status_code for wrong in wrong_ones] == [400, 400, 400, 400]
    listed = browser.get("/api/v1/advisories", headers=headers).json()
    assert {one["number"] for one in listed["advisories"]} == {"CB-2026-17", "CB-2026-18"}


def test_what_a_look_found_is_said_in_the_reader_s_language() -> None:
    for note, vi in (
        (SILENT % "timeout", "không trả lời: timeout"),
        (UNTOLD, "không (còn) cho biết có chạy phần mềm này: chưa chứng minh được gì"),
        (UNPROVEN % "2.x", "tự báo là '2.x': chưa chứng minh được gì"),
        (SEEN % "Apache 2.4.51", "thấy: Apache 2.4.51"),
        ("anh An nói đã vá", "anh An nói đã vá"),
    ):
        assert (note_said("vi", note), note_said("en", note)) == (vi, note)
