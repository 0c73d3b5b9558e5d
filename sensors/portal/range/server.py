"""Who serves the portals of the range?

One aiohttp server, on loopback only: a port for each portal (few), an address of 127.0.0.0/8 for each (many,
no names needed), or all on one port by name, with `resolver` to lead their names there. Runs in the caller's
event loop (`start`, `stop`) or, as a `with` block, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import threading
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType
from typing import Literal, Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from citywatch.model import Portal
from sensors.portal.range.attack import KINDS, Answer, Asked, Attack, meant
from sensors.portal.range.behave import misbehave
from sensors.portal.range.city import make_city
from sensors.portal.range.site import Site, render
from sensors.portal.range.tls import Authority

By = Literal["port", "name", "address"]
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
_EACH = 250
_NOWHERE = "<h1>Không tìm thấy trang</h1>"


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


def address_of(number: int) -> str:
    """The loopback address of the portal of this number.

    >>> address_of(0), address_of(251)
    ('127.10.0.1', '127.10.1.2')
    """
    return f"127.10.{number // _EACH}.{1 + number % _EACH}"


class PortalRange:
    """Portals on loopback that change honestly day by day, and can be attacked.

    Args:
        sites: what to serve.
        by: a port for each site (at most some dozens), an address for each, or one port and names.
        tls: speak HTTPS, with the certificate that each site has; `authority` signs the good ones.
        port: the port to listen on, where there is one for all; 0 takes a free one.
    """

    def __init__(self, sites: Iterable[Site], *, by: By = "port", tls: bool = False, port: int = 0) -> None:
        self.sites = tuple(sites)
        self.day = 0
        self.requests = 0
        self.authority = Authority() if tls else None
        self._by = by
        self._port = port
        self._attacks: dict[str, list[Attack]] = {}
        self._ports: dict[str, int] = {}
        self._by_id = {site.id: site for site in self.sites}
        self._by_place: dict[str | int, Site] = {}
        self._contexts: dict[tuple[str, int], ssl.SSLContext] = {}
        self._runner: web.ServerRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def demo(cls) -> PortalRange:
        """The eight portals of the demo city, each of an agency of its own."""
        sites = [Site(id=name, name=title, agency=agency, style=style) for name, title, agency, style in _TEN]
        return cls(sites)

    @classmethod
    def many(
        cls, count: int, *, tls: bool = False, changing: float = 1.0, sick: bool = False, by: By = "name"
    ) -> PortalRange:
        """A city of many different portals, on one port, by name; all are well unless `sick` is set."""
        return cls(make_city(count, changing=changing, sick=sick), by=by, tls=tls)

    # -- attacks and days ----------------------------------------------------------------------------

    def attack(self, portal: str, kind: str) -> Attack:
        """Play an attack on a portal until it is healed; kinds are in `KINDS`."""
        if portal not in self._by_id:
            raise KeyError(f"there is no portal '{portal}' in the range")
        self._attacks.setdefault(portal, []).append(KINDS[kind])
        return KINDS[kind]

    def heal(self, portal: str) -> None:
        """Undo every attack on a portal."""
        self._attacks.pop(portal, None)

    def attacked(self) -> dict[str, tuple[str, ...]]:
        """The portals under attack and the kinds of their attacks."""
        return {portal: tuple(each.kind for each in attacks) for portal, attacks in self._attacks.items()}

    def next_day(self) -> None:
        """A day goes by: news, dates, counters and banners change."""
        self.day += 1

    # -- addresses -----------------------------------------------------------------------------------

    def url(self, portal: str) -> str:
        """Where a portal is served; known once the range runs."""
        site = self._by_id[portal]
        name = {"port": "127.0.0.1", "name": site.host}.get(self._by) or address_of(self.sites.index(site))
        return f"{'https' if self.authority else 'http'}://{name}:{self._ports[portal]}/"

    def portals(self) -> list[Portal]:
        """The portals as an agency would register them; known once the range runs."""
        addresses = [address_of(number) for number in range(len(self.sites))]
        scheme = "https" if self.authority else "http"
        names = {"port": ["127.0.0.1"] * len(addresses), "name": [site.host for site in self.sites]}
        return [
            Portal(
                id=site.id,
                url=f"{scheme}://{name}:{self._ports[site.id]}/",
                name=site.name,
                agency=site.agency,
                level=site.level,
                tags=site.tags,
            )
            for site, name in zip(self.sites, names.get(self._by, addresses), strict=True)
        ]

    @property
    def resolver(self) -> AbstractResolver:
        """Leads the range's names to it."""
        return RangeResolver()

    # -- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the ports in the running event loop.

        Raises:
            OSError: a port or address cannot be listened on.
        """
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None))
        await self._runner.setup()
        if self._by == "name":
            port = await self._listen("127.0.0.1", self._port, self._context_by_name())
            self._ports = {site.id: port for site in self.sites}
            self._by_place = {site.host: site for site in self.sites}
            return
        if self._by == "address":
            _allow_files(2 * len(self.sites) + 500)
        shared = self._port
        for number, site in enumerate(self.sites):
            address = address_of(number) if self._by == "address" else "127.0.0.1"
            port = await self._listen(
                address, shared if self._by == "address" else 0, self._context(site, number // _EACH)
            )
            shared = shared or port
            self._ports[site.id] = port
            self._by_place[address if self._by == "address" else port] = site

    def _context(self, site: Site, block: int) -> ssl.SSLContext | None:
        """One context for all portals of a kind in a block: making two thousand takes 15 s."""
        if self.authority is None:
            return None
        if (site.tls, block) not in self._contexts:
            names = [address_of(block * _EACH + each) for each in range(_EACH)]
            shown = names if self._by == "address" else ["127.0.0.1", "localhost"]
            self._contexts[site.tls, block] = self.authority.context(site.tls, shown)
        return self._contexts[site.tls, block]

    def _context_by_name(self) -> ssl.SSLContext | None:
        if self.authority is None:
            return None
        contexts = {
            kind: self.authority.context(kind, ["*.city.example"]) for kind in {s.tls for s in self.sites}
        }
        first = self.authority.context("good", ["*.city.example"])
        kinds = {site.host: site.tls for site in self.sites}

        def choose(shaken: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            shaken.context = contexts.get(kinds.get(name or "", ""), first)

        first.sni_callback = choose
        return first

    async def _listen(self, address: str, port: int, context: ssl.SSLContext | None) -> int:
        if self._runner is None:
            raise RuntimeError("the range is not started")
        held = socket.create_server((address, port), backlog=512)
        await web.SockSite(self._runner, held, ssl_context=context).start()
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
        if not ready.wait(60):
            raise RuntimeError("the range did not start within 60 s")
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
        answer = self._answer(site, asked)
        if site.health != "ok":
            body = answer.body if isinstance(answer.body, bytes) else b""
            return await misbehave(site.health, request, body) or answer
        tag = answer.headers.get("ETag")
        if tag and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return answer

    def _site(self, request: web.BaseRequest) -> Site | None:
        if self._by == "name":
            return self._by_place.get(request.host.partition(":")[0])
        transport = request.transport
        address, port = transport.get_extra_info("sockname")[:2] if transport is not None else ("", 0)
        return self._by_place.get(address if self._by == "address" else port)

    def _answer(self, site: Site, asked: Asked) -> web.Response:
        attacks = [item for item in self._attacks.get(site.id, ()) if meant(item, asked)]
        instead = [answer for attack in attacks if (answer := _instead(attack, asked)) is not None]
        if instead:
            return instead[0]
        if site.still and not attacks:
            return _unchanged(site, asked.path, asked.phone)
        rendered = render(site, asked.path, day=self.day, hit=self.requests, phone=asked.phone)
        if rendered is None:
            return web.Response(status=404, text=_NOWHERE, content_type="text/html")
        page = rendered
        for change in (attack.change for attack in attacks if attack.change is not None):
            page = change(page, asked)
        return web.Response(text=page, content_type="text/html")


def _instead(attack: Attack, asked: Asked) -> web.Response | None:
    """What an attack answers of its own, without the page."""
    for path, answer in attack.files:
        if path == asked.path:
            return _sent(answer)
    if attack.kind == "down":
        return web.Response(status=503, text="Service Unavailable")
    if attack.lead and asked.path == "/":
        return web.Response(status=302, headers={"Location": attack.lead})
    return None


@lru_cache(maxsize=10_000)
def _page_of(site: Site, path: str, phone: bool) -> tuple[bytes, str]:  # noqa: FBT001 - part of the key
    page = render(site, path, phone=phone)
    body = page.encode() if page is not None else b""
    return body, f'"{blake2b(body, digest_size=8).hexdigest()}"'


def _unchanged(site: Site, path: str, phone: bool) -> web.Response:  # noqa: FBT001 - passed on
    body, tag = _page_of(site, path, phone)
    if not body:
        return web.Response(status=404, text=_NOWHERE, content_type="text/html")
    headers = {"ETag": tag, "Content-Type": "text/html; charset=utf-8"}
    return web.Response(body=body, headers=headers)


def _sent(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers={"Content-Type": answer.media_type})


def _allow_files(wanted: int) -> None:
    """Raise this process's own limit of open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
