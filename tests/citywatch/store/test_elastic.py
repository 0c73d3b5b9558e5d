"""Does the Elasticsearch store keep the store's promises on a real server?"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from citywatch.clock import system_clock
from citywatch.errors import StoreError, StoreUnreachable
from citywatch.ports import Is, Like, Query, Store, Text
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from tests.citywatch.store.contract import StoreContract, event, numbers
from tests.conftest import absent, server_folder

pytestmark = pytest.mark.elasticsearch
SCRIPT = Path(__file__).parents[2] / "elasticsearch.sh"


class TestElasticStore(StoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, elasticsearch: str) -> Iterator[Callable[[], Store]]:
        made: list[tuple[ElasticStore, str]] = []

        def make() -> Store:
            settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
            made.append((ElasticStore(elasticsearch, settings, clock=system_clock), settings.prefix))
            return made[-1][0]

        yield make
        for store, prefix in made:
            clear(store, prefix)


def clear(store: ElasticStore, prefix: str) -> None:
    client = store._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - only tests take everything away
    names = list(client.indices.get_alias(index=f"{prefix}-*"))
    if names:
        client.indices.delete(index=names)
    if client.indices.exists_index_template(name=f"{prefix}-events"):
        client.indices.delete_index_template(name=f"{prefix}-events")
    store.close()


@pytest.fixture
def store(elasticsearch: str) -> Iterator[ElasticStore]:
    settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
    made = ElasticStore(elasticsearch, settings, clock=system_clock)
    yield made
    clear(made, settings.prefix)


def test_a_name_used_in_two_ways_costs_no_event(store: ElasticStore) -> None:
    first = event(1) | {"zeek.conn": "a"}
    second = event(2, host__name="b") | {"zeek.conn.service": "SSH", "winlog.event_data.X": "y"}
    assert store.append([first]) == 1
    assert store.append([first, second]) == 1
    assert store.get_event(second["event.id"]) == second
    assert numbers(store.search(Query(where=Is("zeek.conn.service", "ssh"))).events) == [2]
    assert numbers(store.search(Query(where=Text("ssh"))).events) == [2]
    assert numbers(store.search(Query(where=Is("host.name", "b"))).events) == [2]
    assert store.aggregate(Query(), "zeek.conn.service") == [("ssh", 1)]
    assert store.health().refused == 0


def test_an_address_with_a_zone_costs_no_event(store: ElasticStore) -> None:
    odd = [event(number, host__ip=["fe80::1%eth0", "10.0.0.1"]) for number in range(20)]
    assert store.append(odd) == 20
    assert store.search(Query(where=Like("host.ip", "fe80*"))).total == 20


def test_text_over_the_index_limit_is_found(store: ElasticStore) -> None:
    long = "x" * 9000 + " needle"
    store.append([event(1, process__command_line=long), event(2, process__command_line="needle")])
    assert store.search(Query(where=Like("process.command_line", "*NEEDLE"))).total == 2
    assert store.search(Query(where=Text("x needle"))).total == 1
    assert store.search(Query(where=Is("process.command_line", long))).total == 1


def test_another_process_sees_what_was_put(elasticsearch: str, store: ElasticStore) -> None:
    settings = store._settings  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the same prefix is the point
    other = ElasticStore(elasticsearch, settings, clock=system_clock)
    record = store.put_if("ticket", "t", {"state": "new"}, 0)
    assert other.find("ticket", Query(where=Is("state", "new"), order="state")).total == 1
    other.put_if("ticket", "t", {"state": "triage"}, record.version)
    with pytest.raises(StoreError, match="somebody else"):
        store.put_if("ticket", "t", {"state": "closed"}, record.version)
    other.close()


@pytest.mark.parametrize("kind", ["events", "refused", "A", "../x", "", "events-2026"])
def test_a_kind_that_could_be_another_index_is_refused(store: ElasticStore, kind: str) -> None:
    with pytest.raises(StoreError, match="kind of record"):
        store.put_if(kind, "x", {}, 0)


def test_a_server_that_is_not_there_is_told_and_met_again_when_it_is_back(elasticsearch: str) -> None:
    """A gate on a port of its own stands for the server that goes and comes back."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0, timeout_s=5)
    store = ElasticStore(f"http://127.0.0.1:{port}", settings, clock=system_clock)
    for call in (lambda: store.append([event(1)]), lambda: store.get("ticket", "t"), store.health):
        with pytest.raises(StoreUnreachable, match="what is journalled waits"):
            call()
    with Gate(port, elasticsearch):
        assert store.append([event(1)]) == 1
    with pytest.raises(StoreUnreachable):
        store.append([event(2)])
    with Gate(port, elasticsearch):
        assert store.append([event(1), event(2)]) == 1
        clear(store, settings.prefix)


class Gate:
    """Passes bytes from a port to the server, while open."""

    def __init__(self, port: int, url: str) -> None:
        self._port = port
        self._target = url.rpartition("//")[2]

    def __enter__(self) -> None:
        code = (
            "import asyncio, sys\n"
            "async def pump(r, w):\n"
            "    while data := await r.read(65536):\n"
            "        w.write(data); await w.drain()\n"
            "    w.close()\n"
            "async def serve(r, w):\n"
            "    r2, w2 = await asyncio.open_connection(*sys.argv[2].split(':'))\n"
            "    await asyncio.gather(pump(r, w2), pump(r2, w))\n"
            "async def main():\n"
            "    server = await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]))\n"
            "    print('open', flush=True)\n"
            "    await server.serve_forever()\n"
            "asyncio.run(main())\n"
        )
        self._child = subprocess.Popen(
            ["python3", "-c", code, str(self._port), self._target],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == b"open\n"

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()


# -- with TLS and users ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secured() -> Iterator[tuple[str, Path]]:
    """URL and certificate folder of a server with TLS and users."""
    given = os.environ.get("CITYWATCH_TEST_ELASTICSEARCH_SECURE")
    if given:  # URL, space, folder
        url, _, folder = given.partition(" ")
        yield url, Path(folder)
        return
    with server_folder() as folder:
        started = subprocess.run(
            [SCRIPT, "start", "--secure", "--port", "0", "--heap", "512m", "--dir", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode:
            absent(f"no Elasticsearch with TLS: {started.stderr.strip()[-300:]}")
        yield started.stdout.strip().splitlines()[-1], folder / "certs"
        subprocess.run([SCRIPT, "stop", "--dir", folder], check=True)


@pytest.mark.timeout(400)
def test_tls_users_and_their_limits(secured: tuple[str, Path]) -> None:
    url, certs = secured
    by_ca = Elastic(
        prefix=f"test-{uuid4().hex[:8]}",
        replicas=0,
        ca_file=str(certs / "ca.crt"),
        user="admin",
        password="admin-password",
    )
    store = ElasticStore(url, by_ca, clock=system_clock)
    assert store.append([event(1)]) == 1
    assert store.search(Query()).total == 1  # from now on others see it too, not only within a second
    store.put_if("ticket", "t", {"state": "new"}, 0)
    told_by_fingerprint = replace(by_ca, ca_file="", fingerprint=(certs / "ca.sha256").read_text().strip())
    refused = {
        "user, password or token are wrong": replace(by_ca, password="wrong"),
        "token are wrong": replace(by_ca, user="", service_token="AAEAAWVsYXN0aWM"),
        "certificate is not trusted": replace(by_ca, ca_file=""),
        "certificate is not trusted ": replace(told_by_fingerprint, fingerprint="0" * 64),
    }
    for message, settings in refused.items():
        stranger = ElasticStore(url, settings, clock=system_clock)
        with pytest.raises(StoreError, match=message.strip()):
            stranger.search(Query())
        stranger.close()
    pinned = ElasticStore(url, told_by_fingerprint, clock=system_clock)
    assert pinned.search(Query()).total == 1
    pinned.close()
    reader = ElasticStore(url, replace(by_ca, user="reader", password="reader-password"), clock=system_clock)
    assert reader.search(Query()).total == 1
    with pytest.raises(StoreError, match="may not do that"):
        reader.append([event(2)])
    reader.close()
    clear(store, by_ca.prefix)
