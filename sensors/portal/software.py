"""Which software does a portal say that it runs, and in which version?

As it tells of itself: server headers, the generator of its pages, names of well-known scripts. A portal that
hides its versions says less, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sensors.portal.fetch import Fetched
from sensors.portal.page import Page

MOST: Final = 20
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9!._+-]{1,40})(?:/([0-9][0-9A-Za-z._+-]{0,40}))?")
_GENERATOR = re.compile(r"([A-Za-z][A-Za-z0-9!. _+-]{1,60}?)[ /]+v?([0-9][0-9A-Za-z._+-]{0,40})")
_WHOLE = {
    "x-aspnet-version": "ASP.NET",
    "x-aspnetmvc-version": "ASP.NET MVC",
    "microsoftsharepointteamservices": "SharePoint",
    "x-drupal-version": "Drupal",
}
"""Headers whose whole value is a version."""
_LISTS = ("server", "x-powered-by", "x-powered-cms")
_NAMED = ("x-generator", "liferay-portal")
_SCRIPT = re.compile(
    r"/(jquery|bootstrap|ckeditor|angular|vue)[.@/-]v?([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?=[./-])", re.IGNORECASE
)
_COMMENT = re.compile(r"\([^)]*\)")


def software_of(fetched: Fetched, page: Page | None) -> tuple[str, ...]:
    """`Name/version`, or the name alone, each once."""
    told = dict.fromkeys((*_of_headers(fetched), *(_of_page(page) if page is not None else ())))
    return tuple(told)[:MOST]


def _of_headers(fetched: Fetched) -> Iterator[str]:
    for key, value in fetched.headers:
        name = key.lower()
        if name in _WHOLE and re.match(r"[0-9]", value.strip()):
            yield f"{_WHOLE[name]}/{value.strip().split()[0][:40]}"
        elif name in _LISTS:
            for part in re.split(r"[\s,;]+", _COMMENT.sub(" ", value)):
                hit = _PRODUCT.fullmatch(part)
                if hit:
                    yield f"{hit[1]}/{hit[2]}" if hit[2] else hit[1]
        elif name in _NAMED:
            yield from _generator(value)


def _of_page(page: Page) -> Iterator[str]:
    for name, content in page.metas:
        if name.lower() == "generator":
            yield from _generator(content)
    for script in page.scripts:
        hit = _SCRIPT.search(script.url)
        if hit:
            yield f"{hit[1].lower()}/{hit[2]}"


def _generator(text: str) -> Iterator[str]:
    """`WordPress 6.4.2`, `Drupal 9 (https://…)`, `Joomla! - Open Source …`.

    >>> list(_generator("WordPress 6.4.2")), list(_generator("Joomla! - Open Source Content Management"))
    (['WordPress/6.4.2'], ['Joomla!'])
    """
    plain = _COMMENT.sub(" ", text).split(";")[0].strip()[:120]
    hit = _GENERATOR.match(plain)
    if hit:
        yield f"{hit[1].strip()}/{hit[2]}"
        return
    name = re.split(r"\s[-–|]\s|,", plain)[0].strip()
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9!. _+-]{1,60}", name):
        yield name
