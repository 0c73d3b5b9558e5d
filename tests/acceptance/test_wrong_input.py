"""Does wrong input get its clear message, and is nothing lost by it?"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.errors import JournalFull
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.model import repeatable_id
from tests.acceptance.conftest import Citywatch

RULE = """title: A word in a query
id: 6d0f2f10-1111-4d6e-9b52-6a1d8c3d2f10
status: test
logsource: {product: citywatch, category: portal}
detection:
  s: {FIELD: x}
  condition: s
level: low
"""


def pcap(packets: int) -> bytes:
    """A capture of empty ARP-typed frames."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    frame = b"\xff" * 12 + b"\x08\x06" + b"\0" * 46
    return head + b"".join(struct.pack("<IIII", n, 0, len(frame), len(frame)) + frame for n in range(packets))


def test_a_truncated_capture_is_read_up_to_the_cut_and_the_byte_is_told(
    citywatch: Citywatch, tmp_path: Path
) -> None:
    whole = pcap(3)
    (tmp_path / "cut.pcap").write_bytes(whole[:-10])
    said = citywatch("replay", "cut.pcap", "--json")
    assert said.code == 3
    assert "cut.pcap: byte " in said.err
    assert said.rows == []


def test_something_that_is_no_capture_is_told(citywatch: Citywatch, tmp_path: Path) -> None:
    (tmp_path / "not.pcap").write_bytes(b"\x00\x01 nothing that anybody knows \xff\xfe" * 50)
    said = citywatch("replay", "not.pcap", "--json")
    assert said.code == 3
    assert "not.pcap" in said.err
    assert "known are captures" in said.err


def test_a_path_that_does_not_exist_is_told(citywatch: Citywatch) -> None:
    said = citywatch("replay", "missing.pcap")
    assert said.code == 2
    assert said.err == "citywatch: missing.pcap: there is no such file or folder\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            RULE.replace("FIELD", "url.paht"),
            "rule.yml:6: field 'url.paht' is not in the event schema; did you mean 'url.path'?",
        ),
        (RULE.replace("FIELD", "url.path|sideways"), "sideways"),
        (RULE.replace("title: A", "title: [A"), "rule.yml:"),
        (
            "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" * 1,
            "rule.yml",
        ),
        (RULE.replace("FIELD", "url.path") + "---\n" + RULE.replace("FIELD", "url.path"), "6d0f2f10-1111"),
    ],
)
def test_a_bad_rule_is_told_by_file_and_line(
    citywatch: Citywatch, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "rule.yml").write_text(text)
    said = citywatch("rules", "check", "rule.yml")
    assert said.code == 1
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_bad_playbook_is_told_by_file_and_line(citywatch: Citywatch, tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "x.yml").write_text("playbook: x\nversion: 1\nname: [x\n")
    said = citywatch("playbooks", "check", "playbooks")
    assert said.code == 1
    assert "x.yml:" in said.err
    assert "Traceback" not in said.err


def test_an_unreachable_store_is_told_with_its_address(citywatch: Citywatch, tmp_path: Path) -> None:
    said = citywatch("init", "--data", tmp_path / "city", "--store", "http://127.0.0.1:9")
    assert said.code == 2
    assert "127.0.0.1:9" in said.err
    assert "Traceback" not in said.err


def test_a_data_folder_that_cannot_be_made_is_told(citywatch: Citywatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = citywatch("init", "--data", tmp_path / "file" / "city")
    assert said.code == 2
    assert "cannot be made" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written_is_told(citywatch: Citywatch, tmp_path: Path) -> None:
    (tmp_path / "city").mkdir(mode=0o500)
    said = citywatch("init", "--data", tmp_path / "city")
    assert said.code == 2
    assert "cannot be written" in said.err


def test_no_installation_is_told_with_the_command_that_makes_one(
    citywatch: Citywatch, tmp_path: Path
) -> None:
    said = citywatch("alerts", "list", "--data", tmp_path / "none")
    assert said.code == 2
    assert f"citywatch init --data {tmp_path / 'none'}" in said.err


def test_a_full_journal_holds_back_and_says_who_lags(tmp_path: Path) -> None:
    journal = LmdbJournal(tmp_path / "journal", cap_mb=2, drop_oldest=False, clock=system_clock)
    journal.commit("store", 0)
    events = [
        {"@timestamp": "2026-11-22T00:00:00.000000Z", "event.id": repeatable_id(n), "message": "x" * 1000}
        for n in range(4000)
    ]
    taken = 0

    def fill() -> None:
        nonlocal taken
        for start in range(0, len(events), 100):
            taken += journal.append(events[start : start + 100])

    with pytest.raises(JournalFull) as caught:
        fill()
    assert "store" in str(caught.value)
    assert [e["event.id"] for e in journal.read("store", 10_000)] == [e["event.id"] for e in events[:taken]]
    journal.commit("store", taken)
    assert journal.append(events[taken : taken + 100]) == 100, "room is made from what every reader has seen"
    journal.close()


def test_a_wrong_setting_is_named(citywatch: Citywatch, tmp_path: Path) -> None:
    assert citywatch("init", "--data", tmp_path / "city").code == 0
    (tmp_path / "city" / "citywatch.toml").write_text("[fetch]\nallow_lopback = true\n")
    said = citywatch("doctor", "--data", tmp_path / "city")
    assert said.code == 1
    assert "fetch.allow_lopback" in said.out


def test_a_url_that_is_no_portal_is_refused_at_registration(citywatch: Citywatch, tmp_path: Path) -> None:
    city = tmp_path / "city"
    assert citywatch("init", "--data", city).code == 0
    assert citywatch("agencies", "add", "a", "--name", "A", "--data", city).code == 0
    for url in ("ftp://x/", "javascript:alert(1)", "https://", "https://user@x.example/", "http://[::1"):
        said = citywatch("portals", "add", url, "--name", "x", "--agency", "a", "--data", city)
        assert said.code == 2, url
        assert url in said.err
    said = citywatch("portals", "add", "https://x.example/", "--name", "x", "--agency", "b", "--data", city)
    assert "citywatch agencies add b" in said.err


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1/", "refused_address"),
        ("http://169.254.169.254/latest/", "refused_address"),
        ("http://[::1]:1/", "refused_address"),
        ("http://2130706433/", "bad_url"),  # a number for a host is refused before any look-up
    ],
)
def test_a_portal_that_points_inside_is_not_fetched(
    citywatch: Citywatch, tmp_path: Path, url: str, error: str
) -> None:
    city = tmp_path / "city"
    citywatch("init", "--data", city)
    citywatch("agencies", "add", "a", "--name", "A", "--data", city)
    assert (
        citywatch("portals", "add", url, "--name", "x", "--agency", "a", "--id", "x", "--data", city).code
        == 0
    )
    said = citywatch("scan", "x", "--data", city, "--json")
    assert said.code == 0
    assert [(row["state"] in {"alert", "error"}, row["error"]) for row in said.rows] == [(True, error)]
