"""Are contacts with indicators seen in new events, over restarts and among a great many?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.detect.indicators import FIELDS, Indicator, Indicators, IndicatorsFull
from citywatch.detect.rulebook import Rulebook
from citywatch.detect.sigma.resolve import resolve as resolve_rules
from citywatch.model import Event, Severity
from citywatch.schema import resolve

NOW = "2026-11-22T08:05:00.000000Z"


def one(kind: str, value: str, source: str = "NCSC", **more: Any) -> Indicator:
    return Indicator(type=kind, value=value, source=source, **more)


def event(**fields: Any) -> Event:
    return {
        "@timestamp": NOW,
        "event.id": "e1",
        **{name.replace("__", "."): value for name, value in fields.items()},
    }


def table(*indicators: Indicator) -> Indicators:
    made = Indicators(None)
    made.add(indicators)
    return made


@pytest.mark.parametrize(
    ("indicator", "met"),
    [
        (one("ip", "198.51.100.7"), {"destination.ip": "198.51.100.7"}),
        (one("ip", "198.51.100.7"), {"dns.resolved_ip": ["192.0.2.9", "198.51.100.7"]}),
        (one("ip", "198.51.100.7"), {"destination.ip": "::ffff:198.51.100.7"}),
        (one("ip", "198.51.100.7"), {"url.domain": "198.51.100.7"}),
        (one("ip", "2001:db8::1"), {"source.ip": "2001:DB8:0:0:0:0:0:1"}),
        (one("network", "198.51.100.0/25"), {"destination.ip": "198.51.100.127"}),
        (one("network", "2001:db8:7::/48"), {"destination.ip": "2001:db8:7:1::9"}),
        (one("domain", "evil.example"), {"dns.question.name": "a.b.Evil.example"}),
        (one("domain", "evil.example"), {"tls.client.server_name": "evil.example"}),
        (one("domain", "evil.example"), {"url.full": "https://cdn.evil.example:8443/x?y"}),
        (one("domain", "evil.example"), {"email.from.address": ["boss@mail.evil.example"]}),
        (one("url", "evil.example/a"), {"url.full": "HTTP://Evil.example:80/A#f"}),
        (one("url", "evil.example/a"), {"url.full": "https://evil.example/a?session=1"}),
        (one("sha256", "ab" * 32), {"citywatch.evidence.sha256": ["AB" * 32]}),
        (one("md5", "ab" * 16), {"winlog.event_data.Hashes": f"SHA1={'0' * 40},MD5={'AB' * 16}"}),
        (one("ja3", "ab" * 16), {"tls.client.ja3": "ab" * 16}),
        (one("ja4", "t13d1516h2_8daaf6152771_b186095e22b6"),
         {"citywatch.tls.client.ja4": "t13d1516h2_8daaf6152771_b186095e22b6"}),
        (one("email", "boss@evil.example"), {"email.from.address": ["Boss@evil.example"]}),
    ],
)  # fmt: skip
def test_a_contact_is_seen_wherever_the_event_holds_it(indicator: Indicator, met: dict[str, Any]) -> None:
    hits = table(indicator).hits({**event(), **met})
    assert [(hit.indicator, hit.field) for hit in hits] == [(indicator, next(iter(met)))]


@pytest.mark.parametrize(
    ("indicator", "near"),
    [
        (one("ip", "198.51.100.7"), {"destination.ip": "198.51.100.77"}),
        (one("network", "198.51.100.0/25"), {"destination.ip": "198.51.100.128"}),
        (one("domain", "evil.example"), {"dns.question.name": "notevil.example"}),
        (one("domain", "evil.example"), {"dns.question.name": "example"}),
        (one("domain", "www.evil.example"), {"dns.question.name": "evil.example"}),
        (one("url", "evil.example/a"), {"url.full": "https://evil.example/ab"}),
        (one("url", "evil.example/a?x=1"), {"url.full": "https://evil.example/a?x=2"}),
        (one("md5", "ab" * 16), {"tls.client.ja3": "ab" * 16}),
        (one("email", "boss@evil.example"), {"email.from.address": ["xboss@evil.example"]}),
    ],
)
def test_a_near_miss_is_no_contact(indicator: Indicator, near: dict[str, Any]) -> None:
    assert table(indicator).hits({**event(), **near}) == []


def test_every_field_that_is_looked_at_is_in_the_schema() -> None:
    assert [name for name in FIELDS if resolve(name) is None] == []


def test_a_match_says_who_warned_how_sure_and_what_to_do() -> None:
    evil = one("ip", "198.51.100.7", title="C2 server", confidence=90, tlp="RED")
    match = table(evil).judge({**event(), "source.ip": "10.0.0.5", "destination.ip": "198.51.100.7"})[0]
    assert match.rule.id == "indicator:NCSC:ip:out:high"
    assert match.rule.severity is Severity.high
    assert match.rule.language == "indicator"
    assert match.rule.guide_vi
    assert match.rule.title_vi
    assert match.subject == (("source.ip", "10.0.0.5"), ("destination.ip", "198.51.100.7"))
    assert match.reasons[0].pattern == "ip 198.51.100.7"
    assert "C2 server (confidence 90, TLP:RED)" in match.reasons[1].value


def test_a_stranger_who_comes_to_us_weighs_less_than_one_of_ours_who_goes_there() -> None:
    evil = table(one("ip", "198.51.100.7", confidence=90))
    inbound = evil.judge({**event(), "source.ip": "198.51.100.7", "destination.ip": "10.0.0.5"})[0]
    assert inbound.rule.severity is Severity.medium
    assert inbound.subject == (("source.ip", "198.51.100.7"),)
    doubtful = table(one("ip", "198.51.100.7", confidence=30))
    assert doubtful.judge({**event(), "destination.ip": "198.51.100.7"})[0].rule.severity is Severity.low


def test_each_source_that_warns_gives_a_match_and_each_indicator_one() -> None:
    twice = table(one("domain", "evil.example"), one("domain", "evil.example", "CERT"))
    met = {**event(), "dns.question.name": "evil.example", "url.domain": "evil.example"}
    assert sorted(hit.indicator.source for hit in twice.hits(met)) == ["CERT", "NCSC"]


def test_an_indicator_holds_only_while_it_is_valid() -> None:
    until = table(one("ip", "198.51.100.7", valid_until=NOW))
    since = table(one("ip", "198.51.100.7", valid_from="2026-11-22T08:05:00.000001Z"))
    met = {**event(), "destination.ip": "198.51.100.7"}
    assert until.hits(met) == since.hits(met) == []
    assert until.hits({**met, "@timestamp": "2026-11-22T08:04:59.999999Z"})
    assert until.expire(NOW) == 1
    assert len(until) == 0


def test_indicators_survive_a_restart_and_another_process_sees_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "in" / "indicators.db"
    first = Indicators(path)
    assert first.add([one("ip", "198.51.100.7"), one("network", "203.0.113.0/24")]) == 2
    second = Indicators(path)
    met = {**event(), "destination.ip": "203.0.113.9"}
    assert second.hits(met)
    assert first.remove("NCSC") == 2
    assert second.refresh()
    assert not second.refresh()
    assert second.hits(met) == []
    first.close()
    second.close()


def test_the_same_value_of_a_source_is_renewed_not_doubled() -> None:
    known = table(one("ip", "198.51.100.7", confidence=10))
    assert known.add([one("ip", "198.51.100.7", confidence=90)]) == 0
    assert known.find("ip", "198.51.100.7")[0].confidence == 90
    assert list(known.all()) == known.find("ip", "198.51.100.7")
    assert known.health().by_source == {"NCSC": 1}


def test_too_many_are_refused_whole() -> None:
    known = Indicators(None, most=2)
    known.add([one("ip", "198.51.100.7")])
    with pytest.raises(IndicatorsFull, match="3 indicators are more than the 2 allowed"):
        known.add([one("ip", "198.51.100.8"), one("ip", "198.51.100.9")])
    assert len(known) == 1


def test_what_was_no_contact_is_one_after_the_indicator_arrives() -> None:
    known = table(one("ip", "198.51.100.7"))
    met = {**event(), "dns.question.name": "evil.example"}
    assert known.hits(met) == []
    known.add([one("domain", "evil.example")])
    assert len(known.hits(met)) == 1


def test_the_rulebook_asks_indicators_that_arrive_while_it_runs(tmp_path: Path) -> None:
    rulebook = Rulebook(resolve_rules([], ""))
    met = {**event(), "destination.ip": "198.51.100.7"}
    assert rulebook.judge([met]) == []
    rulebook.indicators = Indicators(tmp_path / "indicators.db")
    writer = Indicators(tmp_path / "indicators.db")
    writer.add([one("ip", "198.51.100.7")])
    assert [match.rule.language for match in rulebook.judge([met])] == ["indicator"]
    writer.close()
    rulebook.indicators.close()


VALUES = st.one_of(
    st.text(max_size=30), st.integers(), st.lists(st.text(max_size=10), max_size=3), st.booleans()
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES, max_size=6))
def test_any_event_can_be_asked_about(fields: dict[str, Any]) -> None:
    _KNOWN.hits({**event(), **fields})


_KNOWN = table(one("network", "198.51.100.0/24"), replace(one("domain", "evil.example"), source="X"))
