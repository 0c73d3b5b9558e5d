"""Can SigmaHQ's rules for web servers, proxies, DNS, firewalls and Zeek fire on what our sensors write?"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.oracle import matches
from citywatch.detect.sigma.resolve import RuleSet, resolve
from citywatch.detect.sigma.tree import And
from citywatch.model import Event
from tests.sensors import witness

CATEGORIES = {"dns", "proxy", "firewall", "webserver", "antivirus", "database"}
CANNOT: dict[str, str] = {}
"""Rules that cannot fire, by id, each with its reason."""


@cache
def rules(archive: Path) -> RuleSet:
    with zipfile.ZipFile(archive) as file:
        found = [(name, file.read(name)) for name in sorted(file.namelist()) if name.endswith(".yml")]
    return resolve(load_file(raw, name) for name, raw in found if is_ours(raw))


def is_ours(raw: bytes) -> bool:
    """A rule for a source that sensors of ours read from a log."""
    for part in yaml.load_all(raw, Loader=yaml.CSafeLoader):
        logs: dict[str, Any] = part.get("logsource") or {}
        if (
            logs.get("category") in CATEGORIES
            or logs.get("product") == "zeek"
            or logs.get("service") in {"nginx", "apache"}
        ):
            return True
    return False


WRITTEN: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
    "dns": witness.dns_events,
    "firewall": witness.firewall_events,
    "antivirus": witness.antivirus_events,
    "database": witness.database_events,
    "nginx": witness.error_events,
    "apache": witness.error_events,
    "webserver": witness.web_events,
    "proxy": lambda values: chain(witness.proxy_events(values), witness.web_events(values)),
}
"""What writes the lines of a source."""


def lines(rule: EventRule, values: dict[str, Any]) -> Iterator[Event]:
    if rule.logs.product == "zeek":
        return witness.zeek_events(values, rule.logs.service)
    return WRITTEN[rule.logs.category or rule.logs.service](values)


def fires(rule: EventRule) -> bool:
    question = And((rule.gate, rule.tree))
    return any(
        matches(question, event) for values in witness.answers(rule.tree) for event in lines(rule, values)
    )


@pytest.mark.groundtruth
def test_every_rule_fires_on_a_line_written_for_it_or_has_its_reason(groundtruth: Path) -> None:
    ruleset = rules(groundtruth / "sigmahq-rules.zip")
    silent = {rule.rule.id: rule.rule.title for rule in ruleset.events.values() if not fires(rule)}
    assert ruleset.refusals == ()
    assert len(ruleset.events) >= 192
    assert {key: title for key, title in silent.items() if key not in CANNOT} == {}
    assert CANNOT.keys() <= silent.keys()
