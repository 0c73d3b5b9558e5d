"""Is this text an address, a domain, a URL, a hash, a fingerprint or an e-mail address, and which one?

Warnings write indicators so that nobody clicks them (`hxxp`, `[.]`, `(at)`): `refang` undoes that. What would
match half the city (private addresses, `gov.vn`, a whole `/4`) is refused, with the reason.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

import tldextract

TYPES = ("ip", "network", "domain", "url", "md5", "sha1", "sha256", "ja3", "ja4", "email")

_DOTS = re.compile(r"\s?[\[({]\s?(?:\.|dot|d0t|chấm)\s?[\])}]\s?|\\\.|\s\[?dot\]?\s", re.IGNORECASE)
_ATS = re.compile(r"\s?[\[({]\s?(?:@|at|a còng)\s?[\])}]\s?", re.IGNORECASE)
_COLONS = re.compile(r"\[\s?(:|://)\s?\]")
_SCHEME = re.compile(r"\b(?:h[xX*]{2}p|hXXp|hxtp|htxp|meow)(s?)(?=\s?\[?:)", re.IGNORECASE)
_SLASHES = re.compile(r"\[\s?/\s?\]")
_DOMAIN = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_HEX = {32: "md5", 40: "sha1", 64: "sha256"}
_JA4 = re.compile(r"[tqd][0-9s][0-9a-z][di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(.{4,253})")
MOST_URL = 2048
_WIDEST = {4: 9, 6: 20}
"""Networks wider than this prefix are a mistake."""


class NotAnIndicator(ValueError):  # noqa: N818 - it is an answer, not a failure
    """The text cannot be an indicator; the message says why."""


def refang(text: str) -> str:
    """Undo what makes an indicator unclickable.

    >>> refang("hxxps[:]//evil[.]example(.)com[/]a")
    'https://evil.example.com/a'
    >>> refang("boss[at]evil[dot]example")
    'boss@evil.example'
    """
    text = _DOTS.sub(".", text)
    text = _ATS.sub("@", text)
    text = _SCHEME.sub(r"http\1", text)
    text = _SLASHES.sub("/", text)
    return _COLONS.sub(r"\1", text)


def is_defanged(text: str) -> bool:
    """Somebody took care that this is not clicked.

    >>> is_defanged("1[.]2.3.4"), is_defanged("1.2.3.4")
    (True, False)
    """
    return refang(text) != text


def guess(text: str) -> tuple[str, str]:
    """Type and normal form of an indicator.

    >>> guess("198.51.100[.]7"), guess("Evil.Example.COM.")
    (('ip', '198.51.100.7'), ('domain', 'evil.example.com'))
    >>> guess("44D88612FEA8A8F36DE82E1278ABB02F")
    ('md5', '44d88612fea8a8f36de82e1278abb02f')

    Raises:
        NotAnIndicator: it is none.
    """
    text = refang(text.strip().strip("\"'<>,;")).strip()
    low = text.lower()
    if "://" not in text:
        if len(low) in _HEX and re.fullmatch(r"[0-9a-f]+", low):
            return _HEX[len(low)], normal(_HEX[len(low)], low)
        if _JA4.fullmatch(low):
            return "ja4", low
        if "@" in text:
            return "email", normal("email", text)
    return _place(text)


def _place(text: str) -> tuple[str, str]:
    """An address, network, domain or URL."""
    if "://" in text:
        return "url", normal("url", text)
    host, slash, rest = text.partition("/")
    if slash:
        is_network = _is_address(host) and rest.isdigit()
        return _network(text) if is_network else ("url", normal("url", "http://" + text))
    if _is_address(host):
        return "ip", _address(host)
    port = re.fullmatch(r"([^:]+):([0-9]{1,5})", text)
    return _place(port[1]) if port else ("domain", _domain(text))


def normal(kind: str, text: str) -> str:
    """The normal form in which indicators and events are compared.

    >>> normal("url", "HTTP://Evil.example.com:80/A?b#c")
    'evil.example.com/a?b'

    Raises:
        NotAnIndicator: it is none of this type, or would match too much.
    """
    check = _NORMAL.get(kind)
    if check is None:
        raise NotAnIndicator(f"is of type '{kind}', which is not known; known: {', '.join(TYPES)}")
    return check(refang(text.strip()))


def _hash(kind: str, length: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        low = text.lower()
        if len(low) != length or not re.fullmatch(r"[0-9a-f]+", low):
            raise NotAnIndicator(f"is not {kind}: {length} hexadecimal digits are needed")
        if len(set(low)) == 1 or low in _EMPTY:
            raise NotAnIndicator("is the hash of nothing, or a placeholder")
        return low

    return check


def _ja4(text: str) -> str:
    if not _JA4.fullmatch(text.lower()):
        raise NotAnIndicator("is not a JA4 fingerprint")
    return text.lower()


def _email(text: str) -> str:
    low = text.lower().removeprefix("mailto:")
    found = _EMAIL.fullmatch(low)
    if found is None:
        raise NotAnIndicator("is not an e-mail address")
    _domain(found[1], suffix_too=False)
    return low


_EMPTY = frozenset({
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
})  # fmt: skip


def url_key(text: str) -> str:
    """The form in which URLs of events are compared: lower case, no scheme, no fragment, no standard port."""
    parts = urlsplit(text[:MOST_URL])
    host = (parts.hostname or "").rstrip(".")
    port = parts.port
    if port and port not in {80, 443}:
        host = f"{host}:{port}"
    return (f"{host}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")).lower()


def _url(text: str) -> str:
    if len(text) > MOST_URL:
        raise NotAnIndicator(f"is longer than {MOST_URL} characters")
    try:
        parts = urlsplit(text if "://" in text else "http://" + text)
        key = url_key(parts.geturl())
        host = parts.hostname or ""
    except ValueError as error:
        raise NotAnIndicator(f"is not a URL: {error}") from error
    if not host or any(letter.isspace() for letter in key):
        raise NotAnIndicator("is not a URL")
    if _is_address(host):
        _address(host)
    else:
        _domain(host, suffix_too=False)
    return key


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise NotAnIndicator("is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not _outside(address):
        raise NotAnIndicator("is a private, reserved or multicast address: it would match your own machines")
    return str(address)


def _outside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Documentation networks count as outside: exercises use them."""
    if any(address in network for network in _EXERCISE if network.version == address.version):
        return True
    return address.is_global and not address.is_multicast


_EXERCISE = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


def _network(text: str) -> tuple[str, str]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotAnIndicator("is not a network in CIDR form") from None
    if network.prefixlen == network.max_prefixlen:
        return "ip", _address(str(network.network_address))
    if network.prefixlen < _WIDEST[network.version]:
        raise NotAnIndicator(f"is far too wide: /{network.prefixlen}")
    if not (_outside(network.network_address) and _outside(network.broadcast_address)):
        raise NotAnIndicator("holds private or reserved addresses: it would match your own machines")
    return "network", str(network)


def _domain(text: str, *, suffix_too: bool = True) -> str:
    low = text.lower().strip(".").removeprefix("*.")
    if not low.isascii():
        try:
            low = low.encode("idna").decode("ascii")
        except UnicodeError:
            raise NotAnIndicator("is not a domain") from None
    if not _DOMAIN.fullmatch(low):
        raise NotAnIndicator("is not a domain")
    parts = _extract()(low, include_psl_private_domains=False)
    if not parts.suffix and low.rpartition(".")[2] not in {"example", "test", "invalid", "onion", "bit"}:
        raise NotAnIndicator(f"is not a domain: there is no '.{low.rpartition('.')[2]}'")
    if suffix_too and parts.suffix == low:
        raise NotAnIndicator("is a whole public suffix: it would match every site below it")
    return low


@cache
def _extract() -> tldextract.TLDExtract:
    """The public suffix list that came with the library: nothing is fetched."""
    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)


_NORMAL: dict[str, Callable[[str], str]] = {
    "ip": _address,
    "network": lambda text: _network(text)[1],
    "domain": _domain,
    "url": _url,
    "email": _email,
    "ja3": _hash("ja3", 32),
    "ja4": _ja4,
    **{name: _hash(name, length) for length, name in _HEX.items()},
}
