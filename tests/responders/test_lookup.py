"""Do look-ups answer from what is here, and say so when there is nothing to ask?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.model import Agency, AlertState, to_doc
from citywatch.respond.catalogue import Catalogue
from citywatch.settings import LookUp
from citywatch.store.sqlite import SqliteStore
from responders.lookup_asset import LookUpAsset
from responders.lookup_dns import LookUpDns
from responders.lookup_geo import LookUpGeo
from responders.lookup_history import LookUpHistory
from responders.lookup_indicator import LookUpIndicator

from .conftest import an_order


@pytest.fixture
def resolver() -> Iterator[int]:
    """A name server on loopback that knows one name; gives its port."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(10)

    def serve() -> None:
        while True:
            try:
                raw, peer = server.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(raw)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            asked = query.question[0]
            if asked.name.to_text() != "known.example.":
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif asked.rdtype == 1:
                answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "A", "192.0.2.7"))
            server.sendto(answer.to_wire(), peer)

    Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def test_names_are_asked_of_the_resolver_of_the_settings_only(resolver: int) -> None:
    look = LookUpDns(settings=LookUp(resolver="127.0.0.1", resolver_port=resolver))
    assert look.act(an_order("lookup.dns", value="known.example"))["addresses"] == ["192.0.2.7"]
    assert look.act(an_order("lookup.dns", value="other.example"))["exists"] is False
    assert "no resolver" in str(
        LookUpDns(settings=LookUp()).act(an_order("lookup.dns", value="x.vn"))["note"]
    )


def test_a_resolver_that_is_silent_is_a_failure_that_may_pass() -> None:
    look = LookUpDns(settings=LookUp(resolver="127.0.0.1", resolver_port=1, timeout_s=0.3))
    with pytest.raises(ActionFailed) as caught:
        look.act(an_order("lookup.dns", value="known.example"))
    assert caught.value.again


def test_an_address_is_found_in_the_file_of_places(tmp_path: Path) -> None:
    file = tmp_path / "geo.csv"
    file.write_text("network,country,asn,name\n203.0.113.0/25,VN,64500,Mẫu\nrubbish\n2001:db8::/32,JP,1,J\n")
    look = LookUpGeo(file=file)
    assert look.act(an_order("lookup.geo", value="203.0.113.9"))["country"] == "VN"
    assert look.act(an_order("lookup.geo", value="2001:db8::1"))["country"] == "JP"
    for value in ("203.0.113.200", "203.0.112.1", "x"):
        assert look.act(an_order("lookup.geo", value=value))["known"] is False
    assert LookUpGeo(file=None).act(an_order("lookup.geo", value="203.0.113.9"))["known"] is False
    file.unlink()
    with pytest.raises(ActionFailed):
        look.act(an_order("lookup.geo", value="203.0.113.9"))


def test_whose_an_address_is_is_read_in_the_catalogue(case_store: SqliteStore) -> None:
    agency = Agency(id="so-mau", name="Sở Mẫu", networks=("10.1.0.0/16",), domains=("mau.example.vn",))
    case_store.put_many("agency", {agency.id: to_doc(agency)})
    look = LookUpAsset(catalogue=Catalogue(case_store))
    assert look.act(an_order("lookup.asset", value="10.1.2.3"))["agency_name"] == "Sở Mẫu"
    assert look.act(an_order("lookup.asset", value="www.mau.example.vn"))["agency"] == "so-mau"
    assert look.act(an_order("lookup.asset", value="8.8.8.8"))["known"] is False
    assert look.act(an_order("lookup.asset"))["known"] is False


def test_what_there_was_with_a_value_is_told_with_its_tickets(case_store: SqliteStore) -> None:
    state = AlertState(alert_id="a1", ticket_id="HN-2026-000001")
    case_store.put_many("alert_state", {"a1": to_doc(state)})
    look = LookUpHistory(store=case_store, clock=system_clock)
    for value in ("10.1.2.3", "10.1.2.3 · bad.example"):
        said = look.act(an_order("lookup.history", value=value, days=3660))
        assert (said["alerts"], said["tickets"]) == (1, ["HN-2026-000001"]), value
    assert look.act(an_order("lookup.history", value="10.9.9.9"))["alerts"] == 0
    assert look.act(an_order("lookup.history"))["alerts"] == 0
    with pytest.raises(ActionFailed, match="days"):
        look.act(an_order("lookup.history", value="x", days="many"))


@dataclass(frozen=True)
class Said:
    source: str
    confidence: int
    title: str


def test_what_warnings_say_is_told_by_source() -> None:
    known = {"bad.example": [Said("ncsc", 80, "C2"), Said("a05", 60, "")]}
    look = LookUpIndicator(about=lambda value: known.get(value, []))
    said = look.act(an_order("lookup.indicator", value="bad.example"))
    assert (said["listed"], said["sources"], said["confidence"]) == (True, ["a05", "ncsc"], 80)
    assert look.act(an_order("lookup.indicator", value="x"))["listed"] is False
    assert LookUpIndicator(about=None).act(an_order("lookup.indicator", value="x"))["listed"] is False
