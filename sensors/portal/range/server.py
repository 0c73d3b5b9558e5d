"""Who serves the portals of the range?

One aiohttp server on loopback: portals by port (few, no names needed) or all on one port by Host header, with
`resolver` to lead their names there. Runs in the caller's event loop (`start`, `stop`) or, as a `with` block,
in a thread of its own.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from citywatch.model import Portal
from sensors.portal.range.attack import KINDS, Answer, Asked, Attack, meant
from sensors.portal.range.site import STYLES, Site, render

_TEN = (
    ("so-tttt", "Cổng thông tin Sở Thông tin và Truyền thông", "so-tttt", "nuke"),
    ("so-y-te", "Cổng thông tin Sở Y tế", "so-y-te", "dnn"),
    ("so-gddt", "Cổng thông tin Sở Giáo dục và Đào tạo", "so-gddt", "joom"),
    ("quan-hoan-kiem", "Trang thông tin quận Hoàn Kiếm", "quan-hoan-kiem", "life"),
    ("huyen-dong-anh", "Trang thông tin huyện Đông Anh", "huyen-dong-anh", "nuke"),
    ("huyen-soc-son", "Trang thông tin huyện Sóc Sơn", "huyen-soc-son", "plain"),
    ("phuong-lang-ha", "Trang thông tin phường Láng Hạ", "phuong-lang-ha", "joom"),
    ("xa-kim-lan", "Trang thông tin xã Kim Lan", "xa-kim-lan", "nuke"),
)


class RangeResolver(AbstractResolver):
    """Leads every name to loopback."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Holds nothing."""


class PortalRange:
    """Portals on loopback that change honestly day by day, and can be attacked.

    Args:
        sites: what to serve.
        by_port: a port for each site (at most some dozens), else one port and names.
    """

    def __init__(self, sites: Iterable[Site], *, by_port: bool = True) -> None:
        self.sites = tuple(sites)
        self.day = 0
        self.requests = 0
        self._by_port = by_port
        self._attacks: dict[str, list[Attack]] = {}
        self._ports: dict[str, int] = {}
        self._runner: web.ServerRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def demo(cls) -> PortalRange:
        """The eight portals of the demo city, each of an agency of its own."""
        sites = [Site(id=name, name=title, agency=agency, style=style) for name, title, agency, style in _TEN]
        return cls(sites)

    @classmethod
    def many(cls, count: int) -> PortalRange:
        """A city of many different portals, on one port, by name."""
        sites = [
            Site(id=f"xa-{number:04d}", name=f"Trang thông tin xã số {number}", agency=f"xa-{number:04d}",
                 style=STYLES[number % len(STYLES)], level=1 + number % 5)
            for number in range(count)
        ]  # fmt: skip
        return cls(sites, by_port=False)

    # -- attacks and days ----------------------------------------------------------------------------

    def attack(self, portal: str, kind: str) -> Attack:
        """Play an attack on a portal until it is healed; kinds are in `KINDS`."""
        if all(site.id != portal for site in self.sites):
            raise KeyError(f"there is no portal '{portal}' in the range")
        self._attacks.setdefault(portal, []).append(KINDS[kind])
        return KINDS[kind]

    def heal(self, portal: str) -> None:
        """Undo every attack on a portal."""
        self._attacks.pop(portal, None)

    def next_day(self) -> None:
        """A day goes by: news, dates, counters and banners change."""
        self.day += 1

    # -- addresses -----------------------------------------------------------------------------------

    def url(self, portal: str) -> str:
        """Where a portal is served; known once the range runs."""
        site = next(site for site in self.sites if site.id == portal)
        name = "127.0.0.1" if self._by_port else site.host
        return f"http://{name}:{self._ports[portal]}/"

    def portals(self) -> list[Portal]:
        """The portals as an agency would register them; known once the range runs."""
        return [
            Portal(
                id=site.id,
                url=self.url(site.id),
                name=site.name,
                agency=site.agency,
                level=site.level,
                tags=site.tags,
            )
            for site in self.sites
        ]

    @property
    def resolver(self) -> AbstractResolver:
        """Leads the range's names to it."""
        return RangeResolver()

    # -- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the ports in the running event loop."""
        self._runner = web.ServerRunner(web.Server(self._serve))
        await self._runner.setup()
        if not self._by_port:
            port = await self._listen()
            self._ports = {site.id: port for site in self.sites}
            return
        for site in self.sites:
            self._ports[site.id] = await self._listen()

    async def _listen(self) -> int:
        if self._runner is None:
            raise RuntimeError("the range is not started")
        held = socket.create_server(("127.0.0.1", 0), backlog=512)
        await web.SockSite(self._runner, held).start()
        return int(held.getsockname()[1])

    async def stop(self) -> None:
        """Close the ports."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self.start())
            ready.set()
            loop.run_forever()
            loop.run_until_complete(self.stop())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

        self._loop = loop
        self._thread = threading.Thread(target=run, name="portal-range", daemon=True)
        self._thread.start()
        if not ready.wait(30):
            raise RuntimeError("the range did not start within 30 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(30)

    # -- answers -------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        site = self._site(request)
        if site is None:
            return web.Response(status=404, text="no such portal")
        asked = Asked(
            path=request.path,
            agent=request.headers.get("User-Agent", ""),
            referrer=request.headers.get("Referer", ""),
        )
        return self._answer(site, asked)

    def _site(self, request: web.BaseRequest) -> Site | None:
        if not self._by_port:
            name = request.host.partition(":")[0].partition(".")[0]
            return next((site for site in self.sites if site.id == name), None)
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport is not None else 0
        return next((site for site in self.sites if self._ports.get(site.id) == port), None)

    def _answer(self, site: Site, asked: Asked) -> web.Response:
        attacks = [item for item in self._attacks.get(site.id, []) if meant(item, asked)]
        for attack in attacks:
            for path, answer in attack.files:
                if path == asked.path:
                    return _sent(answer)
            if attack.kind == "down":
                return web.Response(status=503, text="Service Unavailable")
            if attack.lead and asked.path == "/":
                return web.Response(status=302, headers={"Location": attack.lead})
        page = render(site, asked.path, day=self.day, hit=self.requests, phone=asked.phone)
        if page is None:
            return web.Response(status=404, text="<h1>Không tìm thấy trang</h1>", content_type="text/html")
        for attack in attacks:
            page = attack.change(page, asked) if attack.change is not None else page
        return web.Response(text=page, content_type="text/html")


def _sent(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers={"Content-Type": answer.media_type})
