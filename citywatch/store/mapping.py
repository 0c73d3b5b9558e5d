"""How does Elasticsearch index events and records?

Made from the event schema, so that a rule finds there what it finds here: keywords without letter case,
addresses with their text beside them, one field that holds every text for keyword rules, open namespaces by
dynamic templates. Names stay flat (`subobjects: false`). A value that its type cannot hold never costs the
event: Elasticsearch leaves it out and names the field in `_ignored`, and a query then asks `meaning`.
"""

from __future__ import annotations

from typing import Any

from citywatch.model import repeatable_id
from citywatch.schema import fields, namespaces
from citywatch.settings import Elastic

SEARCH = "citywatch_search"
"""Every text of the event. Without a dot: with `subobjects: false` nothing is copied to a dotted name."""
UNINDEXED = "citywatch_unindexed"
"""Names of fields that this document could not index: an open namespace used one name in two ways."""
ASIDE = "citywatch_aside"
"""These fields as JSON text."""
IGNORE_ABOVE = 8191
SPARE_FIELDS = 200
RECORD_FIELDS = 5000

_WORDS: dict[str, Any] = {"type": "keyword", "normalizer": "lowercase", "ignore_above": IGNORE_ABOVE}
_SEARCHED: dict[str, Any] = _WORDS | {"copy_to": SEARCH}
_TYPES: dict[str, dict[str, Any]] = {
    "keyword": _SEARCHED,
    "text": _SEARCHED,
    "ip": {"type": "ip", "ignore_malformed": True, "copy_to": SEARCH, "fields": {"text": _WORDS}},
    "long": {"type": "long", "coerce": False, "ignore_malformed": True},
    "float": {"type": "double", "coerce": False, "ignore_malformed": True},
    "boolean": {"type": "boolean", "ignore_malformed": True},
    "date": {"type": "date_nanos", "format": "strict_date_time", "ignore_malformed": True},
}
_UNSEARCHED: dict[str, Any] = {"type": "keyword", "index": False, "doc_values": False}


def event_properties() -> dict[str, Any]:
    """One property a field of the schema, and our own three."""
    own: dict[str, Any] = {
        SEARCH: _WORDS | {"doc_values": False},
        UNINDEXED: {"type": "keyword"},
        ASIDE: _UNSEARCHED,
    }
    return {name: _TYPES[field.type] for name, field in fields().items()} | own


def field_limit() -> int:
    """How many fields an index may have: the schema's, their sub-fields and the namespaces' limits."""
    known = sum(2 if field.type == "ip" else 1 for field in fields().values())
    return known + sum(space.limit for space in namespaces()) + SPARE_FIELDS


def event_template(settings: Elastic) -> dict[str, Any]:
    """The index template of `<prefix>-events-YYYY.MM.DD`."""
    rest = {"match": "*", "mapping": _UNSEARCHED}
    spaces = [
        {space.prefix.rstrip("."): {"path_match": f"{space.prefix}*", "mapping": _SEARCHED}}
        for space in namespaces()
    ]
    mappings = {
        "subobjects": False,
        "dynamic": True,
        "date_detection": False,
        "dynamic_templates": [*spaces, {"not_in_the_schema": rest}],
        "properties": event_properties(),
    }
    body: dict[str, Any] = {
        "index_patterns": [f"{settings.prefix}-events-*"],
        "priority": 500,
        "template": {
            "settings": {
                "index.number_of_shards": settings.shards,
                "index.number_of_replicas": settings.replicas,
                "index.mapping.total_fields.limit": field_limit(),
                "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
                "index.query.default_field": [SEARCH],
            },
            "mappings": mappings,
        },
    }
    return body | {"_meta": {"made_by": "citywatch", "form": form_of(body)}}


def form_of(body: dict[str, Any]) -> str:
    """A name for exactly this template: a different schema has a different one."""
    return repeatable_id(repr(body))


def record_index(settings: Elastic, newest_by: str = "") -> dict[str, Any]:
    """Settings and mappings of `<prefix>-<kind>`.

    `newest_by` is the path of the moment that the kind is listed by: the index itself is kept in that order,
    so that the newest of a million are found without a look at the others.

    `doc` is kept and not looked into; what can be found stands in `t.` (texts) and `n.` (numbers), under the
    leaf's path with slashes for dots. `m.` has moments as numbers: sorted by these, a million records are
    not looked at one by one.
    """
    number = {"type": "double", "copy_to": SEARCH, "fields": {"text": _WORDS}}
    ordered = {"index.sort.field": f"m.{newest_by}", "index.sort.order": "desc"} if newest_by else {}
    moments = {"m": {"properties": {newest_by: {"type": "long"}}}} if newest_by else {}
    return {
        "settings": ordered
        | {
            "index.number_of_shards": 1,
            "index.number_of_replicas": settings.replicas,
            "index.mapping.total_fields.limit": RECORD_FIELDS,
            "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
        },
        "mappings": {
            "_meta": {"moments": True},
            "dynamic": True,
            "date_detection": False,
            "dynamic_templates": [
                {"texts": {"path_match": "t.*", "mapping": _SEARCHED}},
                {"numbers": {"path_match": "n.*", "mapping": number}},
                {"moments": {"path_match": "m.*", "mapping": {"type": "long"}}},
            ],
            "properties": moments
            | {
                "id": {"type": "keyword"},
                "version": {"type": "long"},
                "doc": {"type": "object", "enabled": False},
                SEARCH: _WORDS | {"doc_values": False},
            },
        },
    }


def refused_index(settings: Elastic) -> dict[str, Any]:
    """Settings and mappings of `<prefix>-refused`: what no index would take, as text."""
    return {
        "settings": {"index.number_of_shards": 1, "index.number_of_replicas": settings.replicas},
        "mappings": {
            "dynamic": False,
            "properties": {
                "at": {"type": "date"},
                "reason": {"type": "keyword", "ignore_above": IGNORE_ABOVE},
                "doc": {"type": "keyword", "index": False, "doc_values": False},
            },
        },
    }
