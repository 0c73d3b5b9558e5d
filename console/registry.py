"""How do agencies and portals get into the catalogue?"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Agency, Portal, from_doc, to_doc
from citywatch.ports import Query, Record

if TYPE_CHECKING:
    from console.house import House


def put_agency(house: House, agency: Agency) -> str:
    """Write an agency; give `added`, `changed` or `unchanged`."""
    return _put(house, "agency", agency.id, to_doc(agency))


def _put(house: House, kind: str, record_id: str, doc: dict[str, Any]) -> str:
    before = house.store.get(kind, record_id)
    if before is not None and before.doc == doc:
        return "unchanged"
    house.store.put_if(kind, record_id, doc, before.version if before else 0)
    return "changed" if before else "added"


def agency_rows(house: House, limit: int) -> list[dict[str, Any]]:
    """Agencies by id."""
    query = Query(order="id", newest_first=False, limit=limit)
    return [record.doc for record in house.store.find("agency", query).records]


def portal_rows(house: House, limit: int) -> list[dict[str, Any]]:
    """Portals by id, with the version of their baseline."""
    query = Query(order="id", newest_first=False, limit=limit)
    records = house.store.find("portal", query).records
    faces = house.store.get_many("baseline", [record.id for record in records])
    return [record.doc | {"baseline": _face(faces.get(record.id))} for record in records]


def _face(record: Record | None) -> str:
    return "none yet" if record is None else f"version {record.doc.get('version', record.version)}"


def portal_of(house: House, portal_id: str) -> Portal:
    """A registered portal.

    Raises:
        CityWatchError: there is none with this id.
    """
    record = house.store.get("portal", portal_id)
    if record is None:
        raise CityWatchError(f"there is no portal '{portal_id}'; list them: citywatch portals list")
    return from_doc(record.doc, Portal)


def active_portals(house: House) -> list[Portal]:
    """All portals that are watched."""
    portals: list[Portal] = []
    after: str | None = None
    while True:
        page = house.store.find("portal", Query(order="id", newest_first=False, limit=1000, after=after))
        portals.extend(from_doc(record.doc, Portal) for record in page.records)
        after = page.next
        if after is None:
            return [portal for portal in portals if portal.active]


def register_portal(  # noqa: PLR0913 - the columns of a form
    house: House,
    *,
    url: str,
    name: str,
    agency: str,
    portal_id: str = "",
    level: int = 2,
    tags: tuple[str, ...] = (),
    pages: tuple[str, ...] = (),
) -> tuple[Portal, str]:
    """Register a portal, or change one.

    Raises:
        SettingsError: the URL is not one of a web portal, or the agency is not known.
    """
    host = checked_host(url)
    if house.store.get("agency", agency) is None:
        raise SettingsError(
            f"there is no agency '{agency}'; add it first: citywatch agencies add {agency} --name NAME"
        )
    portal = Portal(
        id=portal_id or re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-"),
        url=url,
        name=name,
        agency=agency,
        level=level,
        tags=tags,
        inner_pages=pages,
        registered_at=stamp(house.clock()),
    )
    before = house.store.get("portal", portal.id)
    if before is not None:
        portal = replace(
            portal, registered_at=str(before.doc.get("registered_at", "")) or portal.registered_at
        )
    return portal, _put(house, "portal", portal.id, to_doc(portal))


def checked_host(url: str) -> str:
    """The host of a portal's URL.

    Raises:
        SettingsError: it is not an http or https URL with a host, or it carries a user name.

    >>> checked_host("https://www.hanoi.gov.vn/")
    'www.hanoi.gov.vn'
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"'{url}' is not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError(f"'{url}' is not the URL of a portal: write it as https://www.example.gov.vn/")
    if parts.username is not None:
        raise SettingsError(f"'{url}' carries a user name: write it without")
    return host


def retire_portal(house: House, portal_id: str) -> None:
    """Stop watching a portal."""
    _put(house, "portal", portal_id, to_doc(replace(portal_of(house, portal_id), active=False)))


def import_csv(house: House, file: Path, kind: str) -> tuple[int, list[str]]:
    """Take agencies or portals from CSV; give how many were taken, and an error for each other line."""
    from citywatch.respond.register import read_agencies, read_portals

    errors: list[str] = []

    def report(problem: object) -> None:
        errors.append(str(problem))

    done = 0
    if kind == "agency":
        for agency in read_agencies(file, report):
            put_agency(house, agency)
            done += 1
        return done, errors
    for line, portal in read_portals(file, report):
        try:
            register_portal(
                house,
                url=portal.url,
                name=portal.name,
                agency=portal.agency,
                portal_id=portal.id,
                level=portal.level,
                tags=portal.tags,
                pages=portal.inner_pages,
            )
            done += 1
        except SettingsError as error:
            errors.append(f"{file}:{line}: {error}")
    return done, errors
