"""Which events does a rule's logsource mean?

A rule for Windows process creation must not fire on a web log that happens to have the same text: every
rule is held to the constant fields (channel, event code, dataset) of its logsource, from
`tables/logsources.tsv`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from citywatch import schema
from citywatch.detect.sigma.tree import And, Like, Or, Tree, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """A rule's logsource as it stands in the rule."""

    product: str = ""
    category: str = ""
    service: str = ""

    def __str__(self) -> str:
        return f"{self.product or '*'}/{self.category or '*'}/{self.service or '*'}"

    def field(self, name: str) -> str | None:
        """Our name of a field that a rule of this logsource names."""
        found = schema.field_for(name, product=self.product, category=self.category, service=self.service)
        return found.name if found else None

    def holds(self, other: Logs) -> bool:
        """Does every event of the other logsource lie within this one, by their words?

        >>> Logs(product="windows").holds(Logs(product="windows", category="process_creation"))
        True
        """
        return (
            self.product in ("", other.product)
            and self.category in ("", other.category)
            and self.service in ("", other.service)
        )


@lru_cache(maxsize=4096)
def gate_of(logs: Logs) -> Tree | None:
    """The question that an event of this logsource says yes to; None when the logsource is not among ours.

    A category and a service together mean both. A generic row (no product) also stands for a product that
    has no row of its own: `apache/webserver` are web server logs.
    """
    product, category, service = logs.product, logs.category, logs.service
    exact = _rows(product, category, service)
    if exact:
        return exact
    if category and service:
        both = _rows(product, category, ""), _rows(product, "", service)
        if both[0] and both[1]:
            return And((both[0], both[1]))
    if product and not any(row.product == product for row in schema.logsources()):
        return gate_of(Logs(category=category, service=service))
    return None


def _rows(product: str, category: str, service: str) -> Tree | None:
    wanted = (product, category, service)
    found: list[Tree] = [
        _all_of(row) for row in schema.logsources() if (row.product, row.category, row.service) == wanted
    ]
    if not found:
        return None
    return found[0] if len(found) == 1 else Or(tuple(found))


def _all_of(row: schema.Logsource) -> Tree:
    parts: list[Tree] = []
    for name, values in row.where:
        likes: tuple[Tree, ...] = tuple(Like(name, (fold(value),)) for value in values)
        parts.append(likes[0] if len(likes) == 1 else Or(likes))
    return parts[0] if len(parts) == 1 else And(tuple(parts))
