"""Which changes of alerts and tickets has the other system been told, and which not yet?

Each change goes out once as a signed POST, in the order of its time, and again until the receiver has taken
it: the key in `Idempotency-Key` (kind, id, version) stays the same, so a receiver drops what it has seen.
How far it has come stands in the store. The past is not told when it is switched on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import ActionFailed
from citywatch.model import Severity, from_doc, to_doc
from citywatch.ports import Query, Record, Store
from citywatch.respond.post import Reach, send
from citywatch.settings import Webhook
from responders.webhook import signature

KIND = "outbound"
FIELDS = {"ticket": "changed_at", "alert_state": "changed_at", "alert": "last_seen"}
"""What is told, and the time it is followed by."""
OVERLAP = timedelta(minutes=2)
"""So late a record may come after one of a later time, and still be told."""
STEP = 200
_PAGES = 20
_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far each kind has been told, and the keys of what lies within the overlap."""

    since: dict[str, str] = field(default_factory=dict[str, str])
    keys: str = ""
    """One a line, with its time: one text, since stores look into lists and there may be thousands."""

    @property
    def known(self) -> dict[str, str]:
        """Times by key."""
        pairs = (line.split(" ", 1) for line in self.keys.splitlines())
        return {key: at for at, key in pairs}

    def grown(self, changes: Sequence[Record]) -> Told:
        """With these told; what lies before the overlap is forgotten."""
        since, known = dict(self.since), self.known
        for change in changes:
            at = str(change.doc[FIELDS[change.kind]])
            since[change.kind] = max(since.get(change.kind, ""), at)
            known[key_of(change)] = at
        oldest = min((_before(at) for at in since.values()), default="")
        keys = "\n".join(f"{at} {key}" for key, at in known.items() if at >= oldest)
        return Told(since=since, keys=keys)


class Outbound:
    """Tells the receiver of `[webhook]` what changes."""

    def __init__(self, store: Store, clock: Clock, settings: Webhook) -> None:
        self._store, self._clock, self._settings = store, clock, settings

    def step(self) -> int:
        """Tell what is new; give how many changes the receiver took.

        Raises:
            ActionFailed: it took no more; what is left is told again later.
        """
        record = self._store.get(KIND, "cursor")
        if record is None:
            start = Told(since=dict.fromkeys(FIELDS, stamp(self._clock())))
            past = [change for kind in FIELDS for change in self._new(kind, start)]
            self._store.put_if(KIND, "cursor", to_doc(start.grown(past)), 0)
            return 0
        told, sent = from_doc(record.doc, Told), list[Record]()
        try:
            for kind in FIELDS:
                for change in self._new(kind, told):
                    self._send(change)
                    sent.append(change)
        finally:
            if sent:
                self._store.put_if(KIND, "cursor", to_doc(told.grown(sent)), record.version)
        return len(sent)

    def _new(self, kind: str, told: Told) -> Iterator[Record]:
        """Changes that were not told, oldest first."""
        known, start = told.known, _before(told.since[kind])
        after: str | None = None
        for _ in range(_PAGES):
            query = Query(
                order=FIELDS[kind], start=start, newest_first=False, limit=STEP, after=after, count_to=1
            )
            page = self._store.find(kind, query)
            yield from (record for record in page.records if key_of(record) not in known)
            after = page.next
            if after is None:
                return

    def _send(self, change: Record) -> None:
        body = json.dumps(message(change), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "CityWatch",
            "Idempotency-Key": key_of(change),
            "X-CityWatch-Signature": signature(self._settings.secret, body),
        }
        reach = Reach(
            allow_private=self._settings.allow_private,
            allow_loopback=self._settings.allow_loopback,
            timeout_s=self._settings.timeout_s,
            ca_file=self._settings.ca_file,
        )
        try:
            answer = send(self._settings.url, body, headers, reach)
        except OSError as error:
            raise ActionFailed("webhook", f"no answer: {error}") from error
        if answer.status not in _GOOD:
            raise ActionFailed("webhook", f"the receiver answered {answer.status} to {key_of(change)}")


def key_of(change: Record) -> str:
    """The name of this change: the same however often it is told."""
    return f"{change.kind}:{change.id}:{change.version}"


def message(change: Record) -> dict[str, Any]:
    """What the receiver gets; the severity by its name, an alert without its event."""
    held = {name: value for name, value in change.doc.items() if name != "event"}
    if "severity" in held:
        held["severity"] = Severity(held["severity"]).name
    return {"kind": change.kind, "id": change.id, "version": change.version, "record": held}


def _before(at: str) -> str:
    return stamp(parse_stamp(at) - OVERLAP)
