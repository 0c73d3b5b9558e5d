"""Which face of a portal stands, what would accepting the present one change, which blocks do not count?"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.responses import Response

from citywatch.errors import CityWatchError, Conflict
from citywatch.model import Event, Portal
from citywatch.ports import All, Is, Query
from console import cares, face_preview, versions
from console.web.accounts import write_audit
from console.web.before import picture_type
from console.web.bring import portal_of, too_soon
from console.web.door import Visit, Way
from console.web.proofs import proofs_of
from console.web.show import link

if TYPE_CHECKING:
    from console.house import House

_PAGE = 24
_MOST_IGNORED = 100
_LONGEST_PLACE = 300


def _house(visit: Visit) -> House:
    """The installation; of it only the store, the clock, the evidence and the settings are used."""
    return cast("House", visit.house)


def show_face(visit: Visit) -> Response:
    """The versions of a portal's face, what was seen on the last look, and the blocks that do not count."""
    portal = portal_of(visit)
    ignored = cares.read_wish(_house(visit), portal.id).ignored
    taken = face_preview.read(visit.house.store, portal.id)
    spots = taken.spots if taken is not None else ()
    offered = {spot.place for spot in spots}
    return visit.page(
        "portal_face.html",
        portal=portal,
        taken=taken,
        pictures=taken.pictures if taken is not None else {},
        faces=versions.rows(_house(visit), portal.id),
        spots=spots,
        ignored=ignored,
        elsewhere=[place for place in ignored if place not in offered],
    )


def look(visit: Visit) -> Response:
    """Look at the portal now, to show what accepting its face would change."""
    portal = portal_of(visit)
    here = f"/portals/{portal.id}/face"
    if too_soon(visit, portal, "preview"):
        return visit.go(here, "too_soon")
    try:
        taken = visit.house.preview_face(portal.id, visit.who.id)
    except CityWatchError:
        return visit.go(here, "recheck_away")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "face_previewed", portal.id)
    return visit.go(here, "face_differs" if taken.differences else "face_same")


def revert(visit: Visit) -> Response:
    """Let an earlier version of the face stand again."""
    portal = portal_of(visit)
    here = f"/portals/{portal.id}/face"
    text = visit.given("to")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - digits of any version there is
        return visit.go(here, "version_gone")
    try:
        again = versions.revert(_house(visit), portal.id, by=visit.who.id, to=int(text))
    except CityWatchError:
        return visit.go(here, "version_gone")
    face_preview.forget(visit.house.store, portal.id)
    about = f"{portal.id} {text} as {again.version}"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "face_reverted", about)
    return visit.go(here, "face_reverted")


def ignore(visit: Visit) -> Response:
    """Say which blocks of the page may change as they like."""
    portal = portal_of(visit)
    here = f"/portals/{portal.id}/face"
    given = (place.strip() for place in visit.form.get("place", []))
    places = tuple(dict.fromkeys(place for place in given if 0 < len(place) <= _LONGEST_PLACE))
    if len(places) > _MOST_IGNORED:
        return visit.go(here, "blocks_many")
    try:
        cares.change(_house(visit), portal, visit.who.id, ignored=places)
    except Conflict:
        return visit.go(here, "conflict")
    about = f"{portal.id} {len(places)}: {' | '.join(places)}"[:1000]
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "blocks_ignored", about)
    return visit.go(here, "saved")


# -- pictures ----------------------------------------------------------------------------------------------


def show_pictures(visit: Visit) -> Response:
    """The pictures that were kept of a portal, newest first."""
    portal = portal_of(visit)
    where = All((Is("citywatch.portal.id", portal.id), Is("event.dataset", "portal.picture")))
    page = visit.desk.events(Query(where=where, limit=_PAGE, after=visit.asked("after") or None))
    shown = [(event, now) for event in page.events for now in [_kept(event)] if now]
    return visit.page(
        "portal_pictures.html",
        portal=portal,
        shown=shown,
        next_link=link(f"/portals/{portal.id}/pictures", after=page.next) if page.next else "",
    )


def _kept(event: Event) -> str:
    kept = {proof.what: proof.sha256 for proof in proofs_of(event)}
    return kept.get("picture_after", "")


def show_one(visit: Visit) -> Response:
    """A picture of a portal by its hash, for whoever may see the portal."""
    portal = portal_of(visit)
    name = visit.path("sha256")
    raw = visit.house.evidence.get(name) if _belongs(visit, portal, name) else None
    kind = picture_type(raw) if raw is not None else ""
    if raw is None or not kind:
        raise visit.missing()
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "evidence_read", visit.request.url.path)
    headers = {
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=3600",
    }
    return Response(raw, media_type=kind, headers=headers)


def _belongs(visit: Visit, portal: Portal, name: str) -> bool:
    """Whether a picture was taken of this portal: by a visit, or by the look before accepting."""
    taken = face_preview.read(visit.house.store, portal.id)
    if taken is not None and name in taken.pictures.values():
        return True
    where = All((Is("citywatch.portal.id", portal.id), Is("citywatch.evidence.sha256", name)))
    return bool(visit.desk.events(Query(where=where, limit=1, count_to=1)).events)


WAYS = (
    Way(path="/portals/{id}/face", handler=show_face, name="portal_face", needs="register"),
    Way(path="/portals/{id}/face/look", handler=look, name="face_look", method="POST", needs="register"),
    Way(
        path="/portals/{id}/face/revert", handler=revert, name="face_revert", method="POST", needs="register"
    ),
    Way(
        path="/portals/{id}/face/ignored", handler=ignore, name="face_ignore", method="POST", needs="register"
    ),
    Way(path="/portals/{id}/pictures", handler=show_pictures, name="portal_pictures", needs="see"),
    Way(path="/portals/{id}/pictures/{sha256}", handler=show_one, name="portal_picture_one", needs="see"),
)
