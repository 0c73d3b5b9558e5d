"""Who asked for a connection and was never answered?

A scan is nearly nothing but these: a SYN, and silence. Until a second packet comes, one is kept as a plain
tuple (the hot path: a flow is forty times as much) and becomes a flow only when something answers.
"""

from __future__ import annotations

from sensors.network.flow import SYN, TCP, Flow, Talk, turned

Knock = tuple[bytes, int, int, int, int]
"""The raw key, microseconds since 1970, bytes of the packet, its sequence number, the number of its flow."""
_NUMBERS = 0xFFFFFFFF


def flow_of(knock: Knock, reader: Talk | None = None) -> Flow:
    """The flow that a knock is the first packet of.

    >>> flow = flow_of((bytes([10, 0, 0, 1, 10, 0, 0, 2, 200, 0, 0, 80]), 1_700_000_000_000_000, 60, 7, 1))
    >>> flow.history, flow.out_packets, flow.out_bytes, flow.out_next
    ('S', 1, 60, 8)
    """
    key, us, total, seq, number = knock
    flow = Flow(key, turned(key), TCP, us, number)
    flow.app = reader
    flow.out_seen = SYN
    flow.history = "S"
    flow.out_next = seq + 1 & _NUMBERS
    flow.out_packets = 1
    flow.out_bytes = total
    return flow
