"""Where do our connections lead, and which certificates are shown on them?

Sockets are opened and handshakes made in callbacks that inherit the context of the fetch; what they see goes
into the `Box` of its conversation. The address is checked when the socket is opened, never by name.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from citywatch.errors import RefusedAddress
from sensors.portal.address import may_connect

_DER = 2
"""`ENCODING_DER` of the ssl module's C part."""
_MOST_CERTIFICATES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What was shown in one handshake."""

    certificate: bytes
    version: str
    cipher: str
    chain: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Box:
    """What the sockets and handshakes of one conversation saw."""

    allow_loopback: bool
    proxied: bool = False
    """Sockets lead to the operator's own proxy, wherever that is."""
    address: str = ""
    """Connected to last."""
    refused: str = ""
    handshakes: dict[str, Handshake] = field(default_factory=dict[str, Handshake])


BOX: ContextVar[Box] = ContextVar("BOX")


class _Watched(ssl.SSLObject):
    """Keeps the peer's certificates: aiohttp gives a connection back before anyone could ask for them."""

    def do_handshake(self) -> None:
        super().do_handshake()
        cipher = self.cipher()
        BOX.get().handshakes[self.server_hostname or ""] = Handshake(
            certificate=self.getpeercert(binary_form=True) or b"",
            version=self.version() or "",
            cipher=cipher[0] if cipher else "",
            chain=self._chain(),
        )

    def _chain(self) -> tuple[bytes, ...]:
        """Everything that was sent, unverified: public from Python 3.13 on, there by the same name before."""
        inner: Any = getattr(self, "_sslobj", None)
        ask: Callable[[], list[Any] | None] | None = getattr(inner, "get_unverified_chain", None)
        shown = (ask() or [])[:_MOST_CERTIFICATES] if ask is not None else []
        return tuple(bytes(item.public_bytes(_DER)) for item in shown)


def open_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """Open a socket to an address that a portal may have.

    Raises:
        RefusedAddress: it may not be connected to.
    """
    family, kind, protocol, _, place = addr_info
    box, address = BOX.get(), str(place[0])
    if not box.proxied and not may_connect(address, allow_loopback=box.allow_loopback):
        box.refused = address
        raise RefusedAddress(f"{address} is not an address that a portal may have")
    box.address = address
    return socket.socket(family=family, type=kind, proto=protocol)


@cache
def strict(ca_file: str) -> ssl.SSLContext:
    """Holds a portal's certificate to what browsers ask of it."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.sslobject_class = _Watched
    return context


@cache
def lax() -> ssl.SSLContext:
    """Looks at a portal whose certificate or protocol is bad; nothing secret is ever sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.sslobject_class = _Watched
    return context
