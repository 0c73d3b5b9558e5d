"""Who answers for the gateway, and which DHCP servers offer? Asked in namespaces, of a liar among others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from citywatch.errors import CityWatchError
from citywatch.ports import Query
from console.house import open_house
from sensors.network.ask import ask_arp
from tests.sensors.network.live.wire import Wire, wire

LIAR = Path(__file__).parents[1] / "sensors" / "network" / "live" / "responder.py"
GATEWAY, LIAR_MAC = "10.9.0.1", "02:00:00:00:00:66"


@contextmanager
def liar(cable: Wire) -> Generator[None]:
    """Somebody who claims the gateway's address and offers leases as two servers."""
    command = ["ip", "netns", "exec", cable.sender, sys.executable, "-I", str(LIAR), cable.here, GATEWAY]
    process = subprocess.Popen([*command, LIAR_MAC.replace(":", "")], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(cable: Wire, data: Path, *words: str) -> str:
    process = cable.start(
        "network", *words, "--data", str(data), "--seconds", "1", "--json", log=data / "log"
    )
    assert process.wait(60) == 0, (data / "log").read_text()
    return (data / "log").read_text()


def titles(data: Path) -> list[str]:
    with open_house(data) as house:
        return [record.doc["title"] for record in house.store.find("alert", Query(order="last_seen")).records]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with open_house(tmp_path / "data", make=True) as house:
        assert house.store.health().ok
    return tmp_path / "data"


def test_a_liar_is_told_from_a_gateway_that_answers_alone(data: Path) -> None:
    with wire() as cable:
        cable.ip("-n", cable.sender, "addr", "add", f"{GATEWAY}/24", "dev", cable.here)
        cable.ip("-n", cable.listener, "addr", "add", "10.9.0.2/24", "dev", cable.there)
        alone = ask(cable, data, "ask-arp", cable.there, GATEWAY)
        assert alone.count('"kind":"arp"') == 1
        assert titles(data) == []
        with liar(cable):
            both = ask(cable, data, "ask-arp", cable.there, GATEWAY)
            assert LIAR_MAC in both
            assert titles(data) == ["Several hosts answer for one address"]
            offers = ask(cable, data, "ask-dhcp", cable.there, "--expect", GATEWAY)
    assert '"server":"10.9.0.1"' in offers
    assert '"server":"10.9.0.66"' in offers
    assert "A DHCP server offers that nobody expected" in titles(data)
    with open_house(data) as house:
        events = house.journal.read("test", 1000, after=0)
    (asked,) = [event for event in events if event.get("citywatch.ask.kind") == "dhcp"]
    assert asked["citywatch.ask.unexpected"] == ["10.9.0.66"]
    assert asked["citywatch.ask.macs"] == [LIAR_MAC]
    assert {
        event["citywatch.dhcp.server_ip"] for event in events if event["event.dataset"] == "network.dhcp"
    } == {
        "10.9.0.1",
        "10.9.0.66",
    }


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(CityWatchError, match="there is no interface '--help'; this machine has lo"):
        ask_arp("--help", GATEWAY)
    with pytest.raises(CityWatchError, match="'nobody' is not an address"):
        ask_arp("lo", "nobody")
