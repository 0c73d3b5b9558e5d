"""Does an archive of nfdump's, sent again by its own nfreplay, give the flows that its router once sent?"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from sensors.flows.netflow import Netflow
from sensors.flows.record import Record
from tests.conftest import absent
from tests.sensors.flows.datagrams import NOW, data, nine
from tests.sensors.flows.test_netflow import FLOW, LEARN, RECORDED, ends


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def archive(datagrams: list[bytes], folder: Path) -> list[Path]:
    """What nfcapd keeps of datagrams."""
    port = free_port()
    keeps = ["nfcapd", "-w", str(folder), "-b", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(keeps, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(0.5)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
                for datagram in datagrams:
                    router.sendto(datagram, ("127.0.0.1", port))
            time.sleep(0.5)
        finally:
            process.terminate()
            process.wait(20)
    return sorted(folder.glob("nfcapd.2*"))


def sent_again(file: Path) -> list[bytes]:
    """What nfreplay sends of a file."""
    got: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
        sends = ["nfreplay", "-r", str(file), "-H", "127.0.0.1", "-p", port, "-v", "9"]
        subprocess.run(sends, check=True, stdout=subprocess.DEVNULL, timeout=30)
        listener.settimeout(0.3)
        try:
            while True:
                got.append(listener.recv(65_535))
        except TimeoutError:
            return got


def read(datagrams: list[bytes]) -> list[Record]:
    reader = Netflow()
    found = [record for datagram in datagrams for record in reader(datagram, "10.9.9.9", NOW)]
    assert not reader.counts
    return found


def test_an_archive_sent_again_gives_the_same_flows(tmp_path: Path) -> None:
    if shutil.which("nfcapd") is None:
        absent("nfdump is not installed")
    rows = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    first = [bytes.fromhex(row["data"]) for row in rows if row["version"] == 9]
    (file,) = archive(first, tmp_path)
    again = read(sent_again(file))
    assert sorted(ends(again)) == sorted(ends(read(first)))
    assert len(again) == 56


def test_it_tells_when_a_flow_was_and_not_when_it_was_sent_again(tmp_path: Path) -> None:
    if shutil.which("nfcapd") is None:
        absent("nfdump is not installed")
    first = [nine(LEARN, data([FLOW]))]
    (file,) = archive(first, tmp_path)
    (before,), (after,) = read(first), read(sent_again(file))
    assert (after.first, after.last) == (before.first, before.last)
    assert after.first == (NOW - 60) * 1_000_000
