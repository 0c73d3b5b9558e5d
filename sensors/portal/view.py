"""As whom do we look at a page?

Attackers show spam to search engines, to visitors who come from a search result, or to phones only. The
desktop view and the probes say who we are; the others would see nothing if they did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
_PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0 Mobile Safari/537.36"
)
_CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_VIETNAMESE = "vi-VN,vi;q=0.9,en;q=0.5"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to look, by its request headers."""

    name: str
    agent: str
    language: str = _VIETNAMESE
    referrer: str = ""
    honest: bool = False
    own_face: bool = False
    """It may show another page by right (another language): held against its own face only."""

    def headers(self, who_we_are: str) -> Mapping[str, str]:
        """The request headers of this view."""
        agent = f"{self.agent} {who_we_are}" if self.honest else self.agent
        headers = {"User-Agent": agent, "Accept": _ACCEPT}
        if self.language:
            headers["Accept-Language"] = self.language
        if self.referrer:
            headers["Referer"] = self.referrer
        return headers


DESKTOP = View(name="desktop", agent=_DESKTOP, honest=True)
MOBILE = View(name="mobile", agent=_PHONE)
CRAWLER = View(name="crawler", agent=_CRAWLER, language="")
SEARCH = View(name="search", agent=_DESKTOP, referrer="https://www.google.com/")
ABROAD = View(name="abroad", agent=_DESKTOP, language="en-US,en;q=0.9", own_face=True)
"""A reader who asks for English: some spam is shown to foreigners only."""
ALL = (DESKTOP, MOBILE, CRAWLER, SEARCH)
EVERY = (*ALL, ABROAD)
INNER = (DESKTOP, SEARCH)
"""On inner pages: the plain face, and the one that spam is made for."""
