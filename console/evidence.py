"""Which evidence is there for an alert, an event, a ticket or a portal, and is it whole?

`note` writes what an event names into the chain (`store.custody`), `piece_of` is the line of what people
attached and of packets; `show` and `export` read it out again, and `verify` walks it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, StoreError
from citywatch.model import Event, Evidence
from citywatch.ports import Is, Query
from citywatch.respond import audit
from citywatch.store.custody import Entry, Piece, Verdict

if TYPE_CHECKING:
    from console.house import House

HEAD = "evidence_head"
"""What the audit calls the chain's newest line."""
_ENDINGS = {
    "page": "html",
    "page_before": "html",
    "response_headers": "txt",
    "page_text": "txt",
    "certificate_chain": "pem",
    "packets": "pcap",
}
_TYPES = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf", "text/plain": "txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One piece, and whether its bytes are as they were taken."""

    entry: Entry
    state: str
    """whole, gone (not kept any more) or changed."""


def pieces_of(house: House, event: Event) -> list[Piece]:
    """What an event names as evidence."""
    hashes, whats = _texts(event, "citywatch.evidence.sha256"), _texts(event, "citywatch.evidence.what")
    pieces: list[Piece] = []
    for number, name in enumerate(hashes):
        known = house.evidence.describe(name)
        pieces.append(
            Piece(
                sha256=name,
                what=whats[number] if number < len(whats) else "",
                at=str(event["@timestamp"]),
                size=known.size if known is not None else 0,
                media_type=known.media_type if known is not None else "",
                source=str(event.get("url.full", event.get("log.file.path", ""))),
                address=str(event.get("destination.ip", "")),
                portal=str(event.get("citywatch.portal.id", "")),
                set=str(event["event.id"]),
            )
        )
    return pieces


def _texts(event: Event, name: str) -> list[str]:
    held: Any = event.get(name) or []
    return [str(item) for item in cast("list[Any]", held)] if isinstance(held, list) else [str(held)]


def piece_of(kept: Evidence, about: str) -> Piece:
    """A piece that no event names, as it stands in the chain: what people attached, packets of an alert.

    Args:
        kept: the piece as its ticket or alert holds it.
        about: id of the ticket or alert.
    """
    return Piece(
        sha256=kept.sha256,
        what=kept.what,
        at=kept.taken_at,
        size=kept.size,
        media_type=kept.media_type,
        source=kept.source,
        set=about,
    )


def note(house: House, events: Iterable[Event]) -> int:
    """Write the evidence of events into the chain; give how many pieces."""
    pieces = [piece for event in events for piece in pieces_of(house, event)]
    return len(house.custody.note(pieces))


def anchor(house: House) -> str:
    """Write the chain's newest line into the audit, whose head is written down elsewhere."""
    head = house.custody.head()
    audit.append(house.store, house.clock, by="citywatch", what=HEAD, about=head)
    return head


def find(house: House, name: str) -> list[Entry]:
    """The evidence of an alert, an event, a ticket or a portal, or of these bytes, oldest first.

    Raises:
        CityWatchError: there is no such thing, or nothing is kept of it.
    """
    sets, hashes, portal = _named(house, name)
    found = list(house.custody.find(sets=sets, hashes=hashes, portal=portal))
    if not found and not (sets or hashes or portal):
        raise CityWatchError(f"there is no alert, event, ticket, portal or evidence '{name}'")
    if not found:
        raise CityWatchError(f"'{name}': no evidence was taken of it")
    return found


def _named(house: House, name: str) -> tuple[set[str], set[str], str]:
    store = house.store
    if len(name) == 64:  # noqa: PLR2004 - SHA-256 in hex
        return set(), {name}, ""
    alert = store.get("alert", name)
    if alert is not None:
        return {name, *_of_alert(alert.doc)}, set(), ""
    ticket = store.get("ticket", name)
    if ticket is not None:
        alerts = store.get_many("alert", list(ticket.doc.get("alert_ids", [])))
        sets = {item for record in alerts.values() for item in _of_alert(record.doc)}
        return {name, *sets, *alerts}, {str(item["sha256"]) for item in ticket.doc.get("evidence", [])}, ""
    if store.get("portal", name) is not None:
        return set(), set(), name
    return ({name} if store.get_event(name) is not None else set()), set(), ""


def _of_alert(doc: dict[str, Any]) -> set[str]:
    return {str(item) for item in doc.get("event_ids", [])} | {
        str(doc.get("event", {}).get("event.id", ""))
    } - {""}


def shown(house: House, entries: Iterable[Entry]) -> Iterator[Shown]:
    """Each piece with the state of its bytes."""
    for entry in entries:
        try:
            raw = house.evidence.get(entry.piece.sha256)
            state = "gone" if raw is None else "whole"
        except StoreError:
            state = "changed"
        yield Shown(entry=entry, state=state)


def export(house: House, name: str, out: Path) -> tuple[int, int]:
    """Write the evidence as a ZIP: the pieces, SHA256SUMS, and the lines of the chain.

    Gives how many pieces there are, and how many of them are not whole.

    Raises:
        CityWatchError: there is none.
        OSError: the file cannot be written.
    """
    entries = find(house, name)
    whole = 0
    sums: list[str] = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for number, one in enumerate(shown(house, entries), 1):
            if one.state != "whole":
                continue
            whole += 1
            file = _file(number, one.entry.piece)
            bundle.writestr(file, house.evidence.get(one.entry.piece.sha256) or b"")
            sums.append(f"{one.entry.piece.sha256}  {file}\n")
        bundle.writestr("SHA256SUMS", "".join(sums))
        lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
        bundle.writestr("custody.ndjson", lines)
        bundle.writestr("README.txt", _readme(house, name, entries))
    return len(entries), len(entries) - whole


def _file(number: int, piece: Piece) -> str:
    ending = _ENDINGS.get(piece.what) or _TYPES.get(piece.media_type.partition(";")[0].strip(), "bin")
    what = "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in piece.what or "piece")
    # A page is never opened by a double click: its name does not end as a page's does.
    ending = f"{ending}.txt" if ending == "html" else ending
    return f"{number:03d}-{what}-{piece.sha256[:12]}.{ending}"


def _readme(house: House, name: str, entries: Sequence[Entry]) -> str:
    return (
        f"Evidence of {name}, written {stamp(house.clock())}, {len(entries)} pieces.\n"
        f"The chain's newest line at that time: {house.custody.head()}\n\n"
        "SHA256SUMS holds the hash of each file: sha256sum -c SHA256SUMS\n"
        "custody.ndjson holds the lines of the chain: time, source and address of each piece, the hash of\n"
        "the line before, and its own: SHA-256 over the line's JSON without `hash`, keys sorted, no blanks.\n"
        "To hold the whole chain against the audit: citywatch evidence verify\n\n"
        "Pages are hostile: look at them as text, never in a browser on a machine that matters.\n\n"
        "Đây là chứng cứ đã lưu; kiểm tra bằng: sha256sum -c SHA256SUMS.\n"
        "Không mở các trang này bằng trình duyệt.\n"
    )


def verify(house: House, *, bytes_too: bool = True) -> Verdict:
    """Walk the chain, hold it against the audit, and look whether the bytes are as they were."""
    verdict = house.custody.verify(_heads(house))
    if not bytes_too:
        return verdict
    gone, wrong = 0, list(verdict.wrong)
    for name in house.custody.hashes():
        try:
            gone += house.evidence.get(name) is None
        except StoreError as error:
            wrong.append(str(error))
    return Verdict(lines=verdict.lines, head=verdict.head, wrong=tuple(wrong), gone=gone)


def _heads(house: House) -> list[str]:
    heads: list[str] = []
    after: str | None = None
    while True:
        page = house.store.find(
            audit.KIND, Query(where=Is("what", HEAD), order="id", limit=1000, after=after)
        )
        heads.extend(str(record.doc["about"]) for record in page.records)
        after = page.next
        if after is None:
            return heads
