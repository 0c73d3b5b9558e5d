"""What did a firewall let through, stop or recognize?

Bodies of syslog lines: CEF (ArcSight Common Event Format), LEEF 1.0 and 2.0 (IBM QRadar), FortiGate's
`key=value` lines (FortiOS Log Message Reference), Cisco ASA's `%ASA-n-nnnnnn` messages (Cisco ASA Series
Syslog Messages) and Palo Alto's comma-separated TRAFFIC, THREAT and GLOBALPROTECT lines (PAN-OS syslog field
descriptions).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import datetime
from itertools import islice

from citywatch.model import Event
from sensors import checkpoint, globalprotect
from sensors.address import address, count, port
from sensors.urls import url_fields
from sensors.when import epoch, iso, written

HEADLESS = re.compile(r"^(?:CEF:\d\||LEEF:[12]\.0\||date=\d{4}-\d\d-\d\d time=|time=\d{9,13}\|hostname=)")
_CEF = re.compile(r"(?:^|\s)CEF:\d{1,2}\|")
_CEF_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\[\]-]{1,60})=")
_LEEF = re.compile(r"(?:^|\s)LEEF:([12])\.0\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)$", re.DOTALL)
_FORTI = re.compile(r'([a-zA-Z_][\w-]{0,40})=("(?:[^"\\]|\\.)*"|\S*)')
_ASA = re.compile(r"%(?:ASA|FTD|PIX)-(?:\w+-)?(\d)-(\d{6}): (.*)$", re.DOTALL)
_ASA_ENDS = re.compile(
    r"(?:(?P<proto>tcp|udp|icmp|TCP|UDP|ICMP)\b.*?)?"
    r"(?:src|from|for) (?:[\w.-]+:)?(?P<src>[0-9a-fA-F.:]+)(?:/(?P<sport>\d+))?.*?"
    r"(?:dst|to) (?:[\w.-]+:)?(?P<dst>[0-9a-fA-F.:]+)(?:/(?P<dport>\d+))?"
)
_ASA_BYTES = re.compile(r"\bbytes (\d+)")
_ASA_USER = re.compile(r"\buser(?:name)?\s*[=:]?\s*[\"']?([^\"'\s:,]+)", re.IGNORECASE)
_ASA_ACTIONS = (
    ("Deny", "denied"),
    ("Denied", "denied"),
    ("Built", "allowed"),
    ("Teardown", "closed"),
    ("permitted", "allowed"),
    ("rejected", "denied"),
)
_PALO = re.compile(f",(TRAFFIC|THREAT|{globalprotect.KIND}),")
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}
_DENIED = {
    "deny",
    "denied",
    "block",
    "blocked",
    "drop",
    "dropped",
    "reset",
    "reset-both",
    "reset-client",
    "reset-server",
    "sinkhole",
    "prevent",
    "rejected",
}
_NAMES = {
    # address, port and number fields, by the names of CEF, LEEF and FortiGate
    "src": "source.ip",
    "srcip": "source.ip",
    "remip": "source.ip",
    "dst": "destination.ip",
    "dstip": "destination.ip",
    "spt": "source.port",
    "srcPort": "source.port",
    "srcport": "source.port",
    "dpt": "destination.port",
    "dstPort": "destination.port",
    "dstport": "destination.port",
    "out": "source.bytes",
    "sentbyte": "source.bytes",
    "srcBytes": "source.bytes",
    "in": "destination.bytes",
    "rcvdbyte": "destination.bytes",
    "dstBytes": "destination.bytes",
    "sentpkt": "source.packets",
    "rcvdpkt": "destination.packets",
    # texts
    "suser": "user.name",
    "usrName": "user.name",
    "user": "user.name",
    "duser": "user.target.name",
    "shost": "source.domain",
    "dhost": "destination.domain",
    "dvchost": "observer.name",
    "devname": "observer.name",
    "app": "network.protocol",
    "service": "network.application",
    "act": "event.action",
    "action": "event.action",
    "msg": "message",
    "cat": "rule.category",
    "attack": "rule.name",
    "attackid": "rule.id",
    "virus": "rule.name",
    "fname": "file.name",
    "filename": "file.name",
    "filePath": "file.path",
    "fileHash": "file.hash.sha256",
    "requestMethod": "http.request.method",
    "requestClientApplication": "user_agent.original",
    "agent": "user_agent.original",
    "srcMAC": "source.mac",
    "smac": "source.mac",
    "srcmac": "source.mac",
}
_READERS: dict[str, Callable[[object], str | int | None]] = {
    **dict.fromkeys(("source.ip", "destination.ip"), address),
    **dict.fromkeys(("source.port", "destination.port"), port),
    **dict.fromkeys(("source.bytes", "destination.bytes", "source.packets", "destination.packets"), count),
}
_FORTI_LOGINS = {"ssl-login-fail": "failure", "tunnel-up": "success"}
_ASA_LOGINS = {
    **dict.fromkeys(("113005", "113015", "716039"), "failure"),
    **dict.fromkeys(("716038", "722051"), "success"),
}
"""AAA user authentication Rejected, WebVPN authentication rejected and successful, address assigned."""
VPN = "vpn_login"
MOST = 200
LONGEST_ASA = 600
"""Characters of an ASA message that are looked at; its own are shorter."""
PALO_LONGEST = 31


def read_body(event: Event, app: str, message: str) -> bool:
    """Read a firewall's message; False when it is none."""
    found = _read(event, app, message)
    if found:
        _settle(event)
    return found


def _read(event: Event, app: str, message: str) -> bool:
    for name, read in (("CEF", _cef), ("LEEF", _leef)):
        if f"{name}:" in message or app == name:
            return read(event, message if f"{name}:" in message else f"{name}:{message}")
    pairs = checkpoint.pairs_of(message, app)
    if pairs is not None:
        return _check_point(event, pairs)
    if "devid=" in message or "logid=" in message:
        return _fortigate(event, message)
    if "%ASA-" in message or "%FTD-" in message or "%PIX-" in message:
        return _asa(event, message)
    kind = _PALO.search(message, 0, 80)
    if kind:
        return (
            _global_protect(event, message) if kind[1] == globalprotect.KIND else _palo_alto(event, message)
        )
    return app.startswith(("%ASA-", "%FTD-")) and _asa(event, f"{app}: {message}")


def _settle(event: Event) -> None:
    """What follows from the rest: category, outcome, totals."""
    event.setdefault("event.dataset", "firewall.traffic")
    if event["event.dataset"] == "linux.syslog":
        event["event.dataset"] = "firewall.traffic"
    if event["event.dataset"] in {"vpn.auth", "vpn.session"}:
        return
    event["event.category"] = ["network"]
    action = str(event.get("event.action", "")).lower()
    if action:
        event["event.outcome"] = "failure" if action in _DENIED else "success"
    out, back = event.get("source.bytes"), event.get("destination.bytes")
    if out is not None and back is not None:
        event["network.bytes"] = out + back
    if event["event.dataset"] == "network.alert":
        event["event.kind"] = "alert"
        event["event.category"] = ["network", "intrusion_detection"]


def _take(event: Event, pairs: dict[str, str]) -> None:
    for name, value in pairs.items():
        field = _NAMES.get(name)
        if field is None or value in {"", "-", "N/A"}:
            continue
        read = _READERS.get(field)
        found = read(value) if read else value
        if found is not None:
            event[field] = found
    proto = pairs.get("proto")
    if proto:
        event["network.transport"] = _PROTOCOLS.get(proto, proto.lower())


def _device(event: Event, vendor: str, product: str) -> None:
    event["observer.vendor"], event["observer.product"] = vendor, product


def _plain(text: str) -> str:
    return (
        text.replace("\\=", "=")
        .replace("\\|", "|")
        .replace("\\n", "\n")
        .replace("\\r", "\r")
        .replace("\\\\", "\\")
    )


def _cef(event: Event, message: str) -> bool:
    begin = _CEF.search(message)
    if begin is None:
        return False
    parts = re.split(r"(?<!\\)\|", message[begin.end() :], maxsplit=6)
    if len(parts) < 7:  # noqa: PLR2004 - vendor, product, version, id, name, severity, extension
        return False
    vendor, product, _, number, name, severity, rest = parts
    _device(event, _plain(vendor), _plain(product))
    event["event.code"] = _plain(number)
    event["rule.id"], event["rule.name"] = _plain(number), _plain(name)
    grade = count(severity)
    if grade is not None:
        event["event.severity"] = grade
    pairs = _extension(rest)
    _take(event, pairs)
    _time(event, pairs.get("rt") or pairs.get("end") or pairs.get("start"))
    _request(event, pairs.get("request"))
    _labels(event, pairs)
    if grade is not None and grade >= 4 and pairs.get("cat", "").lower() not in {"traffic", ""}:  # noqa: PLR2004
        event["event.dataset"] = "network.alert"
    return True


def _check_point(event: Event, pairs: dict[str, str]) -> bool:
    taken = checkpoint.read_pairs(event, pairs)
    _take(event, taken)
    size = count(taken.get("bytes"))
    if size is not None:
        event.setdefault("network.bytes", size)
    _request(event, taken.get("resource"))
    return True


def _extension(text: str) -> dict[str, str]:
    """`key=value key=value`, where values may hold spaces: a value ends where the next key begins."""
    keys = list(islice(_CEF_KEY.finditer(text), MOST))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return {key[1]: _plain(text[key.end() : end].strip()) for key, end in zip(keys, ends, strict=True)}


def _labels(event: Event, pairs: dict[str, str]) -> None:
    """`cs1=x cs1Label=Rule` is a value with the device's own name for it."""
    for name, value in pairs.items():
        label = pairs.get(f"{name}Label")
        if label and value:
            clean = re.sub(r"\W+", "_", label).strip("_").lower()[:40]
            if clean:
                event[f"labels.{clean}"] = value


def _time(event: Event, value: str | None) -> None:
    if not value or event["@timestamp"]:
        return
    if value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 - nanoseconds at most
        event["@timestamp"] = epoch(int(value[:13]))
        return
    for shape in ("%b %d %Y %H:%M:%S", "%b %d %Y %H:%M:%S %Z", "%Y/%m/%d %H:%M:%S"):
        try:
            event["@timestamp"] = written(datetime.strptime(value, shape))  # noqa: DTZ007 - `written` takes UTC
        except ValueError:
            continue
        return
    event["@timestamp"] = iso(value)


def _request(event: Event, value: str | None) -> None:
    if value:
        event.update(url_fields(value))
        event["event.dataset"] = "web.proxy"


def _leef(event: Event, message: str) -> bool:
    found = _LEEF.search(message)
    if found is None:
        return False
    version, vendor, product, _, number, rest = found.groups()
    separator = "\t"
    if version == "2":
        mark, bar, tail = rest.partition("|")
        if bar and len(mark) <= 6:  # noqa: PLR2004 - one character or 0x09
            separator = chr(int(mark[-2:], 16)) if re.fullmatch(r"0?x[0-9a-fA-F]{2}", mark) else mark or "\t"
            rest = tail
    _device(event, vendor, product)
    event["event.code"] = number
    pairs = dict(part.split("=", 1) for part in rest.split(separator)[:MOST] if "=" in part)
    _take(event, pairs)
    if not event["@timestamp"]:
        _time(event, pairs.get("devTime"))
    return True


def _fortigate(event: Event, message: str) -> bool:
    pairs = {
        name: value[1:-1].replace('\\"', '"') if value[:1] == '"' else value
        for name, value in _FORTI.findall(message)[:MOST]
    }
    if "type" not in pairs or not ("devid" in pairs or "logid" in pairs):
        return False
    _device(event, "Fortinet", "FortiGate")
    _take(event, pairs)
    if "logid" in pairs:
        event["event.code"] = pairs["logid"]
    if pairs.get("date") and pairs.get("time"):
        zone = pairs.get("tz", "+0000")
        event["@timestamp"] = iso(f"{pairs['date']}T{pairs['time']}{zone if len(zone) == 5 else '+0000'}")  # noqa: PLR2004
    if "observer.name" in event:
        event.setdefault("host.name", event["observer.name"])
    _forti_kind(event, pairs)
    return True


def _forti_kind(event: Event, pairs: dict[str, str]) -> None:
    if pairs.get("subtype") in {"ips", "virus", "anomaly", "waf"}:
        event["event.dataset"] = "network.alert"
    elif pairs.get("hostname") and pairs.get("url"):
        scheme = "https" if pairs.get("service", "").upper() == "HTTPS" else "http"
        event.update(url_fields(pairs["url"], domain=pairs["hostname"], scheme=scheme))
        event["event.dataset"] = "web.proxy"
    elif pairs["type"] == "event":
        event["event.dataset"] = "firewall.event"
        if pairs.get("subtype") == "vpn" and pairs.get("action") in _FORTI_LOGINS:
            vpn_login(event, _FORTI_LOGINS[pairs["action"]])


def _asa(event: Event, message: str) -> bool:
    found = _ASA.search(message)
    if found is None:
        return False
    severity, number, text = found[1], found[2], found[3][:LONGEST_ASA]
    _device(event, "Cisco", "ASA")
    event["event.code"], event["event.severity"] = number, int(severity)
    action = next((action for word, action in _ASA_ACTIONS if word in text), None)
    if action:
        event["event.action"] = action
    ends = _ASA_ENDS.search(text)
    if ends:
        _take(
            event,
            {"src": ends["src"], "dst": ends["dst"], "spt": ends["sport"] or "", "dpt": ends["dport"] or ""},
        )
        if ends["proto"]:
            event["network.transport"] = ends["proto"].lower()
    size, user = _ASA_BYTES.search(text), _ASA_USER.search(text)
    if size and len(size[1]) < 19:  # noqa: PLR2004 - 2^63
        event["network.bytes"] = int(size[1])
    if user and "ser" in text:
        event["user.name"] = user[1]
    if number in _ASA_LOGINS:
        _asa_login(event, number, text)
    return True


def _asa_login(event: Event, number: str, text: str) -> None:
    """`… : user = lan : user IP = 203.0.113.9`, and `Group <g> User <lan> IP <203.0.113.9> …`."""
    for mark, end, field in (
        ("user = ", " ", "user.name"),
        ("User <", ">", "user.name"),
        ("user IP = ", " ", "source.ip"),
        ("IP <", ">", "source.ip"),
    ):
        _, found, rest = text.partition(mark)
        value = rest.partition(end)[0].strip(" :")
        kept = address(value) if field == "source.ip" else value
        if found and kept:
            event[field] = kept
    vpn_login(event, _ASA_LOGINS[number])


def vpn_login(event: Event, outcome: str) -> None:
    """Somebody came, or tried to come, in from outside."""
    event["event.dataset"] = "vpn.auth"
    event["event.category"] = ["authentication"]
    event["event.action"], event["event.outcome"] = VPN, outcome


def _row(message: str, shortest: int) -> list[str]:
    """The values of a comma-separated line; none when they are too few."""
    try:
        row = next(csv.reader([message]))
    except (csv.Error, StopIteration):
        return []
    return row if len(row) >= shortest else []


def _global_protect(event: Event, message: str) -> bool:
    row = _row(message, globalprotect.SHORTEST)
    if not row or row[3] != globalprotect.KIND:
        return False
    _device(event, "Palo Alto Networks", "PAN-OS")
    event.update(globalprotect.fields(row))
    if globalprotect.is_login(row):
        vpn_login(event, event.get("event.outcome", "unknown"))
    else:
        event["event.dataset"], event["event.category"] = "vpn.session", ["network", "session"]
    return True


def _palo_alto(event: Event, message: str) -> bool:
    row = _row(message, PALO_LONGEST)
    if not row:
        return False
    _device(event, "Palo Alto Networks", "PAN-OS")
    names = {7: "src", 8: "dst", 24: "spt", 25: "dpt", 12: "suser", 14: "app", 30: "act"}
    pairs = {name: row[place] for place, name in names.items()}
    pairs["proto"] = row[29]
    if row[3] == "TRAFFIC" and len(row) > 33:  # noqa: PLR2004 - bytes sent and received
        pairs.update({"out": row[32], "in": row[33]})
    _take(event, pairs)
    event["event.code"] = f"{row[3]}/{row[4]}"
    event["observer.name"] = row[2]
    if row[3] == "THREAT" and len(row) > 34:  # noqa: PLR2004 - threat and severity
        event["rule.name"], event["rule.category"], event["log.level"] = row[32], row[33], row[34]
        if row[4] == "url":
            event.update(url_fields(row[31] if "://" in row[31] else f"http://{row[31]}"))
            event["event.dataset"] = "web.proxy"
        else:
            event["event.dataset"] = "network.alert"
    return True
