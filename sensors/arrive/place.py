"""Where is listened, how much may strangers ask for, and what became of what they sent?"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from citywatch.errors import SettingsError

Kind = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where is listened."""

    kind: Kind
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind} {host}:{self.port}"


def endpoint(kind: Kind, text: str) -> Endpoint:
    """Read `0.0.0.0:514` or `[::]:514`.

    >>> str(endpoint("udp", "[::]:514"))
    'udp [::]:514'

    Raises:
        SettingsError: it is no address with a port.
    """
    host, _, number = text.strip().rpartition(":")
    host = host.strip("[]")
    try:
        ip_address(host)
        known = number.isascii() and number.isdigit() and int(number) < 65_536  # noqa: PLR2004 - the last port
    except ValueError:
        known = False
    if not known:
        raise SettingsError(
            f"[listen] '{text}': write an address of this machine and a port: 0.0.0.0:514, [::]:514"
        )
    return Endpoint(kind=kind, host=host, port=int(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much strangers may ask for."""

    allowed: tuple[str, ...] = ()
    """Networks that may send; empty: all."""
    longest: int = 65_536
    most_held: int = 20_000
    most_held_bytes: int = 64 << 20
    most_connections: int = 512
    most_per_sender: int = 32
    open_s: float = 60.0
    """A message that has begun must end within this time."""
    idle_s: float = 3600.0
    receive_mib: int = 16
    """Memory of the kernel for datagrams that wait, for each socket."""


@dataclass(slots=True)
class Counts:
    """What became of what arrived at one endpoint."""

    messages: int = 0
    refused: int = 0
    """Datagrams and connections of senders that are not allowed."""
    too_many: int = 0
    """Connections over the bound."""
    too_long: int = 0
    """Messages that were cut to `longest`."""
    cut_off: int = 0
    """Counted messages that broke off with their connection."""
    too_slow: int = 0
    """Connections that were closed because a message did not end, or nothing came for long."""
    no_handshake: int = 0
    """Connections that did not get as far as TLS with a certificate that is accepted."""
    kernel_dropped: int = 0
    connections: int = 0
    """Open now."""


_BOUNDS = (
    *("longest", "most_held", "most_held_bytes", "most_connections", "most_per_sender"),
    *("open_s", "idle_s", "receive_mib"),
)


def check(limits: Limits) -> None:
    """See that limits can be kept to.

    Raises:
        SettingsError: a network is none, or a bound leaves room for nothing.
    """
    networks(limits.allowed)
    for name in _BOUNDS:
        if getattr(limits, name) <= 0:
            raise SettingsError(f"[listen] {name} = {getattr(limits, name)}: give a number over 0")


def networks(texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks in CIDR form.

    Raises:
        SettingsError: one is none.
    """
    try:
        return tuple(ip_network(text.strip(), strict=False) for text in texts)
    except ValueError as error:
        raise SettingsError(f"[listen] allowed: {error}") from error


def tls_context(certificate: str, key: str, client_ca: str = "") -> ssl.SSLContext:
    """What a TLS endpoint shows, and whom it believes (RFC 5425).

    With `client_ca` only senders with a certificate of that authority.

    Raises:
        SettingsError: a file is missing or is not what it should be.
    """
    if not certificate:
        raise SettingsError("[listen] syslog_tls needs certificate (and key): a PEM file each")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    file = certificate
    try:
        context.load_cert_chain(certificate, key or None)
        if client_ca:
            file = client_ca
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise SettingsError(f"[listen] {file}: {error.strerror or error}") from error
    return context
