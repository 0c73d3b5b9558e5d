"""Which matches are one alert?

Matches of one rule on one subject are one alert until the subject has been quiet for a while (24 hours of
event time, or what the rule asks for). Matches of one correlation window always fold. The alert's id follows
from the match that opened it, so a batch judged again gives the same alerts.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from citywatch.clock import micros
from citywatch.model import Alert, Event, Match, Reason, repeatable_id

CARRIED = (
    "source.ip",
    "destination.ip",
    "destination.port",
    "host.name",
    "winlog.computer_name",
    "user.name",
    "user.target.name",
    "source.mac",
    "citywatch.arp.sender_ip",
    "citywatch.arp.sender_mac",
    "citywatch.dhcp.server_ip",
    "citywatch.dhcp.client_mac",
    "url.full",
    "url.original",
    "url.domain",
    "file.path",
    "file.name",
    "file.hash.sha256",
    "process.executable",
    "process.command_line",
    "dns.question.name",
    "dns.question.registered_domain",
    "dns.resolved_ip",
    "tls.client.server_name",
    "email.from.address",
    "citywatch.portal.id",
    "citywatch.portal.view",
    "citywatch.portal.agency",
    "citywatch.evidence.sha256",
    "observer.name",
    "log.file.path",
    "event.dataset",
)
"""Fields whose values an alert carries on from its events."""

MOST_VALUES = 50
MOST_REASONS = 20
MOST_IDS = 100
MOST_TEXT = 1024
QUIET_S = 86_400
_STALE_AFTER = 10_000
"""An open alert is looked at for closing when so many matches have come since it last grew."""
_PER_SUBJECT = 8
"""Alerts kept open for one rule and subject: captures of different years may be read in any order."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(window: str) -> int | None:
    """Read a fold window such as `90s`, `30m`, `1h`, `2d`; None when it is not one.

    >>> seconds("1h"), seconds(""), seconds("soon")
    (3600, None, None)
    """
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*([smhdw])\s*", window)
    return int(found[1]) * _UNITS[found[2]] if found else None


def carried(event: Event) -> dict[str, list[str]]:
    """What an event holds in the carried fields, as text, each list at most 50 long.

    >>> carried({"source.ip": "10.0.0.1", "destination.port": 22, "message": "x"})
    {'source.ip': ['10.0.0.1'], 'destination.port': ['22']}
    """
    values: dict[str, list[str]] = {}
    for name in CARRIED:
        value = event.get(name)
        if value is None:
            continue
        many = cast("list[Any]", value) if isinstance(value, list) else [value]
        texts = [str(one)[:MOST_TEXT] for one in many[:MOST_VALUES] if one is not None and one != ""]
        if texts:
            values[name] = texts
    return values


def merge(into: dict[str, list[str]], more: Mapping[str, Sequence[str]]) -> None:
    """Add the values that are new, in the order they come, at most 50 a field."""
    for name, values in more.items():
        have = into.setdefault(name, [])
        for value in values:
            if len(have) >= MOST_VALUES:
                break
            if value not in have:
                have.append(value)


class Open(msgspec.Struct):
    """An alert that may still grow (mutable on purpose: the hot path of a flood)."""

    alert: Alert
    """As it was opened; what grows is below."""
    subject: tuple[tuple[str, str], ...]
    first_seen: str
    last_seen: str
    count: int
    sequence: int
    explanation: list[Reason]
    values: dict[str, list[str]]
    event_ids: list[str]
    windows: list[str]
    touched: int
    """Number of the last match that it took, counted over all matches."""

    def grown(self) -> Alert:
        """The alert as it is now."""
        return replace(
            self.alert,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            count=self.count,
            sequence=self.sequence,
            explanation=tuple(self.explanation),
            values={name: list(values) for name, values in self.values.items()},
            event_ids=tuple(self.event_ids),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldHealth:
    """How many alerts may still grow, and how many were closed early for want of room."""

    open: int
    limit: int
    evicted: int
    closed: int


class Fold:
    """Folds matches into alerts. State is bounded and kept over restarts by `changes` and `restore`."""

    def __init__(
        self, windows: Mapping[str, str] | None = None, *, quiet_s: int = QUIET_S, limit: int = 20_000
    ) -> None:
        """Take fold windows by rule id (`1h`; a rule without one has the quiet time)."""
        self._quiet = quiet_s * 1_000_000
        self._windows = _windows(windows or {})
        self._limit = limit
        self._open: OrderedDict[str, Open] = OrderedDict()
        self._by_subject: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
        self._dirty: dict[str, None] = {}
        self._seen = 0
        self._evicted = 0
        self._closed = 0

    def tune(self, windows: Mapping[str, str]) -> None:
        """Take the fold windows of rules that were loaded anew."""
        self._windows = _windows(windows)

    def add(self, matches: Sequence[Match]) -> list[Alert]:
        """Fold matches in; give the alerts that are new or grew, each once, in the order they first did."""
        grown: dict[str, Open] = {}
        for match in matches:
            self._seen += 1
            found = self._find(match)
            if found is None:
                found = self._begin(match)
            else:
                _grow(found, match)
            found.touched = self._seen
            self._open.move_to_end(found.alert.id)
            self._dirty[found.alert.id] = None
            grown[found.alert.id] = found
        alerts = [item.grown() for item in grown.values()]
        if matches:
            self._close_stale(micros(matches[-1].at))
        return alerts

    def changes(self) -> dict[str, bytes | None]:
        """State that changed since the last call, by alert id; None for an alert that is closed."""
        encode = msgspec.msgpack.encode
        changed = {key: encode(self._open[key]) if key in self._open else None for key in self._dirty}
        self._dirty = {}
        return changed

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Take up what was saved; what cannot be read is dropped from the state."""
        found: list[Open] = []
        decoder = msgspec.msgpack.Decoder(Open)
        for key, raw in state.items():
            try:
                found.append(decoder.decode(raw))
            except msgspec.MsgspecError:
                self._dirty[key] = None
        for item in sorted(found, key=lambda item: item.touched):
            self._enter(item)
            self._seen = max(self._seen, item.touched)

    def health(self) -> FoldHealth:
        return FoldHealth(open=len(self._open), limit=self._limit, evicted=self._evicted, closed=self._closed)

    def _find(self, match: Match) -> Open | None:
        ids = self._by_subject.get((match.rule.id, match.subject))
        if not ids:
            return None
        quiet = self._windows.get(match.rule.id, self._quiet)
        best: tuple[int, Open] | None = None
        for alert_id in ids:
            item = self._open[alert_id]
            if match.window and match.window in item.windows:
                return item
            gap = max(
                micros(match.first_at) - micros(item.last_seen),
                micros(item.first_seen) - micros(match.at),
                0,
            )
            if gap <= quiet and (best is None or gap < best[0]):
                best = (gap, item)
        return best[1] if best else None

    def _begin(self, match: Match) -> Open:
        item = Open(
            alert=_opened(match),
            subject=match.subject,
            first_seen=match.first_at,
            last_seen=match.at,
            count=match.count,
            sequence=_sequence(match),
            explanation=list(match.reasons[:MOST_REASONS]),
            values={},
            event_ids=list(match.event_ids[:MOST_IDS]),
            windows=[match.window] if match.window else [],
            touched=self._seen,
        )
        merge(item.values, match.values or carried(match.event))
        self._enter(item)
        if len(self._open) > self._limit:
            self._drop(next(iter(self._open)))
            self._evicted += 1
        return item

    def _enter(self, item: Open) -> None:
        ids = self._by_subject.setdefault((item.alert.rule_id, item.subject), [])
        if item.alert.id in self._open:
            return
        self._open[item.alert.id] = item
        ids.append(item.alert.id)
        if len(ids) > _PER_SUBJECT:
            self._drop(ids[0])
            self._closed += 1

    def _drop(self, alert_id: str) -> None:
        item = self._open.pop(alert_id)
        key = (item.alert.rule_id, item.subject)
        ids = self._by_subject[key]
        ids.remove(alert_id)
        if not ids:
            del self._by_subject[key]
        self._dirty[alert_id] = None

    def _close_stale(self, now: int) -> None:
        """Close alerts long untouched whose quiet time is over; the least recently grown stand first."""
        stale: list[str] = []
        for alert_id, item in self._open.items():
            if self._seen - item.touched < _STALE_AFTER or len(stale) >= 1000:  # noqa: PLR2004 - a batch's share
                break
            quiet = self._windows.get(item.alert.rule_id, self._quiet)
            if abs(now - micros(item.last_seen)) > quiet:
                stale.append(alert_id)
        for alert_id in stale:
            self._drop(alert_id)
            self._closed += 1


def _windows(windows: Mapping[str, str]) -> dict[str, int]:
    read = ((rule_id, seconds(window)) for rule_id, window in windows.items())
    return {rule_id: length * 1_000_000 for rule_id, length in read if length is not None}


def _sequence(match: Match) -> int:
    value = match.event.get("event.sequence", 0)
    return value if isinstance(value, int) else 0


def _grow(item: Open, match: Match) -> None:
    item.count += match.count
    item.first_seen = min(item.first_seen, match.first_at)
    item.last_seen = max(item.last_seen, match.at)
    item.sequence = max(item.sequence, _sequence(match))
    room = MOST_IDS - len(item.event_ids)
    if room > 0:
        item.event_ids.extend(match.event_ids[:room])
    merge(item.values, match.values or carried(match.event))
    if not match.window:
        return
    if item.windows and match.window == item.windows[0]:
        _refresh(item.explanation, match.reasons)
    elif match.window not in item.windows:
        item.windows = [*item.windows[:1], *item.windows[1:][-6:], match.window]


def _refresh(explanation: list[Reason], newer: Iterable[Reason]) -> None:
    """A burst that goes on knows better how much there was: take its figures for the same questions."""
    by_question = {(reason.field, reason.pattern): reason for reason in newer}
    for place, reason in enumerate(explanation):
        explanation[place] = by_question.get((reason.field, reason.pattern), reason)


def _opened(match: Match) -> Alert:
    rule = match.rule
    return Alert(
        id=repeatable_id("alert", rule.id, *(part for pair in match.subject for part in pair), match.id),
        rule_id=rule.id,
        title=rule.title,
        severity=rule.severity,
        subject=" · ".join(dict.fromkeys(value for _, value in match.subject)),
        subject_fields=dict(match.subject),
        first_seen=match.first_at,
        last_seen=match.at,
        count=match.count,
        tags=rule.tags,
        title_vi=rule.title_vi,
        category=rule.category,
        event=match.event,
        rule_source=rule.source,
        guide_vi=rule.guide_vi,
        guide_en=rule.guide_en,
        falsepositives=rule.falsepositives,
    )


def row(alert: Alert) -> dict[str, Any]:
    """One alert as one flat JSON object, for `replay --json` and for other programs."""
    sources = alert.values.get("source.ip", [])
    destinations = alert.values.get("destination.ip", [])
    return {
        "id": alert.id,
        "rule_id": alert.rule_id,
        "title": alert.title,
        "severity": alert.severity.name,
        "subject": alert.subject,
        "source_ip": alert.subject_fields.get("source.ip") or next(iter(sources), None),
        "destination_ip": alert.subject_fields.get("destination.ip") or next(iter(destinations), None),
        "count": alert.count,
        "first_seen": alert.first_seen,
        "last_seen": alert.last_seen,
        "explanation": [
            {"field": reason.field, "value": reason.value, "pattern": reason.pattern}
            for reason in alert.explanation
        ],
        "tags": list(alert.tags),
        "source_ips": list(sources),
        "destination_ips": list(destinations),
    }
