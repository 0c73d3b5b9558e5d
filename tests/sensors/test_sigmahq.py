"""Can SigmaHQ's rules for web servers, proxies, DNS, firewalls and Zeek fire on what our sensors write?"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.oracle import matches
from citywatch.detect.sigma.resolve import RuleSet, resolve
from citywatch.detect.sigma.tree import And
from citywatch.model import Event
from tests.sensors import witness

OURS = re.compile(
    rb"^\s+(product: zeek|category: (dns|proxy|firewall|webserver)|service: (nginx|apache))\s*$", re.MULTILINE
)
CANNOT: dict[str, str] = {}
"""Rules that cannot fire, by id, each with its reason."""


@cache
def rules(archive: Path) -> RuleSet:
    with zipfile.ZipFile(archive) as file:
        found = [(name, file.read(name)) for name in sorted(file.namelist()) if name.endswith(".yml")]
    return resolve(load_file(raw, name) for name, raw in found if OURS.search(raw))


def lines(rule: EventRule, values: dict[str, Any]) -> Iterator[Event]:
    if rule.logs.product == "zeek":
        return witness.zeek_events(values, rule.logs.service)
    if rule.logs.category == "dns":
        return witness.dns_events(values)
    if rule.logs.category == "firewall":
        return witness.firewall_events(values)
    return witness.web_events(values)


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
    assert len(ruleset.events) >= 181
    assert {key: title for key, title in silent.items() if key not in CANNOT} == {}
    assert CANNOT.keys() <= silent.keys()
