"""In which language, and how are codes said in words?

Texts are English in the source and looked up in gettext catalogues
(`locale/<language>/LC_MESSAGES/console.mo`).
The words of codes that come from stored data stand in `codes`.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

from console.web.codes import WORDS

LANGUAGES = ("vi", "en")
DEFAULT = "vi"
LOCALE = Path(__file__).parent / "locale"


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; English is the source itself.

    >>> catalogue("vi").gettext("Alerts")
    'Cảnh báo'
    >>> catalogue("en").gettext("Alerts")
    'Alerts'
    """
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("console", str(LOCALE), languages=[language])


def pick(accepted: str) -> str:
    """The language for a visitor of whom nothing is known but a browser's Accept-Language.

    >>> pick("en-GB,en;q=0.9"), pick("vi-VN"), pick("fr")
    ('en', 'vi', 'vi')
    """
    first = accepted.split(",", 1)[0].strip().lower()
    return "en" if first.startswith("en") else DEFAULT


def change_words(language: str, what: str) -> str:
    """A line of a ticket's history: a move between states, or another thing that was done.

    >>> change_words("en", "new → triage"), change_words("en", "comment")
    ('New → In triage', 'commented')
    """
    before, arrow, after = what.partition(" → ")
    if arrow:
        return f"{say(language, 'ticket_state', before)} → {say(language, 'ticket_state', after)}"
    return say(language, "what", what)


def say(language: str, kind: str, code: str) -> str:
    """The words for a code of stored data; an unknown code is shown as it is.

    >>> say("en", "severity", "high"), say("vi", "severity", "high"), say("en", "severity", "odd_one")
    ('High', 'Cao', 'odd one')
    """
    text = WORDS.get(kind, {}).get(code)
    return catalogue(language).gettext(text) if text else code.replace("_", " ")


def evidence(language: str, what: str) -> str:
    """The words for a kind of evidence; what people named themselves (a file) stays as it is.

    >>> evidence("en", "page_before"), evidence("en", "screen_shot.png")
    ('page before', 'screen_shot.png')
    """
    text = WORDS["evidence"].get(what)
    return catalogue(language).gettext(text) if text else what
