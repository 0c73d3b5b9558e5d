"""Which lists does a person come back to, and which columns do they want to see?"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from starlette.responses import Response

from citywatch.errors import Conflict
from citywatch.model import from_doc, to_doc
from citywatch.ports import Store
from console.web.door import Visit, Way

KIND = "liking"
COLUMNS = (
    "severity", "last_seen", "first_seen", "title", "subject", "agency", "asset", "category", "rule",
    "count", "state", "ticket",
)  # fmt: skip
"""What the inbox can show, in this order."""
USUAL = ("severity", "last_seen", "title", "subject", "agency", "count", "state", "ticket")
MOST_VIEWS = 30
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A filter with a name."""

    name: str
    q: str = ""
    state: str = "open"
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Liking:
    """What one person has chosen."""

    columns: tuple[str, ...] = USUAL
    views: tuple[View, ...] = ()
    onward: bool = True
    """After a deed on an alert's page, go on to the next one."""


def read(store: Store, user: str) -> tuple[Liking, int]:
    """What this person chose, and the version of that."""
    record = store.get(KIND, user)
    return (from_doc(record.doc, Liking), record.version) if record else (Liking(), 0)


def keep_onward(store: Store, user: str, *, onward: bool) -> None:
    """Remember whether this person goes on to the next alert after a deed."""
    liking, version = read(store, user)
    if liking.onward != onward:
        with contextlib.suppress(Conflict):  # written at the same moment in another window: it is asked again
            store.put_if(KIND, user, to_doc(replace(liking, onward=onward)), version)


def _write(visit: Visit, liking: Liking, version: int) -> Response:
    visit.house.store.put_if(KIND, visit.who.id, to_doc(liking), version)
    return visit.go(visit.given("back") or "/alerts", "saved")


def choose_columns(visit: Visit) -> Response:
    """Show these columns from now on; none chosen means the usual ones."""
    liking, version = read(visit.house.store, visit.who.id)
    wanted = set(visit.form.get("column", []))
    chosen = tuple(name for name in COLUMNS if name in wanted | {"title"}) if wanted else USUAL
    return _write(visit, replace(liking, columns=chosen), version)


def keep_view(visit: Visit) -> Response:
    """Keep the present filter under a name; the same name is written over."""
    liking, version = read(visit.house.store, visit.who.id)
    name = visit.given("name").strip()[:LONGEST_NAME]
    if not name:
        return visit.go(visit.given("back") or "/alerts", "view_nameless")
    view = View(
        name=name,
        q=visit.given("q")[:2000],
        state=visit.given("state") or "open",
        severity=visit.given("severity"),
    )
    others = [one for one in liking.views if one.name != name]
    return _write(visit, replace(liking, views=(*others, view)[-MOST_VIEWS:]), version)


def drop_view(visit: Visit) -> Response:
    """Forget a view."""
    liking, version = read(visit.house.store, visit.who.id)
    left = tuple(one for one in liking.views if one.name != visit.given("name"))
    return _write(visit, replace(liking, views=left), version)


WAYS = (
    Way(path="/alerts/columns", handler=choose_columns, name="columns", method="POST", needs="see"),
    Way(path="/alerts/views", handler=keep_view, name="view_keep", method="POST", needs="see"),
    Way(path="/alerts/views/drop", handler=drop_view, name="view_drop", method="POST", needs="see"),
)
