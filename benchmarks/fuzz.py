"""Which bytes, found by coverage, break a decoder?

`python benchmarks/fuzz.py [-max_total_time=60] [-runs=N] [CORPUS]` (needs `pip install atheris`; arguments
are libFuzzer's). The first byte of an input chooses what is fed: packets of a link type, a protocol, or a
file. What a decoder raises ends the run and is kept as `crash-*`; libFuzzer bounds time and memory.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import atheris

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

with atheris.instrument_imports(include=["sensors.network"]):
    from sensors.network import stream
    from sensors.network.decode import Decoder
    from sensors.network.dissector import Dissector
    from sensors.network.flow import Flow
    from sensors.network.pcapfile import batches, unpacked
    from sensors.network.protocols import Protocols
    from sensors.network.sink import Lines
    from sensors.network.table import Table
    from tests.sensors.network.test_fuzz import MAKERS, STARTS, NoLocal, flow, frames

_LINKS = (1, 0, 9, 12, 101, 108, 113, 228, 276)
_PROTOCOLS = sorted(MAKERS)
_US = 1_700_000_000_000_000


def keep(data: bytes, media_type: str) -> str:
    """Keep nothing."""
    return f"{len(data)}{media_type}"


def packets(link: int, raw: bytes) -> None:
    """Read the input as packets, each with two bytes of length before it."""
    sink = Lines("a.pcap", keep)

    def over(ended: Flow) -> None:
        if ended.app is not None:
            stream.close(ended)
        sink.over(ended)

    table = Table(over, 50)
    local = NoLocal(sink, Dissector())
    decoder = Decoder(sink, table, Protocols(sink, local), local)
    at = turn = 0
    while at + 2 < len(raw) and turn < 64:
        size = int.from_bytes(raw[at : at + 2], "big") % 1600
        piece = raw[at + 2 : at + 2 + size]
        decoder.batch(link, piece, [(_US + turn * 1000, 0, len(piece), len(piece))])
        at, turn = at + 2 + size, turn + 1
    for _ in table.finish():
        sink.told.clear()


def protocol(name: str, raw: bytes) -> None:
    """Feed pieces of the input to both sides of a protocol; a byte before each says whose and how long."""
    sink = Lines("a.pcap", keep)
    made = flow()
    made.app = MAKERS[name](sink)
    made.protocol = name
    at = 0
    while at < len(raw):
        size = raw[at] >> 1
        stream.feed(made, bool(raw[at] & 1), raw[at + 1 : at + 1 + size] or b"\0", _US)
        at += 1 + size
    stream.close(made)
    sink.over(made)
    if "malformed twice" in (made.notes or []):
        raise AssertionError(f"{name} failed while it was closed after a failure")


def file(raw: bytes) -> None:
    """Read the input as a capture file."""
    stream_of = unpacked(io.BufferedReader(io.BytesIO(raw)))  # type: ignore[arg-type]
    for _ in batches(stream_of, "a", lambda _: None):
        pass


def once(raw: bytes) -> None:
    """One input."""
    if not raw:
        return
    choice, rest = raw[0], raw[1:]
    if choice < 64:
        packets(_LINKS[choice % len(_LINKS)], rest)
    elif choice < 240:
        protocol(_PROTOCOLS[choice % len(_PROTOCOLS)], rest)
    else:
        file(rest)


def seeds(folder: Path) -> None:
    """Write what to begin with."""
    for number, raw in enumerate(frames()):
        (folder / f"packet-{number}").write_bytes(b"\0" + len(raw).to_bytes(2, "big") + raw)
    for number, name in enumerate(_PROTOCOLS):
        first = next(byte for byte in range(64, 240) if byte % len(_PROTOCOLS) == number)
        turns = b"".join(bytes([min(len(load), 127) << 1 | out]) + load[:127] for out, load in STARTS[name])
        (folder / f"protocol-{name}").write_bytes(bytes([first]) + turns)


def main() -> None:
    """Begin with the seeds, unless a corpus is given."""
    arguments = list(sys.argv)
    if not any(not word.startswith("-") for word in arguments[1:]):
        folder = REPO / ".cache" / "fuzz"
        folder.mkdir(parents=True, exist_ok=True)
        seeds(folder)
        arguments.append(str(folder))
    atheris.Setup(arguments, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
