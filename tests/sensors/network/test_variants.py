"""Do the rules hold for other rates, ports and hosts than the captures have, and not for what only looks so?

Every traffic here is made up for the test: nothing of it was seen when the rules were written.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from citywatch.detect.fold import Fold
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Alert
from tests.sensors.network.packets import START_US, Timed, ether, ip4, pcap, read, talk, tcp, udp

REPO = Path(__file__).parents[3]
SECOND = 1_000_000
MINUTE = 60 * SECOND
Made = Iterator[Timed]


@cache
def book() -> Rulebook:
    return Rulebook.load(REPO)


def alerts(frames: Made, folder: Path) -> list[Alert]:
    events, problems = read(pcap(sorted(frames, key=lambda timed: timed[0])), folder)
    assert problems == []
    own, fold = Rulebook(book().ruleset), Fold(book().windows)
    return list({alert.id: alert for alert in fold.add(own.judge(events))}.values())


def tried(at: int, source: str, target: str, port: int, *, answer: str = "RA", sport: int = 0) -> Made:
    """A SYN and what comes back."""
    sport = sport or 1024 + (at // 997 + port * 31) % 60_000
    yield at, ether(ip4(source, target, 6, tcp(sport, port, 1, "S")))
    if answer:
        yield at + 900, ether(ip4(target, source, 6, tcp(port, sport, 1, answer, ack=2)))


def asked(
    at: int, client: str, name: str, *, kind: int = 1, code: int = 0, resolver: str = "10.9.0.2"
) -> Made:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    body = labels + b"\0" + bytes([0, kind, 0, 1])
    number = (at // 7919) & 0xFFFF
    head = number.to_bytes(2, "big")
    sport = 1024 + number % 60_000
    question = head + b"\1\0\0\1\0\0\0\0\0\0" + body
    reply = head + bytes([0x81, 0x80 | code]) + b"\0\1\0\0\0\0\0\0" + body
    yield at, ether(ip4(client, resolver, 17, udp(sport, 53, question)))
    yield at + 9000, ether(ip4(resolver, client, 17, udp(53, sport, reply)))


def ping(
    at: int, source: str, target: str, *, answered: bool = True, load: bytes = bytes(56), back: bytes = b""
) -> Made:
    yield at, ether(ip4(source, target, 1, b"\x08\0\0\0\0\1\0\1" + load))
    if answered:
        yield at + 700, ether(ip4(target, source, 1, b"\0\0\0\0\0\1\0\1" + (back or load)))


def web(at: int, ends: tuple[str, str, int], host: str, path: str, code: int = 200) -> Made:
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\n\r\n".encode()
    reply = f"HTTP/1.1 {code} x\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello".encode()
    client, server, sport = ends
    yield from talk([(">", ask), ("<", reply)], source=client, target=server, sport=sport, start_us=at)


# -- attacks: what is made, the rule, who is named ---------------------------------------------------------


def slow_vertical() -> Made:
    for turn in range(30):
        yield from tried(START_US + turn * 9 * MINUTE, "198.51.100.77", "10.3.0.9", 20 + turn * 13)


def vertical_that_is_dropped() -> Made:
    for turn in range(60):
        yield from tried(START_US + turn * 40_000, "10.4.1.8", "10.3.0.9", 7000 + turn, answer="")


def slow_horizontal() -> Made:
    for turn in range(40):
        yield from tried(START_US + turn * 4 * MINUTE, "198.51.100.77", f"10.3.7.{turn + 1}", 3389)


def fast_horizontal_inside() -> Made:
    for turn in range(120):
        yield from tried(START_US + turn * 20_000, "10.4.1.8", f"10.3.{turn % 4}.{turn + 1}", 445, answer="")


def fast_horizontal_outward() -> Made:
    for turn in range(60):
        yield from tried(START_US + turn * SECOND, "10.4.1.8", f"198.18.{turn}.9", 5555, answer="")


def spoofed_flood() -> Made:
    dice = random.Random(5)  # noqa: S311 - repeatable on purpose
    for turn in range(900):
        source = (
            f"{dice.randrange(11, 200)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        )
        yield from tried(START_US + turn * 6000, source, "10.3.0.80", 443, answer="SA" if turn % 3 else "")


def spoofed_flood_of_hosts_that_exist() -> Made:
    dice = random.Random(6)  # noqa: S311 - repeatable on purpose
    for turn in range(900):
        at, sport = START_US + turn * 6000, 2000 + turn
        source = (
            f"{dice.randrange(11, 200)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        )
        yield from tried(at, source, "10.3.0.80", 8443, answer="SA", sport=sport)
        yield at + 2000, ether(ip4(source, "10.3.0.80", 6, tcp(sport, 8443, 2, "R")))


def tunnel(kind: int, size: int) -> Callable[[], Made]:
    def made() -> Made:
        dice = random.Random(kind)  # noqa: S311 - repeatable on purpose
        for turn in range(90):
            word = "".join(dice.choices("0123456789abcdef", k=size))
            yield from asked(START_US + turn * 2 * SECOND, "10.5.0.7", f"{word}.t.exfil-test.com", kind=kind)

    return made


def generated_names() -> Made:
    dice = random.Random(9)  # noqa: S311 - repeatable on purpose
    for turn in range(50):
        word = "".join(dice.choices("bcdfghjklmnpqrstvwxyz", k=13))
        yield from asked(START_US + turn * 5 * SECOND, "10.5.0.7", f"{word}.com", code=3)


def sweep() -> Made:
    for turn in range(60):
        yield from ping(START_US + turn * SECOND, "10.5.0.7", f"10.6.0.{turn + 1}", answered=turn % 9 == 0)


def tunnel_in_pings() -> Made:
    dice = random.Random(3)  # noqa: S311 - repeatable on purpose
    for turn in range(60):
        back = dice.randbytes(900)
        yield from ping(
            START_US + turn * SECOND, "10.5.0.7", "203.0.113.40", load=dice.randbytes(500), back=back
        )


def spread() -> Made:
    dice = random.Random(4)  # noqa: S311 - repeatable on purpose
    for turn in range(60):
        target = (
            f"{dice.randrange(11, 200)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        )
        yield from tried(START_US + turn * SECOND, "10.50.3.9", target, 23 if turn % 4 else 2323, answer="")


def router_beside_the_router() -> Made:
    for turn in range(12):
        who = 1 if turn % 3 else 2
        source = bytes.fromhex("fe80000000000000") + bytes(7) + bytes([who])
        option = b"\1\1\2\0\0\0\0" + bytes([who])
        body = b"\x86\0\0\0\x40\0\x07\x08" + bytes(8) + option
        head = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + b"\x3a\xff" + source
        packet = head + bytes.fromhex("ff020000000000000000000000000001") + body
        frame = bytes.fromhex("333300000001") + b"\2\0\0\0\0" + bytes([who]) + b"\x86\xdd" + packet
        yield START_US + turn * 20 * SECOND, frame


def ftp_guessed_slowly() -> Made:
    for turn in range(20):
        turns = [
            ("<", b"220 FTP\r\n"), (">", b"USER web\r\n"), ("<", b"331 ?\r\n"),
            (">", b"PASS guess%d\r\n" % turn), ("<", b"530 no\r\n"),
        ]  # fmt: skip
        at = START_US + turn * 20 * SECOND
        yield from talk(
            turns, source="203.0.113.8", target="10.3.0.21", sport=3000 + turn, dport=21, start_us=at
        )


def camera_that_calls() -> Made:
    ask = b"DESCRIBE rtsp://10.60.0.9/live RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    turns = [(">", ask), ("<", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")]
    yield from talk(turns, source="10.60.1.5", target="10.60.0.9", dport=554)
    for turn in range(3):
        at = START_US + (turn + 1) * 7 * MINUTE
        ends = [(">", b"\1\2\3\4"), ("<", b"\0")]
        yield from talk(
            ends, source="10.60.0.9", target="203.0.113.71", sport=2000 + turn, dport=34_567, start_us=at
        )


def desktops_asked_for() -> Made:
    for turn in range(45):
        cookie = b"Cookie: mstshash=user%d\r\n" % (turn % 9)
        body = bytes.fromhex("e00000000000") + cookie + bytes.fromhex("0100080003000000")
        load = b"\3\0" + (len(body) + 5).to_bytes(2, "big") + bytes([len(body)]) + body
        confirm = bytes.fromhex("030000130ed000001234000209080002000000")
        at = START_US + turn * 3 * SECOND
        ends = [(">", load), ("<", confirm)]
        yield from talk(
            ends, source="198.51.100.4", target="10.3.0.30", sport=3000 + turn, dport=3389, start_us=at
        )


def web_passwords() -> Made:
    for turn in range(60):
        body = b"user=admin&password=guess%d" % turn
        ask = b"POST /quan-tri/dang-nhap HTTP/1.1\r\nHost: portal.test\r\n"
        ask += b"Content-Type: application/x-www-form-urlencoded\r\n"
        ask += b"Content-Length: %d\r\n\r\n" % len(body) + body
        reply = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
        at = START_US + turn * 2 * SECOND
        ends = [(">", ask), ("<", reply)]
        yield from talk(ends, source="198.51.100.4", target="10.3.0.80", sport=3000 + turn, start_us=at)


def telnet_passwords() -> Made:
    for turn in range(20):
        turns = [
            ("<", b"\xff\xfd\1login: "), (">", b"admin\r\n"), ("<", b"Password: "), (">", b"g%d\r\n" % turn),
            ("<", b"\r\nLogin incorrect\r\nlogin: "),
        ]  # fmt: skip
        at = START_US + turn * 5 * SECOND
        yield from talk(
            turns, source="198.51.100.4", target="10.3.0.40", sport=3000 + turn, dport=23, start_us=at
        )


ATTACKS: dict[str, tuple[Callable[[], Made], str, str]] = {
    "ports one every nine minutes": (slow_vertical, "vertical_scan", "198.51.100.77"),
    "ports that are dropped": (vertical_that_is_dropped, "vertical_scan", "10.4.1.8"),
    "hosts one every four minutes": (slow_horizontal, "horizontal_scan", "198.51.100.77"),
    "hosts inside": (fast_horizontal_inside, "horizontal_scan", "10.4.1.8"),
    "hosts outside, from inside": (fast_horizontal_outward, "horizontal_scan_out", "10.4.1.8"),
    "a flood from made-up hosts": (spoofed_flood, "syn_flood", "10.3.0.80"),
    "a flood from hosts that exist": (spoofed_flood_of_hosts_that_exist, "syn_flood", "10.3.0.80"),
    "a tunnel of CNAME": (tunnel(5, 48), "dns_tunnel", "10.5.0.7"),
    "a tunnel of TXT": (tunnel(16, 26), "dns_tunnel", "10.5.0.7"),
    "a tunnel of A": (tunnel(1, 58), "dns_tunnel", "10.5.0.7"),
    "names that nobody registered": (generated_names, "nxdomain_storm", "10.5.0.7"),
    "a sweep of a network": (sweep, "icmp_sweep", "10.5.0.7"),
    "a tunnel in pings": (tunnel_in_pings, "icmp_tunnel", "10.5.0.7"),
    "a bot that looks for others": (spread, "telnet_spread", "10.50.3.9"),
    "a second router": (router_beside_the_router, "rogue_router", ""),
    "a camera that calls out": (camera_that_calls, "camera_calls_out", "10.60.0.9"),
    "remote desktops": (desktops_asked_for, "rdp_guessing", "198.51.100.4"),
    "passwords of a login page": (web_passwords, "login_guessing", "198.51.100.4"),
    "passwords of a device": (telnet_passwords, "telnet_guessing", "198.51.100.4"),
    "an FTP password, slowly": (ftp_guessed_slowly, "ftp_guessing", "203.0.113.8"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_in_another_manner_is_told_once(name: str, tmp_path: Path) -> None:
    make, rule, host = ATTACKS[name]
    found = alerts(make(), tmp_path)
    assert [Path(book().rules[alert.rule_id].source).stem for alert in found] == [rule]
    assert host in found[0].subject


# -- what only looks like one -------------------------------------------------------------------------------


def gateway_of_an_office() -> Made:
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    for turn in range(400):
        at = START_US + turn * 300_000
        server = f"198.51.{dice.randrange(40)}.{dice.randrange(1, 250)}"
        yield from web(at, ("203.0.113.200", server, 2000 + turn), f"www.site{turn % 60}.vn", "/tin-tuc")
        if turn % 40 == 0:  # a server that is down
            yield from tried(at, "203.0.113.200", f"198.51.77.{turn // 40 + 1}", 443, answer="")


def resolver() -> Made:
    words = ("www", "mail", "static", "api", "login", "img", "cdn")
    for turn in range(600):
        name = f"{words[turn % 7]}.site{turn % 190}.com.vn"
        code = 3 if turn % 60 == 0 else 0
        yield from asked(START_US + turn * 300_000, "10.9.0.2", name, code=code, resolver="198.51.100.53")


def mail_server_with_dead_receivers() -> Made:
    for turn in range(60):
        yield from tried(START_US + turn * MINUTE, "10.7.0.25", f"198.18.{turn}.25", 25, answer="")


def monitoring() -> Made:
    for turn in range(5):
        for host in range(60):
            at = START_US + turn * MINUTE + host * 200_000
            yield from ping(at, "10.8.0.9", f"10.3.1.{host + 1}")
            port = 22 if host % 2 else 443
            yield from talk(
                [],
                source="10.8.0.9",
                target=f"10.3.1.{host + 1}",
                sport=1024 + turn * 60 + host,
                dport=port,
                start_us=at,
            )


def knocking() -> Made:
    for turn in range(6):
        for port in (7000, 8000, 9000, 22):
            yield from tried(
                START_US + turn * 10 * MINUTE + port, "203.0.113.50", "10.3.0.9", port, answer=""
            )


def names_of_a_cdn() -> Made:
    dice = random.Random(2)  # noqa: S311 - repeatable on purpose
    for turn in range(200):
        name = (
            f"e{dice.randrange(10_000)}.dscb.akamaiedge.net"
            if turn % 2
            else f"d{dice.randrange(30)}abcdef0123.cloudfront.net"
        )
        yield from asked(START_US + turn * SECOND, "10.5.0.7", name)


def crawler() -> Made:
    for turn in range(200):
        ends = ("198.51.100.20", "10.3.0.80", 2000 + turn)
        code = 404 if turn % 12 == 0 else 200
        yield from web(START_US + turn * SECOND, ends, "portal.test", f"/bai-viet/{turn}", code)


def call_with_pictures() -> Made:
    dice = random.Random(8)  # noqa: S311 - repeatable on purpose
    for turn in range(3000):
        way = (
            ("10.5.0.7", "203.0.113.90", 50_000, 3478)
            if turn % 2
            else ("203.0.113.90", "10.5.0.7", 3478, 50_000)
        )
        load = b"\x80\x60" + dice.randbytes(700)
        yield START_US + turn * 10_000, ether(ip4(way[0], way[1], 17, udp(way[2], way[3], load)))


def office_that_pings_its_gateway() -> Made:
    for turn in range(300):
        yield from ping(START_US + turn * SECOND, "10.5.0.7", "10.5.0.1")


def retries_of_a_service_that_is_down() -> Made:
    for turn in range(120):
        yield from tried(START_US + turn * SECOND, f"10.5.0.{turn % 12 + 2}", "10.3.0.81", 5432)


BENIGN = {
    made.__name__: made
    for made in (
        gateway_of_an_office, resolver, mail_server_with_dead_receivers, monitoring, knocking, names_of_a_cdn,
        crawler, call_with_pictures, office_that_pings_its_gateway, retries_of_a_service_that_is_down,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", BENIGN)
def test_what_only_looks_like_an_attack_is_silent(name: str, tmp_path: Path) -> None:
    assert [(alert.title, alert.subject) for alert in alerts(BENIGN[name](), tmp_path)] == []
