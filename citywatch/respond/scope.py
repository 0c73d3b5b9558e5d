"""What may conditions and texts of a playbook look at?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from citywatch.model import Agency, Alert, Portal, Severity, to_doc
from citywatch.respond.catalogue import Catalogue, values_of
from citywatch.respond.run import Run, StepState
from citywatch.respond.shape import Playbook

LONGEST = 2000
MOST = 50
SEVERITY_VI: Final[Mapping[Severity, str]] = {
    Severity.informational: "thông tin",
    Severity.low: "thấp",
    Severity.medium: "trung bình",
    Severity.high: "cao",
    Severity.critical: "nghiêm trọng",
}


def scope_of(
    run: Run, playbook: Playbook, catalogue: Catalogue, state: StepState | None = None
) -> dict[str, Any]:
    """Everything a step may ask for, as plain data."""
    alert = run.alert
    agency = catalogue.agency(alert.agency)
    portal_id = next(iter(values_of(alert, "citywatch.portal.id")), "")
    portal = catalogue.portal(portal_id) if portal_id else None
    return {
        "alert": _alert(alert),
        "event": alert.event,
        "values": alert.values,
        "subject": alert.subject_fields,
        "agency": _agency(alert.agency, agency, catalogue, alert.category),
        "portal": _portal(alert, portal_id, portal),
        "steps": _steps(run),
        "item": state.value if state else None,
        "inputs": {**playbook.inputs, **run.inputs},
        "run": {"id": run.id, "playbook": run.playbook, "group": run.group, "started_at": run.started_at},
        "ticket": {"id": run.ticket_id},
    }


def _alert(alert: Alert) -> dict[str, Any]:
    lines = (
        f"{reason.field} = {reason.value[:200]}  ~ {reason.pattern[:200]}" for reason in alert.explanation
    )
    url = next(iter((*values_of(alert, "url.full"), *values_of(alert, "url.original"))), "")
    return {
        "id": alert.id,
        "rule_id": alert.rule_id,
        "title": alert.title,
        "title_vi": alert.title_vi or alert.title,
        "severity": alert.severity.name,
        "severity_vi": SEVERITY_VI[alert.severity],
        "subject": alert.subject[:LONGEST],
        "category": alert.category,
        "agency": alert.agency,
        "asset": alert.asset,
        "asset_level": alert.asset_level,
        "count": alert.count,
        "first_seen": alert.first_seen,
        "last_seen": alert.last_seen,
        "tags": list(alert.tags),
        "guide_vi": alert.guide_vi,
        "guide_en": alert.guide_en,
        "url": url[:LONGEST],
        "explanation": "\n".join(list(lines)[:MOST]),
    }


def _agency(agency_id: str, agency: Agency | None, catalogue: Catalogue, category: str) -> dict[str, Any]:
    if agency is None:
        return {"id": agency_id, "name": agency_id, "name_en": agency_id, "contacts": []}
    contacts = list(catalogue.contacts(agency.id, category))
    return to_doc(agency) | {"name_en": agency.name_en or agency.name, "contacts": contacts}


def _portal(alert: Alert, portal_id: str, portal: Portal | None) -> dict[str, Any]:
    if portal is not None:
        return to_doc(portal)
    if not portal_id:
        return {}
    name = next(iter(values_of(alert, "citywatch.portal.name")), portal_id)
    return {"id": portal_id, "name": name}


def _steps(run: Run) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for state in run.steps:
        outputs = made.setdefault(state.step, {"items": []})
        if state.item == 0:
            outputs.update(state.output)
            outputs["state"] = state.state
        outputs["items"].append(state.output)
    return made


def trimmed(alert: Alert) -> Alert:
    """The alert as a run keeps it: no value longer than 2,000 characters, no more than 50 of a kind."""
    return replace(
        alert,
        event={name: _trim(value) for name, value in alert.event.items()},
        values={name: [str(one)[:LONGEST] for one in held[:MOST]] for name, held in alert.values.items()},
        event_ids=alert.event_ids[:MOST],
        explanation=alert.explanation[:MOST],
    )


def _trim(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, list):
        return [_trim(part) for part in value[:MOST]]  # pyright: ignore[reportUnknownVariableType] - any JSON
    return value
