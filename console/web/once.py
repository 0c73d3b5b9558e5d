"""Was this change asked for before? A program that lost an answer may ask again, and nothing happens twice.

A request carries `Idempotency-Key`. Its first answer is kept for a day under the account and the key; the
same request gets it again, another request under the same key is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from hashlib import sha256

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import Conflict, StoreError
from citywatch.model import from_doc, to_doc
from citywatch.ports import Query, Range, Store
from console.web.door import Handler, Visit

KIND = "answered"
LIFE = timedelta(days=1)
WORK = timedelta(minutes=1)
"""A request that was begun so long ago and has no answer was cut off."""
LONGEST = 200
_BUSY = "the same request is being done at this moment"
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request by its key, and what came of it; a status of 0 says that it is being done."""

    at: str
    asked: str
    """Hash of method, path and body."""
    status: int = 0
    body: str = ""


def once(handler: Handler) -> Handler:
    """A handler that does nothing twice under one key."""

    @wraps(handler)
    def guarded(visit: Visit) -> Response:
        key = visit.request.headers.get("idempotency-key")
        return handler(visit) if key is None else _guarded(visit, handler, key)

    return guarded


def _guarded(visit: Visit, handler: Handler, key: str) -> Response:
    """Do it, or give what came of it the first time.

    Raises:
        HTTPException: the key is no key (400), was used for another request (422), or its request is being
            done at this moment (409).
    """
    if not 1 <= len(key) <= LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise HTTPException(400, f"an Idempotency-Key has 1 to {LONGEST} printable letters and no spaces")
    store, now = visit.house.store, visit.house.clock()
    place = sha256(f"{visit.who.id}\0{key}".encode()).hexdigest()
    whole = (visit.request.method, visit.request.url.path, visit.body)
    begun = Answered(
        at=stamp(now), asked=sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()
    )
    record = store.get(KIND, place)
    if record is not None:
        before = from_doc(record.doc, Answered)
        if now - parse_stamp(before.at) < (LIFE if before.status else WORK):
            return _again(before, begun.asked)
    try:
        held = store.put_if(KIND, place, to_doc(begun), record.version if record else 0)
    except Conflict:
        raise HTTPException(409, _BUSY) from None
    answer = _answer(visit, handler)
    if answer is None or answer.status_code >= _SERVER_ERROR:
        store.delete(KIND, place)  # not done: the next try is the first
        raise HTTPException(503, "not done; ask again")
    done = replace(begun, status=answer.status_code, body=bytes(answer.body).decode())
    store.put_if(KIND, place, to_doc(done), held.version)
    return answer


def _answer(visit: Visit, handler: Handler) -> Response | None:
    """The handler's answer, also when it refuses; None when the store failed it."""
    try:
        return handler(visit)
    except HTTPException as error:
        return JSONResponse({"error": error.detail}, error.status_code)
    except Conflict as error:
        return JSONResponse({"error": str(error)}, 409)
    except StoreError:
        return None


def _again(before: Answered, asked: str) -> Response:
    if before.asked != asked:
        raise HTTPException(422, "this Idempotency-Key was used for another request")
    if not before.status:
        raise HTTPException(409, _BUSY)
    headers = {"idempotency-replayed": "true"}
    return Response(before.body, before.status, media_type="application/json", headers=headers)


def forget(store: Store, clock: Clock) -> int:
    """Drop answers that are too old to be asked for again; give how many."""
    where = Range("at", None, stamp(clock() - LIFE))
    page = store.find(KIND, Query(where=where, order="at", newest_first=False, limit=1000))
    return sum(store.delete(KIND, record.id) for record in page.records)
