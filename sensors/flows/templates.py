"""What stands where in a data record of NetFlow v9 or IPFIX?

Exporters say it in templates (RFC 3954 §5.2, RFC 7011 §3.4). A template becomes one `struct` for the whole
record, in which only the elements of `ELEMENTS` are read. Bounded: templates for each exporter, fields for
each template, bytes for each record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

REVERSE = 29_305
"""The enterprise number that stands for the way back (RFC 5103)."""
VARIABLE = 0xFFFF
MOST_FIELDS = 400
MOST_BYTES = 8192

ELEMENTS: dict[int, tuple[str, str]] = {
    # https://www.iana.org/assignments/ipfix/ipfix.xhtml; NetFlow v9 (RFC 3954 §8) has the same numbers
    1: ("octets", "int"),
    2: ("packets", "int"),
    4: ("proto", "int"),
    6: ("flags", "int"),
    7: ("sport", "int"),
    8: ("source4", "bytes"),
    11: ("dport", "int"),
    12: ("target4", "bytes"),
    21: ("last_up", "int"),
    22: ("first_up", "int"),
    27: ("source6", "bytes"),
    28: ("target6", "bytes"),
    32: ("icmp", "int"),
    34: ("sampling", "int"),
    56: ("source_mac", "bytes"),
    58: ("vlan", "int"),
    80: ("target_mac", "bytes"),
    85: ("octets", "int"),
    86: ("packets", "int"),
    96: ("application", "text"),
    136: ("reason", "int"),
    139: ("icmp", "int"),
    150: ("first_s", "int"),
    151: ("last_s", "int"),
    152: ("first_ms", "int"),
    153: ("last_ms", "int"),
    154: ("first_ntp", "int"),
    155: ("last_ntp", "int"),
    156: ("first_ntp", "int"),
    157: ("last_ntp", "int"),
    158: ("first_ago", "int"),
    159: ("last_ago", "int"),
    160: ("boot_ms", "int"),
    176: ("icmp_type", "int"),
    177: ("icmp_code", "int"),
    178: ("icmp_type", "int"),
    179: ("icmp_code", "int"),
    231: ("asked_octets", "int"),
    232: ("back_octets", "int"),
    233: ("firewall", "int"),
    243: ("vlan", "int"),
    298: ("asked_packets", "int"),
    299: ("back_packets", "int"),
    305: ("sampling", "int"),
    371: ("user", "text"),
}
_BACK = {1: "back_octets", 85: "back_octets", 2: "back_packets", 86: "back_packets", 6: "back_flags"}
_INTS = {1: "B", 2: "H", 4: "I", 8: "Q"}
Spec = tuple[int, int, int]
"""Enterprise (0: IANA), element, length."""


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    kind: str
    length: int


class Template:
    """Reads the records of one data set."""

    __slots__ = ("_fixed", "_kinds", "_layout", "_names", "scopes", "size")

    def __init__(self, specs: list[Spec], scopes: int = 0) -> None:
        """Take the fields; the first `scopes` of an options template say what the others are about.

        Raises:
            ValueError: there are none, too many, or they hold nothing.
        """
        if not 0 < len(specs) <= MOST_FIELDS:
            raise ValueError(f"a template of {len(specs)} fields")
        self.scopes = scopes
        self._layout = [_slot(*spec) for spec in specs]
        self.size = sum(1 if spec[2] == VARIABLE else spec[2] for spec in specs)
        if not 0 < self.size <= MOST_BYTES:
            raise ValueError(f"a template of {self.size} bytes")
        variable = any(spec[2] == VARIABLE for spec in specs)
        self._fixed = None if variable else Struct(">" + "".join(map(_code, self._layout)))
        read = [slot for slot in self._layout if slot.name]
        self._names = [slot.name for slot in read]
        self._kinds = [
            (slot.name, slot.kind) for slot in read if _code(slot)[-1] == "s" and slot.kind != "bytes"
        ]

    def records(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The known values of each record of a set."""
        if self._fixed is None:
            yield from self._variable(data)
            return
        whole = len(data) - len(data) % self.size
        names, kinds = self._names, self._kinds
        for values in self._fixed.iter_unpack(data[:whole]):
            found = dict(zip(names, values, strict=True))
            for name, kind in kinds:
                found[name] = _value(kind, found[name])
            yield found

    def _variable(self, data: bytes) -> Iterator[dict[str, Any]]:
        at, end = 0, len(data)
        while at + self.size <= end:
            found: dict[str, Any] = {}
            for slot in self._layout:
                length = slot.length
                if length == VARIABLE:
                    length, at = _length(data, at)
                if at + length > end:
                    raise ValueError("a record breaks off")
                if slot.name:
                    found[slot.name] = _value(slot.kind, data[at : at + length])
                at += length
            yield found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length that stands in the record (RFC 7011 §7), and where its value begins."""
    if at < len(data) and data[at] < 255:  # noqa: PLR2004 - then two more bytes tell it
        return data[at], at + 1
    if at + 3 > len(data):
        raise ValueError("a record breaks off")
    return int.from_bytes(data[at + 1 : at + 3], "big"), at + 3


def _slot(enterprise: int, element: int, length: int) -> _Slot:
    name, kind = ("", "")
    if enterprise == 0:
        name, kind = ELEMENTS.get(element, ("", ""))
    elif enterprise == REVERSE and element in _BACK:
        name, kind = _BACK[element], "int"
    wanted = {"source4": 4, "target4": 4, "source6": 16, "target6": 16, "source_mac": 6, "target_mac": 6}.get(
        name
    )
    if (wanted and length not in {wanted, VARIABLE}) or (kind == "int" and 8 < length < VARIABLE):  # noqa: PLR2004 - 64 bits
        name = ""
    return _Slot(name, kind, length)


def _code(slot: _Slot) -> str:
    if not slot.name:
        return f"{slot.length}x"
    return _INTS[slot.length] if slot.kind == "int" and slot.length in _INTS else f"{slot.length}s"


def _value(kind: str, raw: bytes) -> Any:
    if kind == "int":
        return int.from_bytes(raw[:8], "big")
    return raw if kind == "bytes" else raw[:255].rstrip(b"\0 ").decode("utf-8", "replace")
