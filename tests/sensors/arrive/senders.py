"""How does a test send to a receiver, and wait for what it did?"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from sensors.arrive.place import Kind, Limits, endpoint
from sensors.arrive.receiver import Receiver


def eventually(check: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


@contextmanager
def receiving(
    kind: Kind = "tcp", limits: Limits | None = None, tls: ssl.SSLContext | None = None, *, text: bool = True
) -> Generator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver([endpoint(kind, "127.0.0.1:0")], limits or Limits(), tls=tls, text=text)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop_reading()


def port_of(receiver: Receiver) -> int:
    return int(receiver.endpoints[0].rpartition(":")[2])


def connect(receiver: Receiver, source: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of this machine."""
    return socket.create_connection(("127.0.0.1", port_of(receiver)), timeout=10, source_address=(source, 0))


def datagrams(receiver: Receiver, messages: list[bytes], source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        for message in messages:
            sender.sendto(message, ("127.0.0.1", port_of(receiver)))


def take(receiver: Receiver, number: int) -> list[bytes]:
    """So many messages, once they are there."""
    eventually(lambda: receiver.waiting >= number, f"{number} messages")
    found = receiver.take(number + 1)
    receiver.done(len(found))
    return [message.data for message in found]
