"""Who writes a rule, who looks at it, and since when is it in force?

A draft is written by one person and enabled by another. Enabled, it stands as a file among the rules of this
installation, where the service takes it up; switched off, the file is gone and the draft stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from citywatch.clock import Clock, stamp
from citywatch.detect.samples import SUFFIX
from citywatch.errors import CityWatchError
from citywatch.model import from_doc, to_doc
from citywatch.ports import Query, Store

KIND = "draft"
FOLDER = "own"
"""Below the folder of imported rules."""
State = Literal["draft", "asked", "enabled", "declined", "off"]
_MOST = 500


class NotAllowed(CityWatchError):  # noqa: N818 - a state of a draft
    """This step cannot be taken; the message is a code of the console's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule with its samples, and how far it is."""

    id: str
    """Also the file's name."""
    text: str
    samples: str
    by: str
    """Who wrote the present text."""
    at: str
    title: str = ""
    state: State = "draft"
    sound: bool = False
    """The present text was tried, and holds with its samples."""
    seen_by: str = ""
    """Who enabled or declined it."""
    seen_at: str = ""
    note: str = ""
    authors: tuple[str, ...] = ()
    """Everybody who had a hand in it since it was last looked at: none of them may enable it."""


def name_of(text: str) -> str:
    """A file name from a title.

    >>> name_of("Web shell: called from ../outside!")
    'web_shell_called_from_outside'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]


def read(store: Store, draft_id: str) -> tuple[Draft, int] | None:
    """One draft with its version."""
    record = store.get(KIND, draft_id)
    return (from_doc(record.doc, Draft), record.version) if record else None


def drafts(store: Store) -> list[Draft]:
    """All of them, last written first."""
    page = store.find(KIND, Query(order="at", limit=_MOST))
    return [from_doc(record.doc, Draft) for record in page.records]


def write(store: Store, draft: Draft, version: int) -> Draft:
    """Write a draft that was read with this version (0: new).

    Raises:
        Conflict: somebody else wrote it.
    """
    store.put_if(KIND, draft.id, to_doc(draft), version)
    return draft


def changed(draft: Draft, text: str, samples: str, *, by: str, at: str) -> Draft:
    """The draft with another text: nobody has tried or looked at that yet."""
    if (text, samples) == (draft.text, draft.samples):
        return draft
    authors = tuple(dict.fromkeys((*draft.authors, by)))
    state: State = "enabled" if draft.state == "enabled" else "draft"
    return replace(draft, text=text, samples=samples, by=by, at=at, sound=False, authors=authors, state=state)


def ask(draft: Draft) -> Draft:
    """Ask a second person to look at it.

    Raises:
        NotAllowed: it was not tried, or does not hold.
    """
    if not draft.sound:
        raise NotAllowed("rule_unsound")
    return replace(draft, state="asked")


def enable(draft: Draft, folder: Path, clock: Clock, *, by: str, note: str) -> Draft:
    """Put it in force.

    Raises:
        NotAllowed: nobody asked, it does not hold, or it is the asker's own.
    """
    if draft.state != "asked" or not draft.sound:
        raise NotAllowed("rule_unsound")
    if by in draft.authors:
        raise NotAllowed("approve_other")
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in _files(draft).items():
        unfinished = place / f".{name}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(place / name)
    return replace(draft, state="enabled", seen_by=by, seen_at=stamp(clock()), note=note, authors=())


def decline(draft: Draft, clock: Clock, *, by: str, note: str) -> Draft:
    """Send it back.

    Raises:
        NotAllowed: nobody asked.
    """
    if draft.state != "asked":
        raise NotAllowed("rule_unsound")
    return replace(draft, state="declined", seen_by=by, seen_at=stamp(clock()), note=note)


def switch_off(draft: Draft, folder: Path, clock: Clock, *, by: str) -> Draft:
    """Take it out of force."""
    for name in _files(draft):
        (folder / FOLDER / name).unlink(missing_ok=True)
    return replace(draft, state="off", seen_by=by, seen_at=stamp(clock()))


def _files(draft: Draft) -> Mapping[str, str]:
    """The samples first: a rule never stands without them."""
    return {f"{draft.id}{SUFFIX}": draft.samples, f"{draft.id}.yml": draft.text}
