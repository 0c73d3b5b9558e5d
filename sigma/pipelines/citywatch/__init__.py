"""How does any pySigma backend write rules for our events? `sigma convert -t lucene -p citywatch RULE`.

Made from the tables of the event schema, the same that the in-process evaluator uses: a rule's fields get our
names, its logsource becomes the constant fields of our events, and what we have no field or events for is
refused instead of converted to a query that finds nothing. There is no `sigma/__init__.py`: this is a piece
of pySigma's namespace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaTransformationError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations.base import ConditionTransformation, FieldMappingTransformationBase
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import SigmaString

from citywatch import schema
from citywatch.detect.sigma import tree
from citywatch.detect.sigma.gate import Logs, gate_of

PRIORITY = 20


def citywatch_pipeline() -> ProcessingPipeline:
    """The pipeline that sigma-cli knows as `citywatch`."""
    return ProcessingPipeline(
        name="CityWatch events (ECS)",
        priority=PRIORITY,
        items=[
            ProcessingItem(identifier="citywatch_fields", transformation=OurFields()),
            ProcessingItem(identifier="citywatch_events", transformation=OurEvents()),
        ],
    )


def logs_of(rule: SigmaRule) -> Logs:
    """A rule's logsource in our words."""
    source = rule.logsource
    return Logs(product=source.product or "", category=source.category or "", service=source.service or "")


@dataclass
class OurFields(FieldMappingTransformationBase):
    """Gives each field our name; an address is asked for as text where the rule has a wildcard."""

    logs: Logs = field(default_factory=Logs, init=False, repr=False)

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        """Remember whose fields these are."""
        if isinstance(rule, SigmaRule):
            self.logs = logs_of(rule)
        super().apply(rule)

    def apply_field_name(self, field: str | None) -> str | list[str] | None:
        """Our name.

        Raises:
            SigmaTransformationError: no event of ours has this field.
        """
        if field is None:
            return None
        found = self.logs.field(field)
        if found is None:
            hint = schema.suggest(field)
            raise SigmaTransformationError(
                f"field '{field}' is not in the event schema" + (f"; {hint}" if hint else "")
            )
        return found

    def apply_detection_item(
        self, detection_item: SigmaDetectionItem
    ) -> SigmaDetection | SigmaDetectionItem | None:
        """Name the field; texts with wildcards cannot be asked of an `ip` field, only of its `text`."""
        found = super().apply_detection_item(detection_item)
        if isinstance(found, SigmaDetectionItem) and found.field is not None:
            known = schema.resolve(found.field)
            texts = [value for value in found.value if isinstance(value, SigmaString)]
            if known is not None and known.type == "ip" and any(text.contains_special() for text in texts):
                found.field = f"{found.field}.text"
        return found


@dataclass
class OurEvents(ConditionTransformation):
    """Holds a rule to the events that its logsource means."""

    names: tuple[str, ...] = field(default=(), init=False, repr=False)

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        """Add the gate of the rule's logsource.

        Raises:
            SigmaTransformationError: it means none of our events.
        """
        if not isinstance(rule, SigmaRule):
            return
        gate = gate_of(logs_of(rule))
        if gate is None:
            raise SigmaTransformationError(f"logsource {logs_of(rule)} is not among ours")
        parts = gate.parts if isinstance(gate, tree.And) else (gate,)
        self.names = tuple(f"_citywatch_{number}" for number in range(len(parts)))
        for name, part in zip(self.names, parts, strict=True):
            rule.detection.detections[name] = SigmaDetection.from_definition(_definition(part))
        super().apply(rule)

    def apply_condition(self, cond: Any) -> None:
        """Put the gate before the rule's own condition."""
        cond.condition = " and ".join((*self.names, f"({cond.condition})"))


def _definition(part: tree.Tree) -> Any:
    """A gate as a detection: mappings are all of, lists are any of."""
    if isinstance(part, tree.And):
        merged: dict[str, Any] = {}
        for each in part.parts:
            merged.update(cast("dict[str, Any]", _definition(each)))
        return merged
    if isinstance(part, tree.Or):
        parts = [_definition(each) for each in part.parts]
        fields = {name for each in parts for name in each}
        if len(fields) == 1 and all(len(each) == 1 for each in parts):
            return {fields.pop(): [value for each in parts for value in each.values()]}
        return parts
    like = cast("tree.Like", part)
    return {like.field: "".join(str(piece) for piece in like.pieces)}
