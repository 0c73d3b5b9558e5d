"""Which indicators stand in a STIX 2.1 bundle or a MISP event?

Gives plain rows (value, type, source, tlp, confidence, valid_from, valid_until, title, reference) with the
line each stands in, for `indicator_import` to check like any other row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

Tell = Callable[[str, str], None]
"""Position and what is wrong."""
Row = tuple[str, dict[str, str]]
_MOST_PATTERN = 20_000

TLP_MARKS = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "CLEAR",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "GREEN",
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "AMBER",
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "AMBER+STRICT",
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "RED",
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "CLEAR",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "GREEN",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "AMBER",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "RED",
}
"""Ids of the TLP 2.0 markings, then of TLP 1.0's (STIX 2.1, section 7.2.1.4)."""

_STIX_TYPES = {
    "ipv4-addr:value": "ip",
    "ipv6-addr:value": "ip",
    "domain-name:value": "domain",
    "url:value": "url",
    "email-addr:value": "email",
    "email-message:from_ref.value": "email",
    "email-message:sender_ref.value": "email",
    "network-traffic:dst_ref.value": "",
    "network-traffic:src_ref.value": "",
    "file:hashes.md5": "md5",
    "file:hashes.sha-1": "sha1",
    "file:hashes.sha1": "sha1",
    "file:hashes.sha-256": "sha256",
    "file:hashes.sha256": "sha256",
    "x509-certificate:hashes.sha-256": "sha256",
    "artifact:hashes.sha-256": "sha256",
}
_MISP_TYPES = {
    "ip-src": "ip", "ip-dst": "ip", "ip-src|port": "ip", "ip-dst|port": "ip", "domain": "domain",
    "hostname": "domain", "hostname|port": "domain", "domain|ip": "domain", "url": "url", "uri": "url",
    "link": "", "md5": "md5", "sha1": "sha1", "sha256": "sha256", "filename|md5": "md5",
    "filename|sha1": "sha1", "filename|sha256": "sha256", "email": "email", "email-src": "email",
    "email-dst": "email", "ja3-fingerprint-md5": "ja3", "ja4": "ja4", "x509-fingerprint-sha256": "sha256",
}  # fmt: skip


def json_indicators(text: str, tell: Tell) -> tuple[str, Iterator[Row]]:
    """Rows of a bundle or event, and which it is.

    Raises:
        ValueError: it is not JSON, too deep, or neither of the two.
    """
    try:
        doc = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if isinstance(doc, dict):
        whole = cast("dict[str, Any]", doc)
        if whole.get("type") == "bundle" or "spec_version" in whole:
            objects = whole.get("objects", [whole])
            return "stix", _stix([one for one in _list(objects) if isinstance(one, dict)], text, tell)
        response = whole.get("response", [whole])
    else:
        response = doc
    events = [event for one in _list(response) if (event := _event(one))]
    if not events:
        raise ValueError("it is neither a STIX 2.1 bundle nor a MISP event")
    return "misp", (row for event in events for row in _misp(event, text, tell))


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _event(one: object) -> dict[str, Any]:
    if not isinstance(one, dict):
        return {}
    outer = cast("dict[str, Any]", one)
    inner = outer.get("Event", outer)
    if not isinstance(inner, dict):
        return {}
    event = cast("dict[str, Any]", inner)
    return event if "Attribute" in event or "Object" in event else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


class _Lines:
    """Finds the line in which an object's id stands, moving forward through the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._line = 1

    def of(self, mark: str, fallback: str) -> str:
        if not mark:
            return fallback
        quoted = json.dumps(mark, ensure_ascii=False)
        place = self._text.find(quoted, self._place)
        if place < 0:
            return fallback
        self._line += self._text.count("\n", self._place, place)
        self._place = place
        return f"line {self._line}"


# -- STIX ------------------------------------------------------------------------------------------------


def _stix(objects: list[dict[str, Any]], text: str, tell: Tell) -> Iterator[Row]:
    lines = _Lines(text)
    names = {_text(one.get("id")): _text(one.get("name")) for one in objects if one.get("type") == "identity"}
    marks = TLP_MARKS | {_text(one.get("id")): level for one in objects if (level := _marking(one))}
    for place, one in enumerate(objects):
        if one.get("type") != "indicator" or one.get("revoked") is True:
            continue
        position = lines.of(_text(one.get("id")), f"objects[{place}]")
        if one.get("pattern_type", "stix") != "stix":
            tell(position, f"pattern type '{_text(one.get('pattern_type'))}' is not read: only stix is")
            continue
        try:
            found = list(pattern_values(_text(one.get("pattern"))))
        except ValueError as error:
            tell(position, str(error))
            continue
        row = _stix_row(one, names, marks)
        for kind, value in found:
            yield position, {**row, "type": kind, "value": value}


def _stix_row(one: Mapping[str, Any], names: Mapping[str, str], marks: Mapping[str, str]) -> dict[str, str]:
    levels = [marks[_text(ref)] for ref in _list(one.get("object_marking_refs", [])) if _text(ref) in marks]
    references = [
        _text(cast("dict[str, Any]", ref).get("url"))
        for ref in _list(one.get("external_references", []))
        if isinstance(ref, dict)
    ]
    row = {
        "source": names.get(_text(one.get("created_by_ref")), ""),
        "tlp": levels[0] if levels else "",
        "confidence": _text(one.get("confidence")),
        "valid_from": _text(one.get("valid_from")),
        "valid_until": _text(one.get("valid_until")),
        "title": _text(one.get("name")) or _text(one.get("description")),
        "reference": next((ref for ref in references if ref), ""),
    }
    return {name: value for name, value in row.items() if value}


def _marking(one: Mapping[str, Any]) -> str:
    if one.get("type") != "marking-definition":
        return ""
    definition = one.get("definition")
    level = _text(cast("dict[str, Any]", definition).get("tlp")) if isinstance(definition, dict) else ""
    name = level or _text(one.get("name"))
    return name.upper().removeprefix("TLP:") if name.upper().startswith("TLP:") or level else ""


_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<path>[a-z0-9-]+:[A-Za-z0-9_.\-'*\[\]]+)|(?P<word>[A-Za-z_]+)|(?P<number>[0-9.]+)
    |(?P<sign>!=|<=|>=|[=<>\[\](),])|(?P<other>\S+))""",
    re.VERBOSE,
)


def pattern_values(pattern: str) -> Iterator[tuple[str, str]]:
    """Types and values of a pattern that says `this or that`.

    >>> list(pattern_values("[domain-name:value = 'a.example' OR ipv4-addr:value IN ('192.0.2.1')]"))
    [('domain', 'a.example'), ('ip', '192.0.2.1')]

    Raises:
        ValueError: it says more than that (a sequence, a negation, a network port), so that its values alone
            are no indicators.
    """
    if len(pattern) > _MOST_PATTERN:
        raise ValueError(f"the pattern is longer than {_MOST_PATTERN} characters")
    found: list[tuple[str, str]] = []
    path = unknown = ""
    words: set[str] = set()
    for hit in _TOKEN.finditer(pattern):
        kind, token = str(hit.lastgroup), str(hit[hit.lastgroup or 0])
        if kind == "path":
            path = token.replace("'", "").lower()
            unknown = unknown or ("" if path in _STIX_TYPES else path)
        elif kind == "text" and path in _STIX_TYPES:
            found.append((_STIX_TYPES[path], re.sub(r"\\(.)", r"\1", token[1:-1])))
        elif _is_more(kind, token):
            raise ValueError(f"the pattern says more than `this or that` ('{token}'): add its values by hand")
        words.add(token.upper())
    if "AND" in words and not _one_file(found, unknown):
        raise ValueError("the pattern joins values with AND: none of them alone is an indicator")
    if not found:
        raise ValueError(f"the pattern asks for '{unknown}', which no event has" if unknown else "no pattern")
    yield from found


def _one_file(found: list[tuple[str, str]], unknown: str) -> bool:
    """Hashes (and name or size) of one file: each hash alone names it."""
    return (not unknown or unknown.startswith("file:")) and all(
        kind in {"md5", "sha1", "sha256"} for kind, _ in found
    )


def _is_more(kind: str, token: str) -> bool:
    if kind == "word":
        return token.upper() not in {"OR", "IN", "AND", "ISSUBSET"}
    return kind == "other" or (kind == "sign" and token in {"!=", "<", ">", "<=", ">="})


# -- MISP ------------------------------------------------------------------------------------------------


def _misp(event: Mapping[str, Any], text: str, tell: Tell) -> Iterator[Row]:
    lines = _Lines(text)
    made_by = event.get("Orgc")
    row = {
        "source": _text(cast("dict[str, Any]", made_by).get("name")) if isinstance(made_by, dict) else "",
        "tlp": _misp_tlp(event),
        "title": _text(event.get("info")),
        "reference": _text(event.get("uuid")),
    }
    row = {name: value for name, value in row.items() if value}
    attributes: list[Any] = _list(event.get("Attribute", []))
    for group in _list(event.get("Object", [])):
        if isinstance(group, dict):
            attributes += _list(cast("dict[str, Any]", group).get("Attribute", []))
    for place, one in enumerate(attributes):
        if not isinstance(one, dict):
            continue
        attribute = cast("dict[str, Any]", one)
        if attribute.get("to_ids") is False or attribute.get("deleted") is True:
            continue
        position = lines.of(
            _text(attribute.get("uuid")) or _text(attribute.get("value")), f"attribute {place + 1}"
        )
        kind = _text(attribute.get("type"))
        if kind not in _MISP_TYPES:
            tell(position, f"type '{kind}' is not matched against events")
            continue
        yield from ((position, {**row, **pair}) for pair in _misp_values(kind, _text(attribute.get("value"))))


def _misp_values(kind: str, value: str) -> Iterator[dict[str, str]]:
    first, bar, second = value.partition("|")
    if kind == "domain|ip" and bar:
        yield {"type": "domain", "value": first}
        yield {"type": "ip", "value": second}
    elif kind.startswith("filename|"):
        yield {"type": _MISP_TYPES[kind], "value": second}
    else:
        yield {"type": _MISP_TYPES[kind], "value": first if bar else value}


def _misp_tlp(event: Mapping[str, Any]) -> str:
    for tag in _list(event.get("Tag", [])):
        name = _text(cast("dict[str, Any]", tag).get("name")) if isinstance(tag, dict) else ""
        if name.lower().startswith("tlp:"):
            return name[4:]
    return ""
