"""What do messages of the old SMB 1 ask for?

Tree connects, opened files and pipes, and RPC through pipes: what worms and administration tools use.
"""

from __future__ import annotations

from collections.abc import Iterator

from citywatch.model import Event
from sensors.network.dcerpc import Calls, is_rpc
from sensors.network.flow import Flow
from sensors.network.ntlm import who
from sensors.network.sink import Sink

_TRANS, _WRITE, _SESSION, _TREE, _CREATE = 0x25, 0x2F, 0x73, 0x75, 0xA2
_ONE_PIPE = b"smb1"


def describe(
    data: bytes, sink: Sink, flow: Flow, us: int, pipes: dict[bytes, Calls], files: dict[bytes, str]
) -> Iterator[Event]:
    """The fields of the events that one message gives."""
    command, answer, wide = data[4], data[9] & 0x80, data[11] & 0x80
    if answer or len(data) < 36:
        return
    words = data[32]
    at = 33 + 2 * words + 2
    if command == _TREE and words >= 4:
        size = int.from_bytes(data[33 + 6 : 33 + 8], "little")
        yield {"event.action": "tree_connect", "zeek.smb_mapping.path": _text(data, at + size, wide)}
    elif command == _CREATE:
        name = _text(data, at, wide)
        files[_ONE_PIPE] = name.rpartition("\\")[2]
        yield {
            "event.action": "SMB::FILE_OPEN",
            "zeek.smb_files.action": "SMB::FILE_OPEN",
            "zeek.smb_files.name": name,
            "file.name": name.rpartition("\\")[2],
            "file.path": name,
        }
    elif command == _SESSION:
        found = who(data)
        if found:
            yield {"event.action": "login", "citywatch.auth.attempts": 1, **found}
    elif command in {_TRANS, _WRITE}:
        _calls(data, sink, flow, us, pipes, files)


def _calls(
    data: bytes, sink: Sink, flow: Flow, us: int, pipes: dict[bytes, Calls], files: dict[bytes, str]
) -> None:
    """An RPC fragment begins where its version stands in the data part."""
    for start in range(33, min(len(data), 160)):
        if data[start] == 5 and is_rpc(data[start : start + 16]):
            calls = pipes.get(_ONE_PIPE)
            if calls is None:
                calls = pipes[_ONE_PIPE] = Calls(sink, files.get(_ONE_PIPE, ""))
            calls.add(flow, "network.smb", data[start:], us)
            return


def _text(data: bytes, at: int, wide: int) -> str:
    if not wide:
        raw = data[at : at + 512].partition(b"\0")[0]
        return raw.decode("latin-1") if raw.isascii() else ""
    at += at & 1
    words = data[at : at + 1024]
    words = words[: len(words) & ~1].decode("utf-16-le", "replace").partition("\0")[0]
    return words if words.isprintable() else ""
