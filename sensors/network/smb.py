"""Which shares, files and pipes are opened, by whom, and what is called through them?

SMB 2 and 3 (MS-SMB2) and the commands of SMB 1 (MS-CIFS) that matter for that; encrypted SMB 3 ends the
reading. Field names as in Zeek's smb_files, smb_mapping and dce_rpc logs.
"""

from __future__ import annotations

from struct import Struct

from citywatch.model import Event
from sensors.network.dcerpc import Calls, is_rpc
from sensors.network.flow import Flow
from sensors.network.ntlm import who
from sensors.network.sink import Sink, filled
from sensors.network.written import Written

_HEAD = Struct("<4sHHIHHIIQIIQ").unpack_from
_SESSION, _TREE, _CREATE, _CLOSE, _READ, _WRITE, _IOCTL, _SET_INFO = 1, 3, 5, 6, 8, 9, 11, 17
_PIPE_TRANSCEIVE = 0x0011C017
_RENAME = 10
_DISPOSITIONS = frozenset({13, 64})
_DELETE_ON_CLOSE = 0x1000
_MORE = 0xC0000016
_LONGEST = 1 << 16
_MOST_OPEN = 1024


def is_smb(data: bytes) -> bool:
    r"""Does a message with its NetBIOS length begin here?

    >>> is_smb(b"\0\0\0\x40\xfeSMB")
    True
    """
    return len(data) >= 8 and data[0] == 0 and data[4:8] in {b"\xfeSMB", b"\xffSMB"}


class Smb:
    """Cuts the messages of both sides; long ones are read only at their beginning."""

    __slots__ = ("_files", "_held", "_names", "_pipes", "_sink", "_skip", "_trees", "_user", "_written")

    protocol = "smb"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}
        self._skip = {True: 0, False: 0}
        self._names: dict[int, Event] = {}
        """What was asked, by message number, until the answer."""
        self._files: dict[bytes, str] = {}
        """Name by file handle."""
        self._pipes: dict[bytes, Calls] = {}
        self._written: dict[bytes, Written] = {}
        """What was written through a file handle that is still open."""
        self._trees: dict[int, str] = {}
        self._user: Event = {}

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side."""
        skip = self._skip[out]
        if skip:
            if skip >= len(data):
                self._skip[out] = skip - len(data)
                return True
            data = data[skip:]
            self._skip[out] = 0
        held = self._held[out] + data
        while len(held) >= 4:
            size = int.from_bytes(held[1:4], "big")
            whole = min(size, _LONGEST)
            if len(held) < 4 + whole:
                break
            if held[4:8] == b"\xfdSMB":
                return False
            if held[0] == 0 and whole >= 32:
                self._message(flow, out, held[4 : 4 + whole], us)
            self._skip[out] = max(4 + size - len(held), 0)
            held = held[4 + size :]
        self._held[out] = held
        return True

    def _message(self, flow: Flow, out: bool, data: bytes, us: int) -> None:
        if data[:4] == b"\xffSMB":
            from sensors.network.smb1 import describe  # noqa: PLC0415 - the old version is rare

            for fields in describe(data, self._sink, flow, us, self._pipes, self._files):
                self._say(flow, us, fields)
            return
        at = 0
        for _ in range(64):  # compounds
            if data[at : at + 4] != b"\xfeSMB" or len(data) - at < 64:
                return
            following = int.from_bytes(data[at + 20 : at + 24], "little")
            end = at + following if following else len(data)
            self._command(flow, out, data[at:end], us)
            if not following:
                return
            at = end

    def _command(self, flow: Flow, out: bool, data: bytes, us: int) -> None:
        _, _, _, status, command, _, flags, _, number, _, tree, _ = _HEAD(data)
        if flags & 1:
            self._answer(flow, command, status, number, tree, data, us)
        elif out:
            self._request(flow, command, number, tree, data, us)

    def _request(self, flow: Flow, command: int, number: int, tree: int, data: bytes, us: int) -> None:  # noqa: C901 - one loop over hostile lengths reads best in one piece
        body = data[64:]
        if command == _SESSION:
            found = who(data)
            if found:
                self._ask(number, found)
        elif command == _TREE:
            place, size = _two(body, 4)
            self._ask(number, {"path": _wide(data, place, size)})
        elif command == _CREATE and len(body) >= 56:
            place, size = _two(body, 44)
            disposition = int.from_bytes(body[36:40], "little")
            gone = bool(int.from_bytes(body[40:44], "little") & _DELETE_ON_CLOSE)
            asked = {"name": _wide(data, place, size), "new": disposition in {0, 2, 5}, "gone": gone}
            self._ask(number, asked)
        elif command == _CLOSE and len(body) >= 24:
            self._closed(flow, body[8:24], us)
        elif command == _WRITE and len(body) >= 32:
            piece = data[int.from_bytes(body[2:4], "little") :]
            self._pipe(flow, body[16:32], piece, us)
            self._write(body, piece, tree)
        elif command == _IOCTL and len(body) >= 32:
            if int.from_bytes(body[4:8], "little") == _PIPE_TRANSCEIVE:
                place = int.from_bytes(body[24:28], "little")
                self._pipe(flow, body[8:24], data[place:], us)
        elif command == _SET_INFO and len(body) >= 32 and body[2] == 1:
            self._set(flow, body[3], tree, data, us)

    def _write(self, body: bytes, piece: bytes, tree: int) -> None:
        """Bytes go into a file."""
        handle = body[16:32]
        if handle in self._pipes or handle not in self._files:
            return
        written = self._written.get(handle)
        if written is None:
            if len(self._written) >= _MOST_OPEN:
                return
            written = self._written[handle] = Written(tree)
        size, offset = int.from_bytes(body[4:8], "little"), int.from_bytes(body[8:16], "little")
        written.add(offset, size, piece)

    def _closed(self, flow: Flow, handle: bytes, us: int) -> None:
        """A handle is no file any more; what was written through it is told."""
        name = self._files.pop(handle, "")
        self._pipes.pop(handle, None)
        written = self._written.pop(handle, None)
        if written is not None:
            fields = {
                "citywatch.smb.written": written.size,
                "citywatch.smb.entropy": written.entropy,
                "file.mime_type": written.kind,
            }
            self._file(flow, "SMB::FILE_CLOSE", name, written.tree, us, more=fields)

    def _set(self, flow: Flow, kind: int, tree: int, data: bytes, us: int) -> None:
        """A file is given another name, or is to vanish."""
        place = int.from_bytes(data[72:74], "little")
        before = self._files.get(data[80:96], "")
        if kind == _RENAME:
            size = int.from_bytes(data[place + 16 : place + 20], "little")
            self._file(flow, "SMB::FILE_RENAME", _wide(data, place + 20, size), tree, us, before)
        elif kind in _DISPOSITIONS and data[place : place + 1] not in {b"", b"\0"}:
            self._file(flow, "SMB::FILE_DELETE", before, tree, us)

    def _ask(self, number: int, what: Event) -> None:
        if len(self._names) >= _MOST_OPEN:
            del self._names[next(iter(self._names))]
        self._names[number] = what

    def _answer(
        self, flow: Flow, command: int, status: int, number: int, tree: int, data: bytes, us: int
    ) -> None:
        asked = self._names.pop(number, None)
        if asked is None:
            return
        if command == _SESSION and status != _MORE:
            self._login(flow, asked, status, us)
        elif command == _TREE:
            if status == 0:
                self._trees[tree] = str(asked["path"])
            kind = {1: "DISK", 2: "PIPE", 3: "PRINT"}.get(data[66] if len(data) > 66 else 0, "")
            fields = {
                "event.action": "tree_connect",
                "event.outcome": "failure" if status else "success",
                "zeek.smb_mapping.path": asked["path"],
                "zeek.smb_mapping.share_type": kind,
            }
            self._say(flow, us, fields)
        elif command == _CREATE and status == 0 and len(data) >= 144:
            name = str(asked["name"])
            if len(self._files) >= _MOST_OPEN:
                del self._files[next(iter(self._files))]
            self._files[data[128:144]] = name
            action = "SMB::FILE_WRITE" if asked.get("new") else "SMB::FILE_OPEN"
            self._file(flow, action, name, tree, us)
            if asked.get("gone"):
                self._file(flow, "SMB::FILE_DELETE", name, tree, us)

    def _login(self, flow: Flow, asked: Event, status: int, us: int) -> None:
        self._user = {name: value for name, value in asked.items() if name in {"user.name", "user.domain"}}
        fields = {
            "event.action": "login",
            "event.outcome": "failure" if status else "success",
            "event.code": f"0x{status:08x}",
            "citywatch.auth.attempts": 1,
            **asked,
        }
        if asked.get("user.name"):
            fields["citywatch.auth.user"] = [asked["user.name"]]
        self._say(flow, us, fields)

    def _file(
        self,
        flow: Flow,
        action: str,
        name: str,
        tree: int,
        us: int,
        before: str = "",
        *,
        more: Event | None = None,
    ) -> None:
        share = self._trees.get(tree, "")
        fields = {
            "event.action": action,
            "zeek.smb_files.action": action,
            "zeek.smb_files.path": share,
            "zeek.smb_files.name": name,
            "zeek.smb_files.prev_name": before,
            "file.name": name.rpartition("\\")[2],
            "file.extension": extension(name),
            "citywatch.smb.extension_before": extension(before),
            "file.path": f"{share}\\{name}" if share else name,
            **(more or {}),
        }
        self._say(flow, us, fields)

    def _pipe(self, flow: Flow, handle: bytes, data: bytes, us: int) -> None:
        calls = self._pipes.get(handle)
        if calls is None:
            if not is_rpc(data) or len(self._pipes) >= _MOST_OPEN:
                return
            calls = self._pipes[handle] = Calls(self._sink, self._files.get(handle, ""))
        calls.add(flow, "network.smb", data, us)

    def _say(self, flow: Flow, us: int, fields: Event) -> None:
        self._sink.say(flow, "network.smb", us, {**self._user, **filled(fields)})

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """A hole in data that is stepped over anyway does no harm."""
        del flow
        if self._skip[out] >= size:
            self._skip[out] -= size
            return True
        return False

    def close(self, flow: Flow) -> None:
        """Files that nobody closed are told."""
        for handle in list(self._written):
            self._closed(flow, handle, flow.last)


def extension(path: str) -> str:
    r"""The ending of a file's name, in lower case; empty where there is none.

    >>> extension("2026\\Báo cáo.DOCX"), extension(".profile"), extension("a.b\\c")
    ('docx', '', '')
    """
    stem, dot, ending = path.rpartition("\\")[2].rpartition(".")
    return ending.lower()[:255] if dot and stem else ""


def _two(body: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(body[at : at + 2], "little"), int.from_bytes(body[at + 2 : at + 4], "little")


def _wide(data: bytes, at: int, size: int) -> str:
    raw = data[at : at + min(size, 2048)]
    words = raw[: len(raw) & ~1].decode("utf-16-le", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in words)
