"""Does a portal still look like itself to the eye?

A witness that sees what HTML does not tell: a defacement by an image under an old name, by a style sheet, by
a script. It learns which parts of the first screen change by themselves, looks twice before it tells of a
change, and keeps the picture before, the picture after and their difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from citywatch.clock import stamp
from citywatch.model import Event
from sensors.portal.picture.camera import Camera, Shot
from sensors.portal.picture.likeness import (
    Change,
    Marks,
    compare,
    difference_picture,
    learn,
    marks_of,
    open_picture,
    pack,
    pack_cells,
    unpack,
    unpack_cells,
    unrest,
    where,
)
from sensors.portal.witness import Scene, Testimony, host_of, tidy, witness_event

LEARNING_DAYS = 3
"""On so many days pictures are only learned from: what changes daily must be seen to."""
_TOLD = 0.3
"""From this share on a change is looked at twice; what is not quiet is not learned."""
_SCREENS = 8
_FRESH = 30
"""After so many quiet looks the picture that stands for 'before' is taken anew."""


@dataclass(slots=True)
class Eye:
    """The witness *picture*.

    Args:
        camera: takes the pictures.
        get: evidence by hash, for the picture before.
        every_s: how long it rests between two looks at a portal.
        pause_s: before the second look at a change.
    """

    camera: Camera
    get: Callable[[str], bytes | None]
    every_s: float = 3600
    pause_s: float = 1.0
    name: str = "picture"
    limit_s: float = 120.0

    async def ask(self, scene: Scene) -> Testimony:
        """Take a picture of the home page and hold it against those before."""
        fetched = scene.home.fetched
        if not fetched.available:
            return Testimony(counts={"skipped": 1})
        shot = await self._shoot(scene)
        if shot.error:
            return self._without(scene, shot)
        now = await asyncio.to_thread(_marks, shot.raw)
        change = _change(scene.known, now)
        if change is not None and change.share >= _TOLD:
            await asyncio.sleep(self.pause_s)
            shot, now, change = await self._again(scene, shot, now, change)
        return await asyncio.to_thread(self._tell, scene, shot, now, change)

    async def _shoot(self, scene: Scene) -> Shot:
        fetched = scene.home.fetched
        pins = {host_of(fetched.final_url): fetched.address} if fetched.address else {}
        return await self.camera.shoot(
            fetched.final_url, pins=pins, agent=scene.headers.get("User-Agent", "")
        )

    async def _again(
        self, scene: Scene, shot: Shot, now: Marks, change: Change
    ) -> tuple[Shot, Marks, Change]:
        """What is gone at the second look was an animation or half a page."""
        second = await self._shoot(scene)
        if second.error:
            return shot, now, change
        marks = await asyncio.to_thread(_marks, second.raw)
        later = _change(scene.known, marks)
        if later is None or later.share >= change.share:
            return shot, now, change
        return second, marks, later

    def _without(self, scene: Scene, shot: Shot) -> Testimony:
        event = witness_event(scene.portal, "portal.picture", "picture", at=scene.now)
        event |= _fields(scene, shot)
        event["event.outcome"] = "failure"
        event["citywatch.portal.picture.problem"] = shot.error
        event["event.reason"] = shot.detail or shot.error
        return Testimony(events=(tidy(event),), counts={"pictures": 1, "without": 1})

    def _tell(self, scene: Scene, shot: Shot, now: Marks, change: Change | None) -> Testimony:
        known = scene.known
        kept, whats = self._keep(scene, shot, change)
        event = witness_event(scene.portal, "portal.picture", "picture", at=scene.now)
        event |= _fields(scene, shot)
        event["event.outcome"] = "success"
        event["citywatch.portal.picture.hash"] = now.screen
        event["citywatch.portal.picture.height"] = shot.height
        if change is not None:
            event["citywatch.portal.picture.change"] = change.share
            event["citywatch.portal.picture.distance"] = change.distance
            event["citywatch.portal.picture.regions"] = where(change.cells)
        if "picture_before" in whats:
            event["citywatch.portal.picture.before_at"] = str(known.get("picture_at") or "")
        event["citywatch.evidence.sha256"] = kept
        event["citywatch.evidence.what"] = whats
        told: Event = tidy(event)
        fresh = _learned({}, now, scene.now, kept[whats.index("picture_after")] if kept else "")
        fresh["picture_at"] = stamp(scene.now)
        if not fresh["picture"]:
            fresh |= _before(known)
        quiet = scene.home.quiet and (change is None or change.share < _TOLD)
        counts = {"pictures": 1, "changed": int(change is not None and change.share >= _TOLD)}
        if not quiet:
            restless = _restless(known, now) if scene.home.quiet else None
            return Testimony(events=(told,), learned=restless, fresh=fresh, counts=counts)
        learned = _learned(known, now, scene.now, fresh["picture"])
        learned |= {"picture_at": fresh["picture_at"]} if _renewed(known) else _before(known)
        return Testimony(events=(told,), learned=learned, fresh=fresh, counts=counts)

    def _keep(self, scene: Scene, shot: Shot, change: Change | None) -> tuple[list[str], list[str]]:
        """Keep the picture when it is the first, is to stand for 'before', or shows a change."""
        changed = change is not None and change.share >= _TOLD
        if not (changed or _renewed(scene.known) or not scene.home.quiet):
            return [], []
        after = scene.keep(shot.raw, "image/jpeg")
        before = str(scene.known.get("picture") or "")
        raw = self.get(before) if before and changed else None
        if raw is None:
            return _named([after], ["picture_after"])
        gap = difference_picture(open_picture(raw), open_picture(shot.raw))
        shown = [before, after, scene.keep(gap, "image/png")]
        return _named(shown, ["picture_before", "picture_after", "picture_difference"])


def _named(hashes: list[str], whats: list[str]) -> tuple[list[str], list[str]]:
    return (hashes, whats) if all(hashes) else ([], [])


def _renewed(known: Mapping[str, Any]) -> bool:
    return not known.get("picture") or int(known.get("visits") or 0) % _FRESH == 0


def _before(known: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(known.get(name) or "") for name in ("picture", "picture_at")}


def _marks(raw: bytes) -> Marks:
    return marks_of(open_picture(raw))


def _change(known: Mapping[str, Any], now: Marks) -> Change | None:
    days = int(known.get("days") or 0)
    habits = unpack(known.get("habits") or ())
    if days < LEARNING_DAYS or not habits:
        return None
    return compare(habits, [str(one) for one in known.get("screens") or ()], now, days)


def _restless(known: Mapping[str, Any], now: Marks) -> dict[str, Any]:
    """What is remembered of a change that the HTML knows nothing of: only which parts move by themselves."""
    habits, last = unpack(known.get("habits") or ()), unpack_cells(known.get("last") or ())
    moved = pack(unrest(habits, last, now)) if habits and last else known.get("habits") or []
    return {**known, "habits": moved, "last": pack_cells(now.cells)}


def _learned(known: Mapping[str, Any], now: Marks, at: datetime, picture: str) -> dict[str, Any]:
    screens = [now.screen, *(str(one) for one in known.get("screens") or ())]
    day = stamp(at)[:10]
    return {
        "visits": int(known.get("visits") or 0) + 1,
        "days": int(known.get("days") or 0) + (known.get("day") != day),
        "day": day,
        "habits": pack(learn(unpack(known.get("habits") or ()), now)),
        "screens": list(dict.fromkeys(screens))[:_SCREENS],
        "last": pack_cells(now.cells),
        "picture": picture,
    }


def _fields(scene: Scene, shot: Shot) -> dict[str, Any]:
    tricks = {"dialogs": shot.dialogs, "downloads": shot.downloads, "popups": shot.popups}
    return {
        "url.full": scene.home.fetched.final_url[:2000],
        "citywatch.portal.page": "home",
        "citywatch.portal.view": "picture",
        "citywatch.portal.picture.refused": list(shot.refused),
        "citywatch.portal.picture.tricks": [name for name, count in tricks.items() if count]
        + ([shot.stopped] if shot.stopped else []),
    }
