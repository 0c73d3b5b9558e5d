"""Which names are asked for, and what is answered?

DNS over UDP and TCP, mDNS and LLMNR (RFC 1035, 6762, 4795). One event a message: `dns.type` query or answer;
`source.ip` is who asked in both.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Any

from citywatch.model import Event
from sensors.names import parts, variety
from sensors.network.datagram import Datagrams
from sensors.network.flow import Flow
from sensors.network.moment import address
from sensors.network.sink import Sink

_HEAD = Struct(">HHHHHH").unpack_from
_RECORD = Struct(">HHIH").unpack_from
_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP",
    25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 44: "SSHFP",
    46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF",
    249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 257: "CAA", 65399: "PRIVATE",
}  # fmt: skip
_CODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
    7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE",
}  # fmt: skip
_OPERATIONS = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE"}
_CLASSES = {1: "IN", 3: "CH", 4: "HS", 255: "ANY"}
_FLAGS = ((0x400, "AA"), (0x200, "TC"), (0x100, "RD"), (0x80, "RA"), (0x20, "AD"), (0x10, "CD"))
_POINTERS = 32
_LONGEST_NAME = 255
_MOST_ANSWERS = 64
_LONGEST_TEXT = 4096
_NAMED = {2, 5, 12, 39}
_PRINTABLE = bytes(byte if 0x21 <= byte < 0x7F and byte not in b".\\" else 0x5F for byte in range(256))
_FLAG_LISTS: dict[int, list[str]] = {}


class DnsOverUdp(Datagrams):
    """One message a datagram; holds nothing, so one serves all flows."""

    __slots__ = ("_sink",)

    protocol = "dns"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Write the message's event; what is no DNS is noted."""
        del out
        fields = message(data)
        if fields is None:
            flow.note("malformed dns")
            return True
        flow.protocol = "dns"
        self._sink.say(flow, "network.dns", us, fields)
        return True


class DnsOverTcp:
    """Messages with a length before each, over several segments."""

    __slots__ = ("_held", "_sink")

    protocol = "dns"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Cut at the lengths."""
        held = self._held[out] + data
        at = 0
        while len(held) - at >= 2:
            size = held[at] << 8 | held[at + 1]
            if len(held) - at - 2 < size:
                break
            fields = message(held[at + 2 : at + 2 + size])
            if fields is None:
                flow.note("malformed dns")
                return False
            self._sink.say(flow, "network.dns", us, fields)
            at += 2 + size
        self._held[out] = held[at:]
        return True

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """A message that never became whole is not told."""


def message(data: bytes) -> Event | None:
    r"""The fields of one message; None when it is none.

    >>> raw = bytes.fromhex("123401000001000000000000") + b"\x02vn\x00\x00\x01\x00\x01"
    >>> message(raw)["dns.question.name"]
    'vn'
    """
    if len(data) < 12:
        return None
    number, flags, asked, answered, _, _ = _HEAD(data)
    operation = flags >> 11 & 15
    if operation > 5 or asked > 32 or answered > 4096:
        return None
    answer = flags & 0x8000
    fields: Event = {
        "dns.type": "answer" if answer else "query",
        "dns.id": str(number),
        "dns.op_code": _OPERATIONS.get(operation, str(operation)),
    }
    shown = flags & 0x7B0
    if shown:
        fields["dns.header_flags"] = _flag_list(shown)
    if answer:
        fields["dns.response_code"] = _CODES.get(flags & 15) or str(flags & 15)
        if flags & 15 == 0:
            fields["event.outcome"] = "success"
        else:
            fields["event.outcome"] = "failure"
    try:
        at = _question(data, asked, fields)
        if answered:
            _answers(data, at, answered, fields)
    except (IndexError, ValueError):
        return None if "dns.question.name" not in fields else fields
    return fields


def _flag_list(shown: int) -> list[str]:
    known = _FLAG_LISTS.get(shown)
    if known is None:
        known = _FLAG_LISTS[shown] = [name for bit, name in _FLAGS if shown & bit]
    return known


def _question(data: bytes, asked: int, fields: Event) -> int:
    """Read the questions; the first is told. A lone one is looked up as it stands: the answer repeats it."""
    at = 12
    if asked == 1:
        end = data.find(0, 12) + 5
        raw = data[12:end]
        known = _questions.get(raw)
        if known is not None:
            fields.update(known)
            return end
        about: Event = {}
        at = _first(data, about)
        fields.update(about)
        if at == end and len(raw) == end - 12:
            if len(_questions) >= _MOST_QUESTIONS:
                _questions.clear()
            _questions[raw] = about
        return at
    for turn in range(asked):
        if turn == 0:
            at = _first(data, fields)
            continue
        at = _name(data, at)[1] + 4
        if at > len(data):
            raise IndexError("a question is cut off")
    return at


_questions: dict[bytes, Event] = {}
_MOST_QUESTIONS = 4096


def _first(data: bytes, fields: Event) -> int:
    """Read the first question; gives where it ends."""
    name, at = _name(data, 12)
    kind, sort = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    fields["dns.question.type"] = _TYPES.get(kind) or f"TYPE{kind}"
    fields["dns.question.class"] = _CLASSES.get(sort & 0x7FFF) or str(sort)
    _named(name, fields)
    return at + 4


def _named(name: str, fields: Event) -> None:
    fields.update(_about(name))


@lru_cache(maxsize=4096)
def _about(name: str) -> Event:
    """What a name says by itself; asked and answered it is the same."""
    fields: Event = {"dns.question.name": name}
    fields["citywatch.dns.name_length"] = len(name)
    if not name:
        return fields
    fields["citywatch.dns.label_length"] = max(map(len, name.split(".")))
    below, registered, suffix = parts(name)
    if registered:
        fields["dns.question.registered_domain"] = registered
    if suffix:
        fields["dns.question.top_level_domain"] = suffix
    if below:
        fields["dns.question.subdomain"] = below
        fields["citywatch.dns.entropy"] = variety(below)
    return fields


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name with its compression followed (forward pointers and loops refused) and where it ends.

    Raises:
        IndexError, ValueError: the name lies.
    """
    labels: list[str] = []
    end = -1
    limit = _POINTERS
    length = 0
    while size := data[at]:
        if size >= 0xC0:
            if end < 0:
                end = at + 2
            target = (size & 0x3F) << 8 | data[at + 1]
            limit -= 1
            if target >= at or not limit:
                raise ValueError("a name points forward or in a circle")
            at = target
            continue
        if size > 63:
            raise ValueError("a label is too long")
        at += 1
        label = data[at : at + size]
        length += size + 1
        if len(label) < size or length > _LONGEST_NAME:
            raise ValueError("a name is too long")
        labels.append(
            label.translate(_PRINTABLE).decode("ascii") if not label.isalnum() else label.decode("latin-1")
        )
        at += size
    return ".".join(labels).lower(), at + 1 if end < 0 else end


def _answers(data: bytes, at: int, answered: int, fields: Event) -> None:
    names: list[str] = []
    kinds: list[str] = []
    values: list[str] = []
    lives: list[int] = []
    addresses: list[str] = []
    size_of_all = 0
    try:
        for _ in range(min(answered, _MOST_ANSWERS)):
            name, at = _name(data, at)
            kind, _, life, size = _RECORD(data, at) if len(data) >= at + 10 else (0, 0, 0, -1)
            at += 10
            if size < 0 or at + size > len(data):
                break
            value = _value(data, at, size, kind)
            at += size
            size_of_all += size
            names.append(name)
            kinds.append(_TYPES.get(kind) or f"TYPE{kind}")
            lives.append(life)
            values.append(value)
            if kind in {1, 28} and size in {4, 16}:
                addresses.append(value)
    except (IndexError, ValueError):
        pass  # what was read stays: the rest of the message lies
    fields["citywatch.dns.answer_bytes"] = size_of_all
    listed: tuple[tuple[str, list[Any]], ...] = (
        ("dns.answers.name", names),
        ("dns.answers.type", kinds),
        ("dns.answers.data", values),
        ("dns.answers.ttl", lives),
        ("dns.resolved_ip", addresses),
    )
    for field, found in listed:
        if found:
            fields[field] = found


def _value(data: bytes, at: int, size: int, kind: int) -> str:  # noqa: PLR0911 - one line a kind
    """The data of a record as text."""
    if (kind == 1 and size == 4) or (kind == 28 and size == 16):
        return address(data[at : at + size])
    if kind in _NAMED:
        return _name(data, at)[0]
    if kind == 15 and size > 2:
        return f"{data[at] << 8 | data[at + 1]} {_name(data, at + 2)[0]}"
    if kind == 33 and size > 6:
        return f"{_name(data, at + 6)[0]}:{data[at + 4] << 8 | data[at + 5]}"
    if kind in {16, 99}:
        return _strings(data, at, at + size)
    if kind == 6:
        first, after = _name(data, at)
        return f"{first} {_name(data, after)[0]}"
    return data[at : at + min(size, _LONGEST_TEXT // 2)].hex()


def _strings(data: bytes, at: int, end: int) -> str:
    parts_of: list[str] = []
    while at < end:
        size = data[at]
        parts_of.append(data[at + 1 : min(at + 1 + size, end)].decode("latin-1"))
        at += 1 + size
    return "".join(letter if letter.isprintable() else "." for letter in "".join(parts_of))[:_LONGEST_TEXT]
