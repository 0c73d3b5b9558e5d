"""Does a page under a similar name look like the portal to the eye?

A page may be one picture of the portal, or be written by a script: its HTML then resembles nothing. Where a
browser is configured, a bounded number of candidates a night are photographed and held against what was
learned of the portal's own picture.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.house import House
    from sensors.portal.imitation import Imitation
    from sensors.portal.picture.camera import Camera

MOST = 40
"""So many pictures one check takes; each costs a browser some seconds."""


class Glances:
    """Takes pictures of candidates while there are some left to take.

    Args:
        house: the installation.
        headers: as whom the pages are asked for.
        most: how many pictures are taken.
    """

    def __init__(self, house: House, headers: Mapping[str, str], most: int = MOST) -> None:
        self._house = house
        self._agent = headers.get("User-Agent", "")
        self._left = most
        self._turn = asyncio.Semaphore(max(1, house.settings.pictures.tabs))

    async def at(self, seen: Imitation, portal_id: str) -> tuple[Imitation, bytes]:
        """What was seen, with what the eye says of it, and the picture (nothing where none was taken)."""
        camera = self._house.camera
        if camera is None or not seen.url or self._left <= 0:
            return seen, b""
        known = await asyncio.to_thread(self._known, portal_id)
        if not known:
            return seen, b""
        self._left -= 1
        return await self._look(camera, seen, known)

    async def _look(self, camera: Camera, seen: Imitation, known: Any) -> tuple[Imitation, bytes]:
        from sensors.portal.imitation import seen_alike
        from sensors.portal.picture.camera import NoCameraError
        from sensors.portal.picture.likeness import marks_of, open_picture, resemblance, unpack
        from sensors.portal.witness import host_of

        pins = {host_of(seen.url): seen.address} if seen.address else {}
        try:
            async with self._turn:
                shot = await camera.shoot(seen.url, pins=pins, agent=self._agent)
        except NoCameraError as error:
            self._left = 0
            self._house.pulse.failed("portal.lookalike", error)
            return seen, b""
        self._house.pulse.count("portal.lookalike", pictures=1, without=int(bool(shot.error)))
        if shot.error:
            return seen, b""
        habits = unpack(known)
        if not habits:
            return seen, shot.raw
        share = await asyncio.to_thread(lambda: resemblance(habits, marks_of(open_picture(shot.raw))))
        return seen_alike(seen, share), shot.raw

    def _known(self, portal_id: str) -> Any:
        """What was learned of the portal's picture, as the witness `picture` keeps it."""
        from console.faces import from_record

        record = self._house.store.get("baseline", portal_id)
        heard = from_record(record.doc).heard.get("picture") if record is not None else None
        return heard.learned.get("habits") if heard is not None else None
