"""What does an event look like, for people?

Makes the page from the schema's tables: `python -m citywatch.store.schema_page docs/event-schema.md`. A test
holds the page to the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from citywatch.schema import Field, Logsource, aliases, fields, logsources, namespaces
from citywatch.store.intake import FIRST_MOMENT, LAST_MOMENT
from citywatch.store.mapping import IGNORE_ABOVE, SEARCH, field_limit
from citywatch.store.sqlite_rows import HOT

COMMAND = "python -m citywatch.store.schema_page docs/event-schema.md"
HEAD = f"""# The event schema

This page is made from `citywatch/tables/*.tsv` by `{COMMAND}`.
Do not edit it by hand: change the tables.

An event is one flat JSON object with dotted [ECS](https://www.elastic.co/docs/reference/ecs) names; what ECS
has no name for stands under `citywatch.`. A field that is missing has no key (there is no `null`). Every
event has `@timestamp`, `event.id`, `event.kind`, `event.category`, `event.dataset` and `event.module`; the
journal adds `event.sequence` and `event.ingested`.

## How a value is compared
"""
COMPARED = (
    (
        "keyword, text",
        "whole, without letter case; `*` and `?` in patterns",
        f"`keyword`, `lowercase` normalizer, up to {IGNORE_ABOVE} UTF-16 units; CityWatch judges longer ones",
    ),
    (
        "ip",
        "by address; a network in CIDR form is met by what lies in it; patterns match the text",
        "`ip`, and its text as `<field>.text`",
    ),
    ("long, float", "by value; a number written as text counts", "`long`, `double`"),
    ("boolean", "true or false", "`boolean`"),
    ("date", "by moment, to the microsecond", f"`date_nanos` ({FIRST_MOMENT[:4]} to {LAST_MOMENT[:4]})"),
)
TAIL = f"""
`{SEARCH}` holds every keyword, text and address of an event, for searches without a field. An index takes at
most {field_limit()} fields; a new name beyond that costs no event, it is only slower to find. SQLite has an
index of its own for {", ".join(f"`{field}`" for field in HOT)}.

## Fields
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _table(("type", "compared", "in Elasticsearch"), COMPARED), TAIL]
    groups: dict[str, list[Sequence[str]]] = {}
    for field in fields().values():
        groups.setdefault(_group(field), []).append(_field_row(field))
    for group, rows in groups.items():
        parts += [f"### {group}\n", _table(("field", "type", "values", "meaning"), rows)]
    parts.append("## Open namespaces\n")
    parts.append(
        "Names under these are taken as the source wrote them, as keywords, up to a number of names.\n"
    )
    spaces = ((f"`{space.prefix}*`", str(space.limit), space.meaning) for space in namespaces())
    parts.append(_table(("names", "at most", "meaning"), spaces))
    parts.append("## Names that Sigma rules use\n")
    parts.append("Of `product`, or of `product/category/service` where `*` is any.\n")
    names = (
        (f"`{selector}`", f"`{name}`", f"`{field}`")
        for selector, table in aliases().items()
        for name, field in table.items()
    )
    parts.append(_table(("logsource", "name in the rule", "field"), names))
    parts.append("## Logsources\n")
    parts.append("Which events a rule of a logsource is asked about. Several rows of one are alternatives.\n")
    parts.append(_table(("product", "category", "service", "events"), map(_logsource_row, logsources())))
    return "\n".join(parts)


def _group(field: Field) -> str:
    first, _, rest = field.name.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "citywatch" else first


def _field_row(field: Field) -> Sequence[str]:
    return (f"`{field.name}`", field.type, "many" if field.many else "one", field.meaning)


def _logsource_row(source: Logsource) -> Sequence[str]:
    where = " and ".join(f"`{name}` is {' or '.join(values)}" for name, values in source.where)
    return (source.product, source.category, source.service, where)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
