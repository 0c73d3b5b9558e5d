"""What is doubtful about a rule that is sound?

pySigma's own validators (with our tag namespace added), and rules that no event can ever answer. Checks that
need MITRE's catalogues look at them only when a copy of ATT&CK is given: nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from sigma.data import mitre_attack
from sigma.exceptions import SigmaError
from sigma.rule import SigmaLogSource, SigmaRule, SigmaRuleTag  # pyright: ignore[reportMissingTypeStubs] - its types are inline
from sigma.validation import SigmaValidator
from sigma.validators.base import (  # pyright: ignore[reportMissingTypeStubs] - its types are inline
    SigmaValidationIssue,
)
from sigma.validators.core import (  # pyright: ignore[reportMissingTypeStubs] - its types are inline
    validators,
)
from sigma.validators.core.tags import (  # pyright: ignore[reportMissingTypeStubs] - its types are inline
    NamespaceTagValidator,
)

from citywatch.detect.sigma.documents import Document, read_documents
from citywatch.detect.sigma.load import FileRules
from citywatch.detect.sigma.satisfy import is_possible
from citywatch.detect.sigma.tree import And
from citywatch.errors import ContentError

_NEEDS_ATTACK = "attacktag"
_LEFT_OUT = frozenset(
    {
        "d3_fendtag",  # its catalogue can only be fetched
        "tlptag",  # both versions of TLP at once
        "tlpv1_tag",
        "custom_attributes",  # the `citywatch:` block is one
        "filename_length",  # about how SigmaHQ names its files
        "duplicate_filename",
        "namespace_tag",  # replaced by ours
    }
)


class OurNamespaces(NamespaceTagValidator):
    """Tags of our own (`citywatch.danger.leak`) are known too."""

    allowed_namespace = {*NamespaceTagValidator.allowed_namespace, "citywatch", "emerging-threats"}  # noqa: RUF012 - as the parent has it


class Advisor:
    """Looks at rules one file after the other; what shows only in all of them comes last."""

    def __init__(self, attack: Path | None = None) -> None:
        """Take a copy of ATT&CK (`enterprise-attack.json`), if there is one, to check tags against."""
        if attack is not None:
            mitre_attack.set_url(str(attack))
        chosen = [
            each
            for name, each in validators.items()
            if name not in _LEFT_OUT and (attack is not None or name.replace("_", "") != _NEEDS_ATTACK)
        ]
        self._validator = SigmaValidator([*chosen, OurNamespaces])
        self._at: dict[int, tuple[Document, Any]] = {}

    def look(self, raw: bytes, source: str, rules: FileRules) -> Iterator[ContentError]:
        """What is doubtful in this file; a file that cannot be read gives nothing."""
        for rule in rules.events:
            if not is_possible(And((rule.tree, rule.gate))):
                what = "no event can ever answer this rule: what it asks contradicts itself or its logsource"
                yield ContentError(source, rule.line, what, "compare its fields with its logsource")
        try:
            documents = read_documents(raw, source)
        except ContentError:
            return
        for document in documents:
            yield from self._told(document)

    def finish(self) -> Iterator[ContentError]:
        """What shows only when all were seen."""
        yield from self._worded(self._validator.finalize())

    def _told(self, document: Document) -> Iterator[ContentError]:
        value = document.value
        if "filter" in value or "correlation" in value or "detection" not in value:
            return
        try:
            rule = SigmaRule.from_dict(value)
        except (SigmaError, TypeError, ValueError, AttributeError, KeyError):
            return  # it was refused when it was loaded, with a better error
        self._at[id(rule)] = (document, rule)
        yield from self._worded(self._validator.validate_rule(rule))

    def _worded(self, issues: Iterable[SigmaValidationIssue]) -> Iterator[ContentError]:
        for issue in issues:
            for rule in issue.rules:
                known = self._at.get(id(rule))
                if known is not None:
                    yield _error(issue, known[0])


def _error(issue: SigmaValidationIssue, document: Document) -> ContentError:
    """The issue at the line of what it is about."""
    about = {
        field.name: getattr(issue, field.name)
        for field in fields(cast("Any", issue))
        if field.name not in {"rules", "description", "severity"}
    }
    shown = ", ".join(f"{name} {_short(value)}" for name, value in about.items() if value)
    words = [_short(value) for value in about.values() if isinstance(value, str | SigmaRuleTag)]
    line = document.line_of(words[0]) if words else document.start
    what = issue.description[:1].lower() + issue.description[1:]
    return ContentError(document.source, line, f"{what}: {shown}" if shown else what)


def _short(value: object) -> str:
    if isinstance(value, SigmaLogSource):
        named = ("product", value.product), ("category", value.category), ("service", value.service)
        value = "{" + ", ".join(f"{name}: {text}" for name, text in named if text) + "}"
    return re.sub(r"\s+", " ", str(value))[:120]
