"""Does the service see what passes an interface, and does it know what it did not see?

Every test lays a cable between two network namespaces of its own and runs the real command on one end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from citywatch.model import Event
from citywatch.ports import Query
from console.house import open_house
from console.live import LOSSES, status_of
from console.packets import take
from console.settle import settle
from sensors.network.live.counters import Counters, dump
from tests.conftest import absent
from tests.sensors.network.live.wire import REPO, Wire, eventually, wire
from tests.sensors.network.packets import ether, ip4, tcp, udp

HERE = {"CITYWATCH_NETWORK_INTERFACES": "in0", "CITYWATCH_NETWORK_RING_MIB": "8"}


@pytest.fixture
def cable() -> Generator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with one rule, so that the service starts quickly."""
    rules = tmp_path / "content" / "rules" / "sigma" / "network"
    rules.mkdir(parents=True)
    for name in ("vertical_scan.yml", "vertical_scan.samples.ndjson"):
        shutil.copy(REPO / "rules" / "sigma" / "network" / name, rules / name)
    (tmp_path / "content" / "playbooks").mkdir()
    folder = tmp_path / "data"
    with open_house(folder, make=True) as house:
        (folder / "citywatch.toml").write_text(f'content = "{tmp_path / "content"}"\n')
        assert house.store.health().ok
    return folder


def talk(count: int, port: int = 40000, target_port: int = 9) -> list[bytes]:
    """Packets of one UDP conversation."""
    return [
        ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(port, target_port, bytes([n % 256])))) for n in range(count)
    ]


@contextmanager
def watching(cable: Wire, data: Path) -> Generator[subprocess.Popen[bytes]]:
    process = cable.start("watch", "--no-console", "--data", str(data), env=HERE, log=data / "log")
    try:
        eventually(lambda: state(data).get("state") == "up", "the interface is listened to")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def state(data: Path) -> dict[str, Any]:
    """The counters as the capture process wrote them."""
    try:
        return json.loads((data / "live" / "in0" / "counters.json").read_bytes())
    except FileNotFoundError:
        return {}


def status(data: Path) -> dict[str, Any]:
    """What `citywatch network status` shows."""
    with open_house(data) as house:
        return status_of(data / "live", "in0", house.journal)


def events(data: Path) -> list[Event]:
    with open_house(data) as house:
        return house.journal.read("test", 100_000, after=0)


def flows(data: Path) -> list[Event]:
    return [event for event in events(data) if event["event.dataset"] == "network.flow"]


def told(data: Path) -> int:
    """Packets that flow events tell of."""
    return sum(event["source.packets"] + event["destination.packets"] for event in flows(data))


def capture_process(data: Path) -> int:
    return int(state(data)["process"])


def test_a_scan_on_the_wire_becomes_one_alert(cable: Wire, data: Path) -> None:
    scan = [ether(ip4("10.0.0.1", "10.0.0.2", 6, tcp(41000, port, 1, "S"))) for port in range(1, 200)]
    answers = [
        ether(ip4("10.0.0.2", "10.0.0.1", 6, tcp(port, 41000, 1, "RA", ack=2))) for port in range(1, 200)
    ]
    with watching(cable, data):
        cable.send([frame for pair in zip(scan, answers, strict=True) for frame in pair])
        eventually(lambda: state(data).get("written", 0) == 398, "all packets are in the ring")
    with open_house(data) as house:
        settle(house, lambda _: None)
        found = house.store.find("alert", Query(order="last_seen"))
        packets = take(house, found.records[0].id, by="lan")
        assert (packets.packets, packets.left_out, packets.source) == (398, 0, "in0")
        assert house.evidence.get(packets.sha256)
    assert [record.doc["rule_id"] for record in found.records] == [_rule_id(data)]
    assert found.records[0].doc["values"]["source.ip"] == ["10.0.0.1"]
    assert {event["observer.ingress.interface.name"] for event in flows(data)} == {"in0"}
    assert all("log.file.path" not in event for event in flows(data))
    row = status(data)
    assert (row["passed"], row["written"], row["read"], row["waiting"]) == (398, 398, 398, 0)
    assert (row["kernel_dropped"], row["unwritten"], row["missed"], row["overrun"], row["cut"]) == (
        0,
        0,
        0,
        0,
        0,
    )


def _rule_id(data: Path) -> str:
    text = (data.parent / "content" / "rules" / "sigma" / "network" / "vertical_scan.yml").read_text()
    ids = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("id:")]
    return ids[-1]  # the correlation stands last


def test_a_killed_capture_process_is_started_again_and_its_loss_is_known(cable: Wire, data: Path) -> None:
    with watching(cable, data):
        first = capture_process(data)
        cable.send(talk(500))
        eventually(lambda: state(data)["written"] == 500, "the first packets are in the ring")
        os.kill(first, signal.SIGKILL)
        cable.send(talk(300))
        eventually(lambda: state(data).get("process") not in {None, first}, "another process is at work")
        eventually(lambda: state(data)["state"] == "up", "it listens")
        cable.send(talk(200))
        eventually(lambda: state(data)["passed"] == 1000, "all packets have passed")
    row = status(data)
    assert row["passed"] == row["written"] + row["missed"] == 1000
    assert row["missed"] == 300
    assert row["missed_is"] == "exact"
    assert told(data) == 700
    assert "packets lost: missed 300" in (data / "log").read_text()


def test_a_killed_service_misses_nothing_and_knows_what_it_forgot(cable: Wire, data: Path) -> None:
    with watching(cable, data) as service:
        cable.send(talk(400))
        eventually(lambda: status(data)["open"] == 400, "the conversation is open")
        before = capture_process(data)
        service.kill()
        service.wait(30)
        cable.send(talk(250, port=50000))
        eventually(lambda: state(data)["written"] == 650, "the capture process goes on alone")
    with watching(cable, data):
        assert capture_process(data) == before, "it was taken over, not started again"
        cable.send(talk(100, port=60000))
        eventually(lambda: status(data)["read"] == 750, "all packets are read")
    row = status(data)
    assert (row["passed"], row["written"], row["missed"], row["read"]) == (750, 750, 0, 750)
    assert row["cut"] == 400
    assert told(data) + row["cut"] == 750
    assert _has_ended(before), "an orderly stop ends it"


def _has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.long
def test_an_interface_may_go_away_and_come_back(cable: Wire, data: Path) -> None:
    with watching(cable, data):
        before = capture_process(data)
        cable.send(talk(50))
        eventually(lambda: state(data)["written"] == 50, "the first packets are in the ring")
        cable.cut()
        eventually(lambda: state(data)["state"] == "absent", "it is gone")
        cable.lay()
        eventually(lambda: state(data)["state"] == "up", "it is back")
        cable.send(talk(60))
        eventually(lambda: state(data)["written"] == 110, "it is listened to again")
        cable.ip("-n", cable.listener, "link", "set", cable.there, "down")
        eventually(lambda: state(data)["state"] == "down", "it is switched off")
        cable.ip("-n", cable.listener, "link", "set", cable.there, "up")
        eventually(lambda: state(data)["state"] == "up", "it is switched on")
        cable.send(talk(70))
        eventually(lambda: state(data)["written"] == 180, "it is listened to once more")
        assert capture_process(data) == before
    with open_house(data) as house:
        parts = {part["part"]: part for part in house.health()["parts"]}
    assert parts["interface:in0"]["counts"]["passed"] > 0


def test_the_filter_holds_in_the_kernel_and_tags_are_kept(cable: Wire, data: Path) -> None:
    log = data / "log"
    command = ("capture", "in0", "--json", "--seconds", "5", "--filter", "vlan 7 or udp port 53")
    process = cable.start(*command, log=log)
    eventually(lambda: b"in0 up" in log.read_bytes(), "it listens")
    inner = ip4("10.0.0.1", "10.0.0.2", 17, udp(40000, 9, b"a"))
    cable.send([ether(inner, vlan=7), ether(inner, vlan=8), *talk(3, 41000, 53), *talk(3, 41001, 54)])
    process.wait(40)
    lines = [json.loads(line) for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    found = {(event["source.port"], *event.get("network.vlan.id", ())) for event in lines}
    assert found == {(40000, "7"), (41000,)}


def test_the_capture_process_can_do_nothing_but_copy(cable: Wire, data: Path) -> None:
    with watching(cable, data):
        told = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{capture_process(data)}/status").read_text().splitlines()
        )
    assert "0" not in told["Uid"].split()
    assert {told[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh")} == {"0" * 16}
    assert told["NoNewPrivs"].strip() == "1"
    assert told["Seccomp"].strip() == "2"
    assert told["Groups"].split() == []


TRIES = """
import os, socket, sys
from sensors.network.live.confine import confine
confine(65534, 65534)
def tries():
    yield "socket", lambda: socket.socket()
    yield "program", lambda: os.execv("/bin/true", ["true"])
    yield "fork", os.fork
    yield "root", lambda: os.setuid(0)
    yield "signal", lambda: os.kill(os.getppid(), 0)
    yield "secret", lambda: open("/etc/shadow")
    yield "link", lambda: os.symlink("a", "b")
for name, act in tries():
    try:
        act()
    except PermissionError:
        continue
    sys.exit(f"{name} was allowed")
"""


def test_every_other_right_is_refused_by_the_kernel() -> None:
    if os.geteuid() != 0:
        absent("giving up rights is tested as root")
    done = subprocess.run(
        [sys.executable, "-c", TRIES], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_scan_by_nmap_is_seen(cable: Wire, data: Path) -> None:
    if shutil.which("nmap") is None:
        absent("nmap is not installed")
    cable.ip("-n", cable.sender, "addr", "add", "10.9.0.1/24", "dev", cable.here)
    cable.ip("-n", cable.listener, "addr", "add", "10.9.0.2/24", "dev", cable.there)
    with watching(cable, data):
        scan = ["nmap", "-n", "-Pn", "-sS", "-p", "1-300", "10.9.0.2"]
        subprocess.run(["ip", "netns", "exec", cable.sender, *scan], check=True, stdout=subprocess.DEVNULL)
        eventually(lambda: state(data)["written"] == state(data)["passed"] > 0, "all packets are in the ring")
    with open_house(data) as house:
        settle(house, lambda _: None)
        found = house.store.find("alert", Query(order="last_seen")).records
    assert [record.doc["rule_id"] for record in found] == [_rule_id(data)]
    assert found[0].doc["values"]["source.ip"] == ["10.9.0.1"]
    assert found[0].doc["values"]["destination.ip"] == ["10.9.0.2"]


@pytest.mark.groundtruth
def test_a_replayed_capture_is_seen_to_the_last_packet(cable: Wire, data: Path, groundtruth: Path) -> None:
    if shutil.which("tcpreplay") is None:
        absent("tcpreplay is not installed")
    with watching(cable, data):
        cable.replay(groundtruth / "pcaps" / "ssh_brute" / "sshguess.pcap")
        eventually(lambda: state(data)["written"] == state(data)["passed"] > 0, "all packets are in the ring")
    row = status(data)
    assert row["passed"] == row["read"] == row["written"]
    assert row["kernel_dropped"] == 0
    assert any(event["event.dataset"] == "network.ssh" for event in events(data))


def test_capture_may_be_a_service_of_its_own(cable: Wire, data: Path) -> None:
    capture = cable.start("capture", "--data", str(data), env=HERE, log=data / "log")
    try:
        eventually(lambda: state(data).get("state") == "up", "it is listened to")
        env = HERE | {"CITYWATCH_NETWORK_SEPARATE": "true"}
        watch = cable.start("watch", "--no-console", "--data", str(data), env=env, log=data / "watch.log")
        eventually(lambda: "interface:in0" in parts(data), "the service shows its counters")
        second = cable.start("watch", "--no-console", "--data", str(data), env=HERE, log=data / "second.log")
        assert second.wait(60) == 2, "two services cannot read one ring, or judge one journal"
        watch.send_signal(signal.SIGTERM)
        watch.wait(30)
        cable.send(talk(30))
        eventually(lambda: state(data)["written"] == 30, "it goes on without the other")
    finally:
        capture.send_signal(signal.SIGTERM)
        capture.wait(30)
    assert told(data) == 30


def parts(data: Path) -> set[str]:
    with open_house(data) as house:
        return {str(part["part"]) for part in house.health()["parts"]}


def test_the_status_verb_shows_every_counter(data: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.sensors.network.live.run",
        "network",
        "status",
        "--data",
        str(data),
    ]
    folder = data / "live" / "in0"
    folder.mkdir(parents=True)
    (folder / "counters.json").write_bytes(dump(Counters(interface="in0", state="up", passed=9, missed=4)))
    done = subprocess.run([*command, "--json"], cwd=REPO, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    assert (row["interface"], row["passed"], row["missed"], row["missed_is"]) == ("in0", 9, 4, "exact")
    assert set(LOSSES) <= set(row)


def test_an_unknown_interface_is_refused_with_those_there_are(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.sensors.network.live.run",
        "capture",
        "nosuch0",
        "--data",
        str(data),
    ]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no interface 'nosuch0'; this machine has lo" in done.stderr
    assert capfd.readouterr().out == ""
