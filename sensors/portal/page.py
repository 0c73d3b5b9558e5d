"""What does a page show, link, run and hide?

Parsed once, bounded in nodes, depth and lengths: the tree builder takes quadratic time on deep nesting, so
`guard` cuts the source before it is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urljoin, urlsplit

import tldextract

_MAX_TAGS = 120_000
_MAX_OPEN = 400
_LONG_TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']++|"[^"]*+"|'[^']*+'|["'<])*+""")
_FLOOD = 600
"""So many attributes, and the parser's search for doubles takes long: such a tag loses them."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_NOT_NESTING = frozenset(
    {
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dt",
        "dd",
        "option",
        "optgroup",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "rp",
        "rt",
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "html",
        "head",
        "body",
    }
)
_ROOTED = re.compile(r"/(?!/)[A-Za-z0-9_/%+,=&~-]*(?:\.[A-Za-z0-9]+)?(?:\?[A-Za-z0-9_./%+,=&~-]+)?")
"""A path from the root that joining leaves as it is: no dot segment, no `;`, no empty query."""
_PLAIN_URL = re.compile(rf"https?://[a-z0-9.-]+(?::\d+)?{_ROOTED.pattern}")
_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)(?::\d{1,5})?(?=[/?#]|\Z)")
_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run of text in one block of the page. `hidden` says how it is kept from sight, if it is."""

    place: str
    text: str
    key: str
    """Hash of the text's steady form."""
    hidden: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An anchor with its absolute URL; `domain` is empty within the portal's own domain."""

    url: str
    domain: str
    text: str
    hidden: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script by URL, or inline by the hash of its text with numbers and long tokens taken out."""

    url: str
    domain: str
    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An iframe, frame, object or embed."""

    url: str
    domain: str
    hidden: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form and where it sends what people type."""

    target: str
    domain: str
    secret: bool
    """Has a password field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture by its URL."""

    url: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One parsed page."""

    url: str
    title: str
    language: str
    encoding: str
    blocks: tuple[Block, ...]
    links: tuple[Link, ...]
    scripts: tuple[Script, ...]
    frames: tuple[Frame, ...]
    forms: tuple[Form, ...]
    images: tuple[Image, ...]
    styles: tuple[str, ...]
    comments: tuple[str, ...]
    metas: tuple[tuple[str, str], ...]
    """Name and content of meta elements: description, keywords, generator …"""
    refresh: str
    """Where a meta refresh leads, absolute; empty when to itself."""
    refresh_domain: str
    handlers: tuple[str, ...]
    """Inline event handlers such as `onload`, start of each."""
    effects: tuple[str, ...]
    """What styles and attributes do to what is seen; see `effect`."""
    nodes: int
    cut: str
    """Why the page was not read to its end: too_many_tags, too_deep …"""
    source: str
    """The text that was parsed."""

    @property
    def text(self) -> str:
        """The visible text, a block a line."""
        return "\n".join(block.text for block in self.blocks if not block.hidden)


@lru_cache(maxsize=20_000)
def registered_domain(host: str) -> str:
    """The registrable part of a host name; an address is its own.

    >>> registered_domain("www.hanoi.gov.vn")
    'hanoi.gov.vn'
    >>> registered_domain("127.0.0.1")
    '127.0.0.1'
    """
    name = host.strip(".").lower()[:255]
    found = _suffixes.extract_str(name)
    return found.top_domain_under_public_suffix or name


def absolute(base: str, target: str) -> str:
    """Join a target to its page, never raising; at most 2,000 characters."""
    target = target.strip()[:2000]
    if _PLAIN_URL.fullmatch(target):
        return target
    if _ROOTED.fullmatch(target):
        front = _front(base)
        if front:
            return f"{front}{target}"[:2000]
    try:
        return urljoin(base, target)[:2000]
    except ValueError:
        return target


@lru_cache(maxsize=1_000)
def _front(base: str) -> str:
    """Scheme and host of a page's URL, or nothing where joining is not that simple."""
    found = _HOST.match(base)
    return found.group(0) if found is not None and base.isascii() and base.isprintable() else ""


def domain_of(url: str) -> str:
    """The registered domain that a URL names, or nothing.

    >>> domain_of("https://cdn.example.com.vn/a.js")
    'example.com.vn'
    >>> domain_of("javascript:void(0)")
    ''
    """
    plain = _HOST.match(url)
    if plain is not None and url.isascii() and url.isprintable():
        return registered_domain(plain.group(1).lower())
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in {"http", "https", "ftp", "ws", "wss"} else None
    except ValueError:
        return ""
    return registered_domain(host) if host else ""


def _without_flood(found: re.Match[str]) -> str:
    tag = found.group(0)
    if len(tag) < 4 * _FLOOD or len(tag.split(None, _FLOOD)) <= _FLOOD:
        return tag
    return tag.split(None, 1)[0]


def guard(source: str) -> tuple[str, str]:
    """Cut a page before the tag that would make parsing slow; give what is left and why it was cut.

    Nesting and attributes of one tag are searched linearly by the parser: both take quadratic time.

    >>> guard("<div>" * 3000)[1]
    'too_deep'
    """
    source = _LONG_TAG.sub(_without_flood, source)
    if source.count("<") < 2000:  # noqa: PLR2004 - at this size even the worst nesting costs 30 ms
        return source, ""
    opened: dict[str, int] = {}
    depth = 0
    for number, found in enumerate(_TAG.finditer(source)):
        if number >= _MAX_TAGS:
            return source[: found.start()], "too_many_tags"
        name = found.group(2).lower()
        if name in _NOT_NESTING:
            continue
        held = opened.get(name, 0)
        if not found.group(1):
            opened[name] = held + 1
            depth += 1
            if depth > _MAX_OPEN:
                return source[: found.start()], "too_deep"
        elif held:
            opened[name] = held - 1
            depth -= 1
    return source, ""


_STEADY = re.compile(r"[0-9a-fA-F]{16,}|[A-Za-z0-9+/=_-]{40,}|\d+")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+")
_LINE = 300
"""Longer texts are not remembered: a hostile page's would fill the memory."""
_SHORT = 16
"""A word that is shorter is never a hash or a token, only a number."""


def steady(text: str) -> str:
    """Text with numbers, tokens and hashes taken out, so that a counter or a nonce is no change.

    >>> steady("Lượt xem: 1.204  hôm nay")
    'Lượt xem: 0.0 hôm nay'
    """
    words = text.split()
    if _DIGIT.search(text) is None:  # most texts: then only a long word may be a token
        if max(map(len, words), default=0) < _SHORT:
            return " ".join(words)
        return " ".join([word if len(word) < _SHORT else _STEADY.sub("0", word) for word in words])
    return " ".join(
        [
            _STEADY.sub("0", word)
            if len(word) >= _SHORT
            else word
            if word.isalpha()
            else _NUMBER.sub("0", word)
            for word in words
        ]
    )


def key_of(text: str) -> str:
    """A short hash of the steady form of a text."""
    return _key_of_line(text) if len(text) <= _LINE else _key(text)


@lru_cache(maxsize=8192)  # the views of a portal mostly show the same lines, also where a token differs
def _key_of_line(text: str) -> str:
    return _key(text)


def _key(text: str) -> str:
    return blake2b(steady(text).encode("utf-8", "replace"), digest_size=6).hexdigest()
