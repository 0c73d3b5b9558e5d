"""Under which suffix does anybody register names?

The Public Suffix List as tldextract brings it along (never fetched), without its private part. Plain names
are looked up here: tldextract itself loads an HTTP client, which takes longer than most captures. It is asked
about whatever else a name may hold (other alphabets, punycode, brackets).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract

_PLAIN = re.compile(r"(?!.*xn--)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*").fullmatch
_PRIVATE = "// ===BEGIN PRIVATE DOMAINS==="
_RULE = re.compile(r"^[.*!]*\w\S*", re.MULTILINE)


@cache
def _library() -> TLDExtract:
    from tldextract import TLDExtract  # noqa: PLC0415 - slow to load

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


@cache
def _rules() -> dict[str, bool]:
    """Every rule and every end of one; whether it is a rule itself.

    Raises:
        FileNotFoundError: tldextract is not installed as it should be.
    """
    found = find_spec("tldextract")
    if found is None or not found.origin:
        raise FileNotFoundError("tldextract is not installed: install the project's dependencies again")
    words = Path(found.origin).with_name(".tld_set_snapshot").read_text(encoding="utf-8")
    rules: dict[str, bool] = {}
    for rule in _RULE.findall(words.partition(_PRIVATE)[0]):
        rules[rule] = True
        while "." in rule:
            rule = rule.partition(".")[2]  # noqa: PLW2901 - one label shorter each time
            rules.setdefault(rule, False)
    return rules


@lru_cache(maxsize=65_536)
def suffix_of(name: str) -> str:
    """The longest public suffix of a name in lower case; empty when there is none.

    >>> suffix_of("a.hanoi.gov.vn"), suffix_of("x.y.ck"), suffix_of("www.ck"), suffix_of("printer")
    ('gov.vn', 'y.ck', 'ck', '')
    """
    if not _PLAIN(name):
        return _library()(name).suffix
    rules = _rules()
    found = tail = ""
    for label in reversed(name.split(".")):
        longer = f"{label}.{tail}" if tail else label
        is_rule = rules.get(longer)
        if is_rule is None:
            if f"*.{tail}" in rules:
                return tail if f"!{longer}" in rules else longer
            break
        tail = longer
        if is_rule:
            found = tail
    return found
