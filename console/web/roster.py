"""How do programs bring agencies and systems in, and read them back?

Tables as the terminal takes them (`citywatch agencies import`): a line that is known already is changed.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from citywatch.errors import CityWatchError, StoreError
from citywatch.model import System, from_doc, to_doc
from citywatch.ports import Query
from console.registry import import_table
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.once import once
from console.web.openapi import PAGING, Body, Spec, Specs, limit_of

if TYPE_CHECKING:
    from console.house import House

_MOST_BYTES = 2**20
_MOST_TOLD = 200
_AGENCIES = "id,name,kind,email\nso-y-te,Sở Y tế,department,soyte@example\n"
_SYSTEMS = "id,name,agency,kind,product,version\nmot-cua-01,Một cửa,so-y-te,one_stop,nginx,1.25.4\n"


def systems(visit: Visit) -> Response:
    """Systems by name: what agencies run besides portals."""
    query = Query(order="name", newest_first=False, limit=limit_of(visit), after=visit.asked("after") or None)
    page = visit.desk.find("system", query)
    found = [to_doc(from_doc(record.doc, System)) for record in page.records]
    return JSONResponse({"systems": found, "total": page.total, "next": page.next})


@once
def bring_agencies(visit: Visit) -> Response:
    """Add or change agencies, one a line of a CSV table; every wrong line is told, the others are taken."""
    return _bring(visit, "agency")


@once
def bring_systems(visit: Visit) -> Response:
    """Add or change systems, one a line of a CSV table; every wrong line is told, the others are taken."""
    return _bring(visit, "system")


def _bring(visit: Visit, kind: str) -> Response:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{kind}.csv"
        file.write_text(str(visit.body.get("csv", "")), encoding="utf-8", errors="replace")
        try:
            taken, wrong = import_table(cast("House", visit.house), file, kind)
        except StoreError:
            raise
        except CityWatchError as error:
            raise HTTPException(400, str(error).replace(f"{folder}/", "")) from error
    write_audit(visit.house.store, visit.house.clock, visit.who.id, f"{kind}_table", f"{taken}")
    told = [line.replace(f"{folder}/", "") for line in wrong[:_MOST_TOLD]]
    return JSONResponse({"taken": taken, "wrong": told})


WAYS = (
    Way(path="/api/v1/systems", handler=systems, name="api_systems", needs="see", api=True),
    Way(
        path="/api/v1/systems/list",
        handler=bring_systems,
        name="api_systems_list",
        method="POST",
        needs="triage",
        api=True,
        takes=_MOST_BYTES,
    ),
    Way(
        path="/api/v1/agencies/list",
        handler=bring_agencies,
        name="api_agencies_list",
        method="POST",
        needs="accounts",
        api=True,
        takes=_MOST_BYTES,
    ),
)
_SYSTEM = {"id": "mot-cua-01", "name": "Một cửa", "agency": "so-y-te", "kind": "one_stop", "active": True}
SPECS: Specs = {
    ("GET", "/api/v1/systems"): Spec(asked=PAGING, answer={"systems": [_SYSTEM], "total": 1, "next": None}),
    ("POST", "/api/v1/systems/list"): Spec(
        body=Body(example={"csv": _SYSTEMS}, required=("csv",)), answer={"taken": 1, "wrong": []}
    ),
    ("POST", "/api/v1/agencies/list"): Spec(
        body=Body(example={"csv": _AGENCIES}, required=("csv",)), answer={"taken": 1, "wrong": []}
    ),
}
