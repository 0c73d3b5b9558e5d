"""Is what a playbook says sound?

A playbook is YAML that a non-programmer can read. Its shape is in `shape.py` (`schema()` is for
editors); what the shape cannot say (steps that need later ones, conditions, templates, effects without
approval) is checked by `wrong`. Every complaint names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import jinja2
from pydantic import BaseModel, ValidationError

from citywatch.errors import ContentError
from citywatch.ports import Effect
from citywatch.respond import when
from citywatch.respond.shape import Approve, Playbook, Retry, Step, Trigger
from citywatch.respond.trigger import wrong_trigger
from citywatch.respond.yaml_text import LARGEST, Written, read_yaml
from citywatch.respond.yaml_text import Path as Place
from citywatch.schema import TABLES

EFFECTS: Final[tuple[Effect, ...]] = ("read_only", "notify", "change")
"""From harmless to grave."""

ROOTS: Final = frozenset(
    {"alert", "event", "values", "subject", "portal", "agency", "steps", "item", "inputs", "run", "ticket"}
)
"""What conditions and templates may look at."""

_STEP_NAME = re.compile(r"\bsteps\.([A-Za-z0-9_]+)")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


def schema() -> dict[str, Any]:
    """The JSON Schema of a playbook, for editors."""
    made = Playbook.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def known_effects() -> dict[str, Effect]:
    """The actions of the house and what each does (`tables/actions.tsv`).

    >>> known_effects()["notify.mail"]
    'notify'
    """
    lines = (TABLES / "actions.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines if line)
    return {action: cast("Effect", effect) for action, effect, _ in rows}


def load_playbooks(
    folder: Path, *, effects: Mapping[str, Effect] | None = None
) -> tuple[list[Playbook], list[ContentError]]:
    """Read every `*.yml` of a folder; what is wrong with one does not stop the others.

    Args:
        folder: where the playbooks are; its `templates/` is for `template:` of steps.
        effects: the known actions and what each does; without it those of the house.
    """
    effects = known_effects() if effects is None else effects
    playbooks: dict[str, Playbook] = {}
    errors: list[ContentError] = []
    for file in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        shown = f"{folder.name}/{file.name}"
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            errors.append(ContentError(shown, None, f"cannot be read: {error}"))
            continue
        playbook, found = read_playbook(text, shown, effects=effects, templates=folder / "templates")
        errors += found
        if playbook is None:
            continue
        if playbook.playbook in playbooks:
            first = playbooks[playbook.playbook].source
            errors.append(ContentError(shown, 1, f"playbook '{playbook.playbook}' is in {first} already"))
            continue
        playbooks[playbook.playbook] = playbook
    errors += _unknown_general(playbooks)
    return list(playbooks.values()), errors


def _unknown_general(playbooks: Mapping[str, Playbook]) -> Iterator[ContentError]:
    for playbook in playbooks.values():
        for name in playbook.trigger.instead_of:
            if name not in playbooks or name == playbook.playbook:
                known = ", ".join(sorted(set(playbooks) - {playbook.playbook}))
                what = f"instead_of: there is no other playbook '{name}'"
                yield ContentError(playbook.source, None, what, f"known: {known}")


def read_playbook(
    text: str,
    source: str,
    *,
    effects: Mapping[str, Effect] | None = None,
    templates: Path | None = None,
) -> tuple[Playbook | None, list[ContentError]]:
    """Read one playbook; None when it cannot be used, with everything that is wrong with it."""
    try:
        written = read_yaml(text, source)
    except ContentError as error:
        return None, [error]
    content: object = written.content
    if not isinstance(content, dict):
        return None, [ContentError(source, 1, "a playbook is a mapping that begins with 'playbook: name'")]
    try:
        playbook = Playbook.of(cast("object", content), source)
    except ValidationError as error:
        return None, list(_told(error, written))
    complaints = [
        ContentError(source, written.line(place), what, hint)
        for place, what, hint in wrong(playbook, effects)
    ]
    if templates is not None:
        texts, errors = _read_templates(playbook, templates, written)
        complaints += errors
        playbook = playbook.with_templates(source, texts)
    return (None if complaints else playbook), complaints


def _told(error: ValidationError, written: Written) -> Iterator[ContentError]:
    for item in error.errors(include_url=False, include_input=False):
        place = item["loc"]
        name = ".".join(str(part) for part in place)
        what, hint = item["msg"].removeprefix("Value error, "), ""
        if item["type"] == "extra_forbidden":
            what, hint = f"'{place[-1]}' means nothing here", _known_names(place)
        elif item["type"] == "missing":
            what, hint = f"'{place[-1]}' is missing", ""
        else:
            what = f"'{name}': {what}"
        yield ContentError(written.file, written.line(place), what, hint)


def _known_names(place: Place) -> str:
    kinds: dict[str, type[BaseModel]] = {"trigger": Trigger, "retry": Retry, "approve": Approve}
    inner = [part for part in place[:-1] if isinstance(part, str)]
    kind: type[BaseModel] = Step if inner and inner[-1] == "steps" else Playbook
    if inner and inner[-1] in kinds:
        kind = kinds[inner[-1]]
    return "known: " + ", ".join(item.alias or name for name, item in kind.model_fields.items())


# -- what the shape cannot say ---------------------------------------------------------------------------

Complaint = tuple[Place, str, str]


def wrong(playbook: Playbook, effects: Mapping[str, Effect] | None = None) -> Iterator[Complaint]:
    """Everything wrong with a playbook of sound shape: where, what, what to do."""
    for place, what, hint in wrong_trigger(playbook.trigger):
        yield ("trigger", *place), what, hint
    order = [step.id for step in playbook.every_step()]
    seen: set[str] = set()
    for place, step in _placed(playbook):
        if step.id in seen:
            yield (*place, "id"), f"there is a step '{step.id}' already", "give it another id"
        if len(place) > len(("steps", 0)) and (step.each is not None or step.steps or step.needs is not None):
            yield place, f"step '{step.id}' stands inside another", "leave out each, steps and needs"
        if bool(step.do) == bool(step.steps):
            yield place, f"step '{step.id}' needs either 'do' or 'steps'", ""
        yield from _wrong_names(step, place, order, seen)
        yield from _wrong_texts(step, place, order, seen)
        yield from _wrong_effect(playbook, step, place, effects)
        seen.add(step.id)


def _placed(playbook: Playbook) -> Iterator[tuple[Place, Step]]:
    for number, step in enumerate(playbook.steps):
        yield ("steps", number), step
        for inner_number, inner in enumerate(step.steps):
            yield ("steps", number, "steps", inner_number), inner


def _wrong_names(step: Step, place: Place, order: Sequence[str], seen: set[str]) -> Iterator[Complaint]:
    for name in step.needs or ():
        yield from _wrong_reference(step, name, "needs", (*place, "needs"), order, seen)
    if step.when is not None:
        for path in when.names(when.parse(step.when)):
            yield from _wrong_name(step, path, (*place, "when"), order, seen)
    if step.each is not None:
        yield from _wrong_name(step, step.each, (*place, "each"), order, seen)


def _wrong_texts(step: Step, place: Place, order: Sequence[str], seen: set[str]) -> Iterator[Complaint]:
    for where, text in (*_texts(step.with_, (*place, "with")), ((*place, "key"), step.key)):
        if not _TEMPLATE.search(text):
            continue
        complaint = wrong_jinja(text)
        if complaint:
            yield where, f"the template cannot be read: {complaint}", ""
        for name in _STEP_NAME.findall(text):
            yield from _wrong_reference(step, name, "speaks of", where, order, seen)


def _wrong_reference(
    step: Step, name: str, verb: str, place: Place, order: Sequence[str], seen: set[str]
) -> Iterator[Complaint]:
    if name in seen:
        return
    what = f"step '{step.id}' {verb} '{name}', which "
    if name == step.id:
        yield place, what + "is itself", ""
    elif name in order:
        yield place, what + "comes later", f"move '{name}' before it"
    else:
        yield place, what + "does not exist", f"steps are: {', '.join(order)}"


def _wrong_name(
    step: Step, path: str, place: Place, order: Sequence[str], seen: set[str]
) -> Iterator[Complaint]:
    root, _, rest = path.partition(".")
    if root not in ROOTS:
        yield place, f"there is nothing named '{root}'", f"names begin with: {', '.join(sorted(ROOTS))}"
    elif root == "steps":
        yield from _wrong_reference(step, rest.split(".")[0], "asks for", place, order, seen)


def _wrong_effect(
    playbook: Playbook, step: Step, place: Place, effects: Mapping[str, Effect] | None
) -> Iterator[Complaint]:
    if effects is None or not step.do:
        return
    effect = effects.get(step.do)
    if effect is None:
        known = ", ".join(sorted(effects))
        yield (*place, "do"), f"there is no action '{step.do}'", f"known: {known}"
        return
    if effect == "change" and step.approve is None:
        hint = "add: approve: { role: lead, within: 30m }"
        yield place, f"step '{step.id}': '{step.do}' changes something and nobody must approve it", hint
    if EFFECTS.index(effect) > EFFECTS.index(playbook.risk):
        yield (
            ("risk",),
            f"risk is '{playbook.risk}' but step '{step.id}' is '{effect}'",
            f"write risk: {effect}",
        )


def _read_templates(
    playbook: Playbook, folder: Path, written: Written
) -> tuple[dict[str, str], list[ContentError]]:
    """The templates that steps name, in both languages, and what is wrong with them."""
    texts: dict[str, str] = {}
    errors: list[ContentError] = []
    for place, step in _placed(playbook):
        name = step.with_.get("template")
        if name is None:
            continue
        where = written.line((*place, "with", "template"))
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]{1,64}", name):
            errors.append(ContentError(written.file, where, f"'{name}' is not the name of a template"))
            continue
        for language in ("vi", "en"):
            shown = f"templates/{name}.{language}.j2"
            text, complaint = _read_template(folder / f"{name}.{language}.j2")
            if complaint:
                errors.append(ContentError(written.file, where, f"template '{shown}' {complaint}"))
            texts[f"{name}.{language}"] = text
    return texts, errors


def _read_template(file: Path) -> tuple[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "", "does not exist"
    except (OSError, UnicodeDecodeError) as error:
        return "", f"cannot be read: {error}"
    if len(text) > LARGEST:
        return "", "is larger than 256 KiB"
    complaint = wrong_jinja(text)
    return text, f"cannot be read: {complaint}" if complaint else ""


def _texts(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, part in cast("Mapping[str, object]", value).items():
            yield from _texts(part, (*place, name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(cast("Sequence[object]", value)):
            yield from _texts(part, (*place, number))


def wrong_jinja(text: str) -> str:
    """What is wrong with a template's syntax, or nothing; parses only, runs nothing.

    >>> wrong_jinja("{{ alert.title }}"), bool(wrong_jinja("{{ alert."))
    ('', True)
    """
    try:
        jinja2.Environment(autoescape=False).parse(text)  # noqa: S701 - parsed to find mistakes, never run
    except jinja2.TemplateSyntaxError as error:
        return str(error.message)
    except RecursionError:
        return "nested too deep"
    return ""
