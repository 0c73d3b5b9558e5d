"""Is every portal scanned deeply once a night, at its own minute, also after a kill?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citywatch.errors import SettingsError
from citywatch.model import Agency
from citywatch.ports import Query
from citywatch.settings import Fetch, Mail, Watch
from console.cares import change
from console.cli.app import app
from console.deepscan import DeepScan, done_on, done_since
from console.house import House, open_house
from console.morning import read, text_of
from console.nightly import Night
from console.registry import active_portals, portal_of, put_agency, register_portal
from sensors.portal.range import PortalRange
from sensors.portal.visit import Budget, PortalSensor
from tests.console.mailbox import mailbox

BEGAN = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)  # 02:00 in Hanoi
DAY = "2026-11-27"
FAST = Budget(inner_pages=0, probes=False, recheck_s=0)


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now


def sensor(house: House) -> PortalSensor:
    return PortalSensor(house.settings.fetch, house.clock, budget=FAST)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def house(tmp_path: Path, clock: Time) -> Generator[House]:
    with open_house(tmp_path / "data", make=True, clock=clock) as opened:
        opened.settings = replace(
            opened.settings,
            fetch=Fetch(allow_loopback=True, timeout_s=3, retries=0),
            watch=Watch(nightly_spread_min=60, nightly_hours=6),
        )
        put_agency(opened, Agency(id="a", name="A"))
        yield opened


@pytest.fixture
def city(house: House) -> Generator[PortalRange]:
    with PortalRange.demo() as served:
        for portal in served.portals():
            register_portal(house, url=portal.url, name=portal.name, agency="a", portal_id=portal.id)
        yield served


def test_the_scans_are_spread_over_the_night_and_each_portal_has_one(
    house: House, city: PortalRange, clock: Time
) -> None:
    scan = DeepScan(house, DAY, BEGAN, sensor)
    done = [scan.step()]
    for minute in range(0, 61, 10):
        clock.now = BEGAN + timedelta(minutes=minute + 1)
        done.append(scan.step())
    assert sum(done) == len(city.sites) == scan.progress.done
    assert max(done) < len(city.sites)
    assert scan.is_over
    assert set(done_on(house, DAY)) == {site.id for site in city.sites}
    assert scan.step() == 0


def test_a_night_that_is_taken_up_again_repeats_nobody(house: House, city: PortalRange, clock: Time) -> None:
    clock.now = BEGAN + timedelta(minutes=30)
    first = DeepScan(house, DAY, BEGAN, sensor).step()
    requests = city.requests
    clock.now = BEGAN + timedelta(minutes=61)
    again = DeepScan(house, DAY, BEGAN, sensor)
    assert again.progress.done == first
    assert first + again.step() == len(city.sites)
    assert city.requests - requests == 4 * (len(city.sites) - first)


def test_an_agency_is_scanned_in_its_own_hours_only(house: House, city: PortalRange, clock: Time) -> None:
    shy = active_portals(house)[0]
    change(house, shy, "an", hours="04:00-05:00")
    scan = DeepScan(house, DAY, BEGAN, sensor)
    clock.now = BEGAN + timedelta(minutes=90)
    scan.step()
    assert shy.id not in done_on(house, DAY)
    assert not scan.is_over
    clock.now = BEGAN + timedelta(hours=2, minutes=30)
    scan.step()
    assert shy.id in done_on(house, DAY)
    assert scan.is_over
    assert city.requests > 0


def test_a_night_ends_although_somebody_was_never_let_in(
    house: House, city: PortalRange, clock: Time
) -> None:
    change(house, portal_of(house, city.sites[0].id), "an", hours="12:00-13:00")
    night = Night(house, sensor)
    for minutes in (0, 61, 120, 361):
        clock.now = BEGAN + timedelta(minutes=minutes)
        night._go_on(house)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the tick behind a minute's schedule
    record = house.store.get("night", DAY)
    assert record is not None
    assert (record.doc["state"], record.doc["portals"], record.doc["left"]) == ("done", 7, 1)
    morning = read(house)
    assert morning is not None
    assert (morning.day, morning.scanned, morning.portals) == (DAY, 7, 8)
    assert "7/8" in text_of(morning)
    assert "were not let in" in text_of(morning)


def test_a_night_is_done_once_and_anchors_the_evidence(house: House, city: PortalRange, clock: Time) -> None:
    night = Night(house, sensor)
    assert night.tick() == 0
    clock.now = BEGAN + timedelta(minutes=61)
    other = Night(house, sensor)
    assert other.tick() == 1
    requests = city.requests
    assert Night(house, sensor).tick() == 0
    assert city.requests == requests
    whats = {
        str(record.doc["what"]) for record in house.store.find("audit", Query(order="id", limit=50)).records
    }
    assert "evidence_head" in whats


def test_the_morning_report_is_mailed_once_to_the_team(house: House, city: PortalRange, clock: Time) -> None:
    with mailbox() as box:
        house.settings = replace(
            house.settings,
            mail=Mail(host="127.0.0.1", port=box.port, sender="citywatch@city.example"),
            watch=replace(house.settings.watch, morning_to=("truc@city.example", "lan@city.example")),
        )
        night = Night(house, sensor)
        for minutes in (0, 61, 62, 63):
            clock.now = BEGAN + timedelta(minutes=minutes)
            night._go_on(house)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the tick behind a minute's schedule
        ((to, letter),) = box.letters
    assert sorted(to) == ["lan@city.example", "truc@city.example"]
    assert DAY in str(letter["Subject"])
    body = letter.get_body()
    assert body is not None
    assert f"{len(city.sites)}/{len(city.sites)}" in str(body.get_content())


def test_a_dead_portal_is_in_the_morning_report(house: House, city: PortalRange, clock: Time) -> None:
    city.attack(city.sites[2].id, "down")
    assert Night(house, sensor).tick() == 0
    clock.now = BEGAN + timedelta(minutes=61)
    assert Night(house, sensor).tick() == 1
    morning = read(house, DAY)
    assert morning is not None
    assert [row.split(":")[0] for row in morning.away] == [city.sites[2].id]


@pytest.mark.parametrize("day", ["hôm qua", "2026-13-45", "20261127"])
def test_what_is_no_day_has_no_report_and_is_told(house: House, day: str) -> None:
    with pytest.raises(SettingsError, match="is no day"):
        read(house, day)
    assert read(house, "2020-01-01") is None


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["scan", "--resume"], 2, "goes with --deep"),
        (["portals", "night"], 0, "No night has ended yet"),
        (["portals", "night", "2020-01-01"], 0, "There is no report of the night of 2020-01-01"),
        (["portals", "night", "yesterday"], 1, "'yesterday' is no day"),
    ],
    ids=["scan", "none", "that day", "no day"],
)
def test_the_commands_of_the_night_say_what_is_wrong(
    house: House, words: list[str], code: int, says: str
) -> None:
    done = CliRunner().invoke(app, [*words, "--data", str(house.settings.data)])
    assert done.exit_code == code
    assert says in f"{done.output}{done.exception}"


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from citywatch.settings import Fetch
from console.house import open_house
from console.portals import visit
from console.registry import active_portals
from sensors.portal.visit import Budget, PortalSensor

def sensor(house):
    budget = Budget(inner_pages=0, probes=False, recheck_s=0)
    return PortalSensor(house.settings.fetch, house.clock, budget=budget)

with open_house(Path(sys.argv[1])) as house:
    house.settings = replace(house.settings, fetch=Fetch(allow_loopback=True, concurrency=2, retries=0))
    visit(house, active_portals(house), deep=True, make=sensor, night="2026-11-27")
"""


def test_a_scan_killed_at_any_instant_goes_on_and_repeats_only_the_last_few(tmp_path: Path) -> None:
    with PortalRange.demo() as city, open_house(tmp_path / "data", make=True) as house:
        put_agency(house, Agency(id="a", name="A"))
        for copy in range(12):
            for portal in city.portals():
                url = f"{portal.url}?copy={copy}"
                register_portal(house, url=url, name=portal.name, agency="a", portal_id=f"{portal.id}-{copy}")
        total = len(active_portals(house))
        with subprocess.Popen([sys.executable, "-c", SCRIPT, str(house.settings.data)]) as child:
            until = time.monotonic() + 60
            while len(done_on(house, DAY)) < 20 and time.monotonic() < until:
                time.sleep(0.02)
            child.kill()
        assert child.returncode == -signal.SIGKILL
        first = len(done_on(house, DAY))
        assert 20 <= first < total
        requests = city.requests
        began = datetime.now(UTC) - timedelta(hours=5)
        house.settings = replace(house.settings, fetch=Fetch(allow_loopback=True, concurrency=4, retries=0))
        scan = DeepScan(house, DAY, began, sensor)
        assert scan.step() == total - first
        assert scan.is_over
        assert city.requests - requests == 4 * (total - first)


def test_who_was_scanned_lately_can_be_left_out(house: House, city: PortalRange, clock: Time) -> None:
    clock.now = BEGAN + timedelta(minutes=61)
    DeepScan(house, DAY, BEGAN, sensor).step()
    portals = active_portals(house)
    assert done_since(house, BEGAN, portals) == {site.id for site in city.sites}
    assert done_since(house, clock.now + timedelta(seconds=1), portals) == set()
