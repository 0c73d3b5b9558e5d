"""What do other machines send to this installation, and is anything of it lost?

Joins receivers and readers to the journal: a message is behind us only when its events are journalled, in one
transaction with the counts of what became of everything that arrived. What was read from a socket and not yet
journalled is lost with a `kill -9` (syslog has no acknowledgement): that is at most what the last tenth of a
second brought, or what was held because the journal was full.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from citywatch.errors import SettingsError
from citywatch.model import Event, Problem
from sensors.arrive.place import Endpoint, Limits, endpoint, tls_context
from sensors.arrive.receiver import Message, Receiver

if TYPE_CHECKING:
    import ssl

    from citywatch.ports import Report
    from citywatch.settings import Listen, Settings
    from console.house import House

log = logging.getLogger("citywatch")

LOSSES = ("kernel_dropped", "too_long", "cut_off", "lost_flows", "lost_datagrams", "cut_flows", "undecoded")
"""Counts that say that something was sent and is not, or not wholly, told of."""
PROTOCOLS = ("syslog", "netflow", "sflow")
_AT_ONCE = 1000
_NOTE_S = 5.0
_OF_NOW = {"connections", "open", "cut_flows"}
"""Counts that are not summed over restarts as they are."""


class Notes(Protocol):
    """Of `ports.Journal` what is asked here."""

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int: ...
    def progress(self, key: str) -> bytes | None: ...


class Reader(Protocol):
    """Reads the messages of one protocol."""

    def __call__(self, message: Message) -> list[Event]: ...
    def due(self, at: float) -> list[Event]: ...
    @property
    def open(self) -> int: ...
    def counts(self) -> Mapping[str, int]: ...


class Inlet:
    """One protocol, from its sockets to the journal."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        make: Callable[[], Reader],
        notes: Notes,
        *,
        report: Report,
    ) -> None:
        """Take the sockets, with a reader for each."""
        self.name = name
        self._receiver = receiver
        self._readers = {where: make() for where in receiver.endpoints}
        self._notes = notes
        self._report = report
        self._before = told_of(notes, name)
        self._start = secrets.token_bytes(8)
        self._number = 0
        self._events: list[Event] = []
        self._taken = 0
        self._noted: dict[str, dict[str, int]] = {}
        self._noted_at = 0.0
        self._told: dict[str, dict[str, int]] = {}
        receiver.start()

    @property
    def endpoints(self) -> tuple[str, ...]:
        return self._receiver.endpoints

    def step(self) -> int:
        """Journal what has arrived; give how many events.

        Raises:
            JournalFull: it is held, and senders wait.
        """
        if not self._taken and not self._events:
            self._take(time.time())
        if not self._taken and not self._events:
            self._note_quiet()
            return 0
        counts = self._counts()
        new = self._notes.append(self._events, progress={_key(self.name): msgspec.msgpack.encode(counts)})
        self._receiver.done(self._taken)
        self._noted, self._events, self._taken = counts, [], 0
        return max(new, 1)

    def _take(self, now: float) -> None:
        messages = self._receiver.take(_AT_ONCE)
        for message in messages:
            self._hold(self._readers[message.where](message), message.data)
        self._taken = len(messages)
        for reader in self._readers.values():
            self._hold(reader.due(now), b"")

    def _hold(self, events: list[Event], data: bytes) -> None:
        for event in events:
            self._number += 1
            event["event.id"] = sha256(self._start + self._number.to_bytes(8, "big") + data).hexdigest()[:32]
        self._events += events

    def _note_quiet(self) -> None:
        """Write counts that changed without a message: refusals, drops."""
        now = time.monotonic()
        if now - self._noted_at < _NOTE_S:
            return
        self._noted_at = now
        counts = self._counts()
        if counts != self._noted:
            self._notes.append([], progress={_key(self.name): msgspec.msgpack.encode(counts)})
            self._noted = counts

    def _counts(self) -> dict[str, dict[str, int]]:
        """Counts since the first start of all; what is open is of now."""
        found: dict[str, dict[str, int]] = {}
        for where, counts in self._receiver.counts.items():
            reader, before = self._readers[where], self._before.get(where, {})
            now = {**asdict(counts), **reader.counts()}
            summed = {key: now.get(key, 0) + before.get(key, 0) for key in {*now, *before} - _OF_NOW}
            found[where] = summed | {"connections": counts.connections, "open": reader.open}
            # What was in memory when the service was killed is told of by no event.
            found[where]["cut_flows"] = before.get("cut_flows", 0) + before.get("open", 0)
        return found

    def status(self) -> list[dict[str, Any]]:
        """A row for each endpoint; a new loss is told."""
        rows = [_row(self.name, where, counts) for where, counts in self._counts().items()]
        for row in rows:
            row["waiting"] = self._receiver.waiting
            self._tell_losses(row)
        return rows

    def _tell_losses(self, row: Mapping[str, Any]) -> None:
        where = str(row["where"])
        told = self._told.setdefault(where, self._before.get(where, {}))
        new = {key: int(row.get(key, 0)) - told.get(key, 0) for key in LOSSES}
        words = ", ".join(f"{key} {number}" for key, number in new.items() if number > 0)
        if words:
            log.warning("%s %s: lost: %s", self.name, where, words)
            self._report(
                Problem(
                    sensor=self.name,
                    source=where,
                    position="",
                    what=f"lost: {words}",
                    hint="citywatch sensors listening",
                )
            )
            self._told[where] = {key: int(row.get(key, 0)) for key in LOSSES}

    @property
    def full(self) -> bool:
        """Senders are held back."""
        return self._receiver.full

    def close(self) -> None:
        """Close the sockets and journal what was read from them."""
        self._receiver.stop_reading()
        while self.step():
            pass
        for reader in self._readers.values():
            self._hold(reader.due(float("inf")), b"")
        self.step()
        self._noted_at = 0.0
        self._note_quiet()


def _row(protocol: str, where: str, counts: Mapping[str, int]) -> dict[str, Any]:
    return {"protocol": protocol, "where": where, **counts}


def _key(name: str) -> str:
    return f"listen:{name}"


def told_of(notes: Notes, name: str) -> dict[str, dict[str, int]]:
    """What became of what arrived, as it was last noted: counts by endpoint."""
    raw = notes.progress(_key(name))
    return msgspec.msgpack.decode(raw, type=dict[str, dict[str, int]]) if raw else {}


def status_of_all(house: House) -> list[dict[str, Any]]:
    """The counts of every endpoint that was listened at, as they were last noted."""
    return [
        _row(name, where, counts)
        for name in PROTOCOLS
        for where, counts in told_of(house.journal, name).items()
    ]


def wanted(listen: Listen) -> dict[str, list[Endpoint]]:
    """The endpoints that are set, by protocol.

    Raises:
        SettingsError: one of them is no address with a port.
    """
    found = {
        "syslog": [
            *(endpoint("udp", text) for text in listen.syslog_udp),
            *(endpoint("tcp", text) for text in listen.syslog_tcp),
            *(endpoint("tls", text) for text in listen.syslog_tls),
        ],
        "netflow": [endpoint("udp", text) for text in listen.netflow],
        "sflow": [endpoint("udp", text) for text in listen.sflow],
    }
    return {name: places for name, places in found.items() if places}


def limits_of(listen: Listen) -> Limits:
    """What strangers may ask for, as it is set."""
    return Limits(
        allowed=listen.allowed,
        longest=listen.longest,
        most_held=listen.most_held,
        most_connections=listen.most_connections,
        most_per_sender=listen.most_per_sender,
        open_s=listen.open_s,
        idle_s=listen.idle_s,
        receive_mib=listen.receive_mib,
    )


def open_inlets(settings: Settings, notes: Notes, report: Report) -> list[Inlet]:
    """Listen everywhere that is set.

    Raises:
        SettingsError: at some place it cannot; nothing is listened to then.
    """
    opened: list[Inlet] = []
    try:
        for name, places in wanted(settings.listen).items():
            opened.append(_inlet(name, places, settings, notes, report))
    except BaseException:
        for inlet in opened:
            inlet.close()
        raise
    return opened


def _inlet(name: str, places: list[Endpoint], settings: Settings, notes: Notes, report: Report) -> Inlet:
    listen, limits = settings.listen, limits_of(settings.listen)
    if name == "syslog":
        from sensors.arrive.syslog import Arrived

        tls: ssl.SSLContext | None = None
        if any(place.kind == "tls" for place in places):
            tls = tls_context(listen.certificate, listen.key, listen.client_ca)
        timezone = _zone(listen.timezone or settings.timezone)
        return Inlet(name, Receiver(places, limits, tls=tls), lambda: Arrived(timezone), notes, report=report)
    from sensors.arrive.flows import Flows

    receiver = Receiver(places, limits, text=False)
    return Inlet(name, receiver, lambda: Flows(name, report), notes, report=report)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"[listen] timezone: no time zone is called '{name}'") from None


def of_house(house: House) -> list[Inlet]:
    """The endpoints of an installation."""
    return open_inlets(house.settings, house.journal, house.pulse.problem)


def line_of(row: Mapping[str, Any]) -> str:
    """The counts of an endpoint on one line; what is nought is left out.

    >>> line_of({"protocol": "syslog", "where": "udp 0.0.0.0:514", "messages": 7, "refused": 2, "cut_off": 0})
    'syslog udp 0.0.0.0:514: messages 7, refused 2'
    """
    counts = {key: held for key, held in row.items() if isinstance(held, int) and (held or key == "messages")}
    return f"{row['protocol']} {row['where']}: " + ", ".join(f"{key} {held}" for key, held in counts.items())
