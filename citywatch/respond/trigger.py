"""Does an alert start a playbook, and with which other alerts does it belong together?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from citywatch import schema
from citywatch.model import Alert, Severity, repeatable_id
from citywatch.respond.catalogue import values_of
from citywatch.respond.shape import Playbook, Trigger
from citywatch.respond.yaml_text import Path as Place

_OWN: Final[dict[str, Callable[[Alert], tuple[str, ...]]]] = {
    "rule.category": lambda alert: (alert.category,),
    "rule.id": lambda alert: (alert.rule_id,),
    "severity": lambda alert: (alert.severity.name,),
    "agency": lambda alert: (alert.agency,),
    "asset": lambda alert: (alert.asset,),
    "asset.level": lambda alert: (str(alert.asset_level),),
    "tags": lambda alert: alert.tags,
    "subject": lambda alert: (alert.subject,),
    "title": lambda alert: (alert.title,),
    "inside.ip": lambda alert: tuple(_inside(alert)),
}
"""Names that are the alert's own; all others are ECS fields of its events."""


def _inside(alert: Alert) -> Iterator[str]:
    """Private addresses of the alert, whichever end they are at: those that it is about come first.

    A camera that is broken into and then attacks others is one story, though it is the destination of the one
    and the source of the other.
    """
    ends = ("destination.ip", "source.ip")
    for name in sorted(ends, key=lambda end: end not in alert.subject_fields):
        for value in values_of(alert, name):
            try:
                if ip_address(value).is_private:
                    yield value
            except ValueError:
                continue


CATEGORIES: Final = frozenset(
    {
        *(
            "defacement",
            "injection",
            "spam",
            "exposure",
            "leak",
            "loss",
            "availability",
            "hijack",
            "phishing",
        ),
        *("network_attack", "web_attack", "host_attack", "malware", "device", "insider"),
        *("advisory", "health", "vulnerability"),
    }
)


def wants(playbook: Playbook, alert: Alert) -> bool:
    """This alert starts this playbook: every line of `where` holds."""
    if playbook.trigger.event != "alert":
        return False
    for name, wanted in playbook.trigger.where.items():
        choices = wanted if isinstance(wanted, tuple) else (wanted,)
        held = told(alert, name)
        if not any(_matcher(str(choice))(value) for choice in choices for value in held):
            return False
    return True


def chosen(playbooks: Sequence[Playbook], alert: Alert) -> list[Playbook]:
    """The playbooks that this alert starts: those that want it, but for which a more special one stands."""
    wanting = [playbook for playbook in playbooks if wants(playbook, alert)]
    replaced = {name for playbook in wanting for name in playbook.trigger.instead_of}
    return [playbook for playbook in wanting if playbook.playbook not in replaced]


def group(playbook: Playbook, alert: Alert) -> str:
    """What alerts of one run have in common; where the alert lacks all of it, its own subject."""
    parts = [told(alert, name) for name in playbook.trigger.group_by]
    if not any(parts):
        return " · ".join(f"{name}={value}" for name, value in sorted(alert.subject_fields.items()))
    return " · ".join(part[0] if part else "-" for part in parts)


def group_id(playbook: Playbook, alert: Alert) -> str:
    """The id of that group."""
    return repeatable_id("group", playbook.playbook, group(playbook, alert))


def told(alert: Alert, name: str) -> tuple[str, ...]:
    """What an alert holds under a name that triggers use."""
    own = _OWN.get(name)
    if own is None:
        return values_of(alert, field_of(name))
    return tuple(value for value in own(alert) if value)


def field_of(name: str) -> str:
    """The ECS field that a short name means.

    >>> field_of("portal.id"), field_of("source.ip")
    ('citywatch.portal.id', 'source.ip')
    """
    return f"citywatch.{name}" if name.startswith("portal.") else name


class _Matcher:
    def __init__(self, pattern: str) -> None:
        self._plain = pattern.casefold()
        wild = "*" in pattern or "?" in pattern
        self._pattern = re.compile(translate(self._plain.replace("[", "[[]"))) if wild else None

    def __call__(self, value: str) -> bool:
        folded = value.casefold()
        if self._pattern is None:
            return folded == self._plain
        return self._pattern.match(folded[:1000]) is not None


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> _Matcher:
    return _Matcher(pattern)


def wrong_trigger(trigger: Trigger) -> Iterator[tuple[Place, str, str]]:
    """Names that no alert has, categories and severities that there are not."""
    for part, names in (("where", tuple(trigger.where)), ("group_by", trigger.group_by)):
        for number, name in enumerate(names):
            place: Place = (part, name) if part == "where" else (part, number)
            if name not in _OWN and schema.resolve(field_of(name)) is None:
                hint = schema.suggest(field_of(name)) or f"also known: {', '.join(sorted(_OWN))}"
                yield place, f"field '{name}' is not in the event schema", hint
    known = {"rule.category": CATEGORIES, "severity": frozenset(level.name for level in Severity)}
    for name, choices in known.items():
        wanted = trigger.where.get(name, ())
        for value in wanted if isinstance(wanted, tuple) else (wanted,):
            if value not in choices and "*" not in str(value):
                yield ("where", name), f"there is no {name} '{value}'", f"known: {', '.join(sorted(choices))}"
    if trigger.event == "alert" and not trigger.where:
        yield ("where",), "a playbook for every alert there is", "say which: where: { rule.category: … }"
