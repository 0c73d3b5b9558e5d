"""Which protections that browsers offer does a portal leave unused?

Security headers, cookies, and what a page over TLS still loads or sends in the clear (mixed content).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sensors.portal.fetch import Fetched
from sensors.portal.page import Page

_WANTED: Final = ("content-security-policy", "x-content-type-options", "referrer-policy")
_MOST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hygiene:
    """What is missing, and what goes in the clear."""

    missing: tuple[str, ...] = ()
    """Headers that are not sent."""
    clear: tuple[str, ...] = ()
    """What is loaded or sent without TLS: script, frame, style, form, image; password, page."""
    cookies: tuple[str, ...] = ()
    """Names of cookies that a script or a listener could take."""


def hygiene_of(fetched: Fetched, page: Page | None) -> Hygiene:
    """Look at one answer; one that is no page has no hygiene."""
    if page is None or not fetched.available:
        return Hygiene()
    over_tls = fetched.final_url.startswith("https:")
    return Hygiene(
        missing=tuple(_missing(fetched, over_tls=over_tls)),
        clear=tuple(_clear(page, over_tls=over_tls)),
        cookies=tuple(_cookies(fetched, over_tls=over_tls)),
    )


def _missing(fetched: Fetched, *, over_tls: bool) -> list[str]:
    sent = {name.lower(): value.lower() for name, value in fetched.headers}
    found = [name for name in _WANTED if name not in sent]
    if "x-frame-options" not in sent and "frame-ancestors" not in sent.get("content-security-policy", ""):
        found.append("x-frame-options")
    if over_tls and "strict-transport-security" not in sent:
        found.append("strict-transport-security")
    return found


def _clear(page: Page, *, over_tls: bool) -> list[str]:
    secret = any(form.secret and _plain(form.target) for form in page.forms)
    if not over_tls:
        return ["page", *(["password"] if secret or any(form.secret for form in page.forms) else [])]
    kinds = (
        ("script", [script.url for script in page.scripts]),
        ("frame", [frame.url for frame in page.frames]),
        ("style", list(page.styles)),
        ("form", [form.target for form in page.forms]),
        ("image", [image.url for image in page.images]),
    )
    found = [kind for kind, urls in kinds if any(_plain(url) for url in urls)]
    return [*found, "password"] if secret else found


def _plain(url: str) -> bool:
    return url.startswith("http://")


def _cookies(fetched: Fetched, *, over_tls: bool) -> list[str]:
    weak: list[str] = []
    for name, value in fetched.headers:
        if name.lower() != "set-cookie":
            continue
        first, *marks = (part.strip() for part in value.split(";"))
        said = {mark.partition("=")[0].lower() for mark in marks}
        if "httponly" not in said or (over_tls and "secure" not in said):
            weak.append(first.partition("=")[0][:80])
    return list(dict.fromkeys(weak))[:_MOST]
