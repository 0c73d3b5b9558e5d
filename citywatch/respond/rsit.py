"""How do CSIRTs call this kind of incident? The Reference Security Incident Taxonomy (ENISA, version 1)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from citywatch.schema import TABLES

UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of incident in its class."""

    code: str
    class_en: str
    class_vi: str
    name_en: str
    name_vi: str
    category: tuple[str, ...] = ()
    """Our categories that are of this type when nobody has said otherwise."""

    def said(self, language: str) -> str:
        """Class and type in words.

        >>> kinds()["data-leak"].said("en")
        'Information content security: Leak of confidential information'
        """
        of, name = (self.class_vi, self.name_vi) if language == "vi" else (self.class_en, self.name_en)
        return f"{of}: {name}"


@cache
def kinds() -> dict[str, Kind]:
    """Every type by its code."""
    with (TABLES / "rsit.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row | {"category": row["category"].split()} for row in csv.DictReader(file, delimiter="\t")]
    found = (
        Kind(
            code=str(row["code"]),
            class_en=str(row["class_en"]),
            class_vi=str(row["class_vi"]),
            name_en=str(row["name_en"]),
            name_vi=str(row["name_vi"]),
            category=tuple(row["category"]),
        )
        for row in rows
    )
    return {kind.code: kind for kind in found}


def kind_of(taxonomy: str, category: str) -> Kind:
    """The type that somebody chose, else the one that the category suggests.

    >>> kind_of("", "defacement").code, kind_of("phishing", "defacement").code, kind_of("", "").code
    ('unauthorised-information-modification', 'phishing', 'undetermined')
    """
    if taxonomy in kinds():
        return kinds()[taxonomy]
    suggested = (kind for kind in kinds().values() if category and category in kind.category)
    return next(suggested, kinds()[UNDETERMINED])
