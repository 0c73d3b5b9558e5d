"""What does each part of an EVE line say?

One function a part; each reads Suricata's names and writes the event's fields. Strangers' values: each checks
what kind of value it has. https://docs.suricata.io/en/latest/output/eve/eve-json-format.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from citywatch.model import Event
from sensors.address import address, count, port
from sensors.json_value import Record, flatten, items, objects, record, text, texts
from sensors.names import question
from sensors.network.flowevent import answered
from sensors.urls import url_fields
from sensors.when import from_to, iso

FLAG_LETTERS = ((1, "F"), (2, "S"), (4, "R"), (8, "P"), (16, "A"), (32, "U"))
FIN, SYN, RST = 1, 2, 4
ALERT_KNOWN = {"signature_id", "signature", "category", "action", "severity"}
_HTTP = {
    "http_user_agent": "user_agent.original",
    "http_refer": "http.request.referrer",
    "http_content_type": "http.response.mime_type",
    "redirect": "citywatch.http.response.location",
    "http_request_body_printable": "http.request.body.content",
    "http_response_body_printable": "http.response.body.content",
}
_TLS = {
    "sni": "tls.client.server_name",
    "subject": "tls.server.subject",
    "issuerdn": "tls.server.issuer",
    "serial": "tls.server.x509.serial_number",
    "ja4": "citywatch.tls.client.ja4",
    "fingerprint": "suricata.eve.tls.fingerprint",
}
_FILE = {
    "filename": "file.path",
    "mimetype": "file.mime_type",
    "magic": "suricata.eve.fileinfo.magic",
    "md5": "file.hash.md5",
    "sha1": "file.hash.sha1",
    "sha256": "file.hash.sha256",
    "state": "suricata.eve.fileinfo.state",
}
_DHCP = {
    "dhcp_type": "citywatch.dhcp.type",
    "client_mac": "citywatch.dhcp.client_mac",
    "hostname": "citywatch.dhcp.hostname",
    "vendor_class_identifier": "citywatch.dhcp.vendor_class",
}
_ARP = {
    "opcode": "citywatch.arp.op",
    "src_mac": "citywatch.arp.sender_mac",
    "dest_mac": "citywatch.arp.target_mac",
}
ENDED = {"timeout": "idle", "shutdown": "eof"}


def alert(event: Event, part: Record) -> None:
    """Suricata's verdict."""
    event["rule.id"] = str(part["signature_id"])
    texts(event, part, {"signature": "rule.name", "category": "rule.category", "action": "event.action"})
    severity = count(part.get("severity"))
    if severity is not None:
        event["event.severity"] = severity
    flatten(event, "suricata.eve.alert", {key: part[key] for key in part.keys() - ALERT_KNOWN})


def http(event: Event, part: Record) -> None:
    """A request and its answer."""
    host = text(part, "hostname").lower()
    target = part.get("url")
    if isinstance(target, str):
        event.update(url_fields(target, domain=host, scheme="http", port=port(part.get("http_port"))))
    elif host:
        event["url.domain"] = host
    texts(event, part, _HTTP)
    if part.get("http_user_agent") == "":
        event["user_agent.original"] = ""
    method = text(part, "http_method")
    if method:
        event["http.request.method"] = method.upper()
    version = (text(part, "protocol") or text(part, "version")).removeprefix("HTTP/")
    if version:
        event["http.version"] = version
    names = [str(item.get("name")) for item in objects(part, "request_headers")]
    if names:
        event["citywatch.http.request.headers"] = names
    client = address(text(part, "xff").partition(",")[0].strip())
    if client:
        event["client.ip"] = client
    _answer(event, part)


def _answer(event: Event, part: Record) -> None:
    status = count(part.get("status"))
    if status is not None:
        event["http.response.status_code"] = status
        event["event.outcome"] = "success" if status < 400 else "failure"  # noqa: PLR2004 - HTTP's own line
    length = count(part.get("length"))
    if length is not None:
        event["http.response.body.bytes"] = length


def tls(event: Event, part: Record) -> None:
    """A handshake."""
    texts(event, part, _TLS)
    version = text(part, "version").removeprefix("TLS ").removeprefix("TLSv")
    if version:
        event["tls.version"] = version
    texts(event, record(part, "ja3"), {"hash": "tls.client.ja3"})
    texts(event, record(part, "ja3s"), {"hash": "tls.server.ja3s"})
    for name, field in (("notbefore", "tls.server.not_before"), ("notafter", "tls.server.not_after")):
        moment = text(part, name)
        if moment:
            event[field] = iso(moment)
    for name, field in (
        ("subjectaltname", "tls.server.x509.alternative_names"),
        ("client_alpns", "tls.client.alpn"),
    ):
        values = items(part, name)
        if values:
            event[field] = [str(item) for item in values]
    if part.get("session_resumed") is True:
        event["tls.resumed"] = True


def ssh(event: Event, part: Record) -> None:
    """The banners of both sides."""
    for side in ("client", "server"):
        found = record(part, side)
        software = text(found, "software_version")
        if software:
            event[f"ssh.{side}"] = f"SSH-{text(found, 'proto_version') or '2.0'}-{software}"
        digest = text(record(found, "hassh"), "hash")
        if digest:
            event[f"ssh.hassh.{side}"] = digest


def dns(event: Event, part: Record) -> None:
    """A question or an answer; versions 1 to 3 of Suricata's form."""
    get = part.get
    asked = (objects(part, "queries") or objects(part, "query") or [part])[0]
    said = get("type")
    event["dns.type"] = "answer" if said == "answer" or said == "response" else "query"  # noqa: PLR1714 - it may be no text
    number = get("id", asked.get("id"))
    if number is not None:
        event["dns.id"] = str(number)
    name: Any = asked.get("rrname")
    if name and name.__class__ is str:
        event.update(question(name))
    kind: Any = asked.get("rrtype")
    if kind and kind.__class__ is str:
        event["dns.question.type"] = kind
    code: Any = get("rcode")
    if code and code.__class__ is str:
        event["dns.response_code"] = code
        event["event.outcome"] = "success" if code == "NOERROR" else "failure"
    flags = [flag for name, flag in _FLAG_NAMES if get(name) is True]
    if flags:
        event["dns.header_flags"] = flags
    _answers(event, objects(part, "answers"))


_FLAG_NAMES = (("aa", "AA"), ("tc", "TC"), ("rd", "RD"), ("ra", "RA"))


def _answers(event: Event, answers: list[Record]) -> None:
    if not answers:
        return
    names: list[str] = []
    types: list[str] = []
    values: list[str] = []
    lives: list[int] = []
    for answer in answers:
        get = answer.get
        names.append(str(get("rrname", "")))
        types.append(str(get("rrtype", "")))
        values.append(str(get("rdata", "")))
        lives.append(count(get("ttl")) or 0)
    event["dns.answers.name"], event["dns.answers.type"] = names, types
    event["dns.answers.data"], event["dns.answers.ttl"] = values, lives
    event["citywatch.dns.answer_bytes"] = sum(map(len, values))
    found = [value for value in map(address, values) if value]
    if found:
        event["dns.resolved_ip"] = found


def file(event: Event, part: Record) -> None:
    """A file that was carried."""
    texts(event, part, _FILE)
    size = count(part.get("size"))
    if size is not None:
        event["file.size"] = size
    name = text(part, "filename").rpartition("/")[2]
    if name:
        event["file.name"] = name


def smtp(event: Event, part: Record) -> None:
    """The envelope of a message."""
    sender = text(part, "mail_from")
    if sender:
        event["email.from.address"] = [sender.strip("<>")]
    receivers = items(part, "rcpt_to")
    if receivers:
        event["email.to.address"] = [str(to).strip("<>") for to in receivers]
    texts(event, part, {"helo": "suricata.eve.smtp.helo"})


def email(event: Event, part: Record) -> None:
    """The message itself."""
    texts(event, part, {"subject": "email.subject"})
    sender = text(part, "from")
    if sender:
        event.setdefault("email.from.address", [sender])
    names = items(part, "attachment")
    if names:
        event["email.attachments.file.name"] = [str(name) for name in names]


def dhcp(event: Event, part: Record) -> None:
    """A lease asked for or given."""
    texts(event, part, _DHCP)
    for name, field in (
        ("assigned_ip", "assigned_ip"),
        ("requested_ip", "requested_ip"),
        ("next_server_ip", "server_ip"),
    ):
        found = address(part.get(name))
        if found and found != "0.0.0.0":  # noqa: S104 - DHCP's word for none, nothing is bound
            event[f"citywatch.dhcp.{field}"] = found
    for name, field in (("routers", "router_ip"), ("dns_servers", "dns_ip")):
        given = [found for found in map(address, items(part, name)) if found]
        if given:
            event[f"citywatch.dhcp.{field}"] = given


def arp(event: Event, part: Record) -> None:
    """Who says that an address is theirs."""
    texts(event, part, _ARP)
    sender, target = address(part.get("src_ip")), address(part.get("dest_ip"))
    if sender:
        event["citywatch.arp.sender_ip"] = sender
    if target:
        event["citywatch.arp.target_ip"] = target
    event["citywatch.arp.gratuitous"] = bool(sender) and sender == target


def flow(event: Event, part: Record) -> None:
    """Sizes and times of a connection."""
    get = part.get
    for unit, there, back in _SIZES:
        out: Any = get(there)
        answer: Any = get(back)
        if out.__class__ is not int or answer.__class__ is not int or not (0 <= out < _MOST > answer >= 0):
            out, answer = count(out), count(answer)
        if out is not None and answer is not None:
            event[f"source.{unit}"], event[f"destination.{unit}"] = out, answer
            event[f"network.{unit}"] = out + answer
    begin, end, reason = get("start"), get("end"), get("reason")
    if begin and begin.__class__ is str:
        event["event.start"] = iso(begin)
    if end and end.__class__ is str:
        event["event.end"] = iso(end)
    if reason and reason.__class__ is str:
        event["citywatch.flow.reason"] = ENDED.get(reason, reason)


_SIZES = (("bytes", "bytes_toserver", "bytes_toclient"), ("packets", "pkts_toserver", "pkts_toclient"))
_MOST = 1 << 62


def end_of_flow(event: Event, whole: Record) -> None:
    """A flow is told when it ends but happened when it began; its state follows from each side's flags."""
    begin, end = event.get("event.start"), event.get("event.end")
    if begin:
        event["@timestamp"] = begin
        if end:
            event["event.duration"] = from_to(begin, end)[2]
    tcp: Any = whole.get("tcp")
    if tcp.__class__ is dict:
        there, back = tcp.get("tcp_flags_ts"), tcp.get("tcp_flags_tc")
        found = end_of_tcp(there, back) if there.__class__ is str and back.__class__ is str else None
        if found:
            event["citywatch.flow.state"], event["citywatch.flow.flags"] = found


@lru_cache(maxsize=4096)
def end_of_tcp(there: str, back: str) -> tuple[str, str] | None:
    """A connection's state and its first side's flags, from each side's in hexadecimal digits.

    >>> end_of_tcp("1b", "1b"), end_of_tcp("1b", "none")
    (('SF', 'FSPA'), None)
    """
    out, answer = _hex(there), _hex(back)
    return None if out is None or answer is None else (state(out, answer), letters(out & 0x3F))


@lru_cache(maxsize=64)
def letters(flags: int) -> str:
    """The letters of a connection's flags.

    >>> letters(0x1B), letters(0)
    ('FSPA', 'none')
    """
    return "".join(letter for bit, letter in FLAG_LETTERS if flags & bit) or "none"


def one_way(event: Event, whole: Record) -> None:
    """Netflow records tell one direction each."""
    part = record(whole, "netflow")
    for name, field in (("bytes", "source.bytes"), ("pkts", "source.packets")):
        size = count(part.get(name))
        if size is not None:
            event[field] = size
    for name, field in (("start", "event.start"), ("end", "event.end")):
        moment = text(part, name)
        if moment:
            event[field] = iso(moment)


def _hex(value: str) -> int | None:
    if len(value) > 2:  # noqa: PLR2004 - two digits
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def state(out: int, back: int) -> str:
    """The connection's state after Zeek's conn_state, from the union of each side's TCP flags.

    >>> state(0x02, 0x14), state(0x1B, 0x1B), state(0x02, 0x00)
    ('REJ', 'SF', 'S0')
    """
    if not out & SYN:
        return "SHR" if back & SYN and back & FIN else "OTH"
    if not back:
        return "RSTOS0" if out & RST else "SH" if out & FIN else "S0"
    if not back & SYN:
        return "REJ" if back & RST else "OTH"
    return answered(out, back)


def stats(event: Event, part: Record) -> None:
    """Only what tells whether Suricata itself sees everything."""
    for name in ("uptime", "capture", "decoder"):
        flatten(event, f"suricata.eve.stats.{name}", part.get(name), deep=2)


PARTS: dict[str, Callable[[Event, Record], None]] = {
    "alert": alert,
    "http": http,
    "http2": http,
    "tls": tls,
    "ssh": ssh,
    "dns": dns,
    "mdns": dns,
    "fileinfo": file,
    "smtp": smtp,
    "email": email,
    "dhcp": dhcp,
    "arp": arp,
    "flow": flow,
    "stats": stats,
}
"""What reads the part of this name."""
WHOLE: dict[str, Callable[[Event, Record], None]] = {"flow": end_of_flow, "netflow": one_way}
"""What reads a whole line of this type once its parts are read."""
