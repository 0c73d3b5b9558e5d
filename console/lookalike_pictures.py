"""Does a page under a similar name look like the portal to the eye?

A page may be one picture of the portal, or be written by a script: its HTML then resembles nothing. Where a
browser is configured, a bounded number of candidates a night are photographed and held against the kept
picture of the portal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from citywatch.model import Portal
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
        self.tried: set[str] = set()
        """Names of which a picture was wanted, whether one came or not."""
        self._turn = asyncio.Semaphore(max(1, house.settings.pictures.tabs))

    async def at(self, seen: Imitation, portal: Portal) -> tuple[Imitation, bytes]:
        """What was seen, with what the eye says of it, and the picture (nothing where none was taken)."""
        from sensors.portal.imitation import seen_alike
        from sensors.portal.picture.double import share

        camera = self._house.camera
        if camera is None or not seen.url or self._left <= 0:
            return seen, b""
        known = await asyncio.to_thread(self._known, portal.id)
        genuine = self._picture(known)
        if genuine is None or self._left <= 0:
            return seen, b""
        self._left -= 1
        self.tried.add(seen.domain)
        raw = await self._shoot(camera, seen, portal)
        if not raw:
            return seen, b""
        try:
            return seen_alike(seen, await asyncio.to_thread(share, genuine, raw, known)), raw
        except ValueError as error:  # what is kept is no picture that can be opened
            self._house.pulse.failed("portal.lookalike", error)
            return seen, raw

    async def _shoot(self, camera: Camera, seen: Imitation, portal: Portal) -> bytes:
        """The picture; nothing where none came, or where a script led to the portal itself."""
        from sensors.portal.page import registered_domain
        from sensors.portal.picture.camera import NoCameraError
        from sensors.portal.witness import host_of

        pins = {host_of(seen.url): seen.address} if seen.address else {}
        try:
            async with self._turn:
                shot = await camera.shoot(seen.url, pins=pins, agent=self._agent)
        except NoCameraError as error:
            self._left = 0
            self._house.pulse.failed("portal.lookalike", error)
            return b""
        self._house.pulse.count("portal.lookalike", pictures=1, without=int(bool(shot.error)))
        led_home = registered_domain(host_of(shot.url)) == registered_domain(host_of(portal.url))
        return b"" if shot.error or led_home else shot.raw

    def _picture(self, known: Mapping[str, Any]) -> bytes | None:
        """The kept picture of the portal; None where there is none, or its bytes were changed."""
        from citywatch.errors import StoreError

        try:
            return self._house.evidence.get(str(known["picture"])) if known.get("picture") else None
        except StoreError as error:
            self._house.pulse.failed("portal.lookalike", error)
            return None

    def _known(self, portal_id: str) -> Mapping[str, Any]:
        """What the witness *picture* remembers of the portal."""
        from console.faces import from_record

        record = self._house.store.get("baseline", portal_id)
        heard = from_record(record.doc).heard.get("picture") if record is not None else None
        return heard.learned if heard is not None else {}
