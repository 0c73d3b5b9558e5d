"""Which software is meant, however it is called?

`Apache/2.4.49`, `httpd` and `Apache HTTP Server` are one. Names that `tables/products.tsv` knows are brought
to its key; any other is its own, folded. An alias with `=` before it is a name that the software gives
itself, which says nothing in running text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from citywatch.respond.advisory import PRODUCTS, Product, together
from citywatch.respond.version import VERSION, spans_of
from citywatch.schema import TABLES

SHORTEST: Final = 3
"""A shorter name says nothing in running text."""
WINDOW: Final = 160
"""How far behind a product's name its versions stand."""
_BLANKS = re.compile(r"[\s_/-]+")
_STOP = re.compile(r"[;\n]|\.(?:\s|$)")
_COMMON: Final = frozenset(
    {"portal", "webmail", "archer", "vigor", "ip camera", "database server", "express", "exim"}
)
"""Names that mean their product only together with its maker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One product of the table."""

    key: str
    vendor: str
    name: str
    aliases: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Maker and product, each once."""
        return self.name if self.vendor.casefold() in self.name.casefold() else f"{self.vendor} {self.name}"


@cache
def known_products() -> tuple[Known, ...]:
    """The table."""
    with (TABLES / "products.tsv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Known(
                key=row["key"],
                vendor=row["vendor"],
                name=row["name"],
                aliases=tuple(part.strip() for part in row["aliases"].split(";") if part.strip()),
            )
            for row in csv.DictReader(file, delimiter="\t")
        )


def folded_name(text: str) -> str:
    """A name as names are compared.

    >>> folded_name("Microsoft-IIS"), folded_name("  DNN  Platform ")
    ('microsoft iis', 'dnn platform')
    """
    return _BLANKS.sub(" ", text).strip().casefold()[:200]


@cache
def _by_name() -> dict[str, str]:
    found: dict[str, str] = {}
    for one in known_products():
        names = [one.shown, f"{one.vendor} {one.name}", *(alias.removeprefix("=") for alias in one.aliases)]
        names += [] if folded_name(one.name) in _COMMON else [one.name]
        for name in names:
            found.setdefault(folded_name(name), one.key)
    return found


def key_of(name: str, vendor: str = "") -> str:
    """What a product is compared by.

    >>> key_of("HTTP Server", "Apache"), key_of("Microsoft-IIS"), key_of("Cổng A", "Công ty B")
    ('apache-httpd', 'iis', 'công ty b cổng a')
    """
    names = _by_name()
    whole, alone = folded_name(f"{vendor} {name}"), folded_name(name)
    return names.get(whole) or names.get(alone) or whole


def is_telling(name: str) -> bool:
    """A name that means its product also without its maker's.

    >>> is_telling("WordPress"), is_telling("Portal")
    (True, False)
    """
    return len(name) > SHORTEST and folded_name(name) not in _COMMON


def mentioned(text: str, others: Sequence[Product] = ()) -> tuple[Product, ...]:
    """Products that a running text names, with the versions that stand behind each name.

    Args:
        text: of a letter, PDF or Word file.
        others: further names to look for: what the city's own systems run.
    """
    names = _names(others)
    pattern = re.compile(
        r"(?<![\w])("
        + "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        + r")(?![\w])",
        re.IGNORECASE,
    )
    hits = list(pattern.finditer(text))
    found: list[Product] = []
    for number, hit in enumerate(hits[: 10 * PRODUCTS]):
        end = hits[number + 1].start() if number + 1 < len(hits) else len(text)
        vendor, name = names[hit[1].casefold()]
        found.append(Product(vendor=vendor, name=name, versions=_versions(text[hit.end() : end])))
    told = together(found)
    return tuple(one for one in told if one.versions) + tuple(one for one in told if not one.versions)


def _names(others: Iterable[Product]) -> dict[str, tuple[str, str]]:
    found = dict(_pairs(others))
    for one in known_products():
        for name in (one.shown, one.name, *one.aliases):
            if len(name) >= SHORTEST and name[0] != "=" and folded_name(name) not in _COMMON:
                found[name.casefold()] = (one.vendor, one.name)
    return found


def _pairs(others: Iterable[Product]) -> Iterator[tuple[str, tuple[str, str]]]:
    for one in others:
        if is_telling(one.name):
            yield one.name.casefold(), (one.vendor, one.name)


def _versions(behind: str) -> str:
    """The range told right behind a name, as it is written there; nothing when none is."""
    stop = _STOP.search(behind)
    told = behind[: min(stop.start() if stop else WINDOW, WINDOW)]
    if not VERSION.search(told) or "CVE-" in told[: told.find("-") + 1].upper():
        return ""
    told = re.split(r"CVE-|CVSS", told, flags=re.IGNORECASE)[0]
    return " ".join(told.split())[:200] if spans_of(told) else ""
