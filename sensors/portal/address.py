"""May a stranger's URL lead us to this address?

Asked with the address that a socket is about to connect to, never with a name: a name may resolve to
something else a moment later (DNS rebinding). `ipaddress.is_global` alone lets too much through.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_REFUSED_4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",  # the host's own service in a large cloud
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_REFUSED_6 = tuple(
    ip_network(text)
    for text in ("::/96", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "fc00::/7", "fec0::/10", "ff00::/8")
)
_NAT64 = ip_network("64:ff9b::/96")


def embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries inside (mapped, 6to4, Teredo, NAT64).

    >>> embedded(IPv6Address("::ffff:127.0.0.1"))
    [IPv4Address('127.0.0.1')]
    """
    inside = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        inside.extend(address.teredo)
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [item for item in inside if item is not None]


def may_connect(text: str, *, allow_loopback: bool = False) -> bool:
    """True when strangers' URLs may reach this address.

    Args:
        text: an address as a socket knows it; an IPv6 zone is allowed and refused.
        allow_loopback: for test portals; opens 127.0.0.0/8 and ::1 and nothing else.

    >>> may_connect("8.8.8.8"), may_connect("169.254.169.254"), may_connect("::ffff:10.0.0.1")
    (True, False, False)
    >>> may_connect("127.0.0.1"), may_connect("127.0.0.1", allow_loopback=True)
    (False, True)
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inside = embedded(address)
        if address.ipv4_mapped is not None:
            return _may_connect_4(address.ipv4_mapped, allow_loopback=allow_loopback)
        if not all(_may_connect_4(item, allow_loopback=False) for item in inside):
            return False
        if address.is_loopback:
            return allow_loopback
        return address in _NAT64 or _is_open(address)
    return _may_connect_4(address, allow_loopback=allow_loopback)


def _may_connect_4(address: IPv4Address, *, allow_loopback: bool) -> bool:
    if address.is_loopback:
        return allow_loopback
    return _is_open(address)


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    ranges = _REFUSED_4 if isinstance(address, IPv4Address) else _REFUSED_6
    special = address.is_multicast or address.is_link_local or address.is_private or address.is_reserved
    return address.is_global and not special and not any(address in item for item in ranges)
