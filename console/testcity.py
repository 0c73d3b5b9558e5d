"""How is the test city run from a terminal, and steered from another one?"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.errors import CityWatchError

if TYPE_CHECKING:
    from sensors.portal.range.server import By, PortalRange

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What test city somebody wants."""

    count: int = 100
    port: int = 8090
    by: By = "address"
    https: bool = False
    changing: float = 1.0
    well: bool = False
    seed: int = 1
    attacks: int = 0
    day_every_s: float = 0.0
    seconds: float = 0.0
    folder: Path | None = None


def serve(wanted: Wanted, tell: Tell) -> None:
    """Serve the city until its time is over or it is interrupted.

    Raises:
        CityWatchError: there are not so many portals, or an address cannot be listened on.
    """
    from sensors.portal.range import PortalRange
    from sensors.portal.range.city import make_city

    try:
        sites = make_city(wanted.count, seed=wanted.seed, changing=wanted.changing, sick=not wanted.well)
    except ValueError as error:
        raise CityWatchError(str(error)) from error
    city = PortalRange(sites, by=wanted.by, tls=wanted.https, port=wanted.port)
    try:
        asyncio.run(_serve(city, wanted, tell))
    except KeyboardInterrupt:
        tell(f"the range is closed after {city.requests} requests")
    except OSError as error:
        raise CityWatchError(
            f"the range cannot listen on port {wanted.port} of loopback: {error.strerror or error}; "
            "choose another with --port, or leave the choice to the system with --port 0"
        ) from error


async def _serve(city: PortalRange, wanted: Wanted, tell: Tell) -> None:
    from sensors.portal.range.control import Control, attack_some

    control = Control(city)
    await city.start()
    try:
        port = await control.start(wanted.port + 1 if wanted.by == "name" and wanted.port else wanted.port)
        _tell(city, port, wanted, tell)
        for portal, kind in attack_some(city, wanted.attacks, wanted.seed) if wanted.attacks else ():
            tell(f"attacked: {portal} with {kind}")
        await _live(city, wanted, tell)
    finally:
        await control.stop()
        await city.stop()


async def _live(city: PortalRange, wanted: Wanted, tell: Tell) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + wanted.seconds if wanted.seconds else float("inf")
    while clock() < until:
        await asyncio.sleep(min(wanted.day_every_s or 3600.0, max(0.0, until - clock())))
        if wanted.day_every_s and clock() < until:
            city.next_day()
            tell(f"day {city.day}")
    tell(f"the range is closed after {city.requests} requests")


def _tell(city: PortalRange, port: int, wanted: Wanted, tell: Tell) -> None:
    from sensors.portal.range.control import agencies_csv, portals_csv

    first = city.portals()[0].url
    tell(f"{len(city.sites)} portals on loopback, the first at {first}")
    tell(f"look, attack and heal at http://127.0.0.1:{port}/ or with: citywatch range attack --port {port}")
    if wanted.folder is not None:
        wanted.folder.mkdir(parents=True, exist_ok=True)
        (wanted.folder / "portals.csv").write_text(portals_csv(city), encoding="utf-8")
        (wanted.folder / "agencies.csv").write_text(agencies_csv(city), encoding="utf-8")
        if city.authority is not None:
            (wanted.folder / "ca.pem").write_bytes(city.authority.pem)
        tell(
            f"register them: citywatch agencies import {wanted.folder}/agencies.csv && "
            f"citywatch portals import {wanted.folder}/portals.csv (with [fetch] allow_loopback = true)"
        )


def command(port: int, what: str, **asked: str) -> str:
    """Send one command to a running range; gives what it says.

    Raises:
        CityWatchError: no range runs there, or it refuses.
    """
    return _send(f"http://127.0.0.1:{port}/{what}", asked)


def _send(url: str, asked: Mapping[str, str]) -> str:
    body = urllib.parse.urlencode(asked).encode()
    try:
        with urllib.request.urlopen(url, data=body, timeout=10) as answer:  # noqa: S310 - always http to loopback
            return str(answer.read(10_000).decode("utf-8", "replace")).strip()
    except urllib.error.HTTPError as error:
        with error:
            raise CityWatchError(error.read(1000).decode("utf-8", "replace").strip()) from error
    except urllib.error.URLError as error:
        why = error.reason.strerror if isinstance(error.reason, OSError) else None
        raise CityWatchError(_nobody(url, why or str(error.reason))) from error
    except (OSError, ValueError) as error:
        raise CityWatchError(_nobody(url, str(error))) from error


def _nobody(url: str, why: str) -> str:
    return f"no range answers at {url}: {why}; start one with: citywatch range portals"
