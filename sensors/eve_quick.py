"""How does an everyday EVE line become an event in one step?

Nine lines of ten tell of a flow, a question of DNS, a request or a handshake, in the form that Suricata 8
writes. For these msgspec checks every value's kind while it reads the line, so nothing is asked twice; a line
with a name or a kind of value that is not foreseen here is read part by part (`eve.part_by_part`), with the
same outcome. Hot path: an event is a copy of its type's pattern, and what the line lacks is taken out.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

from citywatch.model import Event
from sensors.address import ADDRESSES
from sensors.eve_kind import alike
from sensors.json_value import MOST, Record
from sensors.names import question
from sensors.suricata import ENDED, alert, end_of_tcp
from sensors.urls import url_fields
from sensors.when import from_to, iso

Port = Annotated[int, Meta(ge=0, le=65_535)]
Count = Annotated[int, Meta(ge=0, le=(1 << 62) - 1)]
Moment = Annotated[str, Meta(min_length=1)]
_NONE = Raw()


class _Sizes(Struct, gc=False):
    pkts_toserver: Count
    pkts_toclient: Count
    bytes_toserver: Count
    bytes_toclient: Count
    start: Moment
    end: str = ""
    reason: str = ""


class _Tcp(Struct, gc=False):
    tcp_flags_ts: str = ""
    tcp_flags_tc: str = ""


class _Asked(Struct, gc=False):
    rrname: str
    rrtype: str = ""


class _Answer(Struct, gc=False):
    rrname: str = ""
    rrtype: str = ""
    rdata: str = ""
    ttl: Count = 0


class _Dns(Struct, gc=False):
    type: str
    id: Count
    queries: list[_Asked] = []
    rrname: str = ""
    rrtype: str = ""
    rcode: str = ""
    aa: bool = False
    tc: bool = False
    rd: bool = False
    ra: bool = False
    answers: list[_Answer] = []
    query: None = None
    """Of version 1, which is not read here."""


class _Digest(Struct, frozen=True, gc=False):
    hash: str = ""


_NO_DIGEST = _Digest()


class _Tls(Struct, gc=False):
    sni: str = ""
    version: str = ""
    subject: str = ""
    issuerdn: str = ""
    serial: str = ""
    fingerprint: str = ""
    ja3: _Digest = _NO_DIGEST
    ja3s: _Digest = _NO_DIGEST
    ja4: str = ""
    notbefore: str = ""
    notafter: str = ""
    client_alpns: list[str] = []
    subjectaltname: list[str] = []
    session_resumed: bool = False


class _Http(Struct, gc=False):
    url: str
    hostname: str = ""
    http_port: Port | None = None
    http_user_agent: str | None = None
    http_refer: str = ""
    http_content_type: str = ""
    http_method: str = ""
    protocol: str = ""
    redirect: str = ""
    status: Count = -1
    length: Count = -1
    request_headers: None = None
    xff: None = None
    version: None = None
    http_request_body_printable: None = None
    http_response_body_printable: None = None


class _File(Struct, gc=False):
    filename: str
    size: Count = -1
    mimetype: str = ""
    magic: str = ""
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    state: str = ""


class _Line(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One kind of object for all types of line: Python remembers where its values lie.

    Names in the order in which Suricata writes them, which is how they are looked for. Numbers and Raw that
    nobody reads are passed over: a small number costs nothing.
    """

    timestamp: str
    flow_id: Count
    in_iface: str = ""
    event_type: str
    src_ip: str
    src_port: Port | None = None
    dest_ip: str
    dest_port: Port | None = None
    proto: str
    ip_v: int = 4
    pkt_src: str = ""
    community_id: str = ""
    tx_id: int = 0
    app_proto: str = ""
    alert: dict[str, Any] | UnsetType = UNSET
    http: _Http | UnsetType = UNSET
    fileinfo: _File | UnsetType = UNSET
    dns: _Dns | UnsetType = UNSET
    tls: _Tls | UnsetType = UNSET
    flow: _Sizes | UnsetType = UNSET
    tcp: _Tcp | None = None
    host: str = ""
    vlan: list[int] | None = None
    pcap_cnt: Raw = _NONE
    metadata: Raw = _NONE
    app_proto_ts: Raw = _NONE
    app_proto_tc: Raw = _NONE
    payload: Raw = _NONE
    payload_printable: Raw = _NONE
    packet: Raw = _NONE
    packet_info: Raw = _NONE
    stream: Raw = _NONE
    files: Raw = _NONE


_DECODE = Decoder(_Line).decode

_HEAD = (
    *("source.ip", "network.type", "destination.ip", "source.port", "destination.port", "network.transport"),
    *("network.protocol", "network.community_id", "observer.ingress.interface.name", "suricata.eve.flow_id"),
)
_MAY_LACK = tuple(name for name in _HEAD if name not in {"network.type", "network.protocol"})
_FLOW = (
    *("source.bytes", "destination.bytes", "network.bytes"),
    *("source.packets", "destination.packets", "network.packets", "event.start"),
)


def _pattern(kind: str, *names: str) -> Event:
    """All that the lines of a type have; what has no value yet gets one from the line.

    A copy keeps the room of its pattern, also that of names taken out again: so it need not grow.
    """
    pattern: Event = dict.fromkeys((*_HEAD, *names)) | {"network.type": "ipv4"} | alike(kind)
    room = [f"room {number}" for number in range(22 - len(pattern))]
    pattern |= dict.fromkeys(room)
    for name in room:
        del pattern[name]
    return pattern


_PATTERNS = {
    "flow": _pattern("flow", *_FLOW),
    **{kind: _pattern(kind) for kind in ("dns", "tls", "http", "fileinfo", "alert")},
}


def at_once(line: bytes) -> Event | None:
    """The event of a line; None when it must be read part by part.

    Raises:
        ValueError: a time in it is none.
    """
    try:
        seen = _DECODE(line)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    pattern = _PATTERNS.get(seen.event_type)
    if pattern is None or (not line.isascii() and not _is_text(line)):
        return None
    event = pattern.copy()
    _head(event, seen)
    if seen.event_type == "flow":
        return _ended(event, seen)
    event["@timestamp"] = iso(seen.timestamp)
    return _parts(event, seen)


def _is_text(line: bytes) -> bool:
    """What is passed over is not looked at by msgspec."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _head(event: Event, seen: _Line) -> None:
    """What lines of all types have; the time is left to its type."""
    event["source.ip"] = source = ADDRESSES[seen.src_ip]
    event["destination.ip"] = target = ADDRESSES[seen.dest_ip]
    if source and ":" in source:
        event["network.type"] = "ipv6"
    event["source.port"] = here = seen.src_port
    event["destination.port"] = there = seen.dest_port
    event["network.transport"] = transport = seen.proto.lower()
    event["network.community_id"] = community = seen.community_id
    event["observer.ingress.interface.name"] = interface = seen.in_iface
    event["suricata.eve.flow_id"] = str(seen.flow_id)
    protocol = seen.app_proto
    if protocol and protocol != "failed":
        event["network.protocol"] = protocol
    elif protocol or not event["network.protocol"]:
        del event["network.protocol"]
    if not (here and there and source and target and transport and community and interface):
        _take_out(event)
    if seen.host:
        event["observer.name"] = seen.host
    if seen.vlan is not None:
        event["network.vlan.id"] = [str(tag) for tag in seen.vlan]


def _take_out(event: Event) -> None:
    """What a line did not have, told by its empty value."""
    if not event["source.ip"]:
        del event["network.type"]
    for name in _MAY_LACK:
        value = event[name]
        if value is None or value == "":
            del event[name]


def _ended(event: Event, seen: _Line) -> Event | None:
    """A flow is told when it ends but happened when it began: its own times count, not the line's."""
    part, tcp = seen.flow, seen.tcp
    if part is UNSET or seen.dns or seen.http or seen.tls or seen.fileinfo or seen.alert is not UNSET:
        return None
    _sizes(event, part)
    if part.end:
        begin, event["event.end"], event["event.duration"] = from_to(part.start, part.end)
    else:
        begin = iso(part.start)
    event["@timestamp"] = event["event.start"] = begin
    found = None if tcp is None else end_of_tcp(tcp.tcp_flags_ts, tcp.tcp_flags_tc)
    if found is not None:
        event["citywatch.flow.state"], event["citywatch.flow.flags"] = found
    return event


def _sizes(event: Event, part: _Sizes) -> None:
    event["source.bytes"] = out = part.bytes_toserver
    event["destination.bytes"] = back = part.bytes_toclient
    event["network.bytes"] = out + back
    event["source.packets"] = out = part.pkts_toserver
    event["destination.packets"] = back = part.pkts_toclient
    event["network.packets"] = out + back
    if part.reason:
        event["citywatch.flow.reason"] = ENDED.get(part.reason, part.reason)


def _parts(event: Event, seen: _Line) -> Event | None:
    if seen.http is not UNSET:
        if seen.dns is not UNSET:
            return None  # both tell an outcome, and the order of their names is not known here
        _http(event, seen.http)
    elif seen.dns is not UNSET:
        _dns(event, seen.dns)
    if seen.tls is not UNSET:
        _tls(event, seen.tls)
    if seen.fileinfo is not UNSET:
        _file(event, seen.fileinfo)
    if seen.flow is not UNSET:
        _going(event, seen.flow)
    return event if seen.alert is UNSET or _alert(event, seen.alert) else None


def _going(event: Event, part: _Sizes) -> None:
    """The flow that a line of another type belongs to."""
    _sizes(event, part)
    event["event.start"] = iso(part.start)
    if part.end:
        event["event.end"] = iso(part.end)


def _alert(event: Event, part: Record) -> bool:
    try:
        alert(event, part)
    except KeyError:
        return False
    return True


def _dns(event: Event, part: _Dns) -> None:
    event["dns.type"] = "answer" if part.type == "answer" or part.type == "response" else "query"  # noqa: PLR1714 - sooner
    event["dns.id"] = str(part.id)
    asked = part.queries[0] if part.queries else part
    if asked.rrname:
        event.update(question(asked.rrname))
    if asked.rrtype:
        event["dns.question.type"] = asked.rrtype
    if part.rcode:
        event["dns.response_code"] = part.rcode
        event["event.outcome"] = "success" if part.rcode == "NOERROR" else "failure"
    flags = _FLAGS[part.aa, part.tc, part.rd, part.ra]
    if flags:
        event["dns.header_flags"] = flags.copy()
    if part.answers:
        _answers(event, part.answers[:MOST])


_FLAGS = {
    (aa, tc, rd, ra): [
        name for name, given in (("AA", aa), ("TC", tc), ("RD", rd), ("RA", ra)) if given
    ]
    for aa in (False, True) for tc in (False, True) for rd in (False, True) for ra in (False, True)
}  # fmt: skip


def _answers(event: Event, answers: list[_Answer]) -> None:
    event["dns.answers.name"] = [answer.rrname for answer in answers]
    event["dns.answers.type"] = [answer.rrtype for answer in answers]
    event["dns.answers.data"] = values = [answer.rdata for answer in answers]
    event["dns.answers.ttl"] = [answer.ttl for answer in answers]
    event["citywatch.dns.answer_bytes"] = sum(map(len, values))
    found = [address for value in values if (address := ADDRESSES[value])]
    if found:
        event["dns.resolved_ip"] = found


def _tls(event: Event, part: _Tls) -> None:
    for field, value in (
        ("tls.client.server_name", part.sni),
        ("tls.version", part.version.removeprefix("TLS ").removeprefix("TLSv")),
        ("tls.client.ja3", part.ja3.hash),
        ("tls.server.ja3s", part.ja3s.hash),
        ("citywatch.tls.client.ja4", part.ja4),
        ("tls.server.subject", part.subject),
        ("tls.server.issuer", part.issuerdn),
        ("tls.server.x509.serial_number", part.serial),
        ("suricata.eve.tls.fingerprint", part.fingerprint),
    ):
        if value:
            event[field] = value
    _certificate(event, part)


def _certificate(event: Event, part: _Tls) -> None:
    if part.notbefore:
        event["tls.server.not_before"] = iso(part.notbefore)
    if part.notafter:
        event["tls.server.not_after"] = iso(part.notafter)
    if part.subjectaltname:
        event["tls.server.x509.alternative_names"] = part.subjectaltname[:MOST]
    if part.client_alpns:
        event["tls.client.alpn"] = part.client_alpns[:MOST]
    if part.session_resumed:
        event["tls.resumed"] = True


def _http(event: Event, part: _Http) -> None:
    event.update(url_fields(part.url, domain=part.hostname.lower(), scheme="http", port=part.http_port))
    if part.http_user_agent is not None:
        event["user_agent.original"] = part.http_user_agent
    for field, value in (
        ("http.request.method", part.http_method.upper()),
        ("http.version", part.protocol.removeprefix("HTTP/")),
        ("http.request.referrer", part.http_refer),
        ("http.response.mime_type", part.http_content_type),
        ("citywatch.http.response.location", part.redirect),
    ):
        if value:
            event[field] = value
    status = part.status
    if status >= 0:
        event["http.response.status_code"] = status
        event["event.outcome"] = "success" if status < 400 else "failure"  # noqa: PLR2004 - HTTP's own line
    if part.length >= 0:
        event["http.response.body.bytes"] = part.length


def _file(event: Event, part: _File) -> None:
    for field, value in (
        ("file.path", part.filename),
        ("file.name", part.filename.rpartition("/")[2]),
        ("file.mime_type", part.mimetype),
        ("file.hash.sha256", part.sha256),
        ("file.hash.sha1", part.sha1),
        ("file.hash.md5", part.md5),
        ("suricata.eve.fileinfo.magic", part.magic),
        ("suricata.eve.fileinfo.state", part.state),
    ):
        if value:
            event[field] = value
    if part.size >= 0:
        event["file.size"] = part.size
