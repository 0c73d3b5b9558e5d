"""What are we warned of, whom does it concern, and who has fixed what?"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from citywatch.errors import InputError
from citywatch.model import from_doc, to_doc
from citywatch.ports import Everything, Is, Query, Text
from citywatch.respond.advisory import STATES, Advisory, Product
from citywatch.respond.letter import LARGEST
from citywatch.respond.version import spans_of
from console.advisories import SEEN, SILENT, UNPROVEN, UNTOLD, Advisories, AdvisoryError
from console.campaign import DONE, progress
from console.web.door import Visit, Way
from console.web.once import once
from console.web.show import link
from console.web.words import catalogue

PAGE = 50
_SAID = ("said_fixed", "proven", "not_affected", "open")
_API_BYTES = 24 * 2**20
"""Of the JSON around it; base64 makes a file a third larger."""


def desk_of(visit: Visit) -> Advisories:
    """The warnings of the house that is visited."""
    house = visit.house
    return Advisories(
        store=house.store,
        clock=house.clock,
        keep=house.evidence.keep,
        get=house.evidence.get,
        warnings=house.warnings,
        software_now=house.software_now,
    )


def _summary(visit: Visit, one: Advisory) -> dict[str, Any]:
    assets = desk_of(visit).assets(one.id)
    done = sum(held.state in DONE for held in assets)
    agencies = len({held.agency for held in assets})
    return {"assets": len(assets), "agencies": agencies, "done": done, "one": one}


def show_advisories(visit: Visit) -> Response:
    """Warnings, the last received first, and a form for a new one."""
    text, state = visit.asked("q").strip(), visit.asked("state")
    where = Text(text) if text else Is("state", state) if state in STATES else Everything()
    page = visit.house.store.find(
        "advisory", Query(where=where, order="received_at", limit=PAGE, after=visit.asked("after") or None)
    )
    rows = [_summary(visit, from_doc(record.doc, Advisory)) for record in page.records]
    return visit.page(
        "advisories.html",
        rows=rows,
        total=page.total,
        text=text,
        state=state,
        states=STATES,
        next_link=link("/advisories", q=text, state=state, after=page.next) if page.next else "",
    )


def bring(visit: Visit) -> Response:
    """Take a warning in: a file, or pasted text."""
    pasted = next(iter(visit.form.get("text", [])), "").strip()
    raw = visit.upload.raw if visit.upload and visit.upload.raw else pasted.encode()
    name = visit.upload.name if visit.upload and visit.upload.raw else "pasted.txt"
    if not raw:
        return visit.go("/advisories", "upload_missing")
    try:
        came = desk_of(visit).take_in(raw, name, by=visit.who.id, source=visit.given("source").strip()[:200])
    except InputError:
        return visit.go("/advisories", "advisory_unreadable")
    note = "advisory_known" if came.known else "advisory_taken"
    return visit.go(f"/advisories/{came.advisory.id}", note, count=len(came.assets))


def _read(visit: Visit) -> Advisory:
    try:
        return desk_of(visit).read(visit.path("id"))
    except AdvisoryError:
        raise visit.missing() from None


def show_advisory(visit: Visit) -> Response:
    """One warning: what it says, what of ours it concerns, how far each agency has come."""
    one = _read(visit)
    assets = desk_of(visit).follow(one.id)
    return visit.page(
        "advisory.html",
        one=one,
        assets=assets,
        rows=progress(assets),
        names=visit.desk.agency_names([held.agency for held in assets]),
        done=sum(held.state in DONE for held in assets),
        said=_SAID,
        note_said=partial(note_said, visit.language),
        open_assets=[held for held in assets if held.state not in DONE],
    )


def _n(text: str) -> str:
    """Mark a text for translation."""
    return text


_NOTES = {
    SILENT: _n("it did not answer: %s"),
    UNTOLD: _n("it does not say (any more) that it runs this: nothing is proven"),
    UNPROVEN: _n("it says '%s': that proves nothing"),
    SEEN: _n("seen: %s"),
}
"""What a look at an asset writes down."""


def note_said(language: str, note: str) -> str:
    """A note in a language; what a person wrote stays as it is.

    >>> note_said("vi", "seen: nginx 1.27"), note_said("vi", "gọi rồi")
    ('thấy: nginx 1.27', 'gọi rồi')
    """
    for form, text in _NOTES.items():
        before, hole, after = form.partition("%s")
        if note == form or (hole and note.startswith(before) and note.endswith(after)):
            told = catalogue(language).gettext(text)
            return told % note[len(before) : len(note) - len(after)] if hole else told
    return note


def deed(visit: Visit) -> Response:
    """Begin the campaign, look again, watch for its indicators, or end it."""
    one, back = _read(visit), f"/advisories/{visit.path('id')}"
    try:
        note, count = _done(visit, one.id, visit.given("do"))
    except AdvisoryError:
        return visit.go(back, "advisory_not_yet")
    return visit.go(back, note, count=count)


def _done(visit: Visit, advisory_id: str, asked: str) -> tuple[str, int]:
    """Do what is asked; give what to say of it."""
    desk, by, runner = desk_of(visit), visit.who.id, visit.house.runner
    if asked == "start" and runner is not None:
        return "advisory_started", desk.start(advisory_id, runner, by=by)
    if asked == "check":
        return "advisory_checked", len(desk.prove(advisory_id, by=by))
    if asked == "watch":
        return "advisory_watched", desk.watch(advisory_id, by=by)[0].indicators
    if asked == "match":
        return "advisory_matched", len(desk.match(advisory_id))
    if asked == "close":
        desk.close(advisory_id, by=by, note=visit.given("note").strip()[:1000])
        return "saved", 0
    return "refused", 0


def put_product(visit: Visit) -> Response:
    """Say which product it means, or correct its versions."""
    one, name, versions = (
        _read(visit),
        visit.given("name").strip()[:200],
        visit.given("versions").strip()[:300],
    )
    back = f"/advisories/{one.id}"
    if not name or (versions and spans_of(versions) is None):
        return visit.go(back, "advisory_versions")
    product = Product(
        vendor=visit.given("vendor").strip()[:200],
        name=name,
        versions=versions,
        fixed=visit.given("fixed").strip()[:100],
    )
    desk_of(visit).put_product(one.id, product, by=visit.who.id)
    return visit.go(back, "advisory_matched", count=len(desk_of(visit).assets(one.id)))


def say(visit: Visit) -> Response:
    """Write down what is said of an asset."""
    one = _read(visit)
    back = f"/advisories/{one.id}"
    try:
        desk_of(visit).say(
            visit.given("asset"),
            visit.given("state"),
            by=visit.who.id,
            version=visit.given("version").strip()[:100],
            note=visit.given("note").strip()[:1000],
        )
    except AdvisoryError:
        return visit.go(back, "advisory_word")
    return visit.go(back, "saved")


# -- for programs ----------------------------------------------------------------------------------------


def api_advisories(visit: Visit) -> Response:
    """Warnings, the last received first, with how many assets they concern and how many of them are done."""
    page = visit.house.store.find(
        "advisory", Query(order="received_at", limit=PAGE, after=visit.asked("after") or None)
    )
    found = [_doc(visit, from_doc(record.doc, Advisory)) for record in page.records]
    return JSONResponse({"advisories": found, "total": page.total, "next": page.next})


def _doc(visit: Visit, one: Advisory) -> dict[str, Any]:
    told = _summary(visit, one)
    counts = {name: told[name] for name in ("assets", "agencies", "done")}
    return to_doc(one) | {"severity": one.severity.name} | counts


@once
def api_bring(visit: Visit) -> Response:
    """Bring a warning in: `text` (CSAF 2.0, a letter, plain text) or `base64` (PDF, DOCX and others)."""
    raw = _raw(visit)
    try:
        came = desk_of(visit).take_in(
            raw, visit.text("name") or "api", by=visit.who.id, source=visit.text("source")[:200]
        )
    except InputError as error:
        raise HTTPException(400, str(error)) from error
    return JSONResponse(_doc(visit, came.advisory) | {"known": came.known})


def _raw(visit: Visit) -> bytes:
    text, encoded = str(visit.body.get("text", "")), str(visit.body.get("base64", ""))
    if bool(text) == bool(encoded):
        raise HTTPException(400, "give either text or base64")
    try:
        raw = text.encode() if text else base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, f"base64 cannot be read: {error}") from error
    if len(raw) > LARGEST:
        raise HTTPException(413, f"a warning has at most {LARGEST} bytes")
    return raw


WAYS = (
    Way(path="/advisories", handler=show_advisories, name="advisories", needs="staff"),
    Way(path="/advisories", handler=bring, name="advisory_bring", method="POST", needs="warn", takes=LARGEST),
    Way(path="/advisories/{id}", handler=show_advisory, name="advisory", needs="staff"),
    Way(path="/advisories/{id}", handler=deed, name="advisory_deed", method="POST", needs="warn"),
    Way(
        path="/advisories/{id}/product",
        handler=put_product,
        name="advisory_product",
        method="POST",
        needs="warn",
    ),
    Way(path="/advisories/{id}/say", handler=say, name="advisory_say", method="POST", needs="warn"),
)

API_WAYS = (
    Way(path="/api/v1/advisories", handler=api_advisories, name="api_advisories", needs="staff", api=True),
    Way(
        path="/api/v1/advisories",
        handler=api_bring,
        name="api_advisory_bring",
        method="POST",
        needs="warn",
        api=True,
        takes=_API_BYTES,
    ),
)
"""Asked by programs; `api` puts them among its own."""
