"""Which portals does the test city have, and how does each of them misbehave by right?

A city follows from its size and seed: the same portals, in the same order, every time. Most are well; some
are slow, some broken, some show a bad certificate, as in any real city.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from sensors.portal.range.site import STYLES, Site

_TABLE = Path(__file__).parent / "offices.tsv"

HEALTH = ("ok", "slow", "drip", "hangs", "resets", "cut", "error", "empty", "loop")
"""How a portal answers. slow: after some seconds; drip: a few bytes at a time; hangs: not for a minute;
resets: breaks off at once; cut: in the middle; error: 500; empty: no body; loop: redirects to itself."""
TLS = ("good", "self_signed", "expired", "wrong_name", "expires_soon", "old", "unknown_ca")
"""What certificate a portal shows where the range speaks TLS; old: TLS 1.0 only (by address or port: by name
all share one socket, whose protocol is settled before the name is known)."""
_SICK = 0.05
_BAD_TLS = 0.08


@cache
def _parts(name: str) -> tuple[tuple[str, str], ...]:
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:])
    return tuple((row[1], row[2]) for row in rows if row[0] == name)


def most_portals() -> int:
    """How many different portals there can be."""
    return len(_parts("kind")) * len(_parts("first")) * len(_parts("second"))


def make_city(count: int, *, seed: int = 1, changing: float = 1.0, sick: bool = True) -> list[Site]:
    """Make the portals of a city.

    Args:
        count: how many; at most `most_portals()`.
        seed: another seed, another city.
        changing: the share of portals whose pages change with the hour and the day; the others serve the same
            bytes until they are attacked.
        sick: whether some of them are slow, broken or badly certified.

    >>> [site.id for site in make_city(2)] == [site.id for site in make_city(2)]
    True
    """
    if not 0 < count <= most_portals():
        raise ValueError(f"a city has 1 to {most_portals()} portals, not {count}")
    chance = Random(f"city {seed}")  # noqa: S311 - makes a city, guards nothing
    places = [
        (kind, first, second)
        for first in _parts("first")
        for second in _parts("second")
        for kind in _parts("kind")
    ]
    chance.shuffle(places)
    sites = [_site(number, *place) for number, place in enumerate(places[:count])]
    still = {site.id for site in chance.sample(sites, round(count * (1 - changing)))}
    sites = [replace(site, still=site.id in still) for site in sites]
    return [_ail(site, chance) for site in sites] if sick else sites


def _site(number: int, kind: tuple[str, str], first: tuple[str, str], second: tuple[str, str]) -> Site:
    office = kind[0].format(place=f"{first[0]} {second[0]}")
    name = f"{kind[1]}-{first[1]}-{second[1]}"
    return Site(
        id=name,
        name=f"Cổng thông tin điện tử {office}",
        agency=name,
        style=STYLES[number % len(STYLES)],
        level=1 + number % 5,
        rich=True,
    )


def _ail(site: Site, chance: Random) -> Site:
    if chance.random() < _SICK:
        site = replace(site, health=chance.choice(HEALTH[1:]))
    if chance.random() < _BAD_TLS:
        site = replace(site, tls=chance.choice(TLS[1:]))
    return site
