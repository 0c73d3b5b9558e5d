"""What has a portal looked like when nothing was wrong?

A `Baseline` is a record of the store (kind `baseline`, id = portal id). It is made from several visits, keeps
one `Face` a page and view, learns which places on a page change every day, and gets a new version when people
accept a new face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sensors.portal.page import Page, key_of, steady
from sensors.portal.tongue import tongues_of

LEARNING, LEARNED, ACCEPTED = "learning", "learned", "accepted"
_ENOUGH = 3
"""Quiet visits that make a baseline; people may accept it then, or sooner."""
_MAX_BLOCKS = 3_000
_MAX_KNOWN = 4_000
_MAX_EACH = 500
_MAX_TITLES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One page in one view, as it was over the visits."""

    page: str
    view: str
    visits: int = 1
    titles: tuple[str, ...] = ()
    language: str = ""
    blocks: Mapping[str, int] = field(default_factory=dict[str, int])
    """Blocks of the last visit: key of the text to its length."""
    known: tuple[str, ...] = ()
    """Blocks of earlier visits."""
    places: Mapping[str, int] = field(default_factory=dict[str, int])
    """Places of the page where new text came, to the number of visits in which it did."""
    domains: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Keys of hidden blocks."""
    handlers: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    refresh: str = ""
    final_host: str = ""
    status: int = 200
    tongues: tuple[str, ...] = ()
    """The languages that its text speaks; empty when that was not clear, or never asked."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How much of each kind there was: links, images, nodes."""
    spam: float = 0.0
    """What the spam witness said of it when it was learned."""
    defaced: float = 0.0
    body: str = ""
    """Hash of a body that is kept as evidence and shows this face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """When a witness beside the pages looked last, and what it remembers: plain JSON types."""

    at: str
    learned: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The faces of one portal, versioned."""

    portal: str
    version: int = 1
    state: str = LEARNING
    visits: int = 0
    made_at: str = ""
    changed_at: str = ""
    accepted_by: str = ""
    faces: Mapping[str, Face] = field(default_factory=dict[str, Face])
    """`view page` to its face."""
    certificate: str = ""
    issuer: str = ""
    """Of the certificate last seen: its hash and who made it."""
    hosts: tuple[str, ...] = ()
    """Registered domains that the home page may end on."""
    heard: Mapping[str, Memory] = field(default_factory=dict[str, Memory])
    """What each witness beside the pages remembers."""

    def face(self, page: str, view: str) -> Face | None:
        """The face of a page in a view, or that of the desktop view."""
        return self.faces.get(f"{view} {page}") or self.faces.get(f"desktop {page}")

    def learn(self, faces: Iterable[Face], *, at: str, certificate: str = "", issuer: str = "") -> Baseline:
        """Take in what a quiet visit saw; the version stays."""
        merged = dict(self.faces)
        for face in faces:
            merged[f"{face.view} {face.page}"] = face
        return replace(
            self,
            faces=dict(list(merged.items())[-200:]),
            visits=self.visits + 1,
            state=LEARNED if self.state == LEARNING and self.visits + 1 >= _ENOUGH else self.state,
            made_at=self.made_at or at,
            changed_at=at,
            certificate=certificate or self.certificate,
            issuer=issuer or self.issuer,
        )

    def accept(self, faces: Iterable[Face], *, by: str, at: str) -> Baseline:
        """Take these faces as the new right ones: what was known of their pages before is forgotten."""
        fresh = list(faces)
        pages = {face.page for face in fresh}
        kept = {key: face for key, face in self.faces.items() if face.page not in pages}
        return replace(
            self,
            faces=kept | {f"{face.view} {face.page}": face for face in fresh},
            version=self.version + 1,
            state=ACCEPTED,
            accepted_by=by,
            changed_at=at,
        )


def new_baseline(portal: str, *, at: str) -> Baseline:
    """A baseline that has seen nothing yet."""
    return Baseline(portal=portal, made_at=at, changed_at=at)


def face_of(page: Page, *, path: str, view: str, spam: float = 0.0, defaced: float = 0.0) -> Face:
    """The face that one page shows on one visit."""
    shown = [block for block in page.blocks if not block.hidden]
    return Face(
        page=path,
        view=view,
        titles=(steady(page.title),),
        language=page.language,
        blocks=dict([(block.key, len(block.text)) for block in shown][:_MAX_BLOCKS]),
        domains=_few(link.domain for link in page.links),
        scripts=_few(script.key for script in page.scripts),
        frames=_few(steady(frame.url) for frame in page.frames),
        forms=_few(steady(form.target.partition("?")[0]) for form in page.forms),
        images=_few(key_of(image.url.partition("?")[0]) for image in page.images),
        styles=_few(style.partition("?")[0] for style in page.styles),
        hidden=_few(block.key for block in page.blocks if block.hidden),
        handlers=_few(key_of(handler) for handler in page.handlers),
        effects=_few(key_of(effect) for effect in page.effects),
        refresh=page.refresh,
        tongues=tuple(sorted(tongues_of((block.text for block in shown), page.language))),
        counts={"links": len(page.links), "images": len(page.images), "nodes": page.nodes},
        spam=spam,
        defaced=defaced,
    )


def _few(values: Iterable[str]) -> tuple[str, ...]:
    return tuple({value: None for value in values if value})[:_MAX_EACH]


def _both(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*now, *before)))[:_MAX_EACH]


def grow(before: Face, now: Face, page: Page) -> Face:
    """Learn one more visit: what is there now, what was there, and where the page changes by itself."""
    places = dict(before.places)
    known = set(before.known)
    fresh = {
        block.place
        for block in page.blocks
        if not block.hidden and block.key not in before.blocks and block.key not in known
    }
    for place in fresh:
        places[place] = places.get(place, 0) + 1
    left = tuple(key for key in before.blocks if key not in now.blocks)
    return replace(
        now,
        visits=before.visits + 1,
        titles=tuple(dict.fromkeys((*now.titles, *before.titles)))[:_MAX_TITLES],
        known=(*left, *(key for key in before.known if key not in now.blocks))[:_MAX_KNOWN],
        places=dict(list(places.items())[-1000:]),
        domains=_both(before.domains, now.domains),
        scripts=_both(before.scripts, now.scripts),
        frames=_both(before.frames, now.frames),
        forms=_both(before.forms, now.forms),
        images=_both(before.images, now.images),
        styles=_both(before.styles, now.styles),
        hidden=_both(before.hidden, now.hidden),
        handlers=_both(before.handlers, now.handlers),
        effects=_both(before.effects, now.effects),
        tongues=_both(before.tongues, now.tongues),
        body=before.body,
    )
