"""What might defaced pages look like, and short honest ones? Made from phrases of our own.

In Vietnamese and English. Some are put into a whole portal of the range: a defacer's line in an intact page.
The labelled pages have neither Vietnamese ones nor, as far as they are known here, changes in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from sensors.portal.range.city import make_city
from sensors.portal.range.site import render

_HERE = Path(__file__).parent
GROUPS = 5
LANGUAGES = ("vi", "en")
_TERSE, _IN_PLACE = 0.3, 0.15


@cache
def _parts(name: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for line in (_HERE / name).read_text(encoding="utf-8").splitlines()[1:]:
        part, _, phrase = line.partition("\t")
        parts.setdefault(part, []).append(phrase)
    return parts


def _of_group(name: str, group: int) -> dict[str, list[str]]:
    """Phrases are shared out among the groups, so none is known to another fold."""
    return {
        part: [item for at, item in enumerate(items) if at % GROUPS == group]
        for part, items in _parts(name).items()
    }


def _page(title: str, lines: list[str], style: str) -> str:
    body = f"<h1>{title}</h1>" + "".join(f"<p>{line}</p>" for line in lines)
    return f"<html><head><meta charset='utf-8'><title>{title}</title></head>{style.format(body=body)}</html>"


@cache
def _portal(number: int) -> str:
    return render(make_city(60, seed=4, sick=False)[number % 60], "/", day=number) or ""


def defaced_pages(count: int = 100, seed: int = 11, language: str = "vi") -> Iterator[tuple[str, str]]:
    """Defaced pages and their group."""
    chance = Random(f"{seed} {language}")  # noqa: S311 - makes pages, guards nothing
    for number in range(count):
        group = number % GROUPS
        mine = _of_group(f"phrases_{language}.tsv", group)
        who = chance.choice(mine["who"])
        lines = [chance.choice(mine[part]).format(who=who) for part in ("claim", "taunt", "greet")]
        if chance.random() < _TERSE:
            lines = lines[:1]
        title = chance.choice(mine["title"]).format(who=who)
        yield _page(title, lines, chance.choice(mine["style"])), f"{language}{group}"


def defaced_in_place(count: int = 60, seed: int = 13, language: str = "vi") -> Iterator[tuple[str, str]]:
    """Intact portals with one line of a defacer in them, and their group."""
    chance = Random(f"{seed} {language}")  # noqa: S311 - makes pages, guards nothing
    for number in range(count):
        group = number % GROUPS
        mine = _of_group(f"phrases_{language}.tsv", group)
        line = chance.choice(mine["claim"]).format(who=chance.choice(mine["who"]))
        yield _portal(number).replace("<h2>", f"<p>{line}</p><h2>", 1), f"{language}{group}"


def honest_pages(count: int = 150, seed: int = 12, language: str = "vi") -> Iterator[tuple[str, str]]:
    """Short honest pages, some of them about hacking, and their group."""
    chance = Random(f"{seed} {language}")  # noqa: S311 - makes pages, guards nothing
    for number in range(count):
        group = number % GROUPS
        mine = _of_group(f"honest_{language}.tsv", group)
        lines = chance.sample(mine["line"], chance.randint(1, 3))
        if chance.random() < _IN_PLACE:
            yield _portal(number + 7), f"{language}{group}"
            continue
        page = _page(chance.choice(mine["title"]), lines, chance.choice(mine["style"]))
        yield page, f"{language}{group}"


def lines_of(language: str, *, defaced: bool) -> Iterator[tuple[str, int]]:
    """The phrases themselves, a line each, and their group."""
    kinds = ("claim", "taunt", "greet", "title") if defaced else ("line", "title")
    for group in range(GROUPS):
        mine = _of_group(f"{'phrases' if defaced else 'honest'}_{language}.tsv", group)
        for kind in kinds:
            for number, phrase in enumerate(mine.get(kind, [])):
                who = mine["who"][number % len(mine["who"])] if defaced else ""
                yield phrase.format(who=who) if defaced else phrase, group
