"""What is due, and who may do it? Due times and a leader lease live in the store.

A restart or a second node neither forgets nor repeats: the due times are records, and only the holder of the
lease acts on them. A holder on this machine whose process is gone is not waited for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.ports import All, Is, Query, Range, Store

TTL_S: Final = 30.0


def this_process() -> str:
    """This process, told apart from every other on every machine: machine, pid space, pid, start time."""
    return f"{_machine()}|{os.getpid()}|{_started(os.getpid())}"


def _machine() -> str:
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()}|{space}"


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty when it is gone or cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def is_gone(holder: str) -> bool:
    """This holder was a process of this machine that no longer runs."""
    machine, _, rest = holder.rpartition("|")[0].rpartition("|")
    started = holder.rpartition("|")[2]
    if machine != _machine() or not rest.isdigit() or not started:
        return False
    return _started(int(rest)) != started


class Lease:
    """The right to act, held by one process at a time.

    Args:
        store: where it is written.
        name: for what.
        clock: the time.
        holder: who asks; this process when empty.
        ttl_s: how long it lasts when its holder falls silent.
    """

    def __init__(
        self, store: Store, name: str, clock: Clock, *, holder: str = "", ttl_s: float = TTL_S
    ) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._holder = holder or this_process()
        self._ttl = timedelta(seconds=ttl_s)
        self._until: datetime | None = None

    def hold(self) -> bool:
        """Take or keep the lease; False when another process has it."""
        now = self._clock()
        if self._until is not None and now < self._until - self._ttl * 2 / 3:
            return True
        self._until = None
        record = self._store.get("lease", self._name)
        if record is not None and not self._free(record.doc, now):
            return False
        until = now + self._ttl
        doc = {"holder": self._holder, "until": stamp(until)}
        try:
            self._store.put_if("lease", self._name, doc, record.version if record else 0)
        except Conflict:
            return False
        self._until = until
        return True

    def _free(self, doc: Mapping[str, object], now: datetime) -> bool:
        holder = str(doc.get("holder", ""))
        return holder == self._holder or parse_stamp(str(doc["until"])) <= now or is_gone(holder)

    def release(self) -> None:
        """Give it back, so that the next need not wait."""
        record = self._store.get("lease", self._name)
        self._until = None
        if record is not None and record.doc.get("holder") == self._holder:
            try:
                doc = {"holder": "", "until": stamp(self._clock())}
                self._store.put_if("lease", self._name, doc, record.version)
            except Conflict:
                return


class DueTimes:
    """What is to be done when. Ids say what: `run:ID`, `link:ID`, `sla:ID`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._soon: dict[str, str] = {}
        """What this process itself made due, known before the store's search shows it."""

    def put(self, due_id: str, at: str = "") -> None:
        """Make it due at a time (empty: now)."""
        self.put_many({due_id: at})

    def put_many(self, times: Mapping[str, str]) -> None:
        """Make several due in one go."""
        now = stamp(self._clock())
        docs = {
            due_id: {"at": at or now, "kind": due_id.partition(":")[0]}
            for due_id, at in times.items()
            if not self._is_sooner(due_id, at or now, now)
        }
        if docs:
            self._store.put_many("due", docs)
            self._soon.update({due_id: doc["at"] for due_id, doc in docs.items()})

    def _is_sooner(self, due_id: str, at: str, now: str) -> bool:
        """It is due already and shall still be due now: nothing to write."""
        return at <= now and self._soon.get(due_id, "~") <= at

    def done(self, due_id: str) -> None:
        """It is not due any more."""
        self._soon.pop(due_id, None)
        self._store.delete("due", due_id)

    def take(self, kind: str, limit: int) -> list[str]:
        """Ids of this kind that are due now, oldest first; due until `put` or `done` says otherwise."""
        now = stamp(self._clock())
        prefix = f"{kind}:"
        own = list(self._soon.items())
        found = {due_id: at for due_id, at in own if at <= now and due_id.startswith(prefix)}
        if len(found) < limit:
            where = All((Is("kind", kind), Range("at", None, now)))
            query = Query(where=where, order="at", newest_first=False, limit=limit)
            for record in self._store.find("due", query).records:
                if self._soon.get(record.id, "") <= now:
                    found.setdefault(record.id, str(record.doc["at"]))
        ordered = sorted(found, key=lambda due_id: (found[due_id], due_id))
        return [due_id.removeprefix(prefix) for due_id in ordered[:limit]]
