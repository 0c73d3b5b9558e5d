"""Does the service keep what other machines send, and know what it lost?"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from citywatch.errors import JournalFull, SettingsError
from citywatch.model import Event, Problem
from citywatch.ports import Query
from citywatch.settings import Listen, load_settings
from console.house import open_house
from console.installation import examine
from console.listeners import Inlet, open_inlets, status_of_all, wanted
from tests.sensors.arrive.senders import eventually
from tests.sensors.flows.datagrams import data as data_of
from tests.sensors.flows.datagrams import nine, scan, set_of, template

REPO = Path(__file__).parents[2]
GUESS = b"<38>Nov 22 10:00:%02d web1 sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2"


class Notebook:
    """Keeps events like the journal, until it is full."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.notes: dict[str, bytes] = {}
        self.full = False

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int:
        if self.full:
            raise JournalFull("full")
        self.events.update({event["event.id"]: event for event in events})
        self.notes.update(progress or {})
        return len(events)

    def progress(self, key: str) -> bytes | None:
        return self.notes.get(key)


@contextmanager
def inlet(notes: Notebook, folder: Path, **listen: Any) -> Generator[Inlet]:
    settings = load_settings(folder, environ={}, overrides={"listen": listen})
    problems: list[Problem] = []
    (opened,) = open_inlets(settings, notes, problems.append)
    try:
        yield opened
    finally:
        opened.close()


def port_of(place: Inlet, kind: str) -> int:
    return next(int(where.rpartition(":")[2]) for where in place.endpoints if where.startswith(kind))


def send(port: int, messages: Sequence[bytes], kind: int = socket.SOCK_STREAM) -> None:
    with socket.socket(socket.AF_INET, kind) as sender:
        sender.connect(("127.0.0.1", port))
        for message in messages:
            sender.sendall(message + b"\n" if kind == socket.SOCK_STREAM else message)


def test_all_ways_end_in_the_journal_once_with_their_counts(tmp_path: Path) -> None:
    notes = Notebook()
    with inlet(notes, tmp_path, syslog_udp=["127.0.0.1:0"], syslog_tcp=["127.0.0.1:0"]) as place:
        send(port_of(place, "tcp"), [GUESS % second for second in range(20)])
        send(port_of(place, "udp"), [GUESS % second for second in range(5)], socket.SOCK_DGRAM)
        eventually(lambda: place.step() * 0 or len(notes.events) == 25, "25 events")
        rows = {row["where"].split()[0]: row["messages"] for row in place.status()}
        assert rows == {"tcp": 20, "udp": 5}
    assert len(notes.events) == 25


def test_a_full_journal_holds_senders_back_and_loses_and_doubles_nothing(tmp_path: Path) -> None:
    notes = Notebook()
    notes.full = True
    with inlet(notes, tmp_path, syslog_tcp=["127.0.0.1:0"], most_held=100) as place:
        lines = [b"<13>line %05d" % number for number in range(20_000)]
        with socket.create_connection(("127.0.0.1", port_of(place, "tcp"))) as sender:
            sender.settimeout(1)
            data = memoryview(b"".join(line + b"\n" for line in lines))
            sent = sender.send(data[:50_000])
            eventually(lambda: place.full, "held back")
            for _ in range(3):
                with pytest.raises(JournalFull):
                    place.step()
            notes.full = False
            while sent < len(data):
                sent += sender.send(data[sent : sent + 65_536])
                place.step()
        eventually(lambda: place.step() * 0 or len(notes.events) == len(lines), "all of them")
        assert [event["message"].encode() for event in notes.events.values()] == [line[4:] for line in lines]


def test_counts_go_on_after_a_restart(tmp_path: Path) -> None:
    notes = Notebook()
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    for turn in (1, 2):
        with inlet(notes, tmp_path, syslog_tcp=[f"127.0.0.1:{port}"]) as place:
            send(port, [b"<13>same words"] * 3)
            _until(place, 3 * turn)
    with inlet(notes, tmp_path, syslog_tcp=[f"127.0.0.1:{port}"]) as place:
        assert place.status()[0]["messages"] == 6
    assert len(notes.events) == 6


def _until(place: Inlet, messages: int) -> None:
    eventually(lambda: place.step() * 0 or place.status()[0]["messages"] == messages, f"{messages} messages")


def test_flow_records_end_in_the_journal_and_those_a_kill_took_are_counted(tmp_path: Path) -> None:
    notes = Notebook()
    port = _free_port(socket.SOCK_DGRAM)
    told = [nine(set_of(0, template()), data_of(scan(range(1, 11))), sequence=0)]
    alone = nine(data_of(scan(range(20, 25))[:1]), sequence=3)
    with inlet(notes, tmp_path, netflow=[f"127.0.0.1:{port}"]) as place:
        send(port, [*told, alone], socket.SOCK_DGRAM)
        eventually(lambda: place.step() * 0 or len(notes.events) == 10, "ten flows")
        _until(place, 2)
        place.step()
        (row,) = place.status()
        assert (row["flows"], row["open"], row["lost_datagrams"], row["cut_flows"]) == (21, 1, 2, 0)
        killed = dict(notes.notes)
    assert len(notes.events) == 11, "a stop tells what waits"
    notes.notes = killed
    with inlet(notes, tmp_path, netflow=[f"127.0.0.1:{port}"]) as place:
        assert place.status()[0]["cut_flows"] == 1


def _free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_wrong_settings_are_told_before_anything_is_listened_to(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="write an address"):
        wanted(Listen(syslog_udp=("here",)))
    settings = load_settings(tmp_path, environ={}, overrides={"listen": {"syslog_tls": ["127.0.0.1:0"]}})
    with pytest.raises(SettingsError, match="needs certificate"):
        open_inlets(settings, Notebook(), lambda _: None)
    settings = load_settings(
        tmp_path, environ={}, overrides={"listen": {"syslog_tcp": ["127.0.0.1:0"], "timezone": "Mars"}}
    )
    with pytest.raises(SettingsError, match="no time zone is called 'Mars'"):
        open_inlets(settings, Notebook(), lambda _: None)


# -- the service -----------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with one rule, so that the service starts quickly."""
    rules = tmp_path / "content" / "rules" / "sigma" / "linux"
    rules.mkdir(parents=True)
    for name in ("ssh_guessing.yml", "ssh_guessing.samples.ndjson"):
        shutil.copy(REPO / "rules" / "sigma" / "linux" / name, rules / name)
    (tmp_path / "content" / "playbooks").mkdir()
    folder = tmp_path / "data"
    with open_house(folder, make=True) as house:
        assert house.store.health().ok
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    (folder / "citywatch.toml").write_text(
        f'content = "{tmp_path / "content"}"\n[listen]\nsyslog_tcp = ["127.0.0.1:{port}"]\n'
        'allowed = ["127.0.0.0/8"]\n'
    )
    return folder


def port_in(data: Path) -> int:
    return int((data / "citywatch.toml").read_text().partition("127.0.0.1:")[2].partition('"')[0])


def watch(data: Path) -> subprocess.Popen[bytes]:
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.sensors.network.live.run",
                "watch",
                "--no-console",
                "--data",
                str(data),
            ],
            cwd=REPO,
            stderr=log,
        )
    eventually(lambda: _answers(port_in(data)), (data / "log").read_text(), 60)
    return process


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def stored(data: Path) -> int:
    with open_house(data) as house:
        return house.store.search(Query(limit=0)).total


def test_a_kill_loses_nothing_that_was_journalled_and_the_service_takes_up_again(data: Path) -> None:
    service = watch(data)
    send(port_in(data), [GUESS % second for second in range(12)])
    eventually(lambda: stored(data) == 12, "the first twelve", 60)
    os.kill(service.pid, signal.SIGKILL)
    service.wait(10)
    service = watch(data)
    try:
        send(port_in(data), [GUESS % second for second in range(12, 24)])
        eventually(lambda: stored(data) == 24, "the next twelve", 60)
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)
    with open_house(data) as house:
        alerts = house.store.find("alert", Query(order="last_seen")).records
        assert [(alert.doc["title"], alert.doc["count"]) for alert in alerts] == [
            ("SSH passwords are guessed on a server", 24)
        ]
        (row,) = status_of_all(house)
        assert (row["messages"], row["refused"]) == (24, 0)
        parts = {part["part"]: part["counts"] for part in house.health()["parts"]}
        assert parts[f"syslog:tcp 127.0.0.1:{port_in(data)}"]["messages"] >= 12
    found = {(each.what, each.state): each.told for each in examine(data, None)}
    assert "messages 24" in found["listening", "well"]
