"""Was this view served something else than the desktop view?

A phone may get another layout and a crawler no scripts; what counts is content that only one of them gets:
spam, a defacement, a redirect, hidden links, a script that leads away, or a page about something else. The
desktop view of the same visit serves as the baseline, so this needs no history.
"""

from __future__ import annotations

from dataclasses import replace

from sensors.portal.baseline import face_of
from sensors.portal.compare import compare
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
    if set(look.dangerous) - set(desktop.dangerous) - _HARMLESS:
        return True
    telling = _TELLING if look.view == "mobile" else _TELLING | _LAYOUT
    return _other_domains(look, desktop) or bool(_beyond_desktop(look, desktop) & telling)


_HARMLESS = frozenset(
    {
        *(
            "title.replaced",
            "page.replaced",
            "image.foreign",
            "style.foreign",
            "page.picture",
            "page.covered",
        ),
        *("text.voice", "text.tongue", "title.strange", "links.turned", "image.signed"),
    }
)
"""Dangers that another layout for phones may show by right, and what is never more than medium by itself."""
_TELLING = frozenset(
    {
        "text.defaced",
        "title.defaced",
        "spam.text",
        "spam.links",
        "spam.words",
        "links.hidden",
        "links.strange",
        "links.download",
        "script.redirects",
        "script.obfuscated",
        "script.miner",
        "frame.hidden",
        "form.foreign",
        "refresh.foreign",
        "base.foreign",
    }
)
"""What no layout needs, whoever asks."""
_LAYOUT = frozenset({"script.foreign", "frame.foreign", "handler.script"})
"""What an edition for phones may bring, and nothing else."""


def _beyond_desktop(look: Look, desktop: Look) -> set[str]:
    if look.page is None or desktop.page is None or look.page.source == desktop.page.source:
        return set()
    face = face_of(desktop.page, path=look.path, view=desktop.view, spam=desktop.spam.score)
    return set(compare(face, look.page).dangerous)


def _other_domains(look: Look, desktop: Look) -> bool:
    if look.page is None or desktop.page is None:
        return False
    known = {link.domain for link in desktop.page.links}
    named = {link.domain for link in look.page.links if link.domain not in known}
    return sum(1 for domain in named if is_spam_domain(domain)) >= _MANY
