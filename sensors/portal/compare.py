"""What differs between a page and its face, and which of it is dangerous?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sensors.portal.baseline import Face
from sensors.portal.danger import (
    SIGNED,
    dangers_of_effect,
    dangers_of_handler,
    dangers_of_link,
    dangers_of_script,
    foreign,
    lent,
)
from sensors.portal.page import Block, Link, Page, domain_of, key_of, steady
from sensors.portal.signs import find_signs, may_be_signed
from sensors.portal.spam import spam_among
from sensors.portal.spelling import fold
from sensors.portal.stranger import is_strange_title, strange_lines

_VOLATILE = 2
"""A place where new text came on this many visits changes by itself."""
_SPAM, _SPAM_WORDS = 0.7, 0.5
_REPLACED = 0.85
_FARM = 4
"""So many different words of hidden links to one foreign domain are no menu."""
_SIGNED_FILE = re.compile(
    r"(?i)(?:^|[^a-z])(?:h[a4]ck(?:ed)?|h4x|pwn(?:e?d|3d)?|0wned|owned|defaced?|deface[rd]|r00t(?:ed)?)(?:[^a-z]|$)"
)
"""The name of a picture that says what it shows."""
_MOST_BLOCKS, _MOST_TEXT = 400, 100_000
_ACCOUNT = re.compile(
    r"\b(?:stk|so tai khoan|tai khoan so|so tk|chu tk|chu tai khoan|chuyen khoan)\b"
    r".{0,60}?\b\d[\d ]{7,18}\d\b"
)
"""A bank account where people shall pay to."""
_WORDS = 4
"""Letters of a link that says something."""
_LITTLE = 200
"""Letters of text that stand under a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is new against a face. Empty when the page looks like itself."""

    changed: tuple[str, ...] = ()
    text: float = 0.0
    """Share of the visible text that changed, 0 to 1; places that always change do not count."""
    domains: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    dangerous: tuple[str, ...] = ()
    title_before: str = ""
    spam_words: tuple[str, ...] = ()
    spam_domains: tuple[str, ...] = ()


class _Found:
    """Collects what one comparison finds."""

    def __init__(self) -> None:
        self.changed: dict[str, None] = {}
        self.dangerous: dict[str, None] = {}

    def note(self, kind: str, *dangers: str) -> None:
        self.changed[kind] = None
        self.dangerous.update(dict.fromkeys(dangers))


def compare(face: Face, page: Page) -> Difference:
    """Compare a page with its face."""
    found = _Found()
    own = domain_of(page.url)
    known = {own, *face.domains, *map(domain_of, (*face.frames, *face.forms))}
    fresh, share = _text(face, page, found)
    links = [link for link in page.links if link.domain and link.domain not in face.domains]
    _links(face, links, found, known)
    spam = spam_among(fresh, links, head="" if steady(page.title) in face.titles else page.title)
    if spam.score >= _SPAM and spam.score > face.spam:
        found.note("text", "spam.links" if spam.domains else "spam.text")
    elif spam.score >= _SPAM_WORDS and spam.score > face.spam:
        found.note("text", "spam.words")
    before = _title(face, page, found, share)
    scripts = _scripts(face, page, found, (own, known))
    frames = _frames(face, page, found, known)
    forms = _forms(face, page, found, known)
    _elsewhere(face, page, found, known)
    _replaced(face, page, found, share)
    return Difference(
        changed=tuple(found.changed),
        text=round(share, 3),
        domains=tuple(dict.fromkeys(link.domain for link in links))[:50],
        scripts=tuple(scripts)[:50],
        frames=tuple(frames)[:50],
        forms=tuple(forms)[:50],
        added=tuple(block.text[:200] for block in fresh[:20]),
        dangerous=tuple(found.dangerous),
        title_before=before,
        spam_words=spam.words if spam.score >= _SPAM else (),
        spam_domains=spam.domains,
    )


def _text(face: Face, page: Page, found: _Found) -> tuple[list[Block], float]:
    known = set(face.known)
    volatile = {place for place, times in face.places.items() if times >= _VOLATILE}
    now: dict[str, int] = {}
    fresh: list[Block] = []
    counted: dict[str, int] = {}
    for block in page.blocks:
        if not block.hidden:
            now[block.key] = len(block.text)
        if block.key in face.blocks or block.key in known or (block.hidden and block.key in face.hidden):
            continue
        fresh.append(block)
        if not block.hidden and block.place not in volatile:
            counted[block.key] = len(block.text)
    gone = sum(size for key, size in face.blocks.items() if key not in now)
    total = sum(now.values()) + sum(face.blocks.values())
    if fresh:
        found.note("text")
        found.note("text", *strange_lines(face, fresh, volatile))
        if _signed(fresh):
            found.note("text", "text.defaced")
        if _ACCOUNT.search(fold("\n".join(block.text for block in fresh)[:_MOST_TEXT])):
            found.note("text", "text.account")
    return fresh, (sum(counted.values()) + gone) / total if total else 0.0


def _signed(fresh: list[Block]) -> bool:
    """One block by itself, or all of them together: a line among ten reports of crime is still a line."""
    together = "\n".join(block.text for block in fresh)[:_MOST_TEXT]
    if not may_be_signed(together):
        return False
    if any(find_signs(block.text[:1000]).score >= SIGNED for block in fresh[:_MOST_BLOCKS]):
        return True
    return find_signs(together).score >= SIGNED


def _links(face: Face, links: list[Link], found: _Found, known: set[str]) -> None:
    if links:
        found.note("links")
        if any(_is_turned(face, link, known) for link in links):
            found.note("links", "links.turned")
    farms = _farms(links)
    for link in links:
        dangers = dangers_of_link(link.url, link.domain, known)
        kept = link.hidden not in {"", "noscript", "not_displayed"} and foreign(link.domain, ())
        if kept or ((dangers or link.domain in farms) and link.hidden not in {"", "noscript"}):
            found.note("links", "links.hidden")
        found.note("links", *dangers)


def _is_turned(face: Face, link: Link, known: set[str]) -> bool:
    """Its words were on the page before, and led elsewhere: now they lead away from the portal."""
    if (
        link.hidden
        or len(link.text) < _WORDS
        or not (foreign(link.domain, known) or lent(link.domain, known))
    ):
        return False
    return key_of(link.text) in face.blocks


def _farms(links: list[Link]) -> set[str]:
    """Foreign domains to which many links that nobody sees say many things: they are for search engines."""
    said: dict[str, set[str]] = {}
    for link in links:
        if link.hidden not in {"", "noscript"} and link.text and foreign(link.domain, ()):
            said.setdefault(link.domain, set()).add(link.text)
    return {domain for domain, texts in said.items() if len(texts) >= _FARM}


def _title(face: Face, page: Page, found: _Found, share: float) -> str:
    if steady(page.title) in face.titles:
        return ""
    found.note("title")
    if find_signs(page.title).score >= SIGNED:
        found.note("title", "title.defaced")
    elif share > _REPLACED and not _titles_agree(face, page):
        found.note("title", "title.replaced")
    elif is_strange_title(face, page.title):
        found.note("title", "title.strange")
    return face.titles[0] if face.titles else ""


def _scripts(face: Face, page: Page, found: _Found, around: tuple[str, set[str]]) -> list[str]:
    fresh = [script for script in page.scripts if script.key not in face.scripts]
    for script in fresh:
        found.note("scripts", *dangers_of_script(script, *around))
    for handler in page.handlers:
        if key_of(handler) not in face.handlers:
            found.note("scripts", *dangers_of_handler(handler, *around))
    for effect in page.effects:
        if key_of(effect) not in face.effects:
            found.note("styles", *dangers_of_effect(effect, *around))
    return [script.url or f"inline {script.key}" for script in fresh]


def _frames(face: Face, page: Page, found: _Found, known: set[str]) -> list[str]:
    fresh = [frame for frame in page.frames if steady(frame.url) not in face.frames]
    for frame in fresh:
        packed = frame.url.startswith(("data:", "javascript:"))
        strange = packed or foreign(frame.domain, known) or lent(frame.domain, known)
        found.note("iframes", *(["frame.foreign"] if strange else []))
        if frame.hidden and strange:
            found.note("iframes", "frame.hidden")
    return [frame.url for frame in fresh]


def _forms(face: Face, page: Page, found: _Found, known: set[str]) -> list[str]:
    fresh = [form for form in page.forms if steady(form.target.partition("?")[0]) not in face.forms]
    for form in fresh:
        led = foreign(form.domain, known) or (form.secret and form.domain and form.domain not in known)
        found.note("forms", *(["form.foreign"] if led else []))
    return [form.target for form in fresh]


def _elsewhere(face: Face, page: Page, found: _Found, known: set[str]) -> None:
    """Refresh, pictures, style sheets and language."""
    if page.refresh and page.refresh != face.refresh:
        packed = page.refresh.startswith(("data:", "javascript:"))
        found.note("redirect", *(["refresh.foreign"] if page.refresh_domain or packed else []))
    images = [image for image in page.images if key_of(image.url.partition("?")[0]) not in face.images]
    if images:
        strange = any(foreign(image.domain, known) or lent(image.domain, known) for image in images)
        found.note("images", *(["image.foreign"] if strange else []))
        if any(_SIGNED_FILE.search(image.url.rpartition("/")[2]) for image in images):
            found.note("images", "image.signed")
    styles = [style for style in page.styles if style.partition("?")[0] not in face.styles]
    if styles:
        strange = any(foreign(domain_of(style), known) for style in styles)
        found.note("styles", *(["style.foreign"] if strange else []))
    if page.language != face.language:
        found.note("language")


def _replaced(face: Face, page: Page, found: _Found, share: float) -> None:
    """The whole page is another one: its text, its title and most of its insides are gone."""
    nodes = face.counts.get("nodes", 0)
    shrunk = page.nodes * 3 < nodes
    text = sum(len(block.text) for block in page.blocks if not block.hidden)
    if share > _REPLACED and shrunk and (text < _LITTLE or not _titles_agree(face, page)):
        found.note("text", "page.replaced")
        if text < _LITTLE and page.images:
            found.note("images", "page.picture")


def _titles_agree(face: Face, page: Page) -> bool:
    """A third of the title's words stayed: the site still calls itself by its name."""
    now = set(fold(page.title).split())
    before = {word for title in face.titles for word in fold(title).split()}
    return bool(now) and 3 * len(now & before) >= len(now)
