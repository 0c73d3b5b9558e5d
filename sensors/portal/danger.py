"""Which changes of a page are dangerous by themselves, and how grave?

The names stand in `citywatch.portal.change.dangerous`; the rules of `rules/sigma/portal/` give them their
level, and a test holds both to the table here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from citywatch.model import Severity
from sensors.portal.page import Script, domain_of
from sensors.portal.spam import is_spam_domain

_TABLE = Path(__file__).parent / "tables" / "trusted_domains.tsv"

GRAVITY: dict[str, Severity] = {
    "text.defaced": Severity.high,
    "title.defaced": Severity.high,
    "title.replaced": Severity.medium,
    "page.replaced": Severity.high,
    "page.picture": Severity.high,
    "spam.text": Severity.high,
    "spam.links": Severity.high,
    "links.hidden": Severity.high,
    "script.foreign": Severity.high,
    "script.obfuscated": Severity.high,
    "script.redirects": Severity.high,
    "script.miner": Severity.high,
    "frame.foreign": Severity.high,
    "frame.hidden": Severity.high,
    "form.foreign": Severity.critical,
    "refresh.foreign": Severity.high,
    "redirect.foreign": Severity.high,
    "image.foreign": Severity.medium,
    "style.foreign": Severity.medium,
    "handler.script": Severity.high,
}
"""Each dangerous change and how grave it is when nothing else is known."""

_OBFUSCATED = re.compile(
    r"eval\s*\(\s*(?:function\s*\(p,a,c,k|atob|unescape|String\.fromCharCode|decodeURIComponent)|"
    r"document\.write(?:ln)?\s*\(\s*(?:unescape|atob|String\.fromCharCode|decodeURIComponent)|"
    r"String\.fromCharCode\s*\((?:\s*(?:0x)?[\da-f]{2,4}\s*,){8,}|(?:\\x[0-9a-f]{2}){12,}|(?:%[0-9a-f]{2}){30,}|"
    r"var _0x[0-9a-f]{4,6}\s*=\s*\[|atob\s*\(\s*['\"][A-Za-z0-9+/=]{24,}|new Function\s*\(\s*atob",
    re.IGNORECASE,
)
_REDIRECTS = re.compile(
    r"(?:(?:window|document|top|self|parent|this)\.)?location(?:\.href)?\s*=\s*[\"'`](https?:)?//(?P<a>[^\"'`]{3,200})|"
    r"location\.(?:replace|assign)\s*\(\s*[\"'`](https?:)?//(?P<b>[^\"'`]{3,200})|"
    r"window\.open\s*\(\s*[\"'`](https?:)?//(?P<c>[^\"'`]{3,200})",
    re.IGNORECASE,
)
_MINER = re.compile(
    r"coinhive|cryptonight|coin-?imp|minero\.cc|webminepool|deepminer|new \w*Miner\(", re.IGNORECASE
)
_LOADS = re.compile(
    r"""(?:src\s*=|fetch\(|importScripts\(|getScript\(|sendBeacon\(|\.open\(\s*["']\w+["']\s*,)"""
    r"""\s*\\?["'`]((?:https?:)?//[^"'`\\]{3,200})"""
)
_URL = re.compile(r"(?:https?:)?//([A-Za-z0-9.-]{1,100}\.[A-Za-z]{2,20})")


@cache
def trusted_domains() -> frozenset[str]:
    """Domains that many honest pages load from; a new one of them is no alarm."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return frozenset(line.split("\t")[0] for line in lines if line)


def is_trusted(domain: str) -> bool:
    """True for widely used services and for other government portals.

    >>> is_trusted("googleapis.com"), is_trusted("hanoi.gov.vn"), is_trusted("evil.top")
    (True, True, False)
    """
    return domain in trusted_domains() or domain.endswith(".gov.vn")


def foreign(domain: str, known: Iterable[str]) -> bool:
    """A domain that is neither the portal's own, nor known to it, nor trusted."""
    return bool(domain) and domain not in set(known) and not is_trusted(domain)


def dangers_of_script(script: Script, own: str, known: Iterable[str]) -> list[str]:
    """What a script that is new on a page does that scripts of portals do not do."""
    if script.url:
        if script.url.startswith("data:"):
            return ["script.obfuscated"]
        return ["script.foreign"] if foreign(script.domain, known) else []
    found: list[str] = []
    text = script.text
    if _OBFUSCATED.search(text):
        found.append("script.obfuscated")
    if _MINER.search(text):
        found.append("script.miner")
    target = _REDIRECTS.search(text)
    if target is not None:
        place = next(value for value in target.groupdict().values() if value)
        domain = domain_of(f"https://{place}")
        if domain != own and (foreign(domain, known) or is_spam_domain(domain)):
            found.append("script.redirects")
    loaded = {domain_of(url if ":" in url[:6] else f"https:{url}") for url in _LOADS.findall(text)}
    if any(domain != own and foreign(domain, known) for domain in loaded):
        found.append("script.foreign")
    return found


def dangers_of_handler(handler: str, own: str, known: Iterable[str]) -> list[str]:
    """What an event handler that is new on a page does."""
    if _OBFUSCATED.search(handler):
        return ["handler.script"]
    domains = {domain_of(f"https://{host}") for host in _URL.findall(handler)}
    return ["handler.script"] if any(item != own and foreign(item, known) for item in domains) else []


def worst(dangers: Iterable[str], change: float = 0.0) -> Severity:
    """The gravest of some changes; informational when nothing changed, low when only honest things did."""
    grave = max((GRAVITY[name] for name in dangers), default=Severity.informational)
    return max(grave, Severity.low if change > 0 else Severity.informational)
