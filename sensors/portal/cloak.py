"""Was this view served something else than the desktop view?

A phone may get another layout and a crawler no scripts; what counts is content that only one of them gets:
spam, a defacement, a redirect, or a page about something else.
"""

from __future__ import annotations

from dataclasses import replace

from sensors.portal.look import Look
from sensors.portal.spam import is_spam_domain

_SPAM_GAP = 0.4
_DEFACED_GAP = 0.4
_MANY = 3


def mark_cloaked(look: Look, desktop: Look) -> Look:
    """The look, marked when it was served other content than the desktop view of the same page."""
    return replace(look, cloaked=True) if _differs(look, desktop) else look


def _differs(look: Look, desktop: Look) -> bool:
    if "redirect.foreign" in look.dangerous and "redirect.foreign" not in desktop.dangerous:
        return True
    if look.page is None:
        return False
    if look.spam.score - desktop.spam.score >= _SPAM_GAP:
        return True
    if look.defaced.score - desktop.defaced.score >= _DEFACED_GAP:
        return True
    return _other_domains(look, desktop) or bool(set(look.dangerous) - set(desktop.dangerous) - _HARMLESS)


_HARMLESS = frozenset({"title.replaced", "page.replaced", "image.foreign", "style.foreign", "page.picture"})
"""Dangers that another layout for phones may show by right."""


def _other_domains(look: Look, desktop: Look) -> bool:
    if look.page is None or desktop.page is None:
        return False
    known = {link.domain for link in desktop.page.links}
    named = {link.domain for link in look.page.links if link.domain not in known}
    return sum(1 for domain in named if is_spam_domain(domain)) >= _MANY
