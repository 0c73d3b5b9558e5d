"""Is the Elasticsearch mapping made from the schema, whole?"""

from __future__ import annotations

from citywatch.schema import fields, namespaces
from citywatch.settings import Elastic
from citywatch.store.mapping import (
    IGNORE_ABOVE,
    SEARCH,
    event_properties,
    event_template,
    field_limit,
    form_of,
)


def test_every_field_has_a_property_of_its_type() -> None:
    types = {
        "keyword": "keyword",
        "text": "keyword",
        "ip": "ip",
        "long": "long",
        "float": "double",
        "boolean": "boolean",
        "date": "date_nanos",
    }
    properties = event_properties()
    for name, field in fields().items():
        assert properties[name]["type"] == types[field.type], name


def test_words_have_no_letter_case_and_are_copied_for_keyword_rules() -> None:
    for name, field in fields().items():
        held = event_properties()[name]
        words = held["fields"]["text"] if field.type == "ip" else held
        if field.type in {"keyword", "text", "ip"}:
            assert (words["normalizer"], words["ignore_above"]) == ("lowercase", IGNORE_ABOVE), name
            assert held["copy_to"] == SEARCH, name


def test_every_namespace_has_a_dynamic_template_and_its_limit_is_counted() -> None:
    template = event_template(Elastic())["template"]
    matched = [
        rule["path_match"]
        for one in template["mappings"]["dynamic_templates"]
        for rule in one.values()
        if "path_match" in rule
    ]
    assert matched == [f"{space.prefix}*" for space in namespaces()]
    assert template["settings"]["index.mapping.total_fields.limit"] == field_limit()
    assert field_limit() > len(event_properties()) + sum(space.limit for space in namespaces())


def test_a_changed_template_has_another_form() -> None:
    assert form_of({"a": 1}) != form_of({"a": 2})
    assert event_template(Elastic()) == event_template(Elastic())
    assert event_template(Elastic())["_meta"] != event_template(Elastic(shards=2))["_meta"]
