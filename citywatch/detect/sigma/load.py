"""Which rules does a file hold, and what is wrong with the others?

One file at a time, so that what was read can be kept by the file's content. What needs the other rules
(duplicate ids, filters, what a correlation counts) is in `resolve`. pySigma is only imported when a file
must be parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from citywatch import schema
from citywatch.detect.sigma.documents import Document, read_documents
from citywatch.detect.sigma.gate import Logs
from citywatch.detect.sigma.tree import Tree
from citywatch.errors import ContentError
from citywatch.model import Rule, Severity

Placeholders = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """A rule that one event can answer."""

    rule: Rule
    name: str
    logs: Logs
    tree: Tree
    """The detection alone; which events it is for is in `gate`."""
    gate: Tree
    """Which events the logsource means, from `tables/logsources.tsv`."""
    subject: tuple[str, ...] = ()
    """Fields that the alert is about; empty: by the event's module."""
    window: str = ""
    """Fold window that the rule's `citywatch:` block asks for, e.g. `1h`."""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRule:
    """A Sigma correlation, with every name resolved: rules by id, fields by our names."""

    rule: Rule
    name: str
    type: str
    """event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile,
    value_median."""
    base_ids: tuple[str, ...]
    """Rules it counts hits of, in the order of the rule (temporal_ordered); may be correlations too."""
    group_by: tuple[str, ...]
    """Names in `aliases`, else ECS fields."""
    timespan_s: int
    op: str = "gte"
    """lt, lte, gt, gte, eq, neq."""
    count: int = 1
    expression: Tree | None = None
    """Extended condition of temporal types: And, Or, Not over Ref(rule_id); then op and count do not hold."""
    fields: tuple[str, ...] = ()
    """What value_* looks at: names in `aliases`, else ECS fields."""
    percentile: int = 0
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Alias -> {id of the base rule: its ECS field}, also for names that mean different fields per rule."""
    generate: bool = False
    """True: the base rules alert by themselves too."""
    subject: tuple[str, ...] = ()
    """Fields that the alert is about; empty: the group-by fields."""
    window: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """An exception to other rules: they fire only where this says yes too."""

    rule: Rule
    logs: Logs
    targets: tuple[str, ...]
    """Ids or names of rules; empty: every rule whose logsource lies within this one's."""
    tree: Tree
    expires: str = ""
    """`2026-12-31`, from `citywatch: expires:`; after that day the exception no longer holds."""
    owner: str = ""
    """Who answers for it, from `citywatch: owner:`, else the filter's author."""
    reason: str = ""
    """Why, from `citywatch: reason:`, else the filter's description."""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rule that is not in force, and why: `refused`, `not_ours` (no event of ours can answer it), `off`."""

    kind: str
    rule_id: str
    title: str
    source: str
    line: int | None
    what: str
    hint: str = ""

    @property
    def error(self) -> ContentError:
        return ContentError(self.source, self.line, self.what, self.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """All that one file holds. Correlations still name rules and fields as the file does."""

    events: tuple[EventRule, ...] = ()
    correlations: tuple[CorrelationRule, ...] = ()
    filters: tuple[FilterRule, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def load_file(raw: bytes, source: str, placeholders: Placeholders | None = None) -> FileRules:
    """Read every rule of a file; what is wrong becomes a refusal, never an exception."""
    try:
        documents = read_documents(raw, source)
    except ContentError as error:
        return FileRules(refusals=(_refusal(error, {}, "refused"),))
    found: list[EventRule | CorrelationRule | FilterRule | Refusal] = []
    for document in _with_globals(documents):
        try:
            found.append(_one(document, placeholders or {}))
        except ContentError as error:
            kind = "not_ours" if isinstance(error, NotOurs) else "refused"
            found.append(_refusal(error, document.value, kind))
    if not found:
        empty = ContentError(source, None, "holds no rule", "write a Sigma rule or remove the file")
        found.append(_refusal(empty, {}, "refused"))
    return FileRules(
        events=tuple(each for each in found if isinstance(each, EventRule)),
        correlations=tuple(each for each in found if isinstance(each, CorrelationRule)),
        filters=tuple(each for each in found if isinstance(each, FilterRule)),
        refusals=tuple(each for each in found if isinstance(each, Refusal)),
    )


class NotOurs(ContentError):  # noqa: N818 - a verdict on a rule
    """No event of ours can answer this rule: a field or a logsource that we do not have."""


def _refusal(error: ContentError, value: Mapping[str, Any], kind: str) -> Refusal:
    return Refusal(kind=kind, rule_id=str(value.get("id", "")), title=str(value.get("title", "")),
                   source=error.file, line=error.line, what=error.what, hint=error.hint)  # fmt: skip


def _with_globals(documents: list[Document]) -> list[Document]:
    """Sigma's `action`: global values are put under the rules that follow, as Sigma collections have it."""
    known: dict[str, Any] = {}
    done: list[Document] = []
    for document in documents:
        action = document.value.get("action")
        if action == "global":
            known = {key: value for key, value in document.value.items() if key != "action"}
        elif action == "reset":
            known = {}
        elif known:
            value = {**known, **document.value}
            done.append(Document(value=value, source=document.source, start=document.start,
                                 lines=document.lines))  # fmt: skip
        else:
            done.append(document)
    return done


def _one(document: Document, placeholders: Placeholders) -> EventRule | CorrelationRule | FilterRule:
    from citywatch.detect.sigma.parse import parse  # noqa: PLC0415 - pySigma takes a second to import

    return parse(document, placeholders)


def own_block(document: Document) -> Mapping[str, Any]:
    """The rule's `citywatch:` block.

    Raises:
        ContentError: it is not a mapping.
    """
    block = document.value.get("citywatch", {})
    if not isinstance(block, dict):
        raise document.wrong("`citywatch:` is not a mapping", at=("citywatch:",))
    return cast("Mapping[str, Any]", block)


def subject_of(document: Document, ours: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that alerts of this rule are about."""
    wanted = ours.get("subject", [])
    if not isinstance(wanted, list):
        raise document.wrong("`subject:` is not a list of fields", at=("subject",))
    names = tuple(str(name) for name in cast("list[Any]", wanted))
    for name in names:
        if schema.resolve(name) is None:
            raise document.wrong(
                f"field '{name}' is not in the event schema", schema.suggest(name), at=(name,)
            )
    return names


def name_of(document: Document) -> str:
    """The name by which correlations may refer to this rule."""
    return str(document.value.get("name", "") or "")


_BY_LOGS = {"portal": "portal", "webserver": "web_attack", "proxy": "web_attack", "network": "network_attack",
            "dns": "network_attack", "firewall": "network_attack"}  # fmt: skip
_BY_PRODUCT = {"windows": "host_attack", "linux": "host_attack", "zeek": "network_attack"}


def describe(document: Document, logs: Logs) -> Rule:
    """What the rest of the house needs to know of this rule.

    Raises:
        ContentError: the level is none of Sigma's five.
    """
    value, ours = document.value, own_block(document)
    level = str(value.get("level") or "medium").lower()
    if level not in Severity.__members__:
        raise document.wrong(
            f"level '{level}' is not one of Sigma's", "informational … critical", at=("level",)
        )
    title = str(value.get("title") or "")
    rule_id = str(value.get("id") or uuid5(NAMESPACE_URL, f"{document.source}#{title}")).lower()
    category = _BY_LOGS.get(logs.category) or _BY_PRODUCT.get(logs.product) or ""
    return Rule(
        id=rule_id,
        title=title,
        severity=Severity[level],
        title_vi=str(ours.get("title_vi", "")),
        description=str(value.get("description") or "").strip(),
        tags=_texts(value.get("tags")),
        falsepositives=_texts(value.get("falsepositives")),
        guide_vi=str(ours.get("guide_vi", "")),
        guide_en=str(ours.get("guide_en", "")),
        category=str(ours.get("category", category)),
        source=document.source,
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(each) for each in cast("list[Any]", value)) if isinstance(value, list) else (str(value),)
