"""Does a host claim what is not its own?

Two things give a false ARP answer away: a host asks for an address that it says it has itself (it needs the
real owner to pass things on), and an address that goes back and forth between a host and another one that
also has an address of its own. Virtual routers (VRRP, HSRP, GLBP) share addresses by design. For DHCP: a
second server whose offers for the same network name another router or resolver than the first one's.
"""

from __future__ import annotations

from collections import deque

from citywatch.model import Event

_MOST = 16_384
_MOST_ADDRESSES = 64
_TURNS = 3
_TURN_US = 600_000_000
_SHARED = (
    "00:00:5e:00:01:",
    "00:00:5e:00:02:",
    "00:00:0c:07:ac:",
    "00:00:0c:9f:f",
    "00:05:73:a0:",
    "00:07:b4:00:",
)
_OFFERS = {"offer", "ack"}
_MOST_SERVERS = 256


class Claims:
    """Remembers which hardware address claimed and asked for which addresses."""

    __slots__ = ("_asked", "_claimed", "_turns")

    def __init__(self) -> None:
        self._asked: dict[str, set[str]] = {}
        self._claimed: dict[str, set[str]] = {}
        self._turns: dict[str, deque[int]] = {}

    def judge(self, us: int, sender: str, mac: str, target: str, before: str) -> list[str]:
        """Take an ARP packet that names its sender; give the signs that the claim is false."""
        if mac.startswith(_SHARED):
            return []
        claimed, asked = _of(self._claimed, mac), _of(self._asked, mac)
        _put(claimed, sender)
        if sender != target:
            _put(asked, target)
        signs: list[str] = []
        if claimed & asked and len(claimed) > 1:
            signs.append("claims_what_it_asks_for")
        if before and not before.startswith(_SHARED):
            turns = self._turns.get(sender)
            if turns is None:
                _bound(self._turns)
                turns = self._turns[sender] = deque(maxlen=_TURNS)
            turns.append(us)
            if len(turns) == _TURNS and us - turns[0] <= _TURN_US and len(claimed) > 1:
                signs.append("takes_turns")
        return signs


class Servers:
    """Remembers what each DHCP server hands out, by network."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, dict[str, tuple[str, ...]]] = {}

    def judge(self, event: Event) -> list[str]:
        """Take an answer; give the servers known before that hand out another router or resolver."""
        server, assigned = event.get("citywatch.dhcp.server_ip"), event.get("citywatch.dhcp.assigned_ip")
        if event.get("citywatch.dhcp.type") not in _OFFERS or not server or not assigned:
            return []
        network = str(assigned).rpartition(".")[0]
        if network not in self._known:
            _bound(self._known)
            self._known[network] = {}
        servers = self._known[network]
        routers = tuple(event.get("citywatch.dhcp.router_ip", ()))
        given = (*routers, "|", *event.get("citywatch.dhcp.dns_ip", ()))
        if server not in servers and len(servers) < _MOST_SERVERS:
            servers[str(server)] = given
        order = list(servers)
        earlier = order[: order.index(str(server))] if server in servers else order
        return [other for other in earlier if servers[other] != given]


def _of(table: dict[str, set[str]], mac: str) -> set[str]:
    found = table.get(mac)
    if found is None:
        _bound(table)
        found = table[mac] = set()
    return found


def _put(addresses: set[str], address: str) -> None:
    if len(addresses) < _MOST_ADDRESSES:
        addresses.add(address)


def _bound(
    table: dict[str, set[str]] | dict[str, deque[int]] | dict[str, dict[str, tuple[str, ...]]],
) -> None:
    if len(table) >= _MOST:
        del table[next(iter(table))]
