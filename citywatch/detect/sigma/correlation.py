"""What does a correlation rule count, as its file says it?

Names of rules and fields stay as they stand; `resolve` puts in ids and ECS names once all rules are known.
"""

from __future__ import annotations

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.documents import Document
from citywatch.detect.sigma.gate import Logs
from citywatch.detect.sigma.load import CorrelationRule, describe, name_of, own_block, subject_of

MAX_TIMESPAN_S = 31 * 86_400
MAX_REFERENCES = 100


def read_correlation(document: Document) -> CorrelationRule:
    """One correlation.

    Raises:
        ContentError: longer than a month, or nothing to count.
        sigma.exceptions.SigmaError: pySigma refused it.
    """
    parsed = SigmaCorrelationRule.from_dict(document.value)
    expression = None
    op, count, percentile, fields = "gte", 1, 0, ()
    condition = parsed.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        expression = _expression(condition.parsed)
        names = tuple(condition.get_referenced_rules())
    else:
        names = tuple(ref.reference for ref in parsed.rules or ())
        op, count, percentile, fields = _basic(condition)
    if not names:
        raise document.wrong("the correlation names no rule", "add `rules:`", at=("correlation",))
    if len(names) > MAX_REFERENCES:
        raise document.wrong(f"the correlation names more than {MAX_REFERENCES} rules", at=("rules",))
    seconds = parsed.timespan.seconds
    if seconds > MAX_TIMESPAN_S:
        raise document.wrong(f"timespan {parsed.timespan.spec} is longer than a month",
                             "counts over longer spans belong into a report", at=("timespan",))  # fmt: skip
    ours = own_block(document)
    return CorrelationRule(
        rule=describe(document, Logs()),
        name=name_of(document),
        type=parsed.type.name.lower(),
        base_ids=names,
        group_by=tuple(parsed.group_by or ()),
        timespan_s=seconds,
        op=op,
        count=count,
        expression=expression,
        fields=fields,
        percentile=percentile,
        aliases={
            each.alias: {ref.reference: name for ref, name in each.mapping.items()} for each in parsed.aliases
        },
        generate=parsed.generate,
        subject=subject_of(document, ours),
        window=str(ours.get("window", "")),
        line=document.start,
    )


def _basic(condition: SigmaCorrelationCondition) -> tuple[str, int, int, tuple[str, ...]]:
    wanted = condition.fieldref or []
    fields = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    return condition.op.name.lower(), condition.count, condition.percentile or 50, fields


def _expression(part: CorrelationConditionItem | SigmaRuleReference) -> tree.Tree:
    if isinstance(part, SigmaRuleReference):
        return tree.Ref(part.reference)
    parts = tuple(_expression(each) for each in part.args)
    if isinstance(part, CorrelationConditionNOT):
        return tree.Not(parts[0])
    return tree.And(parts) if isinstance(part, CorrelationConditionAND) else tree.Or(parts)
