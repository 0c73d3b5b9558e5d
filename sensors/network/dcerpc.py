"""Which remote procedure is called?

DCE/RPC over TCP and inside SMB pipes (C706, MS-RPCE): one event a call, with the endpoint's and operation's
names as Zeek's dce_rpc log has them, from `rpc_interfaces.tsv` and `rpc_operations.tsv`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from uuid import UUID

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.sink import Sink

_REQUEST, _BIND, _ALTER = 0, 11, 14
_LONGEST = 1 << 16
_MOST_CONTEXTS = 64
_MOST_CALLS = 10_000
_HERE = Path(__file__).parent


def is_rpc(data: bytes) -> bool:
    """Does a bind or request of version 5 begin here?

    >>> is_rpc(bytes.fromhex("05000b0310000000480000000100000000000000"))
    True
    """
    return len(data) >= 16 and data[:2] in {b"\5\0", b"\5\1"} and data[2] in {0, 2, 3, 11, 12, 13, 14, 15, 16}


@cache
def _interfaces() -> dict[str, str]:
    lines = (_HERE / "rpc_interfaces.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines[1:])
    return {row[0]: row[1] for row in rows}


@cache
def _operations() -> dict[tuple[str, int], str]:
    lines = (_HERE / "rpc_operations.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines[1:])
    return {(endpoint, int(number)): name for endpoint, number, name in rows}


class Calls:
    """Cuts one side's bytes into fragments and names what is called."""

    __slots__ = ("_contexts", "_held", "_known", "_pipe", "_sink", "_skip")

    def __init__(self, sink: Sink, pipe: str = "") -> None:
        self._sink = sink
        self._pipe = pipe
        self._contexts: dict[int, str] = {}
        self._held = b""
        self._skip = 0
        self._known = 0

    def add(self, flow: Flow, dataset: str, data: bytes, us: int) -> None:
        """Take what the client sent.

        Raises:
            ValueError: these are no RPC fragments.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        held = self._held + data
        while len(held) >= 16:
            if held[0] != 5:
                raise ValueError("not an RPC fragment")
            little = held[4] & 0x10
            size = int.from_bytes(held[8:10], "little" if little else "big")
            if size < 16:
                raise ValueError("a fragment of impossible size")
            if len(held) < min(size, 64) and len(held) < size:
                break
            if held[2] in {_BIND, _ALTER} and len(held) < size:
                break
            self._fragment(flow, dataset, held[:size], "little" if little else "big", us)
            self._skip = max(size - len(held), 0)
            held = held[size:]
        self._held = held

    def _fragment(self, flow: Flow, dataset: str, part: bytes, order: str, us: int) -> None:
        number = int.from_bytes
        end = "little" if order == "little" else "big"
        kind = part[2]
        if kind in {_BIND, _ALTER}:
            at = 28
            for _ in range(min(part[24], _MOST_CONTEXTS)):
                if at + 20 > len(part):
                    return
                raw = part[at + 4 : at + 20]
                uuid = str(UUID(bytes_le=raw) if end == "little" else UUID(bytes=raw))
                self._contexts[number(part[at : at + 2], end)] = uuid
                at += 24 + 20 * part[at + 2]
        elif kind == _REQUEST and part[3] & 1 and len(part) >= 24 and self._known < _MOST_CALLS:
            self._known += 1
            context, operation = number(part[20:22], end), number(part[22:24], end)
            self._say(flow, dataset, self._contexts.get(context, ""), operation, us)

    def _say(self, flow: Flow, dataset: str, uuid: str, operation: int, us: int) -> None:
        endpoint = _interfaces().get(uuid, uuid) or "unknown"
        name = _operations().get((endpoint, operation)) or f"{endpoint}-{operation}"
        fields: Event = {
            "event.action": name,
            "zeek.dce_rpc.endpoint": endpoint,
            "zeek.dce_rpc.operation": name,
        }
        if self._pipe:
            fields["zeek.dce_rpc.named_pipe"] = self._pipe
        self._sink.say(flow, dataset, us, fields)


class Rpc:
    """RPC straight over TCP."""

    __slots__ = ("_calls",)

    protocol = "dce_rpc"

    def __init__(self, sink: Sink) -> None:
        self._calls = Calls(sink)

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Only what the client calls matters."""
        if out:
            self._calls.add(flow, "network.smb", data, us)
        return True

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Where the next fragment begins is not known."""
        del flow, size
        return not out

    def close(self, flow: Flow) -> None:
        """Nothing is held back."""
