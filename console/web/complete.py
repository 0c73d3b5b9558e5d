"""Which values fit where somebody is typing in a filter, and which are there at all?

Asked by the page's script as the line grows, and shown whole on a page of links for who has no script. All of
it is read through the visitor's own desk, and of the newest `LOOKED` alerts or events only: what is suggested
is what this person could find, and never costs a walk through the store.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.responses import JSONResponse, Response

from citywatch import schema
from citywatch.detect.fold import CARRIED
from citywatch.model import Severity
from citywatch.ports import Query
from console.web.door import Visit, Way
from console.web.inbox import VIEWS
from console.web.query import ALERT_FIELDS, STATE_FIELDS
from console.web.show import link, pivot

LOOKED = 400
"""Newest records that are looked into for values."""
MOST = 12
"""Suggested at once."""
_MOST_AGENCIES = 1000
_PLAIN = re.compile(r"[\w.@-]+")
_WORD = re.compile(
    r'(?P<before>(?:.*[\s(]-?|-?))(?P<field>[@\w][\w.@-]*):(?:"(?P<quoted>[^"]*)|(?P<bare>[^\s"]*))',
    re.DOTALL,
)
"""The line up to the field that is being typed last, and what of its value is there."""
_SHOWN_FIELDS = ("severity", "state", "agency", "assignee", "rule", "category", "asset", "tag", "source.ip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of a field, and the words that a person knows it by."""

    value: str
    shown: str = ""

    def fits(self, part: str) -> bool:
        """What was typed stands in it."""
        return part.lower() in self.value.lower() or part.lower() in self.shown.lower()


def term(field: str, value: str) -> str:
    """How a value is asked for.

    >>> term("agency", "so-y-te"), term("title", "Port scan")
    ('agency:so-y-te', 'title:"Port scan"')
    """
    return f"{field}:{value}" if _PLAIN.fullmatch(value) else pivot(field, value)


def complete(visit: Visit) -> Response:
    """Lines that go on from the one that is being typed: its last value completed."""
    events = visit.asked("box") == "events"
    if events and not visit.can("staff"):
        raise visit.missing()
    typed = _WORD.fullmatch(visit.asked("q"))
    if typed is None:
        return JSONResponse({"lines": []})
    field, part = typed["field"], typed["quoted"] or typed["bare"] or ""
    found = [one for one in values(visit, field, events=events) if one.fits(part)]
    found.sort(key=lambda one: not one.value.lower().startswith(part.lower()))
    lines = [
        {"line": typed["before"] + term(field, one.value), "shown": one.shown or one.value}
        for one in found[:MOST]
    ]
    return JSONResponse({"lines": lines})


def values(visit: Visit, field: str, *, events: bool = False) -> list[Value]:
    """Values of a field that this person may find, what is meant most first; nothing for an unknown field."""
    if events:
        known = schema.resolve(field)
        return _most(_of_events(visit, known.name)) if known is not None else []
    if field == "severity":
        return [
            Value(value=level.name, shown=visit.say("severity", level.name))
            for level in sorted(Severity, reverse=True)
        ]
    if field == "state":
        return [Value(value=state, shown=visit.say("alert_state", state)) for state in VIEWS]
    if field == "agency":
        query = Query(order="name", newest_first=False, limit=_MOST_AGENCIES, count_to=1)
        records = visit.desk.find("agency", query).records
        return [Value(value=record.id, shown=str(record.doc.get("name", ""))) for record in records]
    if field == "assignee":
        return _assignees(visit)
    return _of_field(visit, field)


def _assignees(visit: Visit) -> list[Value]:
    """Who has open alerts; agencies are not told who works at the response team."""
    if not visit.can("staff"):
        return []
    query = Query(order="changed_at", limit=LOOKED, count_to=1)
    page = visit.house.store.find("alert_state", query)
    return _most(str(record.doc.get("assignee", "")) for record in page.records)


def _of_field(visit: Visit, field: str) -> list[Value]:
    stored = ALERT_FIELDS.get(field, ())
    event_field = schema.resolve(field)
    if not stored and event_field is None:
        return []
    page = visit.desk.find("alert", Query(order="last_seen", limit=LOOKED, count_to=1))
    docs = [record.doc for record in page.records]
    if field == "rule":
        titles = {str(doc.get("rule_id", "")): _title(visit, doc) for doc in docs}
        if visit.can("staff"):
            titles |= {
                rule.id: rule.title_vi if visit.language == "vi" and rule.title_vi else rule.title
                for rule in visit.house.rules.values()
            }
        return [Value(value=key, shown=title) for key, title in titles.items() if key]
    names = stored or (field,)
    return _most(text for doc in docs for name in names for text in _texts(doc, name))


def _title(visit: Visit, doc: Mapping[str, Any]) -> str:
    own = str(doc.get("title_vi", "")) if visit.language == "vi" else ""
    return own or str(doc.get("title", ""))


def _texts(doc: Mapping[str, Any], name: str) -> Iterable[str]:
    held: Any = doc.get(name)
    if held is None:
        held = [
            one
            for place in ("values", "subject_fields")
            for one in _many(cast("Mapping[str, Any]", doc.get(place) or {}).get(name))
        ]
    return [str(one) for one in _many(held)]


def _many(held: Any) -> list[Any]:
    if isinstance(held, list | tuple):
        return list(cast("list[Any]", held))
    return [] if held is None else [held]


def _of_events(visit: Visit, name: str) -> list[str]:
    page = visit.desk.events(Query(limit=LOOKED, count_to=1))
    return [str(one) for event in page.events for one in _many(event.get(name))]


def _most(texts: Iterable[str]) -> list[Value]:
    """The most frequent first; what is too long to be typed is left out."""
    counted = Counter(text for text in texts if 0 < len(text) <= 200 and text.isprintable())  # noqa: PLR2004 - a line of the list
    return [Value(value=text) for text, _ in counted.most_common(200)]


def show_values(visit: Visit) -> Response:
    """All fields of the filter with the values that there are, each a link that adds it to the filter."""
    text = visit.asked("q").strip()
    chosen = visit.asked("field")
    fields = (
        _SHOWN_FIELDS if visit.can("staff") else tuple(name for name in _SHOWN_FIELDS if name != "assignee")
    )
    shown = [
        (
            name,
            [
                (one, link("/alerts", q=f"{text} {term(name, one.value)}".strip()))
                for one in found[: MOST * 2]
            ],
        )
        for name in ((chosen,) if chosen else fields)
        if (found := values(visit, name))
    ]
    return visit.page(
        "values.html",
        text=text,
        chosen=chosen,
        shown=shown,
        fields=[*ALERT_FIELDS, *STATE_FIELDS, *CARRIED],
    )


WAYS = (
    Way(path="/complete", handler=complete, name="complete", needs="see"),
    Way(path="/alerts/values", handler=show_values, name="filter_values", needs="see"),
)
