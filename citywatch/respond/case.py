"""Which run does an alert belong to? Alerts of one playbook and group that come together make one case.

Records: `case` (a group's current run), `run_alerts` (the alerts of a run in their order, in chunks) and
`joined` (an alert's runs). Written in the order run, due, case, chunk, due, joined: a kill between any two is
made good when the alert is started again, and the alert is in its run once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any, Final

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.model import Alert, from_doc, repeatable_id, to_doc
from citywatch.ports import Store
from citywatch.respond.due import DueTimes
from citywatch.respond.run import Run
from citywatch.respond.scope import trimmed
from citywatch.respond.shape import Playbook
from citywatch.respond.trigger import chosen, group, group_id

CHUNK: Final = 200
REMEMBERED: Final = 50_000
"""Alerts and cases held in memory; what is not is read from the store."""


@dataclass(slots=True)
class Case:
    """A group's current run, as held in memory."""

    group_id: str
    run_id: str
    first: str
    last: str
    chunks: int = 0
    """How many chunks it has."""
    tail: list[str] = field(default_factory=list[str])
    """Alerts of the last chunk."""
    known: set[str] = field(default_factory=set[str])
    fresh: Run | None = None
    """The run, when it is not written yet."""

    @property
    def doc(self) -> dict[str, Any]:
        """What is written of it."""
        return {"run_id": self.run_id, "first": self.first, "last": self.last}

    def add(self, alert: Alert) -> list[tuple[int, list[str]]]:
        """Put an alert in; give the chunk that is full now, to be written."""
        self.known.add(alert.id)
        self.first = min(self.first, alert.first_seen)
        self.last = max(self.last, alert.last_seen)
        full: list[tuple[int, list[str]]] = []
        self.chunks = max(self.chunks, 1)
        if len(self.tail) >= CHUNK:
            full.append((self.chunks - 1, self.tail))
            self.chunks += 1
            self.tail = []
        self.tail.append(alert.id)
        return full


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """An alert's runs, and the count at which its growth was last told."""

    runs: tuple[str, ...]
    noted: int


class Cases:
    """Puts alerts into runs, and starts those runs.

    Not for two processes at once: who starts runs holds the judge's place. Threads may share it.
    """

    def __init__(self, store: Store, playbooks: Sequence[Playbook], due: DueTimes, clock: Clock) -> None:
        self._store = store
        self._playbooks = playbooks
        self._due = due
        self._clock = clock
        self._lock = threading.RLock()
        self._cases: dict[str, Case] = {}
        self._joined: dict[str, Growth] = {}
        self._pinned: set[str] = set()

    def start(self, alerts: Sequence[Alert]) -> dict[str, tuple[str, ...]]:
        """Put alerts into runs, durably; give the runs of each alert. Asked again, it changes nothing.

        Raises:
            StoreUnreachable: ask again later.
        """
        with self._lock:
            self._forget_some()
            try:
                return self._start(alerts)
            except BaseException:
                self._cases.clear()  # what is held in memory may be ahead of what is written
                self._joined.clear()
                raise

    def _start(self, alerts: Sequence[Alert]) -> dict[str, tuple[str, ...]]:
        self._recall([alert.id for alert in alerts])
        wanted = {alert.id: chosen(self._playbooks, alert) for alert in alerts}
        work = _Work()
        for alert in alerts:
            known = self._joined.get(alert.id)
            if known is not None:
                self._grow(alert, known, work)
            elif wanted[alert.id]:
                runs = tuple(self._place(book, alert, work).run_id for book in wanted[alert.id])
                work.joined[alert.id] = Growth(runs=runs, noted=alert.count)
        self._write(work)
        return {alert.id: self._joined[alert.id].runs for alert in alerts if alert.id in self._joined}

    def _recall(self, alert_ids: list[str]) -> None:
        unknown = [alert_id for alert_id in alert_ids if alert_id not in self._joined]
        for alert_id, record in self._store.get_many("joined", unknown).items() if unknown else ():
            self._joined[alert_id] = from_doc(record.doc, Growth)

    def _grow(self, alert: Alert, known: Growth, work: _Work) -> None:
        """An alert that is in its runs already has grown: told at most at each power of ten."""
        if known.runs and len(str(alert.count)) > len(str(known.noted)):
            work.joined[alert.id] = Growth(runs=known.runs, noted=alert.count)
            work.due[f"grow:{alert.id}"] = ""

    def _place(self, playbook: Playbook, alert: Alert, work: _Work) -> Case:
        case = self._case(group_id(playbook, alert))
        if case is None or not _fits(case, alert, playbook.trigger.within):
            case = self._open(playbook, alert)
        self._put_in(case, alert, work)
        return case

    def _put_in(self, case: Case, alert: Alert, work: _Work) -> None:
        work.cases[case.group_id, case.run_id] = case
        if alert.id in case.known:
            if case.fresh is None:
                work.due[f"link:{case.run_id}"] = ""  # a kill may have come before it was due
            return
        work.full += [(case, number, ids) for number, ids in case.add(alert)]
        if case.fresh is None:
            work.due[f"link:{case.run_id}"] = ""

    def _open(self, playbook: Playbook, alert: Alert) -> Case:
        now = stamp(self._clock())
        grouped = group_id(playbook, alert)
        run = _new_run(playbook, alert, repeatable_id("run", playbook.playbook, grouped, alert.id), now)
        self._pin(playbook)
        case = Case(grouped, run.id, alert.first_seen, alert.last_seen)
        case.fresh = run
        self._cases[grouped] = case
        return case

    def start_by_hand(
        self,
        playbook: Playbook,
        alert: Alert,
        by: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        once: str = "",
    ) -> str:
        """Begin a run that no trigger began, with one alert; give its id. With `once` it is begun once."""
        now = stamp(self._clock())
        run_id = repeatable_id("run", playbook.playbook, alert.id, *((once,) if once else (by, now)))
        if once and self._store.get("run", run_id) is not None:
            return run_id
        run = replace(
            _new_run(playbook, alert, run_id, now),
            group=f"{alert.subject[:400]} ({by})",
            group_id=repeatable_id("by hand", run_id),
            started_by=by,
            inputs=dict(inputs or {}),
        )
        with self._lock:
            self._pin(playbook)
            self._store.put_many("run", {run_id: to_doc(run)})
            doc = {"run_id": run_id, "ids": [alert.id], "first": alert.first_seen, "last": alert.last_seen}
            self._store.put_many("run_alerts", {chunk_id(run_id, 0): doc})
            self._due.put(f"run:{run_id}")
        return run_id

    def _pin(self, playbook: Playbook) -> None:
        """Keep the playbook as it is now: a run goes on with the version that it began with."""
        if playbook.digest in self._pinned:
            return
        content = playbook.model_dump(mode="json", by_alias=True, exclude_unset=True)
        doc = {"content": content, "templates": dict(playbook.templates), "source": playbook.source}
        self._store.put_many("playbook_version", {playbook.digest: doc})
        self._pinned.add(playbook.digest)

    def _write(self, work: _Work) -> None:
        """One write a kind, in an order that a kill anywhere leaves mendable. Nobody else writes these."""
        fresh = [case for case in work.cases.values() if case.fresh is not None]
        if fresh:
            # a run that is there already was written before a kill, and may have gone on since
            runs = {case.run_id: to_doc(case.fresh) for case in fresh if case.fresh is not None}
            self._store.create_many("run", runs)
            self._due.put_many({f"run:{case.run_id}": "" for case in fresh})
            self._store.put_many("case", {case.group_id: case.doc for case in fresh})
            for case in fresh:
                case.fresh = None
        tails = [(case, case.chunks - 1, case.tail) for case in work.cases.values()]
        chunks = {
            chunk_id(case.run_id, number): {**case.doc, "ids": ids}
            for case, number, ids in (*work.full, *tails)
        }
        if chunks:
            self._store.put_many("run_alerts", chunks)
        if work.due:
            self._due.put_many(work.due)
        if work.joined:
            self._store.put_many("joined", {key: to_doc(value) for key, value in work.joined.items()})
            self._joined.update(work.joined)

    def _case(self, grouped: str) -> Case | None:
        case = self._cases.get(grouped)
        if case is None:
            record = self._store.get("case", grouped)
            if record is None:
                return None
            doc = record.doc
            case = Case(grouped, str(doc["run_id"]), str(doc["first"]), str(doc["last"]))
            for chunk in _chunks(self._store, case.run_id):
                case.chunks += 1
                case.tail = [str(alert_id) for alert_id in chunk["ids"]]
                case.known.update(case.tail)
                case.first = min(case.first, str(chunk["first"]))
                case.last = max(case.last, str(chunk["last"]))
            self._cases[grouped] = case
        return case

    def _forget_some(self) -> None:
        if len(self._joined) > REMEMBERED:
            self._joined.clear()
        if sum(len(case.known) for case in self._cases.values()) > 4 * REMEMBERED:
            self._cases.clear()

    def reopen(self, run: Run, playbook: Playbook, alerts: Sequence[Alert]) -> None:
        """Give the alerts that a run could not take (it ended, or its ticket is closed) to another run.

        Raises:
            StoreUnreachable: ask again later; asked again, it changes nothing.
        """
        with self._lock:
            try:
                work = _Work()
                for alert in alerts:
                    case = self._case(run.group_id)
                    if case is None or case.run_id == run.id:
                        case = self._open(playbook, alert)
                    self._put_in(case, alert, work)
                    runs = self._runs_but(alert.id, run.id)
                    work.joined[alert.id] = Growth(runs=(*runs, case.run_id), noted=alert.count)
                self._write(work)
            except BaseException:
                self._cases.clear()
                raise

    def _runs_but(self, alert_id: str, run_id: str) -> Iterable[str]:
        self._recall([alert_id])
        known = self._joined.get(alert_id)
        return [one for one in known.runs if one != run_id] if known else []


@dataclass(slots=True)
class _Work:
    """What is to be written, gathered first."""

    cases: dict[tuple[str, str], Case] = field(default_factory=dict[tuple[str, str], Case])
    full: list[tuple[Case, int, list[str]]] = field(default_factory=list[tuple[Case, int, list[str]]])
    joined: dict[str, Growth] = field(default_factory=dict[str, Growth])
    due: dict[str, str] = field(default_factory=dict[str, str])


def _new_run(playbook: Playbook, alert: Alert, run_id: str, now: str) -> Run:
    return Run(
        id=run_id,
        playbook=playbook.playbook,
        version=playbook.version,
        digest=playbook.digest,
        alert=trimmed(alert),
        alert_id=alert.id,
        group=group(playbook, alert)[:500],
        group_id=group_id(playbook, alert),
        started_at=now,
        updated_at=now,
    )


def _fits(case: Case, alert: Alert, within_s: float) -> bool:
    """The alert lies in the case's time, or at most `within` before or after it."""
    if not (alert.first_seen and alert.last_seen and case.first and case.last):
        return True
    span = timedelta(seconds=within_s)
    return (
        parse_stamp(alert.first_seen) <= parse_stamp(case.last) + span
        and parse_stamp(alert.last_seen) >= parse_stamp(case.first) - span
    )


def chunk_id(run_id: str, number: int) -> str:
    """The record that holds these alerts of a run."""
    return f"{run_id}:{number:05d}"


def _chunks(store: Store, run_id: str) -> Iterable[Mapping[str, Any]]:
    for start in count(0, 16):
        ids = [chunk_id(run_id, number) for number in range(start, start + 16)]
        found = store.get_many("run_alerts", ids)
        for one in ids:
            if one not in found:
                return
            yield found[one].doc


def alerts_of(store: Store, run_id: str, after: int = 0, limit: int = 100_000) -> list[str]:
    """Ids of a run's alerts in the order in which they joined, from a place on."""
    found: list[str] = []
    for start in count(after // CHUNK, 16):
        ids = [chunk_id(run_id, number) for number in range(start, start + 16)]
        records = store.get_many("run_alerts", ids)
        for one in ids:
            if one in records:
                found += [str(alert_id) for alert_id in records[one].doc["ids"]]
        if len(records) < len(ids) or len(found) >= limit + CHUNK:
            break
    skipped = after - after // CHUNK * CHUNK
    return found[skipped : skipped + limit]
