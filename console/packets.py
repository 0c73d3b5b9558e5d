"""Which packets stand behind an alert, and are they kept as evidence?

For what an interface saw, the packets are in its ring on disk while the ring holds them; for what was read
from a capture file, in that file, when it still lies among the inputs. What is found is kept by its hash,
written into the ticket's evidence and noted in the audit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, Conflict, StoreError
from citywatch.model import Alert, Change, Event, Evidence, Ticket, from_doc, to_doc
from citywatch.store.evidence import LARGEST
from console.evidence import piece_of
from sensors.network.excerpt import Chunk, Excerpt, Wanted, excerpt
from sensors.network.live.spool import read_all
from sensors.network.live.warden import FOLDER
from sensors.network.pcapfile import batches, open_capture
from sensors.tell import sources

if TYPE_CHECKING:
    from console.house import House

MEDIA_TYPE = "application/vnd.tcpdump.pcap"
_TRIES = 5
_MOST_PAIRS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """A pcap of an alert's packets, kept as evidence."""

    sha256: str
    size: int
    packets: int
    left_out: int
    """Packets that found no room in it."""
    source: str
    """The interfaces and files they are from."""


def take(house: House, alert_id: str, *, by: str, captures: Sequence[Path] = ()) -> Packets:
    """Keep the packets of an alert.

    Args:
        house: the installation.
        alert_id: the alert.
        by: who asks; stands in the ticket and in the audit.
        captures: files and folders where captures may lie, beside the inputs.

    Raises:
        CityWatchError: there is no such alert, or no packet of it is left; tells where was looked.
    """
    from citywatch.respond import audit

    record = house.store.get("alert", alert_id)
    if record is None:
        raise CityWatchError(f"there is no alert '{alert_id}'; list them: citywatch alerts list")
    alert = from_doc(record.doc, Alert)
    events = _events(house, alert)
    wanted = _wanted(alert, events)
    places = _places(house, events, captures)
    if not wanted or not places:
        raise CityWatchError(f"alert {alert_id}: {_nowhere(events, wanted)}")
    names = " ".join(sorted(place.name for place in places))
    found = excerpt(wanted, _chunks(house, places, wanted), most_bytes=LARGEST)
    if not found.packets:
        raise CityWatchError(f"alert {alert_id}: its packets are no longer there; looked in {names}")
    kept = _keep(house, found, names)
    piece = _piece(house, alert_id, kept)
    house.custody.note([piece_of(piece, alert_id)])
    audit.append(
        house.store, house.clock, by=by, what="evidence_pcap", about=f"{alert_id} {kept.sha256} {names}"
    )
    _into_ticket(house, alert_id, (kept, piece), by)
    return kept


def _events(house: House, alert: Alert) -> list[Event]:
    """The alert's events as far as the store has them; the one that opened it in any case."""
    found = [event for event_id in alert.event_ids if (event := house.store.get_event(event_id)) is not None]
    known = {event["event.id"] for event in found}
    return found if not alert.event or alert.event.get("event.id") in known else [alert.event, *found]


def _wanted(alert: Alert, events: Sequence[Event]) -> Wanted:
    wanted = Wanted()
    for event in events:
        wanted.add(event)
    if alert.count > len(events):  # more events than are named: all between the hosts in that time
        sources_, targets = (
            alert.values.get(name, [])[:_MOST_PAIRS] for name in ("source.ip", "destination.ip")
        )
        for source in sources_:
            for target in targets:
                wanted.add_pair(source, target)
        wanted.span(alert.first_seen, alert.last_seen)
    return wanted


def _nowhere(events: Sequence[Event], wanted: Wanted) -> str:
    if not wanted:
        return "it is about no packets"
    names = {str(event["log.file.path"]) for event in events if "log.file.path" in event}
    if names:
        return f"the capture {' '.join(sorted(names))} is not among the inputs; name it: --capture PATH"
    return "nothing is known of where its packets were seen"


def _places(house: House, events: Sequence[Event], captures: Sequence[Path]) -> list[Path]:
    """Rings and capture files that hold the packets of these events."""
    rings = {str(event.get("observer.ingress.interface.name", "")) for event in events} - {""}
    folder = house.settings.data / FOLDER
    places = [folder / name for name in sorted(rings) if "/" not in name and (folder / name).is_dir()]
    names = {str(event["log.file.path"]) for event in events if "log.file.path" in event}
    if names:
        inputs = [*captures, *(Path(text) for text in house.settings.watch.inputs)]
        there = [path for path in inputs if path.exists()]
        places += [
            path
            for path, sensor in sources(there, _ignore)
            if sensor.name == "network" and path.name in names
        ]
    return places


def _ignore(_: object) -> None:
    """What lies beside a capture is not what is looked for."""


def _chunks(house: House, places: Sequence[Path], wanted: Wanted) -> Iterator[Chunk]:
    for place in places:
        if place.is_dir():
            for chunk in read_all(place, start_us=wanted.start_us, end_us=wanted.end_us):
                yield chunk.link, chunk.data, chunk.records
        else:
            with open_capture(place) as source:
                yield from batches(source, place.name, house.pulse.problem)


def _keep(house: House, found: Excerpt, names: str) -> Packets:
    return Packets(
        sha256=house.evidence.keep(found.raw, MEDIA_TYPE),
        size=len(found.raw),
        packets=found.packets,
        left_out=found.left_out,
        source=names,
    )


def _piece(house: House, alert_id: str, kept: Packets) -> Evidence:
    return Evidence(
        sha256=kept.sha256,
        media_type=MEDIA_TYPE,
        size=kept.size,
        taken_at=stamp(house.clock()),
        source=kept.source,
        what=f"packets of alert {alert_id}",
    )


def _into_ticket(house: House, alert_id: str, taken: tuple[Packets, Evidence], by: str) -> None:
    """Put it with the evidence of the alert's ticket, once."""
    kept, piece = taken
    state = house.store.get("alert_state", alert_id)
    ticket_id = str(state.doc.get("ticket_id", "")) if state else ""
    if not ticket_id:
        return
    at = piece.taken_at
    line = Change(at=at, by=by, what="comment", note=f"{kept.packets} packets kept: {kept.sha256}")
    for _ in range(_TRIES):
        record = house.store.get("ticket", ticket_id)
        if record is None:
            return
        ticket = from_doc(record.doc, Ticket)
        if any(one.sha256 == kept.sha256 for one in ticket.evidence):
            return
        grown = replace(
            ticket, evidence=(*ticket.evidence, piece), history=(*ticket.history, line), changed_at=at
        )
        try:
            house.store.put_if("ticket", ticket_id, to_doc(grown), record.version)
        except Conflict:
            continue
        return
    raise StoreError(f"ticket {ticket_id} could not be changed: others kept writing it")
