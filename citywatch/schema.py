"""Which fields may an event have, what type are they, and which names do rules know them by?

One table (`tables/fields.tsv`, ECS names) from which the Elasticsearch templates, the SQLite columns, the
Sigma pipeline and the docs page are made. Beside it: the open namespaces, the names that Sigma rules use for
our fields (`tables/aliases.tsv`) and which events a rule's logsource means (`tables/logsources.tsv`).

Field types: keyword, text, long, float, boolean, ip, date (as in Elasticsearch).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row of the schema."""

    name: str
    type: str
    many: bool
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Names under this prefix are taken as they come (keyword), up to a counted limit."""

    prefix: str
    limit: int
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logsource:
    """Which events a Sigma logsource means: all of `where`, each field one of its values."""

    product: str
    category: str
    service: str
    where: tuple[tuple[str, tuple[str, ...]], ...]


def _rows(name: str) -> list[list[str]]:
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:] if line and not line.startswith("#")]


@cache
def fields() -> dict[str, Field]:
    """All fields of the schema by name.

    >>> fields()["source.ip"].type
    'ip'
    """
    return {
        name: Field(name=name, type=kind, many=values == "many", meaning=meaning)
        for name, kind, values, meaning in _rows("fields.tsv")
    }


@cache
def namespaces() -> tuple[Namespace, ...]:
    """The open namespaces."""
    return tuple(
        Namespace(prefix=prefix, limit=int(limit), meaning=meaning)
        for prefix, limit, meaning in _rows("namespaces.tsv")
    )


def resolve(name: str) -> Field | None:
    """The field of this name, also in an open namespace; None when no event can have it.

    >>> resolve("winlog.event_data.TargetUserName").type
    'keyword'
    >>> resolve("url.paht") is None
    True
    """
    known = fields().get(name)
    if known is not None:
        return known
    for space in namespaces():
        if name.startswith(space.prefix) and len(name) > len(space.prefix):
            return Field(name=name, type="keyword", many=True, meaning=space.meaning)
    return None


def suggest(name: str) -> str:
    """A hint for a name that is not in the schema, or nothing.

    >>> suggest("url.paht")
    "did you mean 'url.path'?"
    """
    close = get_close_matches(name, fields(), n=1, cutoff=0.75)
    return f"did you mean '{close[0]}'?" if close else ""


@cache
def logsources() -> tuple[Logsource, ...]:
    """Which logsources are known. Several rows of one logsource are alternatives."""
    return tuple(
        Logsource(product=product, category=category, service=service, where=_where(where))
        for product, category, service, where in _rows("logsources.tsv")
    )


def _where(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    parts = (part.split("=", 1) for part in text.split(";"))
    return tuple((name, tuple(values.split("|"))) for name, values in parts)


@cache
def aliases() -> dict[str, dict[str, str]]:
    """Names that rules and logs use, by logsource selector `product/category/service` (`*` is any).

    >>> aliases()["windows"]["Image"]
    'process.executable'
    """
    table: dict[str, dict[str, str]] = {}
    for selector, name, field in _rows("aliases.tsv"):
        table.setdefault(selector, {})[name] = field
    return table


def alias_tables(product: str, category: str, service: str) -> list[dict[str, str]]:
    """The alias tables that hold for a logsource, most specific first."""
    keys = (
        f"{product}/{category}/{service}",
        f"{product}//{service}",
        f"{product}/{category}",
        f"*//{service}",
        f"*/{category}",
        product,
    )
    known = aliases()
    return [known[key] for key in keys if key in known]


def field_for(name: str, *, product: str = "", category: str = "", service: str = "") -> Field | None:
    """The field that a rule of this logsource means by a name; None when it means none of ours.

    >>> field_for("Image", product="windows").name
    'process.executable'
    >>> field_for("Threat Name", product="windows").name
    'winlog.event_data.ThreatName'
    >>> field_for("cs-uri-query", category="webserver").name
    'url.query'
    """
    for table in alias_tables(product, category, service):
        if name in table:
            return resolve(table[name])
    found = resolve(name)
    if found is None and product == "windows":
        return resolve(f"winlog.event_data.{name.replace(' ', '')}")
    if found is None and product in {"zeek", "linux"} and service:
        prefix = f"zeek.{service}." if product == "zeek" else f"{service}."
        return resolve(prefix + name)
    return found
