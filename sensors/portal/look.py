"""What do all witnesses say of one fetched page?

A `Look` is one page in one view on one visit: what came, what each witness found in it, how it differs from
its face. `fields` writes it as the portal's part of an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensors.portal.baseline import Face, face_of, grow
from sensors.portal.compare import Difference, compare
from sensors.portal.danger import foreign
from sensors.portal.defaced import Defaced, judge_defaced
from sensors.portal.exposure import Exposure, find_exposure
from sensors.portal.fetch import Fetched
from sensors.portal.leak import Leak, find_leak
from sensors.portal.page import Page, domain_of
from sensors.portal.software import software_of
from sensors.portal.spam import Spam, find_spam
from sensors.portal.walk import parse_page

_LEARN_SPAM = 0.6
_LEARN_DEFACED = 0.5
_REDESIGN = 0.75
_MARGIN = 0.05
NO_SPAM, NOT_DEFACED, NO_LEAK = Spam(), Defaced(), Leak()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One page in one view on one visit."""

    path: str
    view: str
    fetched: Fetched
    page: Page | None = None
    difference: Difference | None = None
    spam: Spam = NO_SPAM
    defaced: Defaced = NOT_DEFACED
    exposure: Exposure | None = None
    leak: Leak = NO_LEAK
    face: Face | None = None
    """What it shows, grown from the face before."""
    dangerous: tuple[str, ...] = ()
    cloaked: bool = False
    unchanged: bool = False
    """It was judged before, was quiet, and is the same still: nothing of it was judged anew."""
    soft_404: bool = False
    """It says that nothing is here, with a status that says otherwise."""
    gone: bool = False
    """And there was a page here before."""
    unconfirmed: tuple[str, ...] = ()
    """What a first look showed and a second one, over a fresh connection, did not."""

    @property
    def quiet(self) -> bool:
        """Nothing in it keeps a baseline from learning it."""
        if self.unchanged:
            return True
        change = self.difference.text if self.difference is not None else 0.0
        return (
            self.page is not None
            and not self.dangerous
            and not self.cloaked
            and self.spam.score < _LEARN_SPAM
            and self.defaced.score < _LEARN_DEFACED
            and change < _REDESIGN
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a page says by itself, whatever its baseline: the costly part, the same for the same bytes."""

    page: Page
    spam: Spam
    defaced: Defaced
    exposure: Exposure | None
    leak: Leak


def read(fetched: Fetched) -> Reading:
    """Let every witness that needs no baseline see one fetched page."""
    page = parse_page(fetched.body, fetched.final_url, fetched.header("Content-Type"))
    return Reading(
        page=page,
        spam=find_spam(page),
        defaced=judge_defaced(page),
        exposure=find_exposure(page),
        leak=find_leak([*(block.text for block in page.blocks), *page.comments]),
    )


def look_at(
    fetched: Fetched, before: Face | None, *, path: str, view: str, reading: Reading | None = None
) -> Look:
    """Let every witness see one fetched page; an answer that is no HTML is judged by its text alone.

    Args:
        fetched: what came.
        before: what the page looked like when nothing was wrong.
        path: where on the portal it is.
        view: as whom we looked.
        reading: of the same bytes, when they were read before (in another view).
    """
    if not fetched.available:
        return Look(path=path, view=view, fetched=fetched, dangerous=tuple(_led_away(fetched)))
    reading = reading or read(fetched)
    page, spam, defaced = reading.page, reading.spam, reading.defaced
    difference = compare(before, page) if before is not None else None
    now = face_of(page, path=path, view=view, spam=spam.score, defaced=defaced.score)
    if before is not None:
        spam, defaced = _beyond(spam, defaced, before)
    return Look(
        path=path,
        view=view,
        fetched=fetched,
        page=page,
        difference=difference,
        spam=spam,
        defaced=defaced,
        exposure=reading.exposure,
        leak=reading.leak,
        face=grow(before, now, page) if before is not None else now,
        dangerous=tuple(dict.fromkeys((*(difference.dangerous if difference else ()), *_led_away(fetched)))),
    )


def _beyond(spam: Spam, defaced: Defaced, before: Face) -> tuple[Spam, Defaced]:
    """What goes beyond the face that people accepted: a lottery's own portal does not alarm each day."""
    if before.spam >= _LEARN_SPAM and spam.score <= before.spam + _MARGIN:
        spam = NO_SPAM
    if before.defaced >= _LEARN_DEFACED and defaced.score <= before.defaced + _MARGIN:
        defaced = NOT_DEFACED
    return spam, defaced


def _led_away(fetched: Fetched) -> list[str]:
    asked, came = domain_of(fetched.url), domain_of(fetched.final_url)
    return ["redirect.foreign"] if asked != came and foreign(came, (asked,)) else []


def fields_of(look: Look) -> dict[str, Any]:
    """The witnesses' fields of an event; what is absent was not found."""
    fields: dict[str, Any] = {}
    if look.page is not None:
        fields["citywatch.portal.title"] = look.page.title[:500]
        fields["citywatch.portal.software"] = list(software_of(look.fetched, look.page))
        fields["citywatch.portal.defaced.score"] = look.defaced.score
        fields["citywatch.portal.defaced.signs"] = list(look.defaced.signs)
        fields["citywatch.portal.spam.score"] = look.spam.score
    if look.soft_404:
        fields["citywatch.portal.soft_404"] = True
    if look.gone:
        fields["citywatch.portal.gone"] = True
    if look.cloaked:
        fields["citywatch.portal.cloaked"] = True
    fields["citywatch.portal.unconfirmed"] = list(look.unconfirmed)
    fields["citywatch.portal.change.dangerous"] = list(look.dangerous)
    fields |= _found(look)
    if look.difference is not None:
        fields |= _difference(look.difference)
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _found(look: Look) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if look.spam.words or look.spam.domains:
        fields["citywatch.portal.spam.words"] = list(look.spam.words)
        fields["citywatch.portal.spam.domains"] = list(look.spam.domains)
        fields["citywatch.portal.spam.hidden"] = look.spam.hidden
    if look.exposure is not None:
        fields["citywatch.portal.exposure.kind"] = look.exposure.kind
        fields["citywatch.portal.exposure.proof"] = look.exposure.proof
    if look.leak.count:
        fields["citywatch.portal.leak.kinds"] = list(look.leak.kinds)
        fields["citywatch.portal.leak.count"] = look.leak.count
        fields["citywatch.portal.leak.samples"] = list(look.leak.samples)
    return fields


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "citywatch.portal.changed": list(difference.changed),
        "citywatch.portal.change.text": difference.text,
        "citywatch.portal.change.domains": list(difference.domains),
        "citywatch.portal.change.scripts": list(difference.scripts),
        "citywatch.portal.change.iframes": list(difference.frames),
        "citywatch.portal.change.forms": list(difference.forms),
        "citywatch.portal.change.added": list(difference.added),
        "citywatch.portal.title_before": difference.title_before,
    }
