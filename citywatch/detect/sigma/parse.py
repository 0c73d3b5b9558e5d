"""What does one document say, parsed by pySigma and put in our words?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaRule  # pyright: ignore[reportMissingTypeStubs] - its types are inline

from citywatch import schema
from citywatch.detect.sigma.correlation import read_correlation
from citywatch.detect.sigma.documents import Document
from citywatch.detect.sigma.gate import Logs, gate_of
from citywatch.detect.sigma.load import (
    CorrelationRule,
    EventRule,
    FilterRule,
    NotOurs,
    Placeholders,
    describe,
    name_of,
    own_block,
    subject_of,
)
from citywatch.detect.sigma.translate import Refused, UnknownField, fill_placeholders, translate
from citywatch.detect.sigma.tree import Tree

_QUOTED = re.compile("'([^']+)'")


def parse(document: Document, placeholders: Placeholders) -> EventRule | CorrelationRule | FilterRule:
    """One rule, filter or correlation.

    Raises:
        NotOurs: a field or logsource that our events do not have.
        ContentError: anything else that is wrong, at its line.
    """
    try:
        if "correlation" in document.value:
            return read_correlation(document)
        if "filter" in document.value:
            return _filter(document, placeholders)
        return _detection(document, placeholders)
    except UnknownField as error:
        line = document.line_of(error.at)
        raise NotOurs(document.source, line, error.what, error.hint) from None
    except Refused as error:
        raise document.wrong(error.what, error.hint, at=(error.at,)) from None
    except SigmaError as error:
        what, hint = explain(error)
        quoted = _QUOTED.search(what)
        raise document.wrong(what, hint, at=(quoted[1],) if quoted else ()) from None
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError) as error:
        what = f"pySigma could not read this rule: {type(error).__name__}: {error}"
        raise document.wrong(what[:300], "check the detection section") from error


def _detection(document: Document, placeholders: Placeholders) -> EventRule:
    parsed = SigmaRule.from_dict(_filled(document, "detection", placeholders))
    source = parsed.logsource
    logs = Logs(product=source.product or "", category=source.category or "", service=source.service or "")
    gate = _gate(document, logs)
    ours = own_block(document)
    return EventRule(
        rule=describe(document, logs),
        name=name_of(document),
        logs=logs,
        tree=translate(parsed.detection, _Names(logs)),
        gate=gate,
        subject=subject_of(document, ours),
        window=str(ours.get("window", "")),
        line=document.start,
    )


def _filter(document: Document, placeholders: Placeholders) -> FilterRule:
    parsed = SigmaFilter.from_dict(_filled(document, "filter", placeholders))
    source = parsed.logsource
    logs = Logs(product=source.product or "", category=source.category or "", service=source.service or "")
    _gate(document, logs)
    wanted, ours = parsed.filter.rules, own_block(document)
    return FilterRule(
        rule=describe(document, logs),
        logs=logs,
        targets=() if isinstance(wanted, str) else tuple(str(each.reference) for each in wanted),
        tree=translate(parsed.filter, _Names(logs)),
        expires=str(ours.get("expires", "")),
        owner=str(ours.get("owner") or document.value.get("author") or ""),
        reason=str(ours.get("reason") or document.value.get("description") or "").strip(),
        line=document.start,
    )


def _filled(document: Document, section: str, placeholders: Placeholders) -> dict[str, Any]:
    return {**document.value, section: fill_placeholders(document.value.get(section), placeholders)}


def _gate(document: Document, logs: Logs) -> Tree:
    gate = gate_of(logs)
    if gate is None:
        raise NotOurs(document.source, document.line_of("logsource"), f"logsource {logs} is not among ours",
                      "see citywatch/tables/logsources.tsv")  # fmt: skip
    return gate


class _Names:
    """Our name of a rule's field."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def __call__(self, name: str) -> str:
        found = self._logs.field(name)
        if found is None:
            raise UnknownField(f"field '{name}' is not in the event schema", schema.suggest(name), name)
        return found


def explain(error: SigmaError) -> tuple[str, str]:
    """PySigma's error in our form, with a hint where we know one."""
    what = str(error).split(" in /", 1)[0].strip() or type(error).__name__
    if "Unknown modifier" not in what:
        return what, ""
    known: Mapping[str, object] = modifier_mapping
    close = get_close_matches(what.split("'")[1] if "'" in what else "", known, n=1)
    return what, f"did you mean '{close[0]}'?" if close else f"known are {', '.join(sorted(known))}"
