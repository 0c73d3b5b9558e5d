"""Which packets does the kernel keep from us?

A small compiler from the filter language of tcpdump (its common part) to classic BPF, which the kernel runs
on every packet before it is copied. Known are `host`, `net`, `port`, `portrange` (each with `src` or `dst`),
`ether host`, `ip`, `ip6`, `arp`, `tcp`, `udp`, `sctp`, `icmp`, `icmp6`, `proto N`, `vlan [ID]`, `less`,
`greater`, joined by `and`, `or`, `not` and parentheses. As with tcpdump, ports of IPv6 are looked for right
behind the fixed header, and only the first fragment has ports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from citywatch.errors import SettingsError

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant: `struct sock_filter`."""

SNAP: Final = 262_144
MOST_INSTRUCTIONS: Final = 4096
_MOST_WORDS = 1000
_DEEPEST = 64

LD_W, LD_H, LD_B = 0x20, 0x28, 0x30
LD_LEN = 0x80
LDX_HEAD = 0xB1
"""X becomes four times the low half of a byte: the length of an IPv4 header."""
LDI_H = 0x48
AND_K = 0x54
JA, JEQ, JGT, JGE, JSET = 0x05, 0x15, 0x25, 0x35, 0x45
RET = 0x06
_AD_VLAN, _AD_VLAN_THERE = 0xFFFFF000 + 44, 0xFFFFF000 + 48
"""The kernel takes the outermost VLAN tag off before the filter sees the packet; here it can be asked for."""

_PROTOCOLS = {"tcp": (6, 6), "udp": (17, 17), "sctp": (132, 132), "icmp": (1, None), "icmp6": (None, 58)}
_ETHERTYPES = {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806}
_WITH_PORTS = (6, 17, 132)


@dataclass(frozen=True, slots=True)
class Check:
    """Load something, compare it."""

    load: tuple[tuple[int, int], ...]
    jump: int
    against: int


@dataclass(frozen=True, slots=True)
class Both:
    """Every part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Some part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Neither:
    """The part does not hold."""

    part: Tree


Tree = Check | Both | Either | Neither


def compile_filter(text: str, *, ethernet: bool = True) -> list[Instruction]:
    """The program for a filter; an empty filter keeps everything.

    Args:
        text: the filter.
        ethernet: packets begin with an Ethernet header, else with the IP header (tunnels, PPP).

    Raises:
        SettingsError: the filter is not understood; tells where.

    >>> compile_filter("")
    [(6, 0, 0, 262144)]
    >>> len(compile_filter("tcp port 80 and not host 10.0.0.1"))
    67
    """
    if not text.strip():
        return [(RET, 0, 0, SNAP)]
    program = _assemble(_Parser(text, 14 if ethernet else 0).tree())
    if len(program) > MOST_INSTRUCTIONS:
        raise SettingsError(
            f"filter: {len(program)} instructions, and the kernel takes {MOST_INSTRUCTIONS}; make it shorter"
        )
    return program


# -- parsing ---------------------------------------------------------------------------------------------

_WORD = re.compile(r"\s*([()!]|&&|\|\||[^\s()!&|]+)")


class _Parser:
    def __init__(self, text: str, base: int) -> None:
        self._text = text
        self._base = base
        self._words = self._split(text)
        self._at = 0
        self._depth = 0

    @staticmethod
    def _split(text: str) -> list[tuple[str, int]]:
        words: list[tuple[str, int]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _WORD.match(text, at)
            if found is None or len(words) >= _MOST_WORDS:
                raise _wrong(text, at, "this cannot be read" if found is None else "the filter is too long")
            words.append((found[1].lower(), found.start(1)))
            at = found.end()
        return words

    def tree(self) -> Tree:
        tree = self._any()
        if self._at < len(self._words):
            raise self._error("'and' or 'or' is wanted here")
        return tree

    def _peek(self) -> str:
        return self._words[self._at][0] if self._at < len(self._words) else ""

    def _next(self, wanted: str) -> str:
        word = self._peek()
        if not word:
            raise self._error(f"{wanted} is wanted at the end")
        self._at += 1
        return word

    def _error(self, what: str) -> SettingsError:
        at = self._words[self._at][1] if self._at < len(self._words) else len(self._text)
        return _wrong(self._text, at, what)

    def _any(self) -> Tree:
        parts = [self._both()]
        while self._peek() in {"or", "||"}:
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Tree:
        parts = [self._not()]
        while self._peek() in {"and", "&&"}:
            self._at += 1
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _not(self) -> Tree:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("too deeply nested")
        try:
            if self._peek() in {"not", "!"}:
                self._at += 1
                return Neither(self._not())
            if self._peek() == "(":
                self._at += 1
                inner = self._any()
                if self._next("')'") != ")":
                    self._at -= 1
                    raise self._error("')' is wanted here")
                return inner
            return self._primitive()
        finally:
            self._depth -= 1

    def _primitive(self) -> Tree:
        word = self._next("a condition")
        if word in _ETHERTYPES or word in _PROTOCOLS:
            kind = self._network(word)
            if self._peek() in {"src", "dst", "host", "net", "port", "portrange"}:
                return self._of_protocol(word, kind)
            return kind
        if word in {"src", "dst"}:
            return self._directed(word, self._next("'host', 'net', 'port' or an address"), None)
        return self._plain(word)

    def _of_protocol(self, word: str, kind: Tree) -> Tree:
        """`tcp port 80`, `ip host 10.0.0.1`: both hold."""
        side = self._peek() if self._peek() in {"src", "dst"} else ""
        self._at += bool(side)
        numbers = tuple(number for number in _PROTOCOLS.get(word, ()) if number) or None
        return Both((kind, self._directed(side, self._next("'host', 'net' or 'port'"), numbers)))

    def _plain(self, word: str) -> Tree:
        if word in {"host", "net", "port", "portrange"}:
            return self._directed("", word, None)
        if word == "vlan":
            return self._vlan()
        if word == "ether":
            return self._ether()
        if word == "proto":
            number = self._number("a protocol's number", 255)
            return Either((self._carries(number, None), self._carries(None, number)))
        if word in {"less", "greater"}:
            size = self._number("a length in bytes", 0xFFFF)
            long_enough = Check(((LD_LEN, 0),), JGE if word == "greater" else JGT, size)
            return long_enough if word == "greater" else Neither(long_enough)
        self._at -= 1
        raise self._error(f"'{word[:40]}' is no condition; known are host, net, port, portrange, tcp, udp …")

    def _directed(self, side: str, word: str, protocols: tuple[int, ...] | None) -> Tree:
        if word in {"port", "portrange"}:
            return self._port(side, *self._range(word), protocols or _WITH_PORTS)
        if word not in {"host", "net"}:
            self._at -= 1  # `src 10.0.0.1`
        return self._address(side)

    # -- what the words mean

    def _ethertype(self, kind: int) -> Tree:
        if self._base:
            return Check(((LD_H, self._base - 2),), JEQ, kind)
        version = {0x0800: 0x40, 0x86DD: 0x60}.get(kind, 0x100)
        return Check(((LD_B, 0), (AND_K, 0xF0)), JEQ, version)

    def _network(self, word: str) -> Tree:
        if word in _ETHERTYPES:
            return self._ethertype(_ETHERTYPES[word])
        four, six = _PROTOCOLS[word]
        parts = tuple(
            tree
            for tree in (
                self._carries(four, None) if four else None,
                self._carries(None, six) if six else None,
            )
            if tree is not None
        )
        return Either(parts)

    def _carries(self, four: int | None, six: int | None) -> Tree:
        """The IP packet carries this protocol."""
        if four is not None:
            return Both((self._ethertype(0x0800), Check(((LD_B, self._base + 9),), JEQ, four)))
        return Both((self._ethertype(0x86DD), Check(((LD_B, self._base + 6),), JEQ, six or 0)))

    def _address(self, side: str) -> Tree:
        word = self._next("an address")
        try:
            network = ip_network(word, strict=True)
        except ValueError:
            self._at -= 1
            what = f"'{word[:60]}' is neither an address nor a network (10.0.0.0/8, 2001:db8::/32)"
            raise self._error(what) from None
        if isinstance(network, IPv4Network):
            return self._four(side, network)
        return self._six(side, network)

    def _four(self, side: str, network: IPv4Network) -> Tree:
        against = int(network.network_address)

        def at(places: dict[str, int]) -> Tree:
            wanted = [places[side]] if side else list(places.values())
            mask = ((AND_K, int(network.netmask)),) if network.prefixlen < 32 else ()
            return Either(tuple(Check(((LD_W, place), *mask), JEQ, against) for place in wanted))

        base = self._base
        in_ip = Both((self._ethertype(0x0800), at({"src": base + 12, "dst": base + 16})))
        if not base:
            return in_ip
        return Either((in_ip, Both((self._ethertype(0x0806), at({"src": base + 14, "dst": base + 24})))))

    def _six(self, side: str, network: IPv6Network) -> Tree:
        address, mask = network.network_address.packed, network.netmask.packed

        def at(place: int) -> Tree:
            words: list[Tree] = []
            for part in range(0, 16, 4):
                bits = int.from_bytes(mask[part : part + 4], "big")
                if bits:
                    cut = ((AND_K, bits),) if bits != 0xFFFFFFFF else ()
                    want = int.from_bytes(address[part : part + 4], "big")
                    words.append(Check(((LD_W, place + part), *cut), JEQ, want))
            return Both(tuple(words))

        places = {"src": self._base + 8, "dst": self._base + 24}
        wanted = [places[side]] if side else list(places.values())
        return Both((self._ethertype(0x86DD), Either(tuple(at(place) for place in wanted))))

    def _port(self, side: str, low: int, high: int, protocols: tuple[int, ...]) -> Tree:
        base = self._base
        places = {"src": 0, "dst": 2}
        wanted = [places[side]] if side else list(places.values())

        def within(load: tuple[tuple[int, int], ...]) -> Tree:
            if low == high:
                return Check(load, JEQ, low)
            return Both((Check(load, JGE, low), Neither(Check(load, JGT, high))))

        def behind(load: Callable[[int], tuple[tuple[int, int], ...]]) -> Tree:
            return Either(tuple(within(load(place)) for place in wanted))

        four = Both(
            (
                self._ethertype(0x0800),
                Either(tuple(Check(((LD_B, base + 9),), JEQ, number) for number in protocols)),
                Neither(Check(((LD_H, base + 6),), JSET, 0x1FFF)),
                behind(lambda place: ((LDX_HEAD, base), (LDI_H, base + place))),
            )
        )
        six = Both(
            (
                self._ethertype(0x86DD),
                Either(tuple(Check(((LD_B, base + 6),), JEQ, number) for number in protocols)),
                behind(lambda place: ((LD_H, base + 40 + place),)),
            )
        )
        return Either((four, six))

    def _number(self, what: str, most: int) -> int:
        word = self._next(what)
        if not re.fullmatch(r"[0-9]{1,6}", word) or int(word) > most:
            self._at -= 1
            raise self._error(f"{what} is wanted here, at most {most}")
        return int(word)

    def _range(self, word: str) -> tuple[int, int]:
        if word == "port":
            port = self._number("a port", 0xFFFF)
            return port, port
        given = self._next("two ports with '-' between")
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", given)
        if found is None or not int(found[1]) <= int(found[2]) <= 0xFFFF:
            self._at -= 1
            raise self._error("two ports with '-' between are wanted here (6000-6008)")
        return int(found[1]), int(found[2])

    def _vlan(self) -> Tree:
        there = Check(((LD_B, _AD_VLAN_THERE),), JEQ, 1)
        if not self._peek().isdecimal():
            return there
        number = self._number("a VLAN's number", 4094)
        return Both((there, Check(((LD_H, _AD_VLAN), (AND_K, 0x0FFF)), JEQ, number)))

    def _ether(self) -> Tree:
        side = self._next("'host', 'src' or 'dst'")
        word = self._next("a hardware address")
        if word == "host" and side in {"src", "dst"}:
            word = self._next("a hardware address")
        if side not in {"host", "src", "dst"} or not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", word):
            self._at -= 1
            raise self._error("a hardware address is wanted here (ether host 02:00:5e:10:00:01)")
        if not self._base:
            self._at -= 1
            raise self._error("this interface has no hardware addresses")
        raw = bytes.fromhex(word.replace(":", ""))
        high, low = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[2:], "big")

        def at(place: int) -> Tree:
            return Both((Check(((LD_W, place + 2),), JEQ, low), Check(((LD_H, place),), JEQ, high)))

        return Either(tuple(at(place) for name, place in (("src", 6), ("dst", 0)) if side in {"host", name}))


def _wrong(text: str, at: int, what: str) -> SettingsError:
    return SettingsError(f"filter, character {at + 1}, at '{text[at : at + 30]}': {what}")


# -- making the program ----------------------------------------------------------------------------------


class _Label:
    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = -1


def _assemble(tree: Tree) -> list[Instruction]:
    """Straight code, every jump forward and by its long form, so that no distance is too far."""
    code: list[tuple[int, int, int, int | _Label]] = []
    keep, drop = _Label(), _Label()
    _emit(tree, keep, drop, keep, code)
    keep.at = len(code)
    code.append((RET, 0, 0, SNAP))
    drop.at = len(code)
    code.append((RET, 0, 0, 0))
    return [
        (op, yes, no, value.at - place - 1 if isinstance(value, _Label) else value)
        for place, (op, yes, no, value) in enumerate(code)
    ]


def _emit(
    tree: Tree, yes: _Label, no: _Label, after: _Label, code: list[tuple[int, int, int, int | _Label]]
) -> None:
    """Write a tree down; `after` is the label that will stand right behind it."""
    if isinstance(tree, Check):
        code.extend((op, 0, 0, value) for op, value in tree.load)
        if after is yes:
            code.extend(((tree.jump, 1, 0, tree.against), (JA, 0, 0, no)))
        else:
            code.extend(((tree.jump, 0, 1, tree.against), (JA, 0, 0, yes)))
            if after is not no:
                code.append((JA, 0, 0, no))
    elif isinstance(tree, Neither):
        _emit(tree.part, no, yes, after, code)
    else:
        _emit_parts(tree.parts, isinstance(tree, Both), (yes, no, after), code)


def _emit_parts(
    parts: Sequence[Tree],
    both: bool,
    labels: tuple[_Label, _Label, _Label],
    code: list[tuple[int, int, int, int | _Label]],
) -> None:
    yes, no, after = labels
    if not parts:  # no word of an address to compare: `net ::/0`
        code.append((JA, 0, 0, yes if both else no))
        return
    for part in parts[:-1]:
        following = _Label()
        _emit(part, following if both else yes, no if both else following, following, code)
        following.at = len(code)
    _emit(parts[-1], yes, no, after, code)
