"""What does it cost to visit a city's portals again and again, against a bare loop that only fetches?

python benchmarks/visits.py [--portals 2000] [--changed 0.05] [--kib 24] [--etag] [--tokens]

A server in a process of its own serves many portals on loopback over TLS, by name. The house visits the home
page of each in four views: fetched, parsed, compared, judged, stored. Then a share of the portals changes and
all are visited again; that round is measured, and right after it a bare aiohttp loop that fetches the same
with the same concurrency and the same checks of certificates.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import trustme
from aiohttp import web

from citywatch.model import Agency, Portal, to_doc
from citywatch.settings import Fetch
from console.house import House, open_house
from console.portals import visit
from console.registry import active_portals, put_agency
from console.settle import settle
from sensors.portal.range import PortalRange
from sensors.portal.range.server import RangeResolver
from sensors.portal.range.site import Site, render
from sensors.portal.view import ALL
from sensors.portal.visit import Budget, PortalSensor

ROUND = Budget(inner_pages=0, probes=False, skip_known=True, recheck_s=0)
LEARN = 3
CONCURRENCY = 64


class City:
    """Serves the pages from memory; `/-/day` lets a share of the portals change."""

    def __init__(self, sites: Sequence[Site], *, kib: int, changed: float, etag: bool, tokens: bool) -> None:
        self._sites = {site.host: site for site in sites}
        self._kib, self._every, self._etag, self._tokens = kib, max(1, round(1 / changed)), etag, tokens
        self._day = 0
        self._hits = 0
        self._pages: dict[str, tuple[bytes, str]] = {}

    def _page(self, host: str) -> tuple[bytes, str]:
        if host not in self._pages:
            site = self._sites[host]
            moved = self._day if hash_of(host) % self._every == self._day % self._every else 0
            page = render(site, "/", day=moved) or ""
            stories = "".join(
                found
                for number in range(self._kib * 2)
                for found in re.findall(r"<p>.*?</p>", render(site, f"/tin-tuc/{number}.html") or "")[:4]
            ).encode()[: max(0, (self._kib << 10) - len(page.encode()))]
            body = page.encode().replace(b"</body>", b"<div class=archive>" + stories + b"</div></body>")
            self._pages[host] = (body, hashlib.sha256(body).hexdigest()[:16])
        return self._pages[host]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One page, or the next day."""
        if request.path == "/-/day":
            self._day += 1
            self._pages.clear()
            for host in self._sites:
                self._page(host)
            return web.Response(text=str(self._day))
        body, mark = self._page(request.host.partition(":")[0])
        self._hits += 1
        headers = {"Content-Type": "text/html; charset=utf-8"}
        if self._etag:
            headers["ETag"] = f'"{mark}"'
            if request.headers.get("If-None-Match") == f'"{mark}"':
                return web.Response(status=304, headers=headers)
        if self._tokens:
            token = hashlib.sha256(str(self._hits).encode()).hexdigest()
            body = body.replace(
                b"</body>", f'<input type=hidden value="{token}"><i>{self._hits}</i></body>'.encode()
            )
        return web.Response(body=body, headers=headers)


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    city = City(
        PortalRange.many(options.portals).sites,
        kib=options.kib,
        changed=options.changed,
        etag=options.etag,
        tokens=options.tokens,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.folder / "server.pem")
    runner = web.ServerRunner(web.Server(city.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=1024)
    await site.start()
    (options.folder / "port.tmp").write_text(str(runner.addresses[0][1]))
    (options.folder / "port.tmp").rename(options.folder / "port")
    await asyncio.Event().wait()


def cpu() -> float:
    """CPU seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def sensor(house: House, *, ca_file: str) -> PortalSensor:
    """A sensor that is led to loopback and trusts the server's authority."""
    return PortalSensor(
        house.settings.fetch,
        house.clock,
        keep=house.evidence.keep,
        budget=ROUND,
        resolver=RangeResolver(),
        ca_file=ca_file,
    )


async def bare(urls: Sequence[str], ca_file: str) -> int:
    """Fetch every URL once for each view, and nothing else."""
    waiting = iter(urls)
    taken = 0
    context = ssl.create_default_context(cafile=ca_file)
    connector = aiohttp.TCPConnector(resolver=RangeResolver(), limit=CONCURRENCY, ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            nonlocal taken
            for url in waiting:
                for view in ALL:
                    async with session.get(url, headers=view.headers("bench")) as answer:
                        taken += len(await answer.read())

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return taken


async def next_day(port: int, ca_file: str) -> None:
    """Let a share of the portals change."""
    connector = aiohttp.TCPConnector(resolver=RangeResolver(), ssl=ssl.create_default_context(cafile=ca_file))
    async with aiohttp.ClientSession(connector=connector) as session:
        await (await session.get(f"https://xa-0000.city.example:{port}/-/day")).read()


def register(house: House, count: int, port: int) -> None:
    """Register the portals of the range."""
    sites = PortalRange.many(count).sites
    put_agency(house, Agency(id="city", name="Thành phố"))
    docs: dict[str, dict[str, Any]] = {}
    for site in sites:
        url = f"https://{site.host}:{port}/"
        docs[site.id] = to_doc(Portal(id=site.id, url=url, name=site.name, agency="city", level=site.level))
    house.store.put_many("portal", docs)


def measure(folder: Path, options: argparse.Namespace, port: int) -> None:
    """Learn, change, visit again, and hold it against the bare loop."""
    ca_file = str(folder / "ca.pem")
    fetch = Fetch(allow_loopback=True, concurrency=CONCURRENCY, timeout_s=30.0, robots=False)
    make = partial(sensor, ca_file=ca_file)
    with open_house(folder / "data", make=True) as house:
        house.settings = replace(house.settings, fetch=fetch)
        register(house, options.portals, port)
        house.judge  # noqa: B018 - the rules are compiled before anything is measured
        portals = active_portals(house)
        for number in range(LEARN + 1):
            wall, used = time.perf_counter(), cpu()
            visit(house, portals, deep=False, make=make)
            _say(
                f"learning visit {number + 1}",
                time.perf_counter() - wall,
                cpu() - used,
                len(portals) * len(ALL),
            )
        _settle(house)
        asyncio.run(next_day(port, ca_file))
        wall, used = time.perf_counter(), cpu()
        rows = visit(house, portals, deep=False, make=make)
        looked = cpu() - used
        _settle(house)
        wall, used = time.perf_counter() - wall, cpu() - used
    views = len(portals) * len(ALL)
    _report(rows, wall, used, looked, views)
    wall, spent = time.perf_counter(), cpu()
    taken = asyncio.run(bare([portal.url for portal in portals], ca_file))
    wall, spent = time.perf_counter() - wall, cpu() - spent
    _say(f"bare loop, {taken / 1e6:.0f} MB", wall, spent, views)
    print(f"ratio of CPU to the bare loop: {used / spent:.2f}")


def _settle(house: House) -> None:
    settle(house, lambda _: None)


def _report(rows: Sequence[Mapping[str, Any]], wall: float, used: float, looked: float, views: int) -> None:
    judged = sum(int(row["judged"]) for row in rows)
    events = sum(int(row["events"]) for row in rows)
    _say("measured round, judged and stored", wall, used, views)
    print(
        f"  of it visits {looked:.1f} s CPU; {judged} views judged anew, the rest as before; {events} events"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:.0f} MiB")


def _say(what: str, wall: float, used: float, views: int) -> None:
    print(f"{what}: {wall:.1f} s, {used:.1f} s CPU, {1000 * used / views:.2f} ms CPU a view", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="measure", choices=["measure", "serve"])
    parser.add_argument("--portals", type=int, default=2000)
    parser.add_argument("--changed", type=float, default=0.05)
    parser.add_argument("--kib", type=int, default=24)
    parser.add_argument("--etag", action="store_true")
    parser.add_argument("--tokens", action="store_true", help="a form token and a counter in every answer")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    if options.what == "serve":
        asyncio.run(serve(options))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        authority.issue_cert("*.city.example").private_key_and_cert_chain_pem.write_to_path(
            folder / "server.pem"
        )
        command = [sys.executable, __file__, "serve", "--folder", name, *arguments]
        server = subprocess.Popen(command)
        try:
            while not (folder / "port").exists():
                time.sleep(0.1)
            measure(folder, options, int((folder / "port").read_text()))
        finally:
            server.terminate()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
