"""How far has one visit come?

A `Case` is a visit in progress: whom, what was known before, and what was seen until now. The baseline is
read only when something on the portal is not as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from citywatch.clock import stamp
from citywatch.model import Event, Portal
from sensors.portal.answer import Fetched
from sensors.portal.baseline import Baseline, Face, new_baseline
from sensors.portal.baseline import Memory as Asked
from sensors.portal.care import Care, with_ignored
from sensors.portal.confirm import troubles_of
from sensors.portal.habit import Habit
from sensors.portal.look import Look, Reading, look_at, read
from sensors.portal.memory import LEARNED, Memory, Seen, is_same, judged, refreshed, signature
from sensors.portal.missing import told_missing
from sensors.portal.view import DESKTOP, View
from sensors.portal.witness import Heard, Witness, is_due, remember

Ask = Callable[[], Baseline | None]
"""Reads a portal's baseline when it is needed; may take a while."""


@dataclass(slots=True, kw_only=True)
class Case:
    """One visit in progress."""

    portal: Portal
    known: Baseline | Ask | None
    memory: Memory
    care: Care
    began: datetime
    skip_known: bool
    looks: list[Look] = field(default_factory=list[Look])
    probed: list[Event] = field(default_factory=list[Event])
    found: tuple[str, ...] = ()
    """Inner pages that the home page and the site map name now."""
    missing: tuple[str, ...] | None = None
    """What tells the host's "not found" page again, when it was asked for on this visit."""
    heard: list[Heard] = field(default_factory=list[Heard])
    """What the witnesses beside the pages said."""
    _before: Baseline | None = None
    _readings: dict[str, Reading] = field(default_factory=dict[str, Reading])
    _said: dict[tuple[str, str, str], list[tuple[Face | None, Look]]] = field(
        default_factory=dict[tuple[str, str, str], list[tuple[Face | None, Look]]]
    )

    @property
    def read_baseline(self) -> bool:
        """The baseline was needed."""
        return self._before is not None

    async def before(self) -> Baseline:
        """What the portal looked like when nothing was wrong."""
        if self._before is None:
            known = await asyncio.to_thread(self.known) if callable(self.known) else self.known
            self._before = known or new_baseline(self.portal.id, at=stamp(self.began))
        return self._before

    def seen(self, path: str, view: View) -> Seen | None:
        """What is remembered of a page in a view, when that may be gone by."""
        return self.memory.of(view.name, path) if self.skip_known else None

    def is_same(self, seen: Seen | None, fetched: Fetched) -> bool:
        """It is what was judged before, and under the same certificate."""
        return self._certificate(fetched) in {"", self.memory.certificate} and is_same(
            seen, fetched, self.began
        )

    async def judge(self, fetched: Fetched, path: str, view: View) -> Look:
        """Judge a page in full; what came in another view before is not parsed again."""
        before = await self.before()
        own = before.faces.get(f"{view.name} {path}")
        face = own if view.own_face else before.face(path, view.name)
        face = with_ignored(face, self.care) if face is not None else None
        if not fetched.available:
            return self.care.tuned(look_at(fetched, face, path=path, view=view.name))
        key = signature(fetched)
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = read(fetched)
        return self.care.tuned(self._told(key, fetched, face, reading, (path, view.name)))

    def _told(
        self, key: str, fetched: Fetched, face: Face | None, reading: Reading, where: tuple[str, str]
    ) -> Look:
        """What is said of a page, or was said of the same page against the same face in another view."""
        path, view = where
        held = self._said.setdefault((key, fetched.url, path), [])
        for before, said in held:
            if _is_alike(before, face):
                own = replace(said.face, view=view) if said.face is not None else None
                return replace(said, view=view, fetched=fetched, face=own)
        look = look_at(fetched, face, path=path, view=view, reading=reading)
        look = told_missing(look, face, self.memory.missing)
        held.append((face, look))
        return look

    def home(self) -> Look | None:
        """The home page as a desktop browser saw it."""
        return self.looks[0] if self.looks else None

    def due(self, witnesses: Sequence[Witness], now: datetime, *, everybody: bool) -> list[Witness]:
        """The witnesses beside the pages whose time has come."""
        if not self.looks:
            return []
        asked = {name: Asked(at=at) for name, at in self.memory.asked.items()}
        return [witness for witness in witnesses if everybody or is_due(witness, asked, now)]

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the portal now."""
        if not self.looks:
            return ("unavailable",)
        return tuple(sorted({name for look in self.looks for name in troubles_of(look)}))

    def habit(self) -> Habit:
        """How fast the home page answers, with this visit."""
        home = self.home()
        if (
            home is None
            or not (home.fetched.available or home.fetched.unchanged)
            or home.fetched.attempts > 1
        ):
            return self.memory.habit
        return self.memory.habit.after(home.fetched.took_ms)

    # -- what stays ----------------------------------------------------------------------------------

    def learned(self, at: str) -> Baseline | None:
        """The grown baseline; None when nothing was learned."""
        before = self._before
        if before is None:
            return None
        grown = self._grown(before, at)
        if not self.heard:
            return grown
        held = grown or before
        return replace(held, heard=remember(held.heard, self.heard))

    def _grown(self, before: Baseline, at: str) -> Baseline | None:
        quiet = self._quiet_faces()
        if not quiet or self.care.in_maintenance:
            return None
        shown = self.looks[0].fetched.certificate
        return before.learn(
            quiet,
            at=at,
            certificate=shown.sha256 if shown is not None else "",
            issuer=shown.issuer if shown is not None else "",
        )

    def _quiet_faces(self) -> list[Face]:
        return [look.face for look in self.looks if look.face is not None and look.quiet]

    def remembered(self, grown: Baseline | None, at: str) -> Memory:
        """What to know of it on the next visit."""
        fresh: dict[str, Seen | None] = {}
        for look in self.looks:
            key = f"{look.view} {look.path}"
            before = self.memory.seen.get(key)
            if look.unchanged and before is not None:
                fresh[key] = refreshed(before, look.fetched, at)
            elif self._is_calm(look):
                fresh[key] = judged(before, look.fetched, at)
            else:
                fresh[key] = None
        troubles = self.troubles()
        baseline = grown or self._before
        memory = self.memory if baseline is None or baseline.version == self.memory.baseline else Memory()
        return replace(
            memory.with_seen(fresh),
            habit=self.habit(),
            missing=self.memory.missing if self.missing is None else self.missing,
            baseline=baseline.version if baseline is not None else memory.baseline,
            learned=baseline.visits if baseline is not None else memory.learned,
            links=self.found or memory.links,
            certificate=self._certificate(self.looks[0].fetched) if self.looks else memory.certificate,
            asked={**memory.asked, **{one.name: one.at for one in self.heard}},
            troubles=troubles,
            since=memory.since if memory.since and troubles == memory.troubles else at,
        )

    @staticmethod
    def _is_calm(look: Look) -> bool:
        whole = look.page is not None and not look.fetched.error
        return whole and look.quiet and not look.unconfirmed and not troubles_of(look)

    @staticmethod
    def _certificate(fetched: Fetched) -> str:
        shown = fetched.certificate
        return f"{shown.sha256} {shown.problem}".strip() if shown is not None else ""


def _is_alike(one: Face | None, other: Face | None) -> bool:
    """Two faces say the same, whoever was looking."""
    if one is None or other is None:
        return one is other
    return one == (other if other.view == one.view else replace(other, view=one.view))


def is_learning(memory: Memory) -> bool:
    """The portal's baseline is not made from enough visits yet."""
    return memory.learned < LEARNED


def is_home(look: Look) -> bool:
    """The look that speaks for the portal as a whole."""
    return look.path == "/" and look.view == DESKTOP.name
