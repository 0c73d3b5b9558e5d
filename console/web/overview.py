"""How does the city stand, for those who lead: at a glance, on the wall, and as a table to take away?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Either, Is, Not, Query
from citywatch.respond.lifecycle import CLOSED
from console import table_files
from console.figures import Board, Figures, Standing, spiral
from console.web.accounts import write_audit
from console.web.door import Visit, Way

_MOST_ROWS = 20_000
_STEP = 1000
_ON_WALL = 14
_RADIUS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One agency on the map: a hexagon, its corners as SVG has them, and where its words stand."""

    standing: Standing
    points: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """The agencies side by side, the city's departments in the middle, and the size of the drawing."""

    tiles: tuple[Tile, ...]
    box: str


_ORDER = {"department": 0, "district": 1}


def draw_map(agencies: Sequence[Standing]) -> Map:
    """A place for each agency that stays the same whatever its state."""
    ordered = sorted(agencies, key=lambda one: (_ORDER.get(one.kind, 2), one.name, one.id))
    tiles = [_tile(one, *place) for one, place in zip(ordered, spiral(len(ordered)), strict=True)]
    across = max((abs(tile.x) for tile in tiles), default=0) + _RADIUS
    down = max((abs(tile.y) for tile in tiles), default=0) + _RADIUS
    return Map(tiles=tuple(tiles), box=f"{-across:.0f} {-down:.0f} {2 * across:.0f} {2 * down:.0f}")


def _tile(standing: Standing, q: int, r: int) -> Tile:
    x, y = _RADIUS * sqrt(3) * (q + r / 2), _RADIUS * 1.5 * r
    half, side = (_RADIUS - 1.5) * sqrt(3) / 2, _RADIUS - 1.5
    corners = (
        (0, -side),
        (half, -side / 2),
        (half, side / 2),
        (0, side),
        (-half, side / 2),
        (-half, -side / 2),
    )
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return Tile(standing=standing, points=points, x=round(x, 1), y=round(y, 1))


def _board(visit: Visit) -> Figures:
    state = visit.request.app.state
    if not hasattr(state, "board"):
        state.board = Board(visit.house.store, visit.house.clock, visit.house.settings.timezone)
    board: Board = state.board
    return board.figures()


def show_overview(visit: Visit) -> Response:
    """Queue, workload, trend, map, and how each agency stands."""
    figures = _board(visit)
    most = max((day.alerts for day in figures.trend), default=0)
    return visit.page("overview.html", figures=figures, map=draw_map(figures.agencies), most=max(most, 1))


def show_wall(visit: Visit) -> Response:
    """For the screen of the operations centre: it looks again by itself."""
    desk, figures = visit.desk, _board(visit)
    serious = Not(Either(tuple(Is("severity", level) for level in range(3))))
    page = desk.find("alert", Query(where=serious, order="last_seen", limit=_ON_WALL, count_to=1))
    alerts = [from_doc(record.doc, Alert) for record in page.records]
    return visit.page(
        "wall.html",
        figures=figures,
        map=draw_map(figures.agencies),
        alerts=alerts,
        states=desk.states(alerts),
        names=desk.agency_names([alert.agency for alert in alerts]),
    )


# -- tables to take away ------------------------------------------------------------------------------------


def _tickets(visit: Visit) -> Iterator[table_files.Row]:
    after: str | None = None
    now = stamp(visit.house.clock())
    for _ in range(_MOST_ROWS // _STEP):
        query = Query(order="changed_at", limit=_STEP, after=after, count_to=1)
        page = visit.desk.find("ticket", query)
        for record in page.records:
            ticket = from_doc(record.doc, Ticket)
            late = bool(ticket.due_at) and ticket.state not in CLOSED and ticket.due_at <= now
            yield (
                ticket.id, ticket.title, ticket.severity.name, ticket.state, ticket.agency, ticket.asset,
                ticket.category, ticket.assignee, ticket.opened_at, ticket.due_at, ticket.changed_at,
                "yes" if late else "", ticket.alert_count,
            )  # fmt: skip
        after = page.next
        if after is None:
            return


_TICKET_HEAD = (
    "ticket", "title", "severity", "state", "agency", "asset", "category", "assignee", "opened_at",
    "due_at", "changed_at", "overdue", "alerts",
)  # fmt: skip
_AGENCY_HEAD = ("agency", "name", "kind", "open", "worst", "overdue", "score")


def _agencies(visit: Visit) -> Iterator[table_files.Row]:
    for one in _board(visit).agencies:
        worst = one.worst.name if one.worst is not None else ""
        yield (one.id, one.name, one.kind, one.open, worst, one.late, one.score)


def take_away(visit: Visit) -> Response:
    """Tickets (for an agency its own) or the agencies' standing, as CSV or a workbook."""
    what, _, form = visit.path("file").partition(".")
    if form not in _FORMS or what not in {"tickets", "agencies"}:
        raise visit.missing()
    if what == "agencies" and not visit.can("staff"):
        raise visit.missing()
    head, rows = (_TICKET_HEAD, _tickets(visit)) if what == "tickets" else (_AGENCY_HEAD, _agencies(visit))
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "table_taken", visit.path("file"))
    body = table_files.csv_file(head, rows) if form == "csv" else table_files.xlsx_file(what, head, rows)
    headers = {"content-disposition": f'attachment; filename="citywatch-{what}.{form}"'}
    return Response(body, media_type=_FORMS[form], headers=headers)


_FORMS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

WAYS = (
    Way(path="/overview", handler=show_overview, name="overview", needs="staff"),
    Way(path="/wall", handler=show_wall, name="wall", needs="staff"),
    Way(path="/tables/{file}", handler=take_away, name="table", needs="see"),
)
