"""How does a playbook leave for, and come from, tools that speak CACAO Security Playbooks 2.0?

What maps: the steps in their order, conditions as `if-condition` steps, a parallel fork by `needs`,
approval as a manual command. All of our own playbook rides along as one extension, so that what we
exported comes back as it was. What comes from elsewhere and does not map is told step by step, and
nothing of it is ever run: its commands become notes in the ticket for a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml

from citywatch.errors import ContentError
from citywatch.respond.playbook import read_playbook
from citywatch.respond.shape import Playbook, Step

_HOME: Final = uuid5(NAMESPACE_URL, "citywatch:cacao")
EXTENSION: Final = f"extension-definition--{uuid5(_HOME, 'extension')}"
LARGEST: Final = 2 * 1024 * 1024
MOST: Final = 190
_SEVERITY: Final[dict[str, int]] = {"low": 20, "medium": 50, "high": 70, "critical": 90}
_TYPES: Final[dict[str, str]] = {"read_only": "detection", "notify": "notification", "change": "mitigation"}
_AT: Final = "2026-01-01T00:00:00.000Z"


def to_cacao(playbook: Playbook, at: str = _AT) -> dict[str, Any]:
    """A playbook as a CACAO 2.0 object; the same playbook always gives the same ids.

    Args:
        playbook: what is exported.
        at: `created` and `modified`, as CACAO writes times.
    """
    identity = f"identity--{uuid5(_HOME, playbook.owner)}"
    steps = list(playbook.steps)
    start, end = _id("start", playbook, "start"), _id("end", playbook, "end")
    workflow: dict[str, Any] = {start: {"type": "start"}, end: {"type": "end"}}
    following = [_first_id(playbook, step) for step in steps[1:]] + [end]
    workflow[start]["on_completion"] = _first_id(playbook, steps[0])
    for step, after in zip(steps, following, strict=True):
        workflow |= _steps(playbook, step, after)
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": f"playbook--{uuid5(_HOME, playbook.playbook)}",
        "name": playbook.name_en,
        "description": playbook.guide_en or playbook.name,
        "playbook_types": [_TYPES[playbook.risk]],
        "playbook_activities": ["step-sequence"],
        "created_by": identity,
        "created": at,
        "modified": at,
        "severity": max((_SEVERITY.get(str(one), 0) for one in _severities(playbook)), default=0),
        "labels": ["citywatch", playbook.playbook],
        "workflow_start": start,
        "workflow": workflow,
        "agent_definitions": {identity: {"type": "organization", "name": playbook.owner}},
        "extension_definitions": {
            EXTENSION: {
                "type": "extension-definition",
                "name": "CityWatch playbook",
                "description": "The whole playbook in CityWatch's own language",
                "created_by": identity,
                "schema": "docs/playbook.schema.json",
                "version": "1.0",
            }
        },
        "playbook_extensions": {
            EXTENSION: playbook.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        },
    }


def _severities(playbook: Playbook) -> Sequence[object]:
    wanted = playbook.trigger.where.get("severity", ())
    return wanted if isinstance(wanted, tuple) else (wanted,)


def _id(kind: str, playbook: Playbook, name: str) -> str:
    return f"{kind}--{uuid5(_HOME, f'{playbook.playbook}/{kind}/{name}')}"


def _first_id(playbook: Playbook, step: Step) -> str:
    return _id("if-condition" if step.when else "action", playbook, step.id)


def _steps(playbook: Playbook, step: Step, after: str) -> dict[str, Any]:
    """The workflow steps that one step becomes: its condition, and its action."""
    action, made = _id("action", playbook, step.id), dict[str, Any]()
    if step.when:
        made[_id("if-condition", playbook, step.id)] = {
            "type": "if-condition",
            "name": f"{step.name or step.id}?",
            "condition": step.when,
            "on_true": action,
            "on_false": after,
        }
    end = _id("end", playbook, "end")
    made[action] = {
        "type": "action",
        "name": step.name or step.id,
        "commands": [_command(one) for one in (step.steps or (step,))],
        "agent": f"identity--{uuid5(_HOME, playbook.owner)}",
        "timeout": int(step.timeout * 1000),
        "on_completion": end if step.then == "end" else after,
    }
    return made


def _command(step: Step) -> dict[str, Any]:
    said = f"{step.do} {json.dumps(step.with_, ensure_ascii=False)}"
    if step.approve is not None:
        said = f"after approval by {step.approve.role}: {said}"
    return {"type": "manual", "command": said}


def from_cacao(text: str, source: str) -> tuple[Playbook | None, list[ContentError]]:
    """A CACAO 2.0 playbook as ours, and what of it does not map (or why it cannot be taken at all)."""
    try:
        doc = _read(text, source)
        workflow = _workflow(doc, source)
    except ContentError as error:
        return None, [error]
    own = cast("Mapping[str, Any]", doc.get("playbook_extensions") or {})
    if isinstance(own, dict) and isinstance(own.get(EXTENSION), dict):
        return read_playbook(yaml.safe_dump(own[EXTENSION], allow_unicode=True, sort_keys=False), source)
    notes: list[ContentError] = []
    steps = list(_walked(workflow, str(doc.get("workflow_start", "")), source, notes))
    made = _ours(doc, steps)
    playbook, errors = read_playbook(yaml.safe_dump(made, allow_unicode=True, sort_keys=False), source)
    return playbook, [*errors, *notes]


def _read(text: str, source: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise ContentError(source, None, f"the file is larger than {LARGEST} bytes")
    try:
        doc: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContentError(source, getattr(error, "lineno", None), f"this is not JSON: {error}") from error
    if not isinstance(doc, dict):
        raise ContentError(source, 1, "a CACAO playbook is a JSON object")
    known = cast("dict[str, Any]", doc)
    if known.get("type") != "playbook" or known.get("spec_version") != "cacao-2.0":
        raise ContentError(source, 1, "this is not a CACAO 2.0 playbook (type, spec_version)")
    return known


def _workflow(doc: Mapping[str, Any], source: str) -> dict[str, dict[str, Any]]:
    workflow: object = doc.get("workflow")
    if not isinstance(workflow, dict) or not workflow:
        raise ContentError(source, None, "it has no 'workflow'")
    steps = cast("dict[str, Any]", workflow)
    wrong = next((name for name, step in steps.items() if not isinstance(step, dict)), None)
    if wrong is not None:
        raise ContentError(source, None, f"workflow step '{wrong[:80]}' is not an object")
    return steps


def _walked(
    workflow: Mapping[str, dict[str, Any]], start: str, source: str, notes: list[ContentError]
) -> list[dict[str, Any]]:
    """The actions in the order in which they can be reached, each once."""
    waiting, seen, found = [start], set[str](), list[dict[str, Any]]()
    while waiting and len(found) < MOST:
        name = waiting.pop(0)
        step = workflow.get(name)
        if name in seen or step is None:
            continue
        seen.add(name)
        kind = str(step.get("type", ""))
        if kind == "action":
            found.append(step)
        elif kind not in {"start", "end"}:
            said = str(step.get("name") or name)[:80]
            what = f"step '{said}' ({kind}) does not map: what it leads to is taken in order"
            notes.append(ContentError(source, None, what, "write 'when' yourself"))
        waiting += _next(step)
    left = sum(1 for name, step in workflow.items() if name not in seen and step.get("type") == "action")
    if left:
        notes.append(
            ContentError(source, None, f"{left} actions cannot be reached or are too many, and are left out")
        )
    return found


def _next(step: Mapping[str, Any]) -> list[str]:
    ways = ("on_completion", "on_success", "on_true", "on_false", "on_failure")
    names: list[Any] = [step.get(way) for way in ways]
    parallel = step.get("next_steps")
    names += cast("list[Any]", parallel) if isinstance(parallel, list) else []
    cases = step.get("cases")
    names += cast("dict[str, Any]", cases).values() if isinstance(cases, dict) else []
    return [name for name in names if isinstance(name, str)]


def _ours(doc: Mapping[str, Any], actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    name = str(doc.get("name") or "CACAO playbook")[:200]
    steps: list[dict[str, Any]] = [{"id": "ticket", "do": "ticket.open", "with": {"title": _inert(name)}}]
    steps += [
        {
            "id": f"step_{number}",
            "name": _inert(str(action.get("name") or f"step {number}")[:200]),
            "do": "ticket.comment",
            "with": {"text": _inert(_said(action))},
        }
        for number, action in enumerate(actions, 1)
    ]
    return {
        "playbook": _word(name, str(doc.get("id", ""))),
        "version": 1,
        "name": name,
        "name_en": name,
        "owner": "csirt",
        "risk": "notify",
        "trigger": {"event": "manual"},
        "guide_en": str(doc.get("description") or "")[:20_000],
        "steps": steps,
    }


def _said(action: Mapping[str, Any]) -> str:
    listed: object = action.get("commands")
    commands = cast("list[Any]", listed) if isinstance(listed, list) else []
    parts = [str(action.get("name") or ""), str(action.get("description") or "")]
    for command in commands[:20]:
        if isinstance(command, dict):
            known = cast("dict[str, Any]", command)
            parts.append(f"{known.get('type', '')}: {known.get('command', '')}")
    return "\n".join(part for part in parts if part)[:4000]


def _inert(text: str) -> str:
    """Text in which no template begins: what comes from elsewhere is shown, never run."""
    return text.replace("{", "(").replace("}", ")")


def _word(name: str, known_as: str) -> str:
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50]
    try:
        mark = UUID(known_as.removeprefix("playbook--")).hex[:8]
    except ValueError:
        mark = uuid5(_HOME, known_as).hex[:8]
    return f"cacao_{made}_{mark}" if made else f"cacao_{mark}"
