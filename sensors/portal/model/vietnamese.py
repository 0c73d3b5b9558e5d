"""What might Vietnamese defaced pages look like, and short honest ones? Made from phrases of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

_HERE = Path(__file__).parent
_GROUPS = 5
_TERSE = 0.3


def _parts(name: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for line in (_HERE / name).read_text(encoding="utf-8").splitlines()[1:]:
        part, _, phrase = line.partition("\t")
        parts.setdefault(part, []).append(phrase)
    return parts


def _of_group(parts: dict[str, list[str]], group: int) -> dict[str, list[str]]:
    """Phrases are shared out among the groups, so none is known to another fold."""
    return {
        part: [item for at, item in enumerate(items) if at % _GROUPS == group]
        for part, items in parts.items()
    }


def _page(title: str, lines: list[str], style: str) -> str:
    body = f"<h1>{title}</h1>" + "".join(f"<p>{line}</p>" for line in lines)
    return f"<html><head><meta charset='utf-8'><title>{title}</title></head>{style.format(body=body)}</html>"


def defaced_pages(count: int = 100, seed: int = 11) -> Iterator[tuple[str, str]]:
    """Defaced pages and their group."""
    chance = Random(seed)  # noqa: S311 - makes pages, guards nothing
    parts = _parts("phrases_vi.tsv")
    for number in range(count):
        mine = _of_group(parts, number % _GROUPS)
        who = chance.choice(mine["who"])
        lines = [chance.choice(mine[part]).format(who=who) for part in ("claim", "taunt", "greet")]
        if chance.random() < _TERSE:
            lines = lines[:1]
        title = chance.choice(mine["title"]).format(who=who)
        yield _page(title, lines, chance.choice(mine["style"])), f"vi{number % _GROUPS}"


def honest_pages(count: int = 150, seed: int = 12) -> Iterator[tuple[str, str]]:
    """Short honest pages and their group."""
    chance = Random(seed)  # noqa: S311 - makes pages, guards nothing
    parts = _parts("honest_vi.tsv")
    for number in range(count):
        mine = _of_group(parts, number % _GROUPS)
        lines = chance.sample(mine["line"], chance.randint(1, 3))
        yield (
            _page(chance.choice(mine["title"]), lines, chance.choice(mine["style"])),
            f"vi{number % _GROUPS}",
        )
