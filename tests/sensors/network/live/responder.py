"""Answers ARP for an address that is not its own, and DHCP as two servers: run in a namespace by a test.

`python responder.py IFACE ADDRESS MAC`; writes `ready` once it listens.
"""

from __future__ import annotations

import socket
import struct
import sys


def arp_reply(frame: bytes, address: bytes, mac: bytes) -> bytes:
    asker, asker_ip = frame[22:28], frame[28:32]
    head = asker + mac + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2)
    return head + mac + address + asker + asker_ip


def offer(request: bytes, server: bytes, mac: bytes) -> bytes:
    """A DHCP offer (RFC 2131) to the request that begins behind IP and UDP."""
    number, client = request[4:8], request[28:44]
    lease = b"\x02\x01\x06\x00" + number + bytes(4) + bytes(4) + server[:3] + b"\x64" + server + bytes(4)
    lease += client + bytes(192) + b"\x63\x82\x53\x63"
    lease += b"\x35\x01\x02" + b"\x36\x04" + server + b"\x03\x04" + server + b"\x06\x04" + server + b"\xff"
    datagram = struct.pack(">HHHH", 67, 68, 8 + len(lease), 0) + lease
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0) + server + b"\xff" * 4
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + head + datagram


def main() -> None:
    interface, address, mac = sys.argv[1], socket.inet_aton(sys.argv[2]), bytes.fromhex(sys.argv[3])
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind((interface, 3))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        frame = link.recv(65535)
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x01" and frame[38:42] == address:
            link.send(arp_reply(frame, address, mac))
        elif frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\0\x43":
            link.send(offer(frame[42:], address, mac))
            link.send(offer(frame[42:], address[:3] + b"\x42", mac))


if __name__ == "__main__":
    main()
