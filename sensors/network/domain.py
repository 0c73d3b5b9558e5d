"""Which part of a name can be registered?

By the Public Suffix List that tldextract brings along (never fetched). What is asked repeats in its last
labels, so only these are looked up, and remembered.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract

_DEEPEST = 6
"""No public suffix has more labels than this less one."""
_INTERNAL = frozenset({"local", "lan", "arpa", "internal", "home", "localdomain", "corp", "test", "intranet"})


@cache
def _list() -> TLDExtract:
    from tldextract import TLDExtract  # noqa: PLC0415 - loaded where it is first needed

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


@lru_cache(maxsize=65_536)
def _suffix(tail: str) -> str:
    return _list()(tail).suffix


def parts(name: str) -> tuple[str, str, str]:
    """What stands before the registrable domain, that domain, and its public suffix.

    >>> parts("a.b.hanoi.gov.vn")
    ('a.b', 'hanoi.gov.vn', 'gov.vn')
    >>> parts("printer.local")
    ('', 'printer.local', 'local')
    >>> parts("vn")
    ('', '', 'vn')
    """
    labels = name.split(".")
    suffix = labels[-1] if labels[-1] in _INTERNAL else _suffix(".".join(labels[-_DEEPEST:]))
    if not suffix:
        suffix = labels[-1]
    deep = suffix.count(".") + 2
    if len(labels) < deep:
        return "", "", suffix
    registered = ".".join(labels[-deep:])
    return ".".join(labels[:-deep]), registered, suffix
