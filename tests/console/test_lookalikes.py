"""Does a list of names become an alert about the page that imitates a portal, and start its playbook?"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from citywatch.model import Agency, Problem
from citywatch.ports import Query
from console import lookalikes
from console.house import House, open_house
from console.registry import put_agency, register_portal
from console.settle import settle
from tests.sensors.portal.hostile import answer, serving

GENUINE = (
    "<title>Cổng dịch vụ công thành phố</title><h1>Cổng dịch vụ công</h1>"
    "<p>Nộp hồ sơ trực tuyến cho tổ chức và công dân</p><p>Tra cứu tình trạng xử lý hồ sơ của bạn</p>"
)
SHOP = "<title>Giày dép</title><p>Giày da thật giá rẻ nhất thị trường hôm nay</p>"
FALSE = GENUINE + "<form action=/lay><input type=password></form>"
NAMES = ["dichvucongabc.top", "dichvucongabc.shop", "dichvuconqabc.com", "dichvucongabd.info", "khac.vn"]


class Leading(AbstractResolver):
    """Leads names to ports of loopback, whatever port is asked for; TLS is spoken nowhere."""

    def __init__(self, to: dict[str, int]) -> None:
        self._to = to

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        if host not in self._to:
            raise OSError("no such name")
        place = self._to[host] if port != 443 else 1
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=place, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Holds nothing."""


@pytest.fixture
def city(tmp_path: Path) -> Iterator[tuple[House, Leading]]:
    """A house with one portal, and who leads the names of a small false world to servers on loopback."""
    ready, stop = threading.Event(), threading.Event()
    pages: dict[int, str] = {}

    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        page = pages[writer.get_extra_info("sockname")[1]]
        writer.write(answer(page.encode(), "Content-Type: text/html; charset=utf-8"))

    async def serve() -> None:
        async with serving(talk) as one, serving(talk) as two, serving(talk) as three:
            pages.update({one: GENUINE, two: FALSE, three: SHOP})
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    one, two, three = pages
    leading = Leading({"dichvucongabc.gov.vn": one, NAMES[0]: two, NAMES[1]: three, NAMES[2]: three})
    (tmp_path / "citywatch.toml").write_text("[fetch]\nallow_loopback = true\ntimeout_s = 5\n", "utf-8")
    with open_house(tmp_path) as house:
        put_agency(house, Agency(id="so-tttt", name="Sở TT&TT", email="a@example.org"))
        register_portal(
            house, url="http://dichvucongabc.gov.vn/", name="DVC", agency="so-tttt", portal_id="dvc"
        )
        yield house, leading
    stop.set()
    thread.join(10)


def test_a_file_of_names_becomes_an_alert_about_the_page_that_imitates(
    city: tuple[House, Leading], tmp_path: Path
) -> None:
    house, leading = city
    problems: list[Problem] = []
    file = tmp_path / "zone.txt"
    file.write_text("\n".join(NAMES), "utf-8")
    told = lookalikes.import_files(house, [file], problems.append, lambda _: None)
    assert (told["names"], told["alike"], told["new"], problems) == (5, 4, 4, [])
    again = lookalikes.import_files(house, [file], problems.append, lambda _: None)
    assert again["new"] == 0
    rows = lookalikes.check(house, (), 100, lambda _: None, leading)
    states = {row["domain"]: row["state"] for row in rows}
    assert states == dict(zip(NAMES[:4], ("imitates", "resolves", "resolves", "unused"), strict=True))
    settle(house, lambda _: None)
    alerts = {
        record.doc["subject"]: record.doc
        for record in house.store.find("alert", Query(order="last_seen")).records
    }
    assert alerts[NAMES[0]]["title"] == "A page under a similar name imitates a portal"
    assert alerts[NAMES[0]]["severity"] == 3
    assert alerts[NAMES[2]]["title"] == "A name made to be taken for a portal's is in use"
    assert NAMES[1] not in alerts
    runs = house.store.find("run", Query(order="updated_at")).records
    assert {record.doc["playbook"] for record in runs} == {"phishing"}
    kept = alerts[NAMES[0]]["event"]["citywatch.evidence.sha256"][0]
    assert b"password" in (house.evidence.get(kept) or b"")
    shown = lookalikes.rows(house, 100, all_of_them=False)
    assert shown[0]["domain"] == NAMES[0]
    assert len(shown) == 3


def test_guesses_are_candidates_too_and_the_night_looks_at_them(city: tuple[House, Leading]) -> None:
    house, leading = city
    assert lookalikes.look_again(house) == 0
    assert lookalikes.guess(house)["new"] > 100
    rows = lookalikes.check(house, [NAMES[0], NAMES[2]], 100, lambda _: None, leading)
    assert [row["state"] for row in rows if row["domain"] == NAMES[0]] == ["imitates"]
