"""How does an outlet send over HTTP without being led where it must not go?

The address is checked on the socket that is connected, so a name that resolves differently a moment later
changes nothing; redirects are not followed; the answer is read up to a bound.
"""

from __future__ import annotations

import hmac
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from citywatch.errors import RefusedAddress

ANSWER: Final = 256 * 1024
_NEVER = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.0/24"),
        *("192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3"),
        *("::/96", "64:ff9b::/32", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("fe80::/10", "fec0::/10", "ff00::/8"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where an outlet may connect, how long it waits, and whom it trusts."""

    allow_private: bool = False
    allow_loopback: bool = False
    timeout_s: float = 15.0
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class NotSent(OSError):  # noqa: N818 - what is known of the sending
    """It was not sent: the receiver has seen nothing of it."""


def may_reach(text: str, reach: Reach) -> bool:
    """An outlet may connect to this address.

    >>> may_reach("8.8.8.8", Reach()), may_reach("10.0.0.1", Reach()), may_reach("169.254.169.254", Reach())
    (True, False, False)
    >>> may_reach("::ffff:127.0.0.1", Reach()), may_reach("127.0.0.1", Reach(allow_loopback=True))
    (False, True)
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return reach.allow_loopback
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global or (reach.allow_private and _is_private(address))


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    return address.is_private and not (
        address.is_link_local or address.is_multicast or address.is_unspecified
    )


def send(url: str, body: bytes, headers: Mapping[str, str], reach: Reach, method: str = "POST") -> Answer:
    """Send one request and read its answer.

    Raises:
        NotSent: it could not be sent (no connection, refused address, wrong certificate, wrong URL).
        OSError: it was sent, wholly or in part, and no answer came.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise NotSent(f"'{url[:200]}' is not an http or https URL")
    try:
        connection = _connected(parts, host, reach)
    except NotSent:
        raise
    except (OSError, ValueError) as error:
        raise NotSent(f"no connection to {host}: {error}") from error
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Answer(status=response.status, body=response.read(ANSWER))
    except http.client.HTTPException as error:
        raise OSError(f"{host} gave no proper answer: {type(error).__name__}") from error
    finally:
        connection.close()


def _connected(parts: SplitResult, host: str, reach: Reach) -> http.client.HTTPConnection:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    plain = _socket(host, port, reach)
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=reach.timeout_s)
        connection.sock = plain
        return connection
    context = ssl.create_default_context(cafile=reach.ca_file or None)
    try:
        wrapped = context.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise
    secure = http.client.HTTPSConnection(host, port, timeout=reach.timeout_s, context=context)
    secure.sock = wrapped
    return secure


def _socket(host: str, port: int, reach: Reach) -> socket.socket:
    """A socket connected to the first address that may be reached and answers."""
    last: OSError = NotSent(f"{host} has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not may_reach(str(place[0]), reach):
            last = RefusedAddress(f"{place[0]} is not an address that an outlet may reach")
            continue
        made = socket.socket(family, kind, protocol)
        made.settimeout(reach.timeout_s)
        try:
            made.connect(place)
        except OSError as error:
            made.close()
            last = error
            continue
        return made
    raise last


def signature(secret: str, body: bytes) -> str:
    """What a receiver compares: HMAC-SHA-256 of the body.

    >>> signature("s", b"{}")
    'sha256=143ca8d517ba1b181025d732b1cf275d90104fca57bb02a565542978aa18c4b6'
    """
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()
