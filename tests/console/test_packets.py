"""Are the packets of an alert that came from a capture kept, told to its ticket, and found again?"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from citywatch.errors import CityWatchError
from citywatch.model import Alert, AlertState, Severity, Ticket, from_doc, to_doc
from citywatch.ports import Query
from console.evidence import find, verify
from console.house import House, open_house
from console.packets import MEDIA_TYPE, take
from sensors.network.capture import NetworkSensor
from tests.sensors.network.packets import Kept, pcap, talk


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    mine = talk([(">", b"GET / HTTP/1.1\r\n\r\n")], sport=40000)
    other = talk([(">", b"GET / HTTP/1.1\r\n\r\n")], sport=40001)
    (folder / "a.pcap").write_bytes(pcap(sorted([*mine, *other])))
    (folder / "notes.txt").write_text("no capture")
    return folder / "a.pcap"


def house_with_alert(data: Path, capture: Path) -> tuple[House, Alert]:
    house = open_house(data, make=True)
    events = list(NetworkSensor().read(capture, lambda _: None, Kept()))
    event = next(one for one in events if one.get("source.port") == 40000)
    alert = Alert(
        id="a" * 32,
        rule_id="r",
        title="t",
        severity=Severity.high,
        subject="10.0.0.5",
        subject_fields={"source.ip": "10.0.0.5"},
        first_seen=str(event["@timestamp"]),
        last_seen=str(event["@timestamp"]),
        count=1,
        event_ids=(str(event["event.id"]),),
        event=event,
    )
    ticket = Ticket(id="HN-1", key="k", title="t", severity=Severity.high)
    state = AlertState(alert_id=alert.id, ticket_id=ticket.id)
    house.store.put_many("alert", {alert.id: to_doc(alert)})
    house.store.put_many("ticket", {ticket.id: to_doc(ticket)})
    house.store.put_many("alert_state", {alert.id: to_doc(state)})
    return house, alert


def test_they_are_kept_by_hash_and_told_to_the_ticket(tmp_path: Path, capture: Path) -> None:
    house, alert = house_with_alert(tmp_path / "data", capture)
    with house:
        kept = take(house, alert.id, by="lan", captures=[capture.parent])
        raw = house.evidence.get(kept.sha256)
        assert raw is not None
        assert sha256(raw).hexdigest() == kept.sha256
        assert (kept.packets, kept.size, kept.source) == (7, len(raw), "a.pcap")
        again = take(house, alert.id, by="lan", captures=[capture])
        assert again == kept
        ticket = from_doc(_doc(house, "ticket", "HN-1"), Ticket)
        assert [(one.sha256, one.media_type) for one in ticket.evidence] == [(kept.sha256, MEDIA_TYPE)]
        assert [line.by for line in ticket.history] == ["lan"]
        lines = find(house, alert.id)
        assert {line.piece.sha256 for line in lines} == {kept.sha256}
        assert {line.piece.sha256 for line in find(house, "HN-1")} == {kept.sha256}
        assert verify(house).wrong == ()
        place = house.evidence.path / kept.sha256[:2] / kept.sha256[2:4] / kept.sha256
        place.write_bytes(place.read_bytes()[:-9] + b"012345678")
        assert len(verify(house).wrong) == 1, "changed packets are seen"
        audit = house.store.find("audit", Query(order="at")).records
        assert any(kept.sha256 in json.dumps(record.doc) for record in audit)


def _doc(house: House, kind: str, name: str) -> dict[str, object]:
    record = house.store.get(kind, name)
    assert record is not None
    return record.doc


def test_a_capture_that_is_gone_is_told(tmp_path: Path, capture: Path) -> None:
    house, alert = house_with_alert(tmp_path / "data", capture)
    with house:
        with pytest.raises(CityWatchError, match=r"the capture a\.pcap is not among the inputs"):
            take(house, alert.id, by="lan")
        capture.write_bytes(pcap([]))
        with pytest.raises(CityWatchError, match=r"no longer there; looked in a\.pcap"):
            take(house, alert.id, by="lan", captures=[capture])
        with pytest.raises(CityWatchError, match="there is no alert 'x'"):
            take(house, "x", by="lan")


def test_an_alert_about_no_packets_says_so(tmp_path: Path, capture: Path) -> None:
    house, alert = house_with_alert(tmp_path / "data", capture)
    with house:
        host = replace(alert, event={"event.id": "e", "@timestamp": alert.first_seen}, event_ids=())
        house.store.put_many("alert", {alert.id: to_doc(host)})
        with pytest.raises(CityWatchError, match="it is about no packets"):
            take(house, alert.id, by="lan", captures=[capture])
