"""How is a running range steered and looked at?

A page and a few commands over HTTP on 127.0.0.1: the list of portals, attacks, the day. Commands are POSTs
that a web page elsewhere cannot send: the Host must be a loopback name, and an Origin, if there is one, this
page.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from html import escape
from random import Random
from urllib.parse import parse_qs

from aiohttp import web

from sensors.portal.range.attack import KINDS
from sensors.portal.range.server import PortalRange

_MAX_BODY = 4_096
_SHOWN = 300
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})

Answer = tuple[int, str]


class Control:
    """The control page of one range, in the range's own event loop."""

    def __init__(self, city: PortalRange) -> None:
        self._city = city
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1; gives the port.

        Raises:
            OSError: the port is taken.
        """
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the page."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.host.rsplit(":", 1)[0] not in _LOCAL:
            return web.Response(status=403, text="only by a loopback name")
        if request.method in {"GET", "HEAD"}:
            return self._show(request.path)
        origin = request.headers.get("Origin")
        if request.method != "POST" or (origin and origin != f"http://{request.host}"):
            return web.Response(status=403, text="not from here")
        body = (await request.content.read(_MAX_BODY)).decode("utf-8", "replace")
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        status, text = self.obey(request.path, asked)
        if "text/html" in request.headers.get("Accept", "") and status == 200:  # noqa: PLR2004 - a person's browser
            return web.Response(status=303, headers={"Location": "/"})
        return web.Response(status=status, text=f"{text}\n")

    def _show(self, path: str) -> web.Response:
        if path == "/":
            return web.Response(text=self.page(), content_type="text/html")
        if path == "/portals.csv":
            return web.Response(text=portals_csv(self._city), content_type="text/csv")
        if path == "/agencies.csv":
            return web.Response(text=agencies_csv(self._city), content_type="text/csv")
        if path == "/ca.pem" and self._city.authority is not None:
            return web.Response(body=self._city.authority.pem, content_type="application/x-pem-file")
        return web.Response(status=404, text="no such page")

    def obey(self, path: str, asked: Mapping[str, str]) -> Answer:
        """Carry out one command; gives an HTTP status and what was done."""
        commands: dict[str, Callable[[Mapping[str, str]], Answer]] = {
            "/attack": self._attack,
            "/heal": self._heal,
            "/day": self._day,
        }
        command = commands.get(path)
        return command(asked) if command is not None else (404, "no such command")

    def _attack(self, asked: Mapping[str, str]) -> Answer:
        kind, portal = asked.get("kind", ""), asked.get("portal", "")
        if kind not in KINDS:
            return 400, f"there is no attack '{kind}'; see: citywatch range kinds"
        try:
            self._city.attack(portal, kind)
        except KeyError:
            return 400, f"there is no portal '{portal}' in this range; see /portals.csv"
        return 200, f"{portal}: {kind} is played until it is healed"

    def _heal(self, asked: Mapping[str, str]) -> Answer:
        portal = asked.get("portal", "")
        wanted = [portal] if portal else list(self._city.attacked())
        for each in wanted:
            self._city.heal(each)
        return 200, f"{len(wanted)} healed"

    def _day(self, _asked: Mapping[str, str]) -> Answer:
        self._city.next_day()
        return 200, f"day {self._city.day}"

    def page(self) -> str:
        """The overview, for a person."""
        attacked = self._city.attacked()
        portals = sorted(self._city.portals(), key=lambda portal: portal.id not in attacked)
        sites = {site.id: site for site in self._city.sites}
        rows = "".join(
            f"<tr><td><a href='{escape(each.url)}'>{escape(each.name)}</a><td>{escape(each.id)}"
            f"<td>{sites[each.id].style}<td>{sites[each.id].health}<td>{sites[each.id].tls}"
            f"<td>{escape(', '.join(attacked.get(each.id, ())))}"
            for each in portals[:_SHOWN]
        )
        kinds = "".join(f"<option>{escape(kind)}</option>" for kind in KINDS)
        return (
            "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>CityWatch range</title>"
            "<style>body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}"
            "td,th{padding:2px 10px;text-align:left;border-bottom:1px solid #ddd}"
            "form{display:inline-block;margin:0 2em 1em 0}</style>"
            f"<h1>The test city: {len(portals)} portals, day {self._city.day}</h1>"
            f"<p>{len(attacked)} under attack, {self._city.requests} requests so far. "
            "<a href=/portals.csv>portals.csv</a> <a href=/agencies.csv>agencies.csv</a></p>"
            "<form method=post action=/attack>Portal <input name=portal required> "
            f"<select name=kind>{kinds}</select> <button>Attack</button></form>"
            "<form method=post action=/heal>Portal <input name=portal placeholder='all'> "
            "<button>Heal</button></form>"
            "<form method=post action=/day><button>Next day</button></form>"
            f"<table><tr><th>Portal<th>Id<th>System<th>Health<th>Certificate<th>Attacks{rows}</table>"
            f"<p>{f'The first {_SHOWN} are shown.' if len(portals) > _SHOWN else ''}</p>"
        )


def portals_csv(city: PortalRange) -> str:
    """The portals as `citywatch portals import` takes them."""
    rows = [[each.url, each.name, each.agency, each.id, str(each.level)] for each in city.portals()]
    return _csv(["url", "name", "agency", "id", "level"], rows)


def agencies_csv(city: PortalRange) -> str:
    """The agencies as `citywatch agencies import` takes them."""
    rows = [[site.agency, site.name.removeprefix("Cổng thông tin điện tử "), "office"] for site in city.sites]
    return _csv(["id", "name", "kind"], rows)


def _csv(head: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def attack_some(city: PortalRange, count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Attack so many portals, each with another kind as far as they go; gives who got what."""
    chance = Random(f"attacks {seed}")  # noqa: S311 - plays attacks, guards nothing
    well = [site.id for site in city.sites if site.health == "ok"]
    kinds = list(KINDS)
    chance.shuffle(kinds)
    chosen = chance.sample(well, min(count, len(well)))
    played = [(portal, kinds[number % len(kinds)]) for number, portal in enumerate(chosen)]
    for portal, kind in played:
        city.attack(portal, kind)
    return played
