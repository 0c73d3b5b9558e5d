"""Does the service stop when it is asked to, whichever thread hears it?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sensors.network.live.wire import REPO

PROGRAM = """
import signal, sys, threading
from pathlib import Path
from console.house import open_house
from console.service import Service

with open_house(Path(sys.argv[1]), make=True) as house:
    service = Service(house, [])
    signal.signal(signal.SIGTERM, service.ask_to_stop)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    if sys.argv[2] == "other":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print("ready", flush=True)
    service.wait()
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("hears", ["main", "other"])
def test_a_signal_ends_the_waiting_whichever_thread_hears_it(hears: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), hears]
    with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.terminate()
            assert process.stdout.read() == "stopped\n"
            assert process.wait(30) == 0
        finally:
            process.kill()
