"""How does an agency bring its portals in, show that they are its own, and look after them?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import CityWatchError, Conflict, ContentError, SettingsError
from citywatch.model import Agency, Portal, to_doc
from citywatch.ports import Query
from citywatch.respond.register import read_portals
from console import claims, face_preview
from console.registry import checked_host
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from sensors.portal.address import may_connect
from sensors.portal.proof import FILE, RECORD, TAG

MOST_AT_ONCE = 500
_PAUSE = timedelta(seconds=15)
_LEVELS = ("1", "2", "3", "4", "5")


# -- registering -----------------------------------------------------------------------------------------


def show_new(visit: Visit) -> Response:
    """The form for one portal, and the one for a list."""
    return _new(visit, {})


def _new(visit: Visit, given: Mapping[str, str], wrong: tuple[str, ...] = (), taken: int = 0) -> Response:
    agencies = () if not visit.can("staff") else _agencies(visit)
    return visit.page(
        "portal_new.html", given=given, wrong=wrong, taken=taken, levels=_LEVELS, agencies=agencies
    )


def _agencies(visit: Visit) -> tuple[tuple[str, str], ...]:
    page = visit.desk.find("agency", Query(order="name", newest_first=False, limit=1000))
    return tuple((record.id, str(record.doc.get("name", record.id))) for record in page.records)


def register(visit: Visit) -> Response:
    """Register one portal; what was typed stays when it is refused."""
    names = ("url", "name", "level", "contact", "agency")
    given = {name: visit.given(name).strip() for name in names}
    agency = given["agency"] if visit.can("staff") else visit.who.agency
    wanted = Portal(
        id="",
        url=given["url"],
        name=given["name"] or given["url"],
        agency=agency,
        level=int(given["level"]) if given["level"] in _LEVELS else 2,
        contact=given["contact"][:200],
    )
    try:
        portal = add(visit, wanted)
    except SettingsError as error:
        return _new(visit, given, (str(error),))
    return visit.go(f"/portals/{portal.id}/proof", made=portal.id)


def add(visit: Visit, wanted: Portal) -> Portal:
    """Write a portal that somebody typed, and begin its claim.

    Staff answer for what they register; what an agency registers is watched once it is proven.

    Raises:
        SettingsError: the address cannot be one of a portal, is taken, or the agency is not known.
    """
    store, clock = visit.house.store, visit.house.clock
    host = checked_host(wanted.url)
    if not _is_public(host, allow_loopback=visit.house.settings.fetch.allow_loopback):
        raise SettingsError(f"'{host}' is an address inside a network; register the portal's public name")
    if visit.desk.read("agency", wanted.agency, Agency) is None:
        raise SettingsError(f"there is no agency '{wanted.agency}'")
    portal = replace(
        wanted,
        id=re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-"),
        registered_at=stamp(clock()),
        active=visit.can("staff"),
    )
    try:
        store.put_if("portal", portal.id, to_doc(portal), 0)
    except Conflict as error:
        raise SettingsError(f"'{host}' is registered already; is it yours? ask the response team") from error
    claims.make(store, clock, portal.id, visit.who.id)
    write_audit(store, clock, visit.who.id, "portal_registered", f"{portal.id} {portal.url}")
    return portal


def _is_public(host: str, *, allow_loopback: bool) -> bool:
    """A name, or an address that may be visited; what a name leads to is checked at each connection."""
    number = host.strip("[]")
    try:
        ip_address(number)
    except ValueError:
        odd = re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", number, re.IGNORECASE) is not None
        local = number == "localhost" or number.endswith(".localhost") or "." not in number
        return not odd and (not local or allow_loopback)
    return may_connect(number, allow_loopback=allow_loopback)


def register_list(visit: Visit) -> Response:
    """Register a list in CSV; every wrong line is told with its number, the others are taken."""
    text = "\n".join(visit.form.get("csv", []))
    wrong: list[str] = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / "portals.csv"
        file.write_text(_with_agency(text, visit), encoding="utf-8")

        def report(error: ContentError) -> None:
            wrong.append(str(error).replace(f"{folder}/", ""))

        taken = 0
        for number, (line, portal) in enumerate(read_portals(file, report)):
            if number >= MOST_AT_ONCE:
                wrong.append(
                    f"portals.csv:{line}: more than {MOST_AT_ONCE} portals; send the rest in a second list"
                )
                break
            own = portal.agency if visit.can("staff") else visit.who.agency
            try:
                add(visit, replace(portal, agency=own))
                taken += 1
            except SettingsError as error:
                wrong.append(f"portals.csv:{line}: {error}")
    return _new(visit, {"csv": text if wrong else ""}, tuple(wrong), taken)


def _with_agency(text: str, visit: Visit) -> str:
    """An agency's own list needs no column that says whose it is."""
    head, newline, rest = text.replace("\r\n", "\n").partition("\n")
    if visit.can("staff") or "agency" in head.lower().split(","):
        return text
    own = visit.who.agency
    lines = [f"{line},{own}" if line.strip() else line for line in rest.split("\n")]
    return f"{head},agency{newline}" + "\n".join(lines)


# -- showing that it is one's own --------------------------------------------------------------------------


def portal_of(visit: Visit) -> Portal:
    """The portal that the path names, if who asks may see it."""
    found = visit.desk.read("portal", visit.path("id"), Portal)
    if found is None:
        raise visit.missing()
    return found[0]


def _claim(visit: Visit, portal: Portal) -> claims.Claim:
    store = visit.house.store
    return claims.read(store, portal.id) or claims.make(store, visit.house.clock, portal.id, visit.who.id)


def show_proof(visit: Visit) -> Response:
    """The three ways to show that a portal is one's own, with the text to put there."""
    portal = portal_of(visit)
    host, claim = checked_host(portal.url), _claim(visit, portal)
    return visit.page(
        "portal_proof.html",
        portal=portal,
        claim=claim,
        record=f"{RECORD}.{host}",
        file=f"{portal.url.split('://', 1)[0]}://{host}{FILE}",
        tag=f'<meta name="{TAG}" content="{claim.token}">',
        text=f"{TAG}={claim.token}",
    )


def check_proof(visit: Visit) -> Response:
    """Look for the proof now."""
    portal = portal_of(visit)
    claim = _claim(visit, portal)
    here = f"/portals/{portal.id}/proof"
    store, clock = visit.house.store, visit.house.clock
    if claim.checked_at and clock() - parse_stamp(claim.checked_at) < _PAUSE:
        return visit.go(here, "too_soon")
    changed = claims.check(store, clock, portal, claim, visit.house.prove)
    write_audit(store, clock, visit.who.id, "portal_proof", f"{portal.id} {changed.state} {changed.way}")
    return visit.go(here, "" if changed.state == "proven" else "proof_missing")


# -- looking after it --------------------------------------------------------------------------------------


def change(visit: Visit) -> Response:
    """Change what is known of a portal, or stop and begin watching it."""
    found = visit.desk.read("portal", visit.path("id"), Portal)
    if found is None:
        raise visit.missing()
    portal, version = found
    level, active = visit.given("level"), visit.given("active")
    changed = replace(
        portal,
        name=visit.given("name").strip()[:200] or portal.name,
        contact=visit.given("contact", portal.contact).strip()[:200],
        level=int(level) if level in _LEVELS else portal.level,
    )
    if active in {"0", "1"}:
        claim = claims.read(visit.house.store, portal.id)
        proven = visit.can("staff") or (claim is not None and claim.state == "proven")
        if active == "1" and not proven:
            return visit.go(f"/portals/{portal.id}/proof", "proof_missing")
        changed = replace(changed, active=active == "1")
    visit.house.store.put_if("portal", portal.id, to_doc(changed), version)
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "portal_changed", portal.id)
    return visit.go(f"/portals/{portal.id}", "saved")


def recheck(visit: Visit) -> Response:
    """Look at the portal again, now, and say what is seen."""
    portal = portal_of(visit)
    if too_soon(visit, portal, "recheck"):
        return visit.go(f"/portals/{portal.id}", "too_soon")
    seen = visit.house.recheck(portal.id)
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "portal_recheck", portal.id)
    note = (
        "recheck_bad"
        if seen.get("alerting")
        else "recheck_away"
        if not seen.get("available")
        else "recheck_good"
    )
    return visit.go(f"/portals/{portal.id}", note)


def accept(visit: Visit) -> Response:
    """Take the portal's present face as the right one."""
    portal = portal_of(visit)
    if too_soon(visit, portal, "accept"):
        return visit.go(f"/portals/{portal.id}", "too_soon")
    try:
        visit.house.accept_face(portal.id, visit.who.id)
    except CityWatchError:
        return visit.go(f"/portals/{portal.id}", "recheck_away")
    face_preview.forget(visit.house.store, portal.id)
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "face_accepted", portal.id)
    return visit.go(f"/portals/{portal.id}", "face_accepted")


def too_soon(visit: Visit, portal: Portal, what: str) -> bool:
    """A portal is asked at most every fifteen seconds, whoever presses the button."""
    store, now = visit.house.store, visit.house.clock()
    key = f"{what}:{portal.id}"
    record = store.get("pause", key)
    if record is not None and now - parse_stamp(str(record.doc["at"])) < _PAUSE:
        return True
    try:
        store.put_if("pause", key, {"at": stamp(now)}, record.version if record else 0)
    except Conflict:
        return True
    return False


# -- what an agency may show the world ---------------------------------------------------------------------


def badge(visit: Visit) -> Response:
    """A picture that says that a portal is watched, and nothing about how it is."""
    claim = claims.read(visit.house.store, visit.path("id"))
    if claim is None or claim.state != "proven":
        raise visit.missing()
    since = claim.proven_at[:10]
    return visit.picture("badge.svg", since=since)


def claims_of(visit: Visit, portals: list[Portal]) -> dict[str, str]:
    """The state of the claims on portals that were read through the desk; without one staff vouches."""
    records = visit.house.store.get_many(claims.KIND, [portal.id for portal in portals]) if portals else {}
    return {key: str(record.doc.get("state", "")) for key, record in records.items()}


WAYS = (
    Way(path="/portals/new", handler=show_new, name="portal_new", needs="register"),
    Way(path="/portals/new", handler=register, name="portal_register", method="POST", needs="register"),
    Way(path="/portals/list", handler=register_list, name="portal_list", method="POST", needs="register"),
    Way(path="/portals/{id}/proof", handler=show_proof, name="portal_proof", needs="register"),
    Way(
        path="/portals/{id}/proof", handler=check_proof, name="portal_prove", method="POST", needs="register"
    ),
    Way(path="/portals/{id}/change", handler=change, name="portal_change", method="POST", needs="register"),
    Way(path="/portals/{id}/recheck", handler=recheck, name="portal_recheck", method="POST", needs="answer"),
    Way(path="/portals/{id}/accept", handler=accept, name="portal_accept", method="POST", needs="register"),
    Way(path="/badge/{id}.svg", handler=badge, name="badge"),
)
