"""Which packets does the kernel hand over, and which did it drop?

An AF_PACKET socket with a TPACKET_V3 ring (Documentation/networking/packet_mmap.rst): the kernel fills blocks
of many packets in memory that we share, and a block is handed back once its packets are copied. The socket
outlives its interface: when one of that name comes back, it is bound again, which needs no right.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensors.network.live.bpf import Instruction

SOL_PACKET = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION, IGNORE_OUTGOING = 1, 5, 6, 10, 23
PROMISCUOUS = 1
TPACKET_V3 = 2
ATTACH_FILTER = 26
ETH_P_ALL = 0x0003
BLOCK = 1 << 20
FRAME = 1 << 11
RETIRE_MS = 100
"""A block that is not full is handed over after so long."""

_USER = 1
_VLAN, _VLAN_KIND = 1 << 4, 1 << 6
_BLOCK_HEAD = struct.Struct("=8xIII").unpack_from
"""Status, packets, offset of the first."""
_PACKET_HEAD = struct.Struct("=IIIIIIH6xIH").unpack_from
"""Distance to the next, seconds, nanoseconds, bytes captured, bytes on the wire, status, start of the frame,
VLAN tag and its ethertype."""
_RECORD = struct.Struct("<IIII").pack
_SIOCGIFINDEX, _SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCETHTOOL = 0x8933, 0x8913, 0x8927, 0x8946
_GET_GRO, _GET_FLAGS, _FLAG_LRO = 0x2B, 0x25, 1 << 15
_UP = 1
_LINKS = {1: 1, 772: 1, 65534: 101, 512: 101, 768: 101, 769: 101, 776: 101, 778: 101}
"""Kind of hardware (ARPHRD) to link type of a pcap file; 101 is raw IP."""
LOOPBACK = 772
ETHERNET = 1


class Unreadable(Exception):  # noqa: N818 - the name of a state
    """An interface of a kind that cannot be read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Packets as records of a pcap file, and how many."""

    parts: list[bytes | memoryview]
    packets: int


class Ring:
    """The packets of one interface, whether it is there or not."""

    def __init__(self, name: str, *, blocks: int, programs: dict[int, Sequence[Instruction]]) -> None:
        self.name = name
        self.index = 0
        """The interface it is bound to; 0 while there is none."""
        self.link = ETHERNET
        self.received = self.dropped = 0
        """By the kernel, since this object was made."""
        self._programs = programs
        self._blocks = blocks
        self._at = 0
        # Protocol 0: no packet comes before filter and ring are there and the interface is chosen.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(SOL_PACKET, VERSION, struct.pack("i", TPACKET_V3))
        size = blocks * BLOCK
        wanted = struct.pack("7I", BLOCK, blocks, FRAME, size // FRAME, RETIRE_MS, 0, 0)
        self._socket.setsockopt(SOL_PACKET, RX_RING, wanted)
        self._map = mmap.mmap(self._socket.fileno(), size)
        self._view = memoryview(self._map)

    def fileno(self) -> int:
        return self._socket.fileno()

    def look(self) -> bool:
        """See whether the interface is there; bind to it if it is new. True when it was bound just now."""
        index = self._ask(_SIOCGIFINDEX)
        if index == self.index:
            return False
        self.index = index
        if not index:
            return False
        kind = self._ask(_SIOCGIFHWADDR) & 0xFFFF
        if kind not in _LINKS:
            self.index = 0
            raise Unreadable(f"{self.name}: interfaces of kind {kind} cannot be read; Ethernet and IP can")
        self.link = _LINKS[kind]
        program = self._programs[self.link]
        if not program:
            self.index = 0
            raise Unreadable(f"{self.name}: it has no hardware addresses, and the filter asks for some")
        self._filter(program)
        if kind == LOOPBACK:  # each packet is sent and received here: once is enough
            self._socket.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        self._socket.bind((self.name, ETH_P_ALL))
        self._socket.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, struct.pack("iHH8s", index, PROMISCUOUS, 0, b""))
        return True

    def _filter(self, program: Sequence[Instruction]) -> None:
        raw = b"".join(struct.pack("=HBBI", *line) for line in program)
        held = ctypes.create_string_buffer(raw)
        self._socket.setsockopt(
            socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(held))
        )

    def _ask(self, what: int) -> int:
        """A number that the kernel knows of the interface; 0 where there is none."""
        request = struct.pack("16si12x", self.name.encode("ascii"), 0)
        try:
            answer = fcntl.ioctl(self._socket, what, request)
        except OSError:
            return 0
        return int(struct.unpack("16si12x", answer)[1])

    @property
    def is_up(self) -> bool:
        """The interface is there and switched on."""
        return bool(self.index and self._ask(_SIOCGIFFLAGS) & _UP)

    @property
    def is_loopback(self) -> bool:
        return self._ask(_SIOCGIFHWADDR) & 0xFFFF == LOOPBACK

    @property
    def is_merged(self) -> bool:
        """The kernel joins packets before anybody sees them (GRO, LRO): its counters then count others."""
        return bool(self._feature(_GET_GRO) or self._feature(_GET_FLAGS) & _FLAG_LRO)

    def _feature(self, command: int) -> int:
        value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)
        request = struct.pack("16sP16x", self.name.encode("ascii"), ctypes.addressof(value))
        try:
            fcntl.ioctl(self._socket, _SIOCETHTOOL, request)
        except OSError:
            return 0
        return int(struct.unpack("II", value.raw)[1])

    def clear_error(self) -> None:
        """Take note that the interface went down; without this the socket stays ready for ever."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def take(self) -> Taken | None:
        """The packets of the next block, or None; its memory is ours until `give_back`."""
        view, base = self._view, self._at * BLOCK
        status, count, first = _BLOCK_HEAD(view, base)
        if not status & _USER:
            return None
        parts: list[bytes | memoryview] = []
        add = parts.append
        at = base + first
        for _ in range(count):
            step, seconds, nanos, captured, wire, state, head, tag, kind = _PACKET_HEAD(view, at)
            start = at + head
            if state & _VLAN:
                add(_RECORD(seconds, nanos // 1000, captured + 4, wire + 4))
                add(view[start : start + 12])
                add(struct.pack(">HH", kind if state & _VLAN_KIND else 0x8100, tag & 0xFFFF))
                add(view[start + 12 : start + captured])
            else:
                add(_RECORD(seconds, nanos // 1000, captured, wire))
                add(view[start : start + captured])
            at += step
        return Taken(parts, count)

    def give_back(self) -> None:
        """The packets of the block are copied: the kernel may fill it again."""
        struct.pack_into("I", self._map, self._at * BLOCK + 8, 0)
        self._at = (self._at + 1) % self._blocks

    def count(self) -> None:
        """Read the kernel's counters; it starts from zero after each reading."""
        raw = self._socket.getsockopt(SOL_PACKET, STATISTICS, 12)
        packets, drops, _ = struct.unpack("III", raw)
        self.received += packets - drops
        self.dropped += drops

    def close(self) -> None:
        self._view.release()
        self._map.close()
        self._socket.close()


def passed(table: str, name: str, *, loopback: bool) -> int | None:
    """How many packets an interface has seen, by the text of `/proc/net/dev`; None when it is not there.

    >>> passed(" eth0: 900 7 0 0 0 0 0 0 100 5 0 0 0 0 0 0", "eth0", loopback=False)
    12
    """
    for line in table.splitlines():
        label, _, rest = line.partition(":")
        if label.strip() == name:
            numbers = rest.split()
            return int(numbers[1]) + (0 if loopback else int(numbers[9]))
    return None


DEVICES = Path("/proc/self/net/dev")


def interfaces() -> list[str]:
    """The names of the interfaces that there are."""
    lines = DEVICES.read_text(encoding="ascii", errors="replace").splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]
