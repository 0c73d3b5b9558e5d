"""How many packets a CPU-second does the network sensor read, beside scapy, dpkt and nfstream, in one run?

`python benchmarks/network.py [PACKETS] [--only NAME]`: repeats the Ethernet captures of ../shared/data/pcaps
with shifted addresses (checksums kept true) until there are so many packets, and times each reader in a
process of its own: CPU seconds of it and its children, and its largest resident memory. scapy, which is slow,
is timed on every second packet of one round. dpkt and nfstream are measured where they are installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))
CAPTURES = REPO.parent / "shared" / "data" / "pcaps"
READERS = ("scapy", "dpkt", "nfstream", "citywatch", "citywatch+judge")


def ethernet_packets() -> list[tuple[int, bytes]]:
    """Every Ethernet packet of the captures, in order, with its time."""
    from sensors.network.pcapfile import batches, open_capture  # noqa: PLC0415 - each reader loads only its own library

    found: list[tuple[int, bytes]] = []
    for path in sorted(CAPTURES.glob("*/*")):
        with open_capture(path) as source:
            for link, data, records in batches(source, path.name, lambda _: None):
                if link == 1:
                    found += [(us, data[at : at + size]) for us, at, size, _ in records]
    return found


def shifted(frame: bytes, turn: int) -> bytes:
    """The frame with `turn` added to the second byte of both addresses, checksums adjusted (RFC 1624)."""
    if frame[12:14] != b"\x08\x00" or len(frame) < 34:
        return frame
    head = (frame[14] & 15) * 4
    out = bytearray(frame)
    before = frame[26:34]
    out[27] = (out[27] + turn) & 0xFF
    out[31] = (out[31] + turn) & 0xFF
    at = {6: 14 + head + 16, 17: 14 + head + 6}.get(frame[23], 0)
    first = not int.from_bytes(frame[20:22], "big") & 0x1FFF
    for place in (24, at if first else 0):
        if place and place + 2 <= len(out) and (out[place] or out[place + 1]):
            total = ~int.from_bytes(out[place : place + 2], "big") & 0xFFFF
            for old, new in zip(struct.unpack(">4H", before), struct.unpack(">4H", out[26:34]), strict=True):
                total += (~old & 0xFFFF) + new
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            out[place : place + 2] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(out)


def make(path: Path, wanted: int, *, step: int = 1) -> tuple[int, int]:
    """Write the mix, or every `step`-th packet of it; gives packets and bytes."""
    packets = ethernet_packets()[::step]
    written = size = turn = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        while written < wanted:
            for us, frame in packets[: wanted - written]:
                new = shifted(frame, turn)
                out.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(new), len(new)) + new)
                written += 1
                size += len(new)
            turn += 1
    return written, size


def citywatch(path: Path) -> Iterator[bytes]:
    """Events as JSON lines, as `citywatch decode --json` writes them."""
    from sensors.network import NetworkSensor  # noqa: PLC0415 - each reader loads only its own library

    def keep(data: bytes, media_type: str) -> str:
        del media_type
        return hashlib.sha256(data).hexdigest()

    yield from NetworkSensor().lines(path, lambda _: None, keep)


def judged(path: Path) -> Iterator[bytes]:
    """The same, judged by every rule of the repository."""
    import orjson  # noqa: PLC0415 - each reader loads only its own library

    from citywatch.detect.rulebook import Rulebook  # noqa: PLC0415 - each reader loads only its own library
    from sensors.network import NetworkSensor  # noqa: PLC0415 - each reader loads only its own library

    book = Rulebook.load(REPO)
    batch = []
    for event in NetworkSensor().read(path, lambda _: None, lambda data, _: hashlib.sha256(data).hexdigest()):
        batch.append(event)
        yield orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        if len(batch) >= 1000:
            book.judge(batch)
            batch = []
    book.judge(batch)


def with_scapy(path: Path) -> Iterator[bytes]:
    """Every packet dissected by scapy's PcapReader."""
    from scapy.all import PcapReader  # noqa: PLC0415 - each reader loads only its own library

    with PcapReader(str(path)) as reader:
        for _ in reader:
            yield b""


def with_dpkt(path: Path) -> Iterator[bytes]:
    """Every packet parsed by dpkt, with a table of flows."""
    import dpkt  # noqa: PLC0415 - each reader loads only its own library

    flows: dict[tuple[object, ...], list[int]] = {}
    with path.open("rb") as source:
        for _, raw in dpkt.pcap.Reader(source):
            try:
                frame = dpkt.ethernet.Ethernet(raw)
            except dpkt.UnpackError:
                continue
            inner = frame.data
            if isinstance(inner, dpkt.ip.IP) and isinstance(inner.data, (dpkt.tcp.TCP, dpkt.udp.UDP)):
                ends = sorted(((inner.src, inner.data.sport), (inner.dst, inner.data.dport)))
                counts = flows.setdefault((inner.p, *ends), [0, 0])
                counts[0] += 1
                counts[1] += inner.len
            yield b""


def with_nfstream(path: Path) -> Iterator[bytes]:
    """Flows of nfstream, without deep packet inspection, by one meter."""
    from nfstream import NFStreamer  # noqa: PLC0415 - each reader loads only its own library

    for _ in NFStreamer(source=str(path), n_dissections=0, statistical_analysis=False, n_meters=1):
        yield b""


def measure(name: str, path: Path) -> None:
    """Run one reader in this process and print what it cost."""
    readers = {"scapy": with_scapy, "dpkt": with_dpkt, "nfstream": with_nfstream, "citywatch": citywatch}
    reader = readers.get(name, judged)
    begun = time.process_time()
    lines = size = 0
    with Path(os.devnull).open("wb") as out:
        for line in reader(path):
            if line:
                out.write(line)
                lines += line.count(b"\n")
                size += len(line)
    own = time.process_time() - begun
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = own + children.ru_utime + children.ru_stime
    print(json.dumps({"cpu_s": round(cpu, 2), "events": lines, "bytes": size, "peak_mib": round(peak)}))


def main() -> None:
    """Make the mix, run each reader, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packets", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--only", choices=READERS)
    parser.add_argument("--scapy-packets", type=int, default=20_000, help="scapy is slow: give it a part")
    parser.add_argument("--measure", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure[0], Path(given.measure[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "mix.pcap", Path(folder) / "part.pcap"
        packets, size = make(whole, given.packets)
        few, _ = make(part, min(given.scapy_packets, given.packets), step=2)
        print(f"{packets} packets, {size / packets:.0f} bytes a packet")
        base = 0.0
        for name in READERS if given.only is None else (given.only,):
            path, count = (part, few) if name == "scapy" else (whole, packets)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", name, str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(f"{name:16} not measured: {done.stderr.strip().splitlines()[-1:]}")
                continue
            cost = json.loads(done.stdout)
            rate = count / cost["cpu_s"]
            base = base or (rate if name == "scapy" else 0.0)
            times = f"{rate / base:6.1f} x scapy" if base else ""
            print(f"{name:16} {rate:10,.0f} packets a CPU-second {times}  {cost}")


if __name__ == "__main__":
    main()
