"""Is the one table sound, and do names lead where they should?"""

from __future__ import annotations

import pytest

from citywatch import schema

TYPES = {"keyword", "text", "long", "float", "boolean", "ip", "date"}


def test_every_row_has_a_known_type_and_a_meaning() -> None:
    rows = [line.split("\t") for line in (schema.TABLES / "fields.tsv").read_text().splitlines()[1:]]
    assert len({row[0] for row in rows}) == len(rows), "a field stands twice"
    for name, kind, values, meaning in rows:
        assert kind in TYPES, name
        assert values in {"one", "many"}, name
        assert meaning.strip(), name


def test_no_field_is_both_a_value_and_a_parent_of_values() -> None:
    names = set(schema.fields())
    for name in names:
        parts = name.split(".")
        for cut in range(1, len(parts)):
            assert ".".join(parts[:cut]) not in names, (
                f"{name}: Elasticsearch would refuse its parent as a value"
            )


def test_every_alias_and_every_logsource_leads_to_a_field() -> None:
    for selector, table in schema.aliases().items():
        for name, field in table.items():
            assert schema.resolve(field), f"{selector}: {name} leads to {field}, which is not in the schema"
    for logsource in schema.logsources():
        for field, values in logsource.where:
            assert schema.resolve(field), f"{logsource}: {field}"
            assert all(values)


@pytest.mark.parametrize(
    ("name", "logsource", "field"),
    [
        ("CommandLine", {"product": "windows"}, "process.command_line"),
        ("Threat Name", {"product": "windows"}, "winlog.event_data.ThreatName"),
        ("cs-uri-stem", {"category": "webserver"}, "url.path"),
        ("answer", {"category": "dns"}, "dns.answers.data"),
        ("action", {"category": "firewall"}, "event.action"),
        ("id.orig_h", {"product": "zeek", "service": "rdp"}, "source.ip"),
        ("source.ip", {"product": "citywatch"}, "source.ip"),
    ],
)
def test_a_rules_name_leads_to_our_field(name: str, logsource: dict[str, str], field: str) -> None:
    found = schema.field_for(name, **logsource)
    assert found is not None
    assert found.name == field


def test_an_unknown_name_leads_nowhere_and_a_near_one_is_suggested() -> None:
    assert schema.field_for("url.paht", product="citywatch") is None
    assert schema.suggest("url.paht") == "did you mean 'url.path'?"
    assert schema.suggest("zzzzzzzz") == ""
    assert schema.resolve("winlog.event_data.") is None
