"""Are new warnings taken from a real mailbox and from a folder, each once, and crooked ones told of?"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from citywatch.model import Problem
from citywatch.ports import Query
from citywatch.settings import load_settings
from console.advisory_intake import Intake, MailboxError
from console.house import House
from tests.citywatch.respond.test_letter import a_letter
from tests.conftest import absent, server_folder
from tests.console.test_advisories import CSAF

PASSWORD = "mat-khau"
CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
disable_plaintext_auth = yes
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Post:
    """A running dovecot with one mailbox."""

    folder: Path
    port: int
    plain: int
    count: int = 0

    def deliver(self, raw: bytes) -> None:
        place = self.folder / "mail" / "csirt" / "new"
        self.count += 1
        (place / f"{1_790_000_000 + self.count}.M{self.count}.test").write_bytes(raw)

    @property
    def flags(self) -> list[str]:
        """Names of letters that somebody marked."""
        return [
            file.name for file in (self.folder / "mail" / "csirt" / "cur").iterdir() if "S" in file.name[-3:]
        ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    with server_folder() as folder:
        yield from running(folder)


def running(folder: Path) -> Iterator[Post]:
    program = shutil.which("dovecot") or "/usr/sbin/dovecot"
    if not Path(program).exists() or os.geteuid() != 0:
        absent("no dovecot here (apt install dovecot-imapd), or not root")
    for part in ("run", "state"):
        (folder / part).mkdir()
    for part in ("new", "cur", "tmp"):
        (folder / "mail" / "csirt" / part).mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(folder / "cert.pem", append=number > 0)
    made = Post(folder=folder, port=free_port(), plain=free_port())
    subprocess.run(["chown", "-R", "nobody:nogroup", folder / "mail"], check=True)
    told = CONFIG.format(folder=folder, port=made.port, plain=made.plain, password=PASSWORD)
    (folder / "conf").write_text(told, encoding="utf-8")
    server = subprocess.Popen([program, "-F", "-c", folder / "conf"], stderr=subprocess.PIPE)
    try:
        _wait(made.port, server)
        yield made
    finally:
        server.terminate()
        server.wait(timeout=20)
        if server.stderr:
            server.stderr.close()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert server.poll() is None, server.stderr.read() if server.stderr else ""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
            continue
        return
    pytest.fail("dovecot does not listen")


def house_of(data: Path, **advisories: object) -> House:
    settings = load_settings(data, environ={}, overrides={"advisories": advisories})
    return House(settings, lambda: datetime(2026, 11, 22, 8, tzinfo=UTC))


def reads(post: Post, **more: object) -> dict[str, object]:
    wanted: dict[str, object] = {
        "imap_host": "localhost",
        "imap_port": post.port,
        "imap_user": "csirt",
        "imap_password": PASSWORD,
        "imap_ca_file": str(post.folder / "ca.pem"),
        "senders": ["ncsc.gov.vn"],
        "every_s": 0,
    }
    return wanted | more


def problems(house: House, monkeypatch: pytest.MonkeyPatch) -> list[Problem]:
    told: list[Problem] = []
    monkeypatch.setattr(house.pulse, "problem", told.append)
    return told


def with_csaf() -> EmailMessage:
    letter = a_letter()
    letter.add_attachment(CSAF, maintype="application", subtype="json", filename="../../cb-17.json")
    return letter


def test_letters_are_taken_once_over_tls_and_left_as_they_are(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.deliver(with_csaf().as_bytes())
    post.deliver(a_letter(From="ke-la@evil.example").as_bytes())
    post.deliver(b"From: a@ncsc.gov.vn\r\nContent-Type: application/zip\r\n\r\nPK\x03\x04 no zip")
    with house_of(tmp_path, **reads(post)) as house:
        told = problems(house, monkeypatch)
        assert Intake(house).step() == 1
        page = house.store.find("advisory", Query(order="id"))
        assert [record.doc["number"] for record in page.records] == ["CB-2026-17"]
        assert page.records[0].doc["documents"][0]["name"] == "cb-17.json"
        assert page.records[0].doc["watched"] is False
        assert any("evil.example" in problem.what for problem in told)
        assert any("holds nothing that can be read" in problem.what for problem in told)
        assert Intake(house).step() == 0
        assert post.flags == []
        post.deliver(b"From: b@ncsc.gov.vn\r\nSubject: Canh bao nginx\r\n\r\nSo: 9/CB nginx < 1.25.4\r\n")
        assert Intake(house).step() == 1


def test_starttls_is_taken_too_and_a_server_of_another_name_or_a_wrong_password_is_told(
    post: Post, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    with house_of(tmp_path / "a", **reads(post, imap_port=post.plain, imap_starttls=True)) as house:
        assert Intake(house).step() >= 0
    for name, wrong in (
        ("b", {"imap_password": "x"}),
        ("c", {"imap_host": "127.0.0.1"}),
        ("d", {"mailbox": "Nowhere"}),
    ):
        (tmp_path / name).mkdir()
        with house_of(tmp_path / name, **reads(post, **wrong)) as house, pytest.raises(MailboxError):
            Intake(house).step()


def test_files_of_a_folder_are_taken_once_and_links_and_bombs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_bytes(CSAF)
    (folder / "copy of a.json").write_bytes(CSAF)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "x.bin").write_bytes(b"\x7fELF\0\0")
    for file in folder.iterdir():
        os.utime(file, (0, 0), follow_symlinks=False)
    with house_of(tmp_path, folder=str(folder)) as house:
        told = problems(house, monkeypatch)
        intake = Intake(house)
        assert intake.step() == 1
        assert sorted(Path(problem.source).name for problem in told) == ["link", "x.bin"]
        assert intake.step() == 0
        assert Intake(house).step() == 0
        assert len(list(folder.iterdir())) == 4
