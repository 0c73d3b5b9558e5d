"""What does a warning of police, ministry or maker say, and how far has it been followed?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from citywatch.model import Severity

PRODUCTS: Final = 500
CVES: Final = 500
TEXT: Final = 20_000

STATES: Final = ("new", "campaign", "closed")
"""Read and matched; agencies have tickets; over."""

ASSET_STATES: Final = ("open", "said_fixed", "proven", "still_affected", "not_affected")
"""What is known of one system: nothing yet; its agency says that it is fixed; a look proved it; a look
disproved it; a person found that it is not concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Software that a warning names, and which versions of it."""

    name: str
    vendor: str = ""
    versions: str = ""
    """As `version.spans_of` reads it; empty: the warning does not say it."""
    fixed: str = ""
    """The version to move to, as told."""
    cves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One of the papers that it came in."""

    name: str
    sha256: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A warning as it was read, from whatever form."""

    id: str
    title: str
    form: str = "text"
    """csaf, text, letter, pdf, docx."""
    source: str = ""
    """Who warns."""
    number: str = ""
    """The sender's own reference: `123/CATTT-NCSC`, `RHSA-2026:0001`."""
    revision: str = ""
    published: str = ""
    received_at: str = ""
    received_by: str = ""
    """mail, folder, api, or the person who brought it."""
    severity: Severity = Severity.medium
    tlp: str = "AMBER"
    cves: tuple[str, ...] = ()
    products: tuple[Product, ...] = ()
    guide: str = ""
    """What it says to do."""
    text: str = ""
    """Its beginning, as plain text."""
    documents: tuple[Document, ...] = ()
    indicators: int = 0
    """How many it names."""
    watched: bool = False
    """Its indicators are in force."""
    doubts: tuple[str, ...] = ()
    """What was passed over while it was read."""
    state: str = "new"
    changed_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedAsset:
    """One portal or system that a warning concerns, and what has become of it."""

    id: str
    advisory: str
    kind: str
    """portal or system."""
    asset: str
    name: str
    agency: str
    product: str
    version: str = ""
    """What ran when it was matched; empty: not known."""
    sure: bool = False
    """The version is known and lies in the range; else only the product is the same."""
    because: str = ""
    state: str = "open"
    ticket_id: str = ""
    run_id: str = ""
    version_now: str = ""
    note: str = ""
    changed_at: str = ""
    changed_by: str = ""


def together(products: Iterable[Product]) -> tuple[Product, ...]:
    """One row a product: ranges, fixes and CVEs of the same name are joined."""
    found: dict[tuple[str, str], Product] = {}
    for one in products:
        key = (one.vendor.casefold(), one.name.casefold())
        known = found.get(key)
        found[key] = (
            one
            if known is None
            else replace(
                known,
                versions=_joined(known.versions, one.versions),
                fixed=known.fixed or one.fixed,
                cves=tuple(dict.fromkeys((*known.cves, *one.cves)))[:CVES],
            )
        )
    return tuple(found.values())[:PRODUCTS]


def _joined(first: str, second: str) -> str:
    parts = [part.strip() for text in (first, second) for part in text.split("||") if part.strip()]
    return " || ".join(dict.fromkeys(parts))[:2000]


def merged(first: Advisory, second: Advisory) -> Advisory:
    """One warning that came in several papers: what the first does not say, the second may."""
    return replace(
        first,
        title=first.title or second.title,
        source=first.source or second.source,
        number=first.number or second.number,
        published=first.published or second.published,
        severity=max(first.severity, second.severity),
        cves=tuple(dict.fromkeys((*first.cves, *second.cves)))[:CVES],
        products=together((*first.products, *second.products)),
        guide=first.guide or second.guide,
        text=(first.text if len(first.text) >= len(second.text) else second.text)[:TEXT],
        doubts=(*first.doubts, *second.doubts)[:100],
    )
