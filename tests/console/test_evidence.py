"""Is evidence found by what it proves, told whole from changed, and handed over with its chain?"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Generator
from pathlib import Path

import orjson
import pytest
from warcio.archiveiterator import ArchiveIterator

from citywatch.errors import CityWatchError
from citywatch.model import Event, Portal, to_doc
from console import warc
from console.evidence import anchor, export, find, note, shown, verify
from console.house import House, open_house

HEAD = b"HTTP/1.1 503\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nServer: x"


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        portal = Portal(id="p", url="https://a.example/", name="P", agency="a")
        opened.store.put_many("portal", {"p": to_doc(portal)})
        yield opened


def event(house: House, number: int = 1) -> Event:
    body, head = f"<h1>Hacked {number}</h1>".encode(), HEAD
    return {
        "@timestamp": f"2026-11-27T08:00:0{number}.000000Z",
        "event.id": f"event-{number}",
        "event.dataset": "portal.page",
        "event.kind": "event",
        "url.full": "https://a.example/?x=1",
        "destination.ip": "203.0.113.7",
        "citywatch.portal.id": "p",
        "citywatch.evidence.sha256": [
            house.evidence.keep(body, "text/html"),
            house.evidence.keep(head, "text/plain"),
        ],
        "citywatch.evidence.what": ["page", "response_headers"],
    }


def kept(house: House) -> Event:
    told = event(house)
    house.journal.append([told])
    house.store.append(list(house.journal.read("store", 10)))
    assert note(house, [told]) == 2
    house.store.put_many("alert", {"alert-1": {"event_ids": ["event-1"], "event": {}}})
    return told


def place(house: House, name: str) -> Path:
    return house.evidence.path / name[:2] / name[2:4] / name


@pytest.mark.parametrize("name", ["alert-1", "p"])
def test_evidence_is_found_by_what_it_proves(house: House, name: str) -> None:
    kept(house)
    entries = find(house, name)
    assert [entry.piece.what for entry in entries] == ["page", "response_headers"]
    assert entries[0].piece.address == "203.0.113.7"
    assert [one.state for one in shown(house, entries)] == ["whole", "whole"]


def test_evidence_is_found_by_its_hash(house: House) -> None:
    told = kept(house)
    (entry,) = find(house, told["citywatch.evidence.sha256"][0])
    assert entry.piece.set == "event-1"


def test_what_is_not_there_is_told(house: House) -> None:
    with pytest.raises(CityWatchError, match="there is no alert"):
        find(house, "nothing")
    with pytest.raises(CityWatchError, match="no evidence was taken"):
        find(house, "p")


def test_a_bundle_can_be_checked_without_us(house: House, tmp_path: Path) -> None:
    kept(house)
    assert export(house, "alert-1", tmp_path / "out.zip") == (2, 0)
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        for line in bundle.read("SHA256SUMS").decode().splitlines():
            sha256, _, file = line.partition("  ")
            assert hashlib.sha256(bundle.read(file)).hexdigest() == sha256
        before = "0" * 64
        for line in bundle.read("custody.ndjson").splitlines():
            doc = orjson.loads(line)
            own = doc.pop("hash")
            assert doc["before"] == before
            before = hashlib.sha256(orjson.dumps(doc, option=orjson.OPT_SORT_KEYS)).hexdigest()
            assert before == own
        assert not any(name.endswith(".html") for name in bundle.namelist())


def test_changed_bytes_are_told_and_never_handed_out(house: House, tmp_path: Path) -> None:
    told = kept(house)
    place(house, told["citywatch.evidence.sha256"][0]).write_bytes(b"<h1>All is well</h1>")
    assert [one.state for one in shown(house, find(house, "alert-1"))] == ["changed", "whole"]
    assert export(house, "alert-1", tmp_path / "out.zip") == (2, 1)
    assert len(verify(house).wrong) == 1


def test_bytes_that_retention_dropped_are_gone_and_no_tampering(house: House) -> None:
    told = kept(house)
    place(house, told["citywatch.evidence.sha256"][0]).unlink()
    verdict = verify(house)
    assert (verdict.lines, verdict.gone, verdict.wrong) == (2, 1, ())


def test_the_audit_knows_the_newest_line_of_every_night(house: House) -> None:
    kept(house)
    anchor(house)
    assert verify(house).wrong == ()
    (house.settings.data / "evidence" / "custody" / "2026-11.ndjson").unlink()
    assert verify(house).wrong == ("there is no chain, and the audit knows one",)


def test_kept_pages_become_an_archive_that_others_read(house: House, tmp_path: Path) -> None:
    kept(house)
    out = tmp_path / "p.warc.gz"
    assert warc.write(house, "p", out) == 1
    with out.open("rb") as file:
        records = [
            (
                record.rec_type,
                record.rec_headers.get_header("WARC-Target-URI"),
                record.rec_headers.get_header("WARC-IP-Address"),
                record.http_headers.get_statuscode() if record.rec_type == "response" else "",
                record.content_stream().read() if record.rec_type == "response" else b"",
            )
            for record in ArchiveIterator(file)
        ]
    assert records[1] == ("response", "https://a.example/?x=1", "203.0.113.7", "503", b"<h1>Hacked 1</h1>")


def test_a_portal_of_which_nothing_is_kept_gives_no_archive(house: House, tmp_path: Path) -> None:
    with pytest.raises(CityWatchError, match="no page of it is kept"):
        warc.write(house, "p", tmp_path / "p.warc.gz")
    with pytest.raises(CityWatchError, match="there is no portal 'q'"):
        warc.write(house, "q", tmp_path / "p.warc.gz")
    assert not (tmp_path / "p.warc.gz").exists()
