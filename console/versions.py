"""Which faces has a portal had, what would accepting the present one change, and how is that taken back?

Every accepted face is a version of the baseline. The versions before stay (the last ten, records of kind
`baseline_old`), so that a face that was accepted by mistake is taken back in one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, Conflict
from console.faces import from_record, to_record
from sensors.portal.baseline import Baseline

if TYPE_CHECKING:
    from citywatch.model import Event
    from citywatch.ports import Record
    from console.house import House

OLD = "baseline_old"
KEPT = 10
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is other on one page in one view than in the face that stands."""

    page: str
    view: str
    changed: tuple[str, ...]
    text: float
    title_before: str
    title: str
    added: tuple[str, ...]
    domains: tuple[str, ...]
    dangerous: tuple[str, ...]
    evidence: Mapping[str, str]
    """What is kept of it (page, picture_after, picture_difference …), to its hash."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """The same, to the file on this machine that holds it."""


def key(portal_id: str, version: int) -> str:
    """The id of an old version."""
    return f"{portal_id}:{version:06d}"


def put(house: House, portal_id: str, fresh: Baseline) -> Baseline:
    """Let a new version stand, and keep the one before.

    Raises:
        Conflict: somebody else changed the baseline in the meantime.
    """
    record = house.store.get("baseline", portal_id)
    if record is None:
        house.store.put_if("baseline", portal_id, to_record(fresh), 0)
        return fresh
    before = int(record.doc["version"])
    fresh = replace(fresh, version=max(fresh.version, before + 1))
    house.store.put_many(OLD, {key(portal_id, before): record.doc})
    house.store.put_if("baseline", portal_id, to_record(fresh), record.version)
    house.store.delete(OLD, key(portal_id, fresh.version - KEPT - 1))
    return fresh


def rows(house: House, portal_id: str) -> list[dict[str, Any]]:
    """The versions of a portal's face, newest first."""
    record = house.store.get("baseline", portal_id)
    if record is None:
        return []
    newest = int(record.doc["version"])
    ids = [key(portal_id, version) for version in range(newest - 1, max(0, newest - KEPT - 1), -1)]
    old = house.store.get_many(OLD, ids)
    return [_row(record, stands=True), *(_row(old[one], stands=False) for one in ids if one in old)]


def _row(record: Record, *, stands: bool) -> dict[str, Any]:
    names = ("version", "state", "visits", "changed_at", "accepted_by")
    return {name: record.doc.get(name, "") for name in names} | {"stands": "yes" if stands else ""}


def revert(house: House, portal_id: str, *, by: str, to: int = 0) -> Baseline:
    """Let an earlier version stand again, as a new version.

    Args:
        house: the installation.
        portal_id: whose face.
        by: who does it.
        to: which version; 0 for the one before.

    Raises:
        CityWatchError: that version is not kept, or somebody else was faster.
    """
    record = house.store.get("baseline", portal_id)
    if record is None:
        raise CityWatchError(f"{portal_id}: it has no face yet")
    newest = int(record.doc["version"])
    wanted = to or newest - 1
    old = house.store.get(OLD, key(portal_id, wanted))
    if old is None:
        kept = ", ".join(str(row["version"]) for row in rows(house, portal_id)[1:]) or "none"
        raise CityWatchError(f"{portal_id}: version {wanted} is not kept; there are: {kept}")
    again = replace(from_record(old.doc), version=newest + 1, accepted_by=by, changed_at=stamp(house.clock()))
    try:
        return put(house, portal_id, again)
    except Conflict as error:
        raise CityWatchError(f"{portal_id}: somebody else changed its face just now; look again") from error


def differences(events: Iterable[Event]) -> list[Difference]:
    """What a look now shows that the standing face does not, gravest first."""
    found = [_difference(event) for event in events if event.get("event.dataset") == "portal.page"]
    pictures = {
        what: name
        for event in events
        if event.get("event.dataset") == "portal.picture"
        for what, name in _named(event).items()
    }
    shown = [item for item in found if item.changed or item.dangerous]
    if pictures and shown:
        shown[0] = replace(shown[0], evidence={**shown[0].evidence, **pictures})
    return sorted(shown, key=lambda item: (-len(item.dangerous), -item.text))


def _difference(event: Event) -> Difference:
    def many(name: str) -> tuple[str, ...]:
        return tuple(str(item) for item in event.get(f"citywatch.portal.{name}", []))[:_SHOWN]

    return Difference(
        page=str(event.get("url.path", "/")),
        view=str(event.get("citywatch.portal.view", "")),
        changed=many("changed"),
        text=float(event.get("citywatch.portal.change.text", 0.0)),
        title_before=str(event.get("citywatch.portal.title_before", "")),
        title=str(event.get("citywatch.portal.title", "")),
        added=many("change.added"),
        domains=many("change.domains"),
        dangerous=many("change.dangerous"),
        evidence=_named(event),
    )


def _named(event: Event) -> dict[str, str]:
    whats, hashes = event.get("citywatch.evidence.what", []), event.get("citywatch.evidence.sha256", [])
    return dict(zip(whats, hashes, strict=False))
