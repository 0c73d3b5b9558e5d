"""Can the test city be started, steered and refused from a terminal?"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from citywatch.errors import CityWatchError
from console.testcity import Wanted, command, serve


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def test_a_city_serves_writes_its_lists_and_ends_by_itself(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = Wanted(count=5, port=0, https=True, attacks=2, seconds=0.2, day_every_s=0.05, folder=tmp_path)
    serve(wanted, said.append)
    text = "\n".join(said)
    assert "5 portals on loopback, the first at https://127.10.0.1:" in text
    assert text.count("attacked: ") == 2
    assert "day 1" in text
    assert "closed after" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agencies.csv", "ca.pem", "portals.csv"]


def test_what_cannot_be_served_is_told() -> None:
    with pytest.raises(CityWatchError, match="1 to"):
        serve(Wanted(count=10**6), print)
    with socket.create_server(("127.10.0.1", 0)) as held, pytest.raises(CityWatchError, match="--port"):
        serve(Wanted(count=1, port=held.getsockname()[1]), print)


def test_a_running_city_is_steered_from_another_terminal() -> None:
    port = _free_port()
    run = [sys.executable, "-c", "from console.cli import main; main()", "range", "portals", "--count", "3"]
    more = ["--port", str(port), "--seconds", "30", "--well"]
    started = subprocess.Popen([*run, *more], stderr=subprocess.PIPE, text=True)
    try:
        assert started.stderr is not None
        first = started.stderr.readline()
        portal = "no such"
        assert "3 portals" in first, first
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert command(port, "day") == "day 1"
                break
            except CityWatchError:
                time.sleep(0.1)
        with pytest.raises(CityWatchError, match="there is no portal"):
            command(port, "attack", portal=portal, kind="title")
        with pytest.raises(CityWatchError, match="there is no attack"):
            command(port, "attack", portal=portal, kind="no")
        assert command(port, "heal") == "0 healed"
    finally:
        started.terminate()
        started.communicate(timeout=20)


def test_nobody_there_is_told() -> None:
    with pytest.raises(CityWatchError, match="/day: Connection refused; start one with: citywatch range"):
        command(_free_port(), "day")
