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
from sensors.portal.signs import find_signs
from sensors.portal.spam import is_spam_domain
from sensors.portal.voice import strangeness
from sensors.portal.written import words_written

_TABLE = Path(__file__).parent / "tables" / "trusted_domains.tsv"
_ENDINGS = Path(__file__).parent / "tables" / "cheap_endings.tsv"
"""Endings under which names cost next to nothing, and which official pages hardly ever link to."""

_SPOKEN = 0.5
SIGNED = 0.4
"""From this score on, signs in text that is new on a page are a defacer's."""
GRAVITY: dict[str, Severity] = {
    "text.defaced": Severity.high,
    "title.defaced": Severity.high,
    "title.replaced": Severity.medium,
    "title.strange": Severity.medium,
    "text.voice": Severity.medium,
    "text.tongue": Severity.medium,
    "page.replaced": Severity.high,
    "page.picture": Severity.high,
    "page.covered": Severity.high,
    "page.blanked": Severity.high,
    "spam.text": Severity.high,
    "spam.links": Severity.high,
    "spam.words": Severity.medium,
    "base.foreign": Severity.high,
    "links.hidden": Severity.high,
    "links.strange": Severity.medium,
    "links.download": Severity.high,
    "links.turned": Severity.medium,
    "canonical.foreign": Severity.medium,
    "image.signed": Severity.medium,
    "text.account": Severity.medium,
    "script.foreign": Severity.high,
    "script.obfuscated": Severity.high,
    "script.rewrites": Severity.high,
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
    r"var _0x[0-9a-f]{4,6}\s*=\s*\[|\.split\(\s*[\"']{2}\s*\)\s*\.reverse\(\)|"
    r"\.(?:atob|eval|unescape)\s*\(\s*[\"']|"
    r"atob\s*\(\s*['\"][A-Za-z0-9+/=]{24,}|new Function\s*\(\s*atob",
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
_BY_ITSELF = (("script.obfuscated", _OBFUSCATED), ("script.miner", _MINER))
_LOADS = re.compile(
    r"""(?:src\s*=|fetch\(|importScripts\(|getScript\(|sendBeacon\(|\.open\(\s*["']\w+["']\s*,|WebSocket\(|"""
    r"""Worker\(|\bimport\b[^"'`;]{0,80}|setAttribute\(\s*["'](?:src|href|action)["']\s*,|EventSource\(|"""
    r"""\.(?:action|href)\s*=)\s*\\?["'`]((?:https?:|wss?:)?//[^"'`\\]{3,200})"""
)
_JOINED = re.compile(r"""(["'`])\s*\+\s*["'`]""")
_NAMED = re.compile(r"""\[\s*["'](eval|atob|unescape|location|Function)["']\s*\]""")
_LEADS = re.compile(
    r"""(?<![\w$.])(?:(?:window|document|top|self|parent|this)\s*\.\s*)?location(?:\s*\.\s*href)?\s*=(?!=)|"""
    r"""location\s*\.\s*(?:replace|assign)\s*\("""
)
_URL = re.compile(r"(?:(?:https?|wss?):)?//([A-Za-z0-9.-]{1,100}\.[A-Za-z0-9]{1,20})")
_LENT = frozenset(
    [
        "github.io",
        "githubusercontent.com",
        "netlify.app",
        "vercel.app",
        "blogspot.com",
        "wordpress.com",
        "dropbox.com",
        "wix.com",
        "imgur.com",
        "t.me",
        "archive.org",
        "shopify.com",
        "list-manage.com",
        "discord.com",
        "formspree.io",
    ]
)
"""Trusted domains under which anybody may put a page or a file."""
_JOINED_LIST = re.compile(
    r"""\[((?:\s*["'][^"'\]]{0,80}["']\s*,?){2,12})\]\s*\.join\(\s*["']([^"']{0,3})["']\s*\)"""
)
_LITERAL = re.compile(r"""["']([^"']{0,80})["']""")
_REWRITES = re.compile(
    r"""document\s*\.\s*(?:body|documentElement)\s*\.\s*(?:innerHTML|outerHTML)\s*=(?!=)|"""
    r"""document\s*\.\s*(?:body|documentElement)\s*\.\s*(?:replaceWith|replaceChildren)\("""
)
"""The whole page is written anew by a script: no library does so."""
_THIEF = re.compile(r"document\s*\.\s*cookie")
_PROGRAM = re.compile(r"\.(?:apk|xapk|exe|msi|scr|bat|dmg|jar|hta|vbs|iso)(?:[?#]|$)", re.IGNORECASE)
_ADDRESS = re.compile(r"^\d{1,3}(?:\.\d{1,3}){3}$")


@cache
def _cheap() -> frozenset[str]:
    return frozenset(_ENDINGS.read_text(encoding="utf-8").split()[1:])


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
    if not domain or is_trusted(domain):
        return False
    return not any(domain == each or domain.endswith(f".{each}") for each in known if each)


def lent(domain: str, known: Iterable[str]) -> bool:
    """A trusted domain that is new here, and under which anybody may put what they like."""
    return domain in _LENT and domain not in set(known)


def is_cheap(domain: str) -> bool:
    """A bare address, or a name under an ending that costs next to nothing.

    >>> is_cheap("tai-app.top"), is_cheap("185.1.2.3"), is_cheap("bao-dia-phuong.com.vn")
    (True, True, False)
    """
    return domain.rpartition(".")[2] in _cheap() or _ADDRESS.match(domain) is not None


def dangers_of_link(url: str, domain: str, known: Iterable[str]) -> list[str]:
    """What a visible link that is new on a page may do by its address alone."""
    if not foreign(domain, known):
        return []
    if _PROGRAM.search(url):
        return ["links.download"]
    return ["links.strange"] if is_cheap(domain) or is_spam_domain(domain) else []


def dangers_of_effect(effect: str, own: str, known: Iterable[str]) -> list[str]:
    """What a style or attribute that is new on a page does (see `effect`)."""
    kind, _, what = effect.partition(" ")
    if kind in {"cover", "blank"}:
        return [{"cover": "page.covered", "blank": "page.blanked"}[kind]]
    if kind == "say":
        return dangers_of_words(what)
    named = {
        "base": "base.foreign",
        "import": "style.foreign",
        "picture": "image.foreign",
        "button": "form.foreign",
        "canonical": "canonical.foreign",
    }[kind]
    domain = domain_of(what if ":" in what[:6] else f"https:{what}")
    return [named] if domain != own and foreign(domain, known) else []


def dangers_of_words(text: str) -> list[str]:
    """What words say that stand in no block of text: in a style, an attribute, a script.

    >>> dangers_of_words("Hacked by Gh0st"), dangers_of_words("Logo of the city")
    (['text.defaced'], [])
    """
    if find_signs(text).score >= SIGNED:
        return ["text.defaced"]
    return ["text.voice"] if strangeness(text) >= _SPOKEN else []


def dangers_of_script(script: Script, own: str, known: Iterable[str]) -> list[str]:
    """What a script that is new on a page does that scripts of portals do not do."""
    if script.url:
        if script.url.startswith("data:"):
            return ["script.obfuscated"]
        return ["script.foreign"] if foreign(script.domain, known) or lent(script.domain, known) else []
    text = _NAMED.sub(r".\1", _JOINED.sub("", _JOINED_LIST.sub(_as_one, script.text)))
    found = [name for name, test in _BY_ITSELF if test.search(text)]
    if _redirects(text, own, known):
        found.append("script.redirects")
    if _REWRITES.search(text):
        found.append("script.rewrites")
    found += [danger for line in words_written(script.text) for danger in dangers_of_words(line)]
    return list(dict.fromkeys(found + _dangers_of_named(text, own, known)))


def _as_one(found: re.Match[str]) -> str:
    """A list of literals that a script joins, as one literal."""
    return f'"{found.group(2).join(_LITERAL.findall(found.group(1)))}"'


def _redirects(text: str, own: str, known: Iterable[str]) -> bool:
    target = _REDIRECTS.search(text)
    if target is None:
        return False
    place = next(value for value in target.groupdict().values() if value)
    domain = domain_of(f"https://{place}")
    return domain != own and (foreign(domain, known) or is_spam_domain(domain))


def _dangers_of_named(text: str, own: str, known: Iterable[str]) -> list[str]:
    """What a script may do with the foreign domains that it names."""
    found: list[str] = []
    loaded = {domain_of(url if ":" in url[:6] else f"https:{url}") for url in _LOADS.findall(text)}
    named = {domain_of(f"https://{host}") for host in _URL.findall(text)}
    strange = {domain for domain in named if domain != own and foreign(domain, known)}
    if loaded & strange or any(is_cheap(domain) for domain in strange):
        found.append("script.foreign")
    if any(map(is_cheap, strange)) and _LEADS.search(text):
        found.append("script.redirects")
    return found


def dangers_of_handler(handler: str, own: str, known: Iterable[str]) -> list[str]:
    """What an event handler that is new on a page does."""
    if _OBFUSCATED.search(handler) or _REWRITES.search(handler) or _THIEF.search(handler):
        return ["handler.script"]
    domains = {domain_of(f"https://{host}") for host in _URL.findall(handler)}
    return ["handler.script"] if any(item != own and foreign(item, known) for item in domains) else []


def worst(dangers: Iterable[str], change: float = 0.0) -> Severity:
    """The gravest of some changes; informational when nothing changed, low when only honest things did."""
    grave = max((GRAVITY[name] for name in dangers), default=Severity.informational)
    return max(grave, Severity.low if change > 0 else Severity.informational)
