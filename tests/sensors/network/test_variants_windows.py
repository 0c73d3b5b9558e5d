"""Do the rules hold for ransomware, leaks, spreading and guessing among Windows computers nobody tuned on?

As in `test_variants.py`, every traffic is made up for the test; beside each attack stands what is nearest
to it in an ordinary office.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sensors.network.packets import START_US, Timed, ether, ip4, talk, tcp, udp
from tests.sensors.network.test_variants import MINUTE, SECOND, alerts, book, ping
from tests.sensors.network.windows import (
    REFUSED,
    SCHEDULER,
    SERVICES,
    Session,
    ticket_asked,
    ticket_refused,
)

Made = Iterator[Timed]
HOUR = 60 * MINUTE
NIGHT_US = START_US - START_US % (24 * HOUR) + 18 * HOUR
"""One in the morning in Viet Nam."""
DAY_US = NIGHT_US - 15 * HOUR


def said(
    session: Session, at: int, *, client: str = "10.5.0.31", server: str = "10.3.0.20", s: int = 1
) -> Made:
    """A session's turns; `s` makes it slow: seconds between two packets, in thousandths."""
    frames = talk(
        session.turns, source=client, target=server, sport=30_000 + at // SECOND % 30_000, dport=445
    )
    for number, (_, frame) in enumerate(frames):
        yield at + number * 1000 * s, frame


def share() -> Session:
    return Session().login("an.nv").tree(r"\\10.3.0.20\HoSo")


# -- ransomware and what looks like it -----------------------------------------------------------------------


def renamed_slowly() -> Made:
    session = share()
    for turn in range(140):
        session.rename(rf"2026\van ban {turn}.docx", rf"2026\van ban {turn}.docx.q7rt")
    yield from said(session, START_US, s=300)


def renamed_in_many_sessions() -> Made:
    for turn in range(30):
        session = share()
        for number in range(8):
            session.rename(rf"anh\{turn}-{number}.jpg", rf"anh\id-{turn:08x}{number}.ENC")
        yield from said(session, START_US + turn * 6 * SECOND)


def replaced() -> Made:
    session = share()
    for turn in range(90):
        session.write(rf"2026\{turn}.xlsx.vx3")
        session.delete(rf"2026\{turn}.xlsx")
    yield from said(session, START_US, s=100)


def encrypted_in_place() -> Made:
    dice = random.Random(5)  # noqa: S311 - the same every time
    for part in range(4):
        session = share()
        for turn in range(12):
            kind = ("docx", "pdf", "jpg", "xlsx")[turn % 4]
            session.overwrite(rf"2026\ho so {part}-{turn}.{kind}", dice.randbytes(3000))
        yield from said(session, START_US + part * MINUTE)


def archives_copied() -> Made:
    dice = random.Random(6)  # noqa: S311 - the same every time
    session = share()
    marks = {"docx": b"PK\3\4", "pdf": b"%PDF-1.7", "jpg": b"\xff\xd8\xff\xe0", "7z": b"7z\xbc\xaf\x27\x1c"}
    for turn in range(80):
        kind = list(marks)[turn % 4]
        session.overwrite(rf"sao luu\ho so {turn}.{kind}", marks[kind] + dice.randbytes(1500))
    yield from said(session, START_US)


def backup_encrypted() -> Made:
    dice = random.Random(8)  # noqa: S311 - the same every time
    session = Session().login("backup").tree(r"\\10.3.0.20\SaoLuu")
    for turn in range(80):
        session.overwrite(rf"kho\{turn:05d}.vbk", dice.randbytes(1500))
    yield from said(session, NIGHT_US)


def more_files_than_are_remembered() -> Made:
    session = share()
    for turn in range(1500):
        session.rename(rf"kho\.{turn}.pdf.Xt{turn:04d}", rf"kho\{turn}.pdf")
    yield from said(session, START_US)


def photos_sorted() -> Made:
    session = share()
    for turn in range(200):
        session.rename(rf"anh\IMG_{turn}.JPG", rf"anh\le-hoi-{turn}.jpg")
    yield from said(session, START_US)


def backup_rotates() -> Made:
    session = Session().login("backup").tree(r"\\10.3.0.20\SaoLuu")
    for turn in range(120):
        session.write(rf"kho\{turn:05d}.vib")
        session.delete(rf"kho\cu{turn:05d}.vib")
    yield from said(session, NIGHT_US)


def backup_of_folders() -> Made:
    session = Session().login("backup").tree(r"\\10.3.0.20\SaoLuu")
    for turn in range(400):
        session.write(rf"phong-{turn % 9}\van ban {turn}.docx")
    yield from said(session, NIGHT_US)


def folder_tidied() -> Made:
    session = share()
    for turn in range(150):
        session.delete(rf"cu\{turn}.docx")
    session.write("muc luc.xlsx")
    yield from said(session, START_US)


# -- from computer to computer -----------------------------------------------------------------------


def services_on_many() -> Made:
    for turn in range(6):
        server = f"10.3.4.{turn + 10}"
        session = Session().login("quantri").tree(rf"\\{server}\ADMIN$").write(r"Temp\qzx.exe")
        session.tree(rf"\\{server}\IPC$").call("svcctl", SERVICES, 12)
        yield from said(session, START_US + turn * 40 * SECOND, server=server)


def task_on_another() -> Made:
    session = Session().login("quantri").tree(r"\\10.3.4.10\C$").write(r"ProgramData\up.bat")
    session.tree(r"\\10.3.4.10\IPC$").call("atsvc", SCHEDULER, 1)
    yield from said(session, START_US, server="10.3.4.10")


def administrator_looks() -> Made:
    for turn in range(12):
        server = f"10.3.4.{turn + 10}"
        session = Session().login("quantri").tree(rf"\\{server}\C$").write(r"Users\Public\ghi chu.txt")
        session.tree(rf"\\{server}\IPC$").call("svcctl", SERVICES, 14)
        yield from said(session, START_US + turn * MINUTE, server=server)


def programs_on_a_share() -> Made:
    for turn in range(10):
        session = (
            Session().login("quantri").tree(r"\\10.3.0.20\PhanMem").write(rf"ban-moi\cai-dat-{turn}.exe")
        )
        yield from said(session, START_US + turn * MINUTE)


# -- passwords -----------------------------------------------------------------------


def kerberos(at: int, user: str, code: int, client: str = "10.5.0.31") -> Made:
    sport = 20_000 + at // SECOND % 40_000
    yield at, ether(ip4(client, "10.3.0.2", 17, udp(sport, 88, ticket_asked(user))))
    yield at + 3000, ether(ip4("10.3.0.2", client, 17, udp(88, sport, ticket_refused(code))))


def kerberos_sprayed() -> Made:
    for turn in range(25):
        yield from kerberos(START_US + turn * 2 * SECOND, f"can.bo{turn}", 24)


def kerberos_sprayed_slowly() -> Made:
    for turn in range(30):
        yield from kerberos(START_US + turn * 3 * MINUTE, f"can.bo{turn}", 24)


def accounts_looked_for() -> Made:
    for turn in range(40):
        yield from kerberos(START_US + turn * SECOND, f"ten{turn}", 6)


def old_password_of_a_service() -> Made:
    for turn in range(90):
        yield from kerberos(START_US + turn * MINUTE, "svc_baocao", 24)


def morning_in_an_office() -> Made:
    for turn in range(60):
        client = f"10.5.0.{turn + 20}"
        yield from kerberos(START_US + turn * 5 * SECOND, f"can.bo{turn}", 25, client)
        if turn % 7 == 0:
            yield from kerberos(START_US + turn * 5 * SECOND + SECOND, f"can.bo{turn}", 24, client)


def logins(users: Callable[[int], str], count: int, every_us: int, at: int = START_US) -> Made:
    for turn in range(count):
        session = Session().login(users(turn), REFUSED)
        yield from said(session, at + turn * every_us, client="10.5.0.66", server="10.3.0.20")


def smb_guessed() -> Made:
    return logins(lambda _: "Administrator", 40, 2 * SECOND)


def smb_sprayed_slowly() -> Made:
    return logins(lambda turn: f"can.bo{turn}", 25, 4 * MINUTE)


def old_password_of_a_scanner() -> Made:
    return logins(lambda _: "may.quet", 60, MINUTE)


# -- data that leaves -----------------------------------------------------------------------


def sent(
    at: int, target: str, size: int, *, every_us: int = 20_000, port: int = 443, sport: int = 40_000
) -> Made:
    """A connection out that carries so much; only the beginning of each packet was captured."""
    ends = ("10.5.0.31", target, sport, port)
    frames = talk([], source=ends[0], target=target, sport=sport, dport=port, start_us=at, close=False)
    yield from frames
    piece, seq, number = 60_000, 1001, 0
    while number * piece < size:
        head = ip4(ends[0], target, 6, tcp(sport, port, (seq + number * piece) & 0xFFFFFFFF, "PA", ack=9001))
        head = head[:2] + struct.pack(">H", 40 + piece) + head[4:]
        yield at + 5000 + number * every_us, ether(head)
        number += 1


def uploaded_by_day() -> Made:
    yield from sent(DAY_US, "203.0.113.90", 620_000_000)


def uploaded_in_pieces() -> Made:
    for turn in range(40):
        yield from sent(DAY_US + turn * 50 * SECOND, "203.0.113.90", 18_000_000, sport=41_000 + turn)


def uploaded_at_night() -> Made:
    for turn in range(10):
        yield from sent(NIGHT_US + turn * 3 * MINUTE, "203.0.113.90", 15_000_000, sport=41_000 + turn)


def backup_at_night() -> Made:
    for turn in range(3):
        yield from sent(
            NIGHT_US + turn * 10 * MINUTE, "10.3.0.77", 400_000_000, sport=41_000 + turn, port=9102
        )


def work_by_day() -> Made:
    for turn in range(30):
        target = f"203.0.113.{100 + turn % 6}"
        yield from sent(DAY_US + turn * 2 * MINUTE, target, 12_000_000, sport=41_000 + turn)


# -- who is there? -----------------------------------------------------------------------


def polled(
    rounds: int, hosts: int = 40, *, dead: int = 3, pings: int = 1, every_us: int = 5 * MINUTE
) -> Made:
    for turn in range(rounds):
        for host in range(hosts):
            for number in range(pings):
                at = START_US + turn * every_us + host * 150_000 + number * SECOND
                yield from ping(at, "10.8.0.9", f"10.3.1.{host + 1}", answered=host >= dead)


def polled_for_two_hours() -> Made:
    return polled(24)


def polled_three_times_each() -> Made:
    return polled(9, pings=3)


def polled_every_minute() -> Made:
    return polled(40, every_us=MINUTE)


def polled_and_more_hosts_come() -> Made:
    yield from polled(24, hosts=20)
    for turn in range(12, 24):
        for host in range(100, 118):
            yield from ping(START_US + turn * 5 * MINUTE + host * 150_000, "10.8.0.9", f"10.3.1.{host}")


def sweep_where_all_answer() -> Made:
    for host in range(60):
        yield from ping(START_US + host * SECOND, "10.5.0.31", f"10.3.1.{host + 1}")


def swept_twice() -> Made:
    for at in (START_US, START_US + 4 * MINUTE):
        for host in range(60):
            yield from ping(at + host * 400_000, "10.5.0.31", f"10.3.1.{host + 1}")


def sweep_beside_monitoring() -> Made:
    yield from polled(24)
    for host in range(60):
        yield from ping(
            START_US + HOUR + host * SECOND, "10.8.0.9", f"10.44.1.{host + 1}", answered=host % 2 == 0
        )


ATTACKS: dict[str, tuple[Callable[[], Made], str, str]] = {
    "documents renamed slowly": (renamed_slowly, "files_renamed", "10.5.0.31"),
    "documents renamed in many sessions": (renamed_in_many_sessions, "files_renamed", "10.5.0.31"),
    "documents replaced": (replaced, "files_replaced", "10.5.0.31"),
    "documents encrypted where they are": (encrypted_in_place, "files_encrypted_in_place", "10.5.0.31"),
    "services on one host after the other": (services_on_many, "service_by_remote", "10.5.0.31"),
    "a task on another host": (task_on_another, "service_by_remote", "10.5.0.31"),
    "one password for many accounts": (kerberos_sprayed, "kerberos_guessing", "10.5.0.31"),
    "one password for many accounts, slowly": (kerberos_sprayed_slowly, "kerberos_spraying", "10.5.0.31"),
    "accounts that may exist": (accounts_looked_for, "kerberos_guessing", "10.5.0.31"),
    "an administrator's password over SMB": (smb_guessed, "smb_guessing", "10.5.0.66"),
    "one password over SMB, slowly": (smb_sprayed_slowly, "smb_spraying", "10.5.0.66"),
    "an upload by day": (uploaded_by_day, "large_upload", "10.5.0.31"),
    "an upload in pieces": (uploaded_in_pieces, "large_upload", "10.5.0.31"),
    "an upload at night": (uploaded_at_night, "upload_at_night", "10.5.0.31"),
    "a sweep where all answer": (sweep_where_all_answer, "icmp_sweep", "10.5.0.31"),
    "a sweep, and again": (swept_twice, "icmp_sweep", "10.5.0.31"),
    "a sweep from where monitoring comes": (sweep_beside_monitoring, "icmp_sweep", "10.8.0.9"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_among_windows_computers_is_told_once(name: str, tmp_path: Path) -> None:
    make, rule, host = ATTACKS[name]
    found = alerts(make(), tmp_path)
    assert [Path(book().rules[alert.rule_id].source).stem for alert in found] == [rule]
    assert host in found[0].subject


BENIGN = {
    made.__name__: made
    for made in (
        photos_sorted, more_files_than_are_remembered, backup_rotates, backup_of_folders, folder_tidied,
        administrator_looks, programs_on_a_share, old_password_of_a_service, morning_in_an_office,
        old_password_of_a_scanner, backup_at_night, work_by_day, polled_for_two_hours,
        archives_copied, backup_encrypted, polled_three_times_each, polled_every_minute,
        polled_and_more_hosts_come,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", BENIGN)
def test_what_only_looks_like_it_is_silent(name: str, tmp_path: Path) -> None:
    assert [(alert.title, alert.subject) for alert in alerts(BENIGN[name](), tmp_path)] == []


def test_hosts_taken_one_after_the_other_are_one_alert_that_names_them_all(tmp_path: Path) -> None:
    (alert,) = alerts(services_on_many(), tmp_path)
    assert set(alert.values["destination.ip"]) == {f"10.3.4.{turn + 10}" for turn in range(6)}
