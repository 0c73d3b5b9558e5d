"""How do agencies, systems and portals get into the catalogue, and what becomes of them?"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Agency, Portal, System, from_doc, to_doc
from citywatch.ports import Everything, Is, Query, Record
from citywatch.respond.every import every

if TYPE_CHECKING:
    from citywatch.respond.succession import AgencyChange
    from console.house import House

_NEVER_IN_A_NAME = frozenset("\"<>\\^`{|}%,;'()*!$&=~")
"""What stands in no name of a host, also not in one with letters of its own (IDN)."""


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
        SettingsError: it is not an http or https URL with a host that can be one, or it carries a user name.

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
    if any(letter.isspace() or letter in _NEVER_IN_A_NAME for letter in host):
        raise SettingsError(
            f"'{url}': '{host}' is no name of a host; write it as https://www.example.gov.vn/"
        )
    if parts.username is not None:
        raise SettingsError(f"'{url}' carries a user name: write it without")
    return host


def retire_portal(house: House, portal_id: str) -> None:
    """Stop watching a portal."""
    _put(house, "portal", portal_id, to_doc(replace(portal_of(house, portal_id), active=False)))


def put_system(house: House, system: System) -> str:
    """Write a system; give `added`, `changed` or `unchanged`.

    Raises:
        SettingsError: its agency is not known.
    """
    if house.store.get("agency", system.agency) is None:
        raise SettingsError(
            f"there is no agency '{system.agency}'; add it first: "
            f"citywatch agencies add {system.agency} --name NAME"
        )
    return _put(house, "system", system.id, to_doc(system))


def system_rows(house: House, limit: int, *, agency: str = "") -> list[dict[str, Any]]:
    """Systems by id."""
    where = Is("agency", agency) if agency else Everything()
    query = Query(where=where, order="id", newest_first=False, limit=limit)
    return [record.doc for record in house.store.find("system", query).records]


def import_table(house: House, file: Path, kind: str) -> tuple[int, list[str]]:
    """Take agencies, systems or portals from CSV or XLSX; give how many, and an error for each other cell."""
    from citywatch.respond.register import read_agencies, read_portals, read_systems

    errors: list[str] = []

    def report(problem: object) -> None:
        errors.append(str(problem))

    done = 0
    if kind == "agency":
        for agency in read_agencies(file, report):
            put_agency(house, _kept(house, agency))
            done += 1
        return done, errors
    for row, noun in read_systems(file, report) if kind == "system" else read_portals(file, report):
        try:
            _take(house, noun)
        except SettingsError as error:
            report(row.wrong("agency" if "agency" in str(error) else "url", str(error)))
            continue
        done += 1
    return done, errors


def _kept(house: House, agency: Agency) -> Agency:
    """What a table does not say of an agency stays: its end, heirs and former names."""
    record = house.store.get("agency", agency.id)
    if record is None:
        return agency
    before = from_doc(record.doc, Agency)
    return replace(
        agency,
        ended_on=before.ended_on,
        successors=before.successors,
        former_names=before.former_names,
    )


def _take(house: House, noun: System | Portal) -> None:
    if isinstance(noun, System):
        put_system(house, noun)
        return
    portal, _ = register_portal(
        house,
        url=noun.url,
        name=noun.name,
        agency=noun.agency,
        portal_id=noun.id,
        level=noun.level,
        tags=noun.tags,
        pages=noun.inner_pages,
    )
    if not noun.active:
        retire_portal(house, portal.id)


def export_table(house: House, kind: str, file: Path) -> int:
    """Write all agencies, systems or portals into a CSV or XLSX file that `import` takes; give how many.

    Raises:
        SettingsError: the file's name ends in neither, or it cannot be written.
    """
    from citywatch.respond import register
    from console.table_files import xlsx_file

    columns, noun, write = {
        "agency": (register.AGENCY_COLUMNS, Agency, register.write_agencies),
        "system": (register.SYSTEM_COLUMNS, System, register.write_systems),
        "portal": (register.PORTAL_COLUMNS, Portal, register.write_portals),
    }[kind]
    nouns: list[Any] = list(every(house.store, kind, noun))
    if file.suffix.lower() == ".xlsx":
        raw = xlsx_file(kind, columns, [register.cells_of(columns, one) for one in nouns])
    elif file.suffix.lower() == ".csv":
        raw = b"\xef\xbb\xbf" + write(nouns).encode()
    else:
        raise SettingsError(f"{file}: write into a .csv or .xlsx file")
    try:
        file.write_bytes(raw)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from error
    return len(nouns)


def change_agencies(house: House, change: AgencyChange) -> tuple[AgencyChange, bool]:
    """Write a rename, merger or split down, and carry out what is due; tells whether it was carried out.

    Raises:
        WrongChange: it cannot be.
    """
    from citywatch.respond import audit
    from citywatch.respond.succession import Succession

    succession = Succession(store=house.store, clock=house.clock)
    noted = succession.note(change)
    whom = f"{','.join(change.of)} → {','.join(change.into) or change.name}"
    about = f"{change.kind} {whom} {change.day} (terminal)"
    audit.append(house.store, house.clock, by=change.by, what="agency_change", about=about)
    agencies_due(house)
    now = next((one for one in succession.all() if one.id == noted.id), noted)
    return now, bool(now.done_at)


def agencies_due(house: House) -> int:
    """Carry out the agencies' changes whose day has come; give how many."""
    from citywatch.respond.succession import Succession
    from console.nightly import night_of

    today = night_of(house.clock(), house.settings.timezone)
    done = Succession(store=house.store, clock=house.clock).step(today)
    if done:
        house.catalogue.reload()
    return done
