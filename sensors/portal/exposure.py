"""Does a portal hand out something that was never meant to be public?

A probe is proven by the content that came, never by its status: many portals answer 200 to everything. What
is kept as proof is the start of it, with secrets masked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sensors.portal.page import Page

_TABLE = Path(__file__).parent / "tables" / "exposure_probes.tsv"
PROBE_BYTES = 65_536
_SECRET = re.compile(
    r"""(?i)((?:pass\w*|pwd|secret\w*|key|token|dsn|url)\s*["']?\s*(?:=>|[:=,])\s*["']?)[^\s"'<>,;]+"""
)
_LONG = re.compile(r"[A-Za-z0-9+/=]{24,}|\b\d{9,}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One path to ask for, and what its content must look like to be the real thing."""

    kind: str
    path: str
    proof: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What was found, with the start of what proves it, masked."""

    kind: str
    proof: str


@cache
def probes() -> tuple[Probe, ...]:
    """All probes of the table."""
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line)
    return tuple(Probe(kind=kind, path=path, proof=re.compile(proof)) for kind, path, proof in rows)


def proves(probe: Probe, body: bytes) -> Exposure | None:
    r"""Tell whether this body is what the probe looks for.

    >>> git = next(probe for probe in probes() if probe.path == "/.git/HEAD")
    >>> proves(git, b"ref: refs/heads/main\n")
    Exposure(kind='git', proof='ref: refs/heads/main')
    >>> proves(git, b"<html>Not found</html>") is None
    True
    """
    text = body[:PROBE_BYTES].decode("latin-1")
    if probe.proof.search(text) is None:
        return None
    return Exposure(kind=probe.kind, proof=masked(text))


def masked(text: str) -> str:
    """The start of a text on one line, with what looks secret taken out.

    >>> masked("DB_PASSWORD=hunter2")
    'DB_PASSWORD=***'
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:600])
    return " ".join(_LONG.sub("***", _SECRET.sub(r"\1***", shown)).split())[:200]


_ON_PAGE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("listing", re.compile(r"(?i)<title>\s*Index of /[\s\S]{0,3000}(?:Parent Directory|>\.\./<)")),
    ("phpinfo", re.compile(r"(?i)<title>[^<]{0,40}phpinfo\(\)</title>")),
    ("debug", re.compile(r"(?i)Whoops, looks like something went wrong\.|<title>DisallowedHost at /|"
                         r"Traceback \(most recent call last\):\s|<b>Fatal error</b>:[^<]{5,200} in <b>/|"
                         r"Server Error in '/[^']{0,60}' Application\.[\s\S]{0,4000}Stack Trace:|"
                         r"You have an error in your SQL syntax; check the manual")),
    ("default_page", re.compile(r"(?i)<title>(?:Apache2 (?:Ubuntu|Debian) Default Page|Welcome to nginx!|"
                                r"IIS Windows Server|Apache Tomcat/[\d.]+)")),
    ("install", re.compile(r"(?i)<title>[^<]{0,40}(?:WordPress (?:›|&rsaquo;) (?:Installation|Setup)|"
                           r"NukeViet Installation|Cài đặt NukeViet|Joomla! Web Installer)")),
)  # fmt: skip
_WORDS = {
    "listing": ("index of /",),
    "phpinfo": ("phpinfo()",),
    "debug": ("whoops, looks like", "disallowedhost at /", "traceback (most recent", "fatal error</b>",
              "server error in '/", "error in your sql syntax"),
    "default_page": ("default page", "welcome to nginx!", "iis windows server", "apache tomcat/"),
    "install": ("installation", "setup", "cài đặt nukeviet", "web installer"),
}  # fmt: skip
"""Words without which none of a kind can be there: most pages have none, and then no expression is asked."""


def find_exposure(page: Page) -> Exposure | None:
    """Look whether an ordinary page shows something of its insides: a listing, a stack trace, phpinfo."""
    text = page.source[:200_000]
    plain = text.casefold().replace("i\u0307", "i").replace("\u0131", "i")  # what (?i) takes for an i
    for kind, test in _ON_PAGE:
        if not any(word in plain for word in _WORDS[kind]):
            continue
        found = test.search(text)
        if found is not None:
            return Exposure(kind=kind, proof=masked(found.group(0)))
    return None
