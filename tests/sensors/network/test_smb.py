"""Is it told who opens, writes, renames and deletes which files of a server, and what is called there?"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from citywatch.model import Event
from tests.sensors.network.packets import of, pcap, read, talk
from tests.sensors.network.windows import REFUSED, SCHEDULER, Session

NOISE = random.Random(7).randbytes(2048)  # noqa: S311 - the same every time
SHARE = r"\\10.0.0.80\HoSo"


def events_of(session: Session, folder: Path) -> list[Event]:
    events, problems = read(pcap(talk(session.turns, dport=445)), folder)
    assert problems == []
    assert all("citywatch.flow.notes" not in event for event in events)
    return of(events, "smb")


def files(events: list[Event]) -> list[tuple[str, str, str]]:
    told = [event for event in events if "zeek.smb_files.action" in event]
    names = [event.get("zeek.smb_files.prev_name", "") for event in told]
    actions = [str(event["event.action"]).removeprefix("SMB::FILE_") for event in told]
    return list(zip(actions, [event["file.path"] for event in told], names, strict=True))


def test_files_are_told_with_their_share_and_who_did_it(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE).write(r"2026\a.docx")
    session.rename(r"2026\a.docx", r"2026\a.docx.x1").delete(r"2026\b.docx")
    events = events_of(session, tmp_path)
    assert files(events) == [
        ("WRITE", SHARE + r"\2026\a.docx", ""),
        ("OPEN", SHARE + r"\2026\a.docx", ""),
        ("RENAME", SHARE + r"\2026\a.docx.x1", r"2026\a.docx"),
        ("OPEN", SHARE + r"\2026\b.docx", ""),
        ("DELETE", SHARE + r"\2026\b.docx", ""),
    ]
    renamed = events[4]
    assert (renamed["file.extension"], renamed["citywatch.smb.extension_before"]) == ("x1", "docx")
    assert {each["user.name"] for each in events} == {"an.nv"}


def test_a_file_that_is_to_vanish_when_it_is_closed_counts_as_deleted(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE)
    session.close(session.open("c.pdf", options=0x1000))
    assert files(events_of(session, tmp_path))[1:] == [("DELETE", SHARE + r"\c.pdf", "")]


def test_a_file_is_known_by_its_handle_however_many_came_before(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE)
    for turn in range(1300):
        session.open(f"{turn}.txt")  # and never closed
    session.rename("b.xls", "c.xls")
    assert files(events_of(session, tmp_path))[-1] == ("RENAME", SHARE + r"\c.xls", "b.xls")


def test_a_handle_that_was_closed_is_no_file_any_more(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE)
    handle = session.open("d.txt")
    session.close(handle)
    session.set_info(handle, 13, b"\1")
    assert ("SMB::FILE_DELETE", SHARE + r"\d.txt", "") not in [
        (each["event.action"], each.get("file.path", ""), "") for each in events_of(session, tmp_path)
    ]


def test_what_is_written_at_the_start_of_a_file_is_told_when_it_is_closed(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE)
    session.overwrite("noise.docx", NOISE).overwrite("zip.docx", b"PK\3\4" + NOISE)
    session.overwrite("text.txt", "Quyết định số 7 ".encode() * 60)
    session.put(session.open("never closed.pdf"), 0, NOISE[:700])
    closed = [each for each in events_of(session, tmp_path) if each.get("event.action") == "SMB::FILE_CLOSE"]
    told = {
        each["file.name"]: (
            each["citywatch.smb.written"],
            each.get("citywatch.smb.entropy"),
            each.get("file.mime_type"),
        )
        for each in closed
    }
    assert told["noise.docx"] == (2048, pytest.approx(7.8, abs=0.1), None)
    assert told["zip.docx"] == (2052, None, "application/zip")
    assert told["text.txt"][1] == pytest.approx(4.3, abs=0.7)
    assert told["never closed.pdf"] == (700, pytest.approx(7.6, abs=0.15), None)
    assert {each["user.name"] for each in closed} == {"an.nv"}


def test_a_file_that_is_only_opened_is_not_told_as_written(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(SHARE)
    session.close(session.open("a.docx"))
    session.put(b"unknown handle..", 0, NOISE)
    session.put(session.open("appended.log"), 4096, b"x" * 10)
    closed = [each for each in events_of(session, tmp_path) if each.get("event.action") == "SMB::FILE_CLOSE"]
    assert [(each["file.name"], each.get("citywatch.smb.entropy")) for each in closed] == [
        ("appended.log", None)
    ]


def test_a_refused_login_says_whose_and_why(tmp_path: Path) -> None:
    (event,) = events_of(Session().login("an.nv", REFUSED), tmp_path)
    assert (event["event.outcome"], event["event.code"], event["user.name"]) == (
        "failure",
        "0xc000006d",
        "an.nv",
    )


def test_a_call_through_a_pipe_has_its_name(tmp_path: Path) -> None:
    session = Session().login("an.nv").tree(r"\\10.0.0.80\IPC$").call("atsvc", SCHEDULER, 1)
    event = events_of(session, tmp_path)[-1]
    assert (event["zeek.dce_rpc.operation"], event["zeek.dce_rpc.named_pipe"]) == (
        "SchRpcRegisterTask",
        "atsvc",
    )
