"""How many pictures of portals a second, and what do they cost?

python benchmarks/portal_pictures.py [--pages N] [--tabs N]

Portals of the range on loopback, a warm browser (unprivileged, sandboxed, behind its proxy); the marks of
each picture are made too. CPU is that of the whole process tree of the browser and of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from citywatch.settings import Pictures
from sensors.portal.picture.camera import Camera, Shot
from sensors.portal.picture.likeness import marks_of, open_picture
from sensors.portal.range import PortalRange

_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_of(user: int) -> float:
    """CPU seconds of all live processes of a user, and of their children that ended."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.stat().st_uid == user:
                cells = stat.read_text().rpartition(")")[2].split()
                total += sum(int(cell) for cell in cells[11:15]) / _TICKS
        except OSError:
            continue
    return total


async def _measure(pages: int, tabs: int) -> int:
    camera = Camera(Pictures(chromium="/usr/bin/chromium", tabs=tabs), allow_loopback=True)
    city = PortalRange.demo()
    await city.start()
    portals = [portal.url for portal in city.portals()]
    wanted = [portals[number % len(portals)] for number in range(pages)]

    async def one(url: str) -> Shot:
        shot = await camera.shoot(url, pins={}, agent="")
        if shot.raw:
            await asyncio.to_thread(lambda: marks_of(open_picture(shot.raw)))
        return shot

    try:
        await asyncio.gather(*(one(url) for url in portals))
        before, own, began = _cpu_of(camera.uid), time.process_time(), time.perf_counter()
        shots = await asyncio.gather(*(one(url) for url in wanted))
        took = time.perf_counter() - began
        spent = _cpu_of(camera.uid) - before
        own = time.process_time() - own
    finally:
        camera.close()
        await city.stop()
    failed = sum(1 for shot in shots if shot.error)
    size = sum(len(shot.raw) for shot in shots) / max(1, pages - failed) / 1024
    print(
        f"{pages} pictures, {tabs} tabs: {pages / took:.1f} a second, {failed} without, {size:.0f} KiB each"
    )
    print(f"CPU a picture: browser {spent / pages * 1000:.0f} ms, all else {own / pages * 1000:.0f} ms")
    return 1 if failed else 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--tabs", type=int, default=2)
    chosen = parser.parse_args()
    return asyncio.run(_measure(chosen.pages, chosen.tabs))


if __name__ == "__main__":
    sys.exit(main())
