"""Who reads the registers of a controller, and who writes them?

Modbus over TCP (Modbus Application Protocol V1.1b3; Messaging on TCP/IP V1.0b), as stations for environment
and traffic speak it. One event for every write, one for each other function that a connection first uses.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.sink import Sink

PORT = 502
_FUNCTIONS = {
    1: "read_coils", 2: "read_discrete_inputs", 3: "read_holding_registers", 4: "read_input_registers",
    5: "write_single_coil", 6: "write_single_register", 7: "read_exception_status", 8: "diagnostics",
    11: "get_event_counter", 12: "get_event_log", 15: "write_multiple_coils",
    16: "write_multiple_registers", 17: "report_server_id", 20: "read_file_record", 21: "write_file_record",
    22: "mask_write_register", 23: "read_write_registers", 24: "read_fifo_queue", 43: "read_device_id",
    90: "program",
}  # fmt: skip
_WRITES = frozenset({5, 6, 15, 16, 21, 22, 23, 90})
_COUNTED = frozenset({1, 2, 3, 4, 15, 16, 23})
_MOST_ASKED = 64
_MOST_TOLD = 1000
_LONGEST = 260


def is_modbus(data: bytes) -> bool:
    """Does a request begin here (protocol 0, a length that fits)?

    >>> is_modbus(bytes.fromhex("000100000006010300000002"))
    True
    """
    return len(data) >= 8 and data[2:4] == b"\0\0" and 2 <= data[4] << 8 | data[5] <= 254 and bool(data[7])


class Modbus:
    """Pairs requests with answers by their transaction."""

    __slots__ = ("_asked", "_held", "_known", "_sink", "_told")

    protocol = "modbus"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}
        self._asked: dict[tuple[int, int], tuple[int, Event]] = {}
        self._known: set[tuple[int, int, str]] = set()
        self._told = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side."""
        held = self._held[out] + data
        at = 0
        while len(held) - at >= 8:
            size = held[at + 4] << 8 | held[at + 5]
            if held[at + 2] or held[at + 3] or not 2 <= size <= _LONGEST:
                raise ValueError("not Modbus")
            if len(held) - at < 6 + size:
                break
            number = held[at] << 8 | held[at + 1]
            body = held[at + 6 : at + 6 + size]
            if out:
                self._request(flow, number, body, us)
            else:
                self._answer(flow, number, body)
            at += 6 + size
        self._held[out] = held[at:]
        return self._told < _MOST_TOLD

    def _request(self, flow: Flow, number: int, body: bytes, us: int) -> None:
        unit, function = body[0], body[1]
        fields: Event = {
            "event.action": _FUNCTIONS.get(function) or f"function_{function}",
            "event.code": str(function),
            "citywatch.modbus.unit": unit,
            "citywatch.modbus.write": function in _WRITES,
        }
        if function in _FUNCTIONS and function != 43 and len(body) >= 6:
            fields["citywatch.modbus.address"] = body[2] << 8 | body[3]
            fields["citywatch.modbus.quantity"] = body[4] << 8 | body[5] if function in _COUNTED else 1
        if len(self._asked) >= _MOST_ASKED:
            self._tell(flow, *self._asked.pop(next(iter(self._asked))), "")
        self._asked[number, function] = (us, fields)

    def _answer(self, flow: Flow, number: int, body: bytes) -> None:
        asked = self._asked.pop((number, body[1] & 0x7F), None)
        if asked is not None:
            self._tell(flow, *asked, "failure" if body[1] & 0x80 else "success")

    def _tell(self, flow: Flow, us: int, fields: Event, outcome: str) -> None:
        known = (fields["citywatch.modbus.unit"], int(fields["event.code"]), outcome)
        if known in self._known and not fields["citywatch.modbus.write"]:
            return
        self._known.add(known)
        self._told += 1
        if outcome:
            fields["event.outcome"] = outcome
        self._sink.say(flow, "network.modbus", us, fields)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Where the next message begins is not known."""
        del out, size
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell requests without answer."""
        while self._asked:
            self._tell(flow, *self._asked.pop(next(iter(self._asked))), "")
