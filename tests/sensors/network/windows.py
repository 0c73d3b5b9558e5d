"""How do the network tests make what Windows computers say to each other, byte by byte?

SMB 2 after MS-SMB2 2.2, NTLM after MS-NLMP 2.2.1.3, Kerberos after RFC 4120, DCE/RPC after C706.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from uuid import UUID

Turn = tuple[str, bytes]
REFUSED = 0xC000006D
SCHEDULER = "86d35949-83c9-4044-b424-db363231fd0c"
SERVICES = "367abb81-9844-35f1-ad32-98f038001003"
_MORE = 0xC0000016


def wide(words: str) -> bytes:
    return words.encode("utf-16-le")


@dataclass(slots=True)
class Session:
    """Says SMB 2 messages; every method gives the turns of one question and its answer."""

    number: int = 0
    files: int = 0
    turns: list[Turn] = field(default_factory=list[Turn])

    def _say(self, command: int, ask: bytes, answer: bytes, *, status: int = 0, tree: int = 1) -> None:
        self.number += 1
        for way, flags, body in ((">", 0, ask), ("<", 1, answer)):
            head = struct.pack(
                "<4sHHIHHIIQIIQ", b"\xfeSMB", 64, 0, status if flags else 0, command, 1, flags, 0,
                self.number, 0, tree, 77,
            )  # fmt: skip
            whole = head + bytes(16) + body
            self.turns.append((way, len(whole).to_bytes(4, "big") + whole))

    def login(self, user: str, status: int = 0) -> Session:
        """Offer NTLM, then answer the challenge."""
        self._say(1, struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, 0, 0), bytes(8), status=_MORE)
        names = [wide("CITY"), wide(user), wide("PC-7")]
        at, places = 64, b""
        for name in names:
            places += struct.pack("<HHI", len(name), len(name), at)
            at += len(name)
        ntlm = b"NTLMSSP\0\3\0\0\0" + bytes(16) + places + bytes(12) + b"".join(names)
        ask = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(ntlm), 0) + ntlm
        self._say(1, ask, bytes(8), status=status)
        return self

    def tree(self, share: str) -> Session:
        path = wide(share)
        self._say(3, struct.pack("<HHHH", 9, 0, 72, len(path)) + path, b"\x10\0\1\0" + bytes(12))
        return self

    def open(self, name: str, *, new: bool = False, options: int = 0) -> bytes:
        """Give the handle."""
        self.files += 1
        handle = self.files.to_bytes(16, "little")
        path = wide(name)
        ask = struct.pack("<HBBIQQIIIII", 57, 0, 0, 2, 0, 0, 0x10000, 0, 7, 2 if new else 1, options)
        ask += struct.pack("<HHII", 120, len(path), 0, 0) + path
        self._say(5, ask, b"\x59\0" + bytes(62) + handle + bytes(8))
        return handle

    def close(self, handle: bytes) -> Session:
        self._say(6, struct.pack("<HHI", 24, 0, 0) + handle, bytes(60))
        return self

    def set_info(self, handle: bytes, kind: int, told: bytes) -> None:
        ask = struct.pack("<HBBIHHI", 33, 1, kind, len(told), 96, 0, 0) + handle + told
        self._say(17, ask, b"\2\0")

    def rename(self, before: str, after: str) -> Session:
        handle, path = self.open(before), wide(after)
        self.set_info(handle, 10, bytes(16) + struct.pack("<I", len(path)) + path)
        return self.close(handle)

    def delete(self, name: str) -> Session:
        handle = self.open(name)
        self.set_info(handle, 13, b"\1")
        return self.close(handle)

    def write(self, name: str) -> Session:
        return self.close(self.open(name, new=True))

    def put(self, handle: bytes, offset: int, data: bytes) -> None:
        """Write bytes into an open file."""
        self._say(9, struct.pack("<HHIQ", 49, 112, len(data), offset) + handle + bytes(16) + data, bytes(16))

    def overwrite(self, name: str, data: bytes) -> Session:
        """Open a file that is there, write it from its start, close it."""
        handle = self.open(name)
        for offset in range(0, len(data), 1024):
            self.put(handle, offset, data[offset : offset + 1024])
        return self.close(handle)

    def call(self, pipe: str, interface: str, operation: int) -> Session:
        """Bind to an interface through a pipe and call it."""
        handle = self.open(pipe)
        context = struct.pack("<HBx", 0, 1) + UUID(interface).bytes_le + bytes(4) + bytes(20)
        bind = struct.pack("<HHIB3x", 4280, 4280, 0, 1) + context
        for kind, body in ((11, bind), (0, struct.pack("<IHH", 0, 0, operation))):
            part = struct.pack("<BBBBIHHI", 5, 0, kind, 3, 0x10, 16 + len(body), 0, 1) + body
            ask = struct.pack("<HHIQ", 49, 112, len(part), 0) + handle + bytes(16) + part
            self._say(9, ask, bytes(16))
        return self.close(handle)


def der(tag: int, body: bytes) -> bytes:
    size = bytes([len(body)]) if len(body) < 0x80 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


def _name(*words: str) -> bytes:
    parts = b"".join(der(0x1B, word.encode()) for word in words)
    return der(0x30, der(0xA0, der(2, b"\1")) + der(0xA1, der(0x30, parts)))


def ticket_asked(user: str) -> bytes:
    """An AS-REQ."""
    body = der(0xA0, der(3, bytes(5))) + der(0xA1, _name(user)) + der(0xA2, der(0x1B, b"CITY"))
    body += der(0xA3, _name("krbtgt", "CITY"))
    head = der(0xA1, der(2, b"\5")) + der(0xA2, der(2, b"\x0a"))
    return der(0x6A, der(0x30, head + der(0xA4, der(0x30, body))))


def ticket_refused(code: int) -> bytes:
    """A KRB-ERROR."""
    head = der(0xA0, der(2, b"\5")) + der(0xA1, der(2, b"\x1e"))
    return der(0x7E, der(0x30, head + der(0xA6, der(2, bytes([code])))))
