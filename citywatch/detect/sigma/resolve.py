"""Which rules hold once all files are known: no id twice, filters put on, correlations resolved?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from citywatch import schema
from citywatch.detect.sigma import tree
from citywatch.detect.sigma.load import CorrelationRule, EventRule, FileRules, FilterRule, Refusal
from citywatch.detect.sigma.tree import And, Tree

Known = EventRule | CorrelationRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All rules that hold, ready to be evaluated."""

    events: Mapping[str, EventRule]
    correlations: Mapping[str, CorrelationRule]
    refusals: tuple[Refusal, ...]
    filters: tuple[FilterRule, ...] = ()

    @property
    def silent(self) -> frozenset[str]:
        """Rules that only feed correlations and do not alert by themselves."""
        fed = {base for rule in self.correlations.values() for base in rule.base_ids}
        loud = {base for rule in self.correlations.values() if rule.generate for base in rule.base_ids}
        return frozenset(fed - loud)


def resolve(files: Iterable[FileRules], today: str = "", off: Mapping[str, str] | None = None) -> RuleSet:
    """Put the rules of all files together.

    Args:
        files: what each file holds.
        today: `2026-11-22`; exceptions that expired before no longer hold.
        off: ids of rules that are switched off, and why.
    """
    refusals: list[Refusal] = []
    known: dict[str, Known] = {}
    filters: list[FilterRule] = []
    for file in files:
        refusals.extend(file.refusals)
        for rule in (*file.events, *file.correlations):
            first = known.get(rule.rule.id)
            if off and rule.rule.id in off:
                refusals.append(replace(_refuse(rule, f"is switched off: {off[rule.rule.id]}"), kind="off"))
            elif first is None:
                known[rule.rule.id] = rule
            else:
                where = f"{first.rule.source}:{first.line}"
                what = f"id {rule.rule.id} is already that of '{first.rule.title}' ({where})"
                refusals.append(_refuse(rule, what, "give this rule an id of its own"))
        filters.extend(file.filters)
    live = [each for each in filters if not (each.expires and today and each.expires < today)]
    named = {rule.name: rule for rule in known.values() if rule.name}
    events = _filtered(known, live, refusals, named)
    correlations = _resolved(known, named, refusals)
    return RuleSet(events=events, correlations=correlations, refusals=tuple(refusals), filters=tuple(live))


def _refuse(rule: Known | FilterRule, what: str, hint: str = "") -> Refusal:
    return Refusal(kind="refused", rule_id=rule.rule.id, title=rule.rule.title, source=rule.rule.source,
                   line=rule.line, what=what, hint=hint)  # fmt: skip


def _filtered(
    known: Mapping[str, Known],
    filters: Iterable[FilterRule],
    refusals: list[Refusal],
    named: Mapping[str, Known],
) -> dict[str, EventRule]:
    events = {key: rule for key, rule in known.items() if isinstance(rule, EventRule)}
    for each in filters:
        if not each.targets:
            targets = list(events)
        else:
            targets = [_id_of(target, known, named) for target in each.targets]
        hit = False
        for target in targets:
            rule = events.get(target)
            if rule is not None and each.logs.holds(rule.logs):
                events[target] = replace(rule, tree=And((rule.tree, each.tree)))
                hit = True
        if not hit:
            names = ", ".join(each.targets) or f"any rule of {each.logs}"
            refusals.append(
                _refuse(each, f"this filter meets no rule: {names}", "check `rules:` and `logsource:`")
            )
    return events


def _id_of(reference: str, known: Mapping[str, Known], named: Mapping[str, Known]) -> str:
    if reference.lower() in known:
        return reference.lower()
    return named[reference].rule.id if reference in named else ""


def _resolved(
    known: Mapping[str, Known], named: Mapping[str, Known], refusals: list[Refusal]
) -> dict[str, CorrelationRule]:
    """Resolve from the leaves up; what refers to itself or to a refused rule is refused."""
    waiting = {key: rule for key, rule in known.items() if isinstance(rule, CorrelationRule)}
    done: dict[str, CorrelationRule] = {}
    while waiting:
        before = len(waiting)
        for key, rule in list(waiting.items()):
            ids = {name: _id_of(name, known, named) for name in rule.base_ids}
            missing = [name for name, found in ids.items()
                       if not found or (found not in done and found not in waiting
                                        and isinstance(known[found], CorrelationRule))]  # fmt: skip
            if missing:
                del waiting[key]
                what = f"rule '{missing[0]}' is not among the loaded rules"
                refusals.append(_refuse(rule, what, "load the rule, or correct its name or id"))
            elif not any(found in waiting for found in ids.values()):
                del waiting[key]
                _finish(rule, ids, known, done, refusals)
        if len(waiting) == before:
            what, hint = "this correlation refers to itself", "break the circle of `rules:`"
            refusals.extend(_refuse(rule, what, hint) for rule in waiting.values())
            break
    return done


def _finish(
    rule: CorrelationRule,
    ids: Mapping[str, str],
    known: Mapping[str, Known],
    done: dict[str, CorrelationRule],
    refusals: list[Refusal],
) -> None:
    bases = {found: _leaves(found, known, done) for found in ids.values()}
    aliases = {alias: {ids.get(name, name): field for name, field in each.items()}
               for alias, each in rule.aliases.items()}  # fmt: skip
    try:
        ready, group_by = _fields(rule.group_by, aliases, bases)
        more, fields = _fields(rule.fields, aliases, bases)
    except KeyError as error:
        name = str(error.args[0])
        what = f"field '{name}' is not in the event schema"
        refusals.append(_refuse(rule, what, schema.suggest(name)))
        return
    done[rule.rule.id] = replace(
        rule,
        base_ids=tuple(ids.values()),
        aliases={**ready, **more},
        group_by=group_by,
        fields=fields,
        expression=_renamed(rule.expression, ids) if rule.expression else None,
    )


def _leaves(rule_id: str, known: Mapping[str, Known], done: Mapping[str, CorrelationRule]) -> list[EventRule]:
    """The event rules that a rule stands on."""
    rule = known[rule_id]
    if isinstance(rule, EventRule):
        return [rule]
    return [leaf for base in done[rule_id].base_ids for leaf in _leaves(base, known, done)]


def _fields(
    names: Iterable[str],
    aliases: Mapping[str, Mapping[str, str]],
    bases: Mapping[str, list[EventRule]],
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """Our names for what a correlation groups by; an alias where rules mean different fields.

    Raises:
        KeyError: no rule below has this field; the name.
    """
    found: dict[str, dict[str, str]] = {}
    ours: list[str] = []
    for name in names:
        wanted = aliases.get(name, {})
        mapping: dict[str, str] = {}
        for base, leaves in bases.items():
            theirs = wanted.get(base, name)
            fields = [field for leaf in leaves if (field := leaf.logs.field(theirs))]
            if not fields:
                raise KeyError(theirs)
            mapping[base] = fields[0]
        if name not in aliases and len(set(mapping.values())) == 1:
            ours.append(next(iter(mapping.values())))
        else:
            found[name] = mapping
            ours.append(name)
    return found, tuple(ours)


def _renamed(part: Tree, ids: Mapping[str, str]) -> Tree:
    if isinstance(part, tree.And | tree.Or):
        return type(part)(tuple(_renamed(each, ids) for each in part.parts))
    if isinstance(part, tree.Not):
        return tree.Not(_renamed(part.part, ids))
    return tree.Ref(ids[part.rule_id]) if isinstance(part, tree.Ref) else part
