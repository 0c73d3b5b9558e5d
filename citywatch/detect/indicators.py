"""Has anybody been in contact with what the warnings name?

Indicators live in a file of their own (SQLite, beside the store): bounded, one row for each value and source.
In memory stands one sorted array of 64-bit keys (8 bytes an indicator) and a table of networks by prefix
length; a value that an event holds is hashed once, looked up once, and the answer remembered, so a million
indicators cost what ten cost. Only a hit reads the file.
"""

from __future__ import annotations

import contextlib
import ipaddress
import sqlite3
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from citywatch.detect.fold import carried
from citywatch.detect.indicator_values import url_key
from citywatch.errors import CityWatchError
from citywatch.model import Event, Match, Reason, Rule, Severity

MOST = 5_000_000
_REMEMBERED = 200_000
FIELDS: dict[str, str] = {
    "source.ip": "ip",
    "destination.ip": "ip",
    "client.ip": "ip",
    "server.ip": "ip",
    "dns.resolved_ip": "ip",
    "dns.question.name": "domain",
    "dns.answers.data": "place",
    "dns.answers.name": "domain",
    "url.domain": "place",
    "url.full": "url",
    "tls.client.server_name": "place",
    "destination.domain": "domain",
    "source.domain": "domain",
    "file.hash.md5": "md5",
    "file.hash.sha1": "sha1",
    "file.hash.sha256": "sha256",
    "citywatch.evidence.sha256": "sha256",
    "tls.server.hash.sha256": "sha256",
    "winlog.event_data.Hashes": "hashes",
    "tls.client.ja3": "ja3",
    "tls.server.ja3s": "ja3",
    "citywatch.tls.client.ja4": "ja4",
    "email.from.address": "email",
    "email.to.address": "email",
    "citywatch.portal.redirects": "url",
    "citywatch.portal.change.domains": "domain",
    "citywatch.portal.spam.domains": "domain",
    "citywatch.portal.change.scripts": "url",
    "citywatch.portal.change.iframes": "url",
    "citywatch.portal.change.forms": "url",
}
"""Where events can hold what indicators name, and how the value is read there."""
_HELD = frozenset(FIELDS)
_RANK = {name: rank for rank, name in enumerate(FIELDS)}
INBOUND = frozenset({"source.ip", "client.ip", "source.domain"})
"""The stranger came to us: noise of the internet compared with one of ours going there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One value that a warning names."""

    type: str
    value: str
    source: str
    tlp: str = "AMBER"
    confidence: int = 75
    valid_from: str = ""
    valid_until: str = ""
    """Empty: until it is taken out."""
    title: str = ""
    reference: str = ""

    def valid_at(self, moment: str) -> bool:
        """In force at an event's time (texts of `clock.stamp`)."""
        return (not self.valid_from or self.valid_from <= moment) and (
            not self.valid_until or moment < self.valid_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An indicator met in a field of an event."""

    indicator: Indicator
    field: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorHealth:
    """How many indicators are in force and how full the file is."""

    indicators: int
    limit: int
    by_source: dict[str, int]


class IndicatorsFull(CityWatchError):  # noqa: N818 - a state, as the journal's
    """There is no room for more indicators; take a source out first."""


def key_of(kind: str, value: str) -> int:
    """The 64-bit key of an indicator."""
    raw = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "big") >> 1


class Indicators:
    """All indicators in force, and the questions put to them."""

    def __init__(self, path: Path | None = None, *, most: int = MOST) -> None:
        """Open the file (made if it is not there); None: in memory only, for a question about the past."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()
        self._most = most
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA busy_timeout=10000")
        self._db.execute(_TABLE)
        self._db.execute("CREATE INDEX IF NOT EXISTS by_key ON indicator (key)")
        self._keys = array("Q")
        self._networks: dict[tuple[int, int], set[int]] = {}
        self._seen: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {}
        self._remembered = 0
        self._rules: dict[tuple[str, str, Severity, bool], Rule] = {}
        self._version = -1
        self.refresh()

    def close(self) -> None:
        self._db.close()

    # -- keeping -----------------------------------------------------------------------------------------

    def add(self, indicators: Iterable[Indicator]) -> int:
        """Take indicators in, all or none; give how many were new. The same value of a source is renewed.

        Raises:
            IndicatorsFull: the limit would be passed; nothing was taken in.
        """
        with self._lock, self._writing():
            before = self._count()
            self._db.executemany(_INSERT, (_row(one) for one in indicators))
            after = self._count()
            if after > self._most:
                raise IndicatorsFull(
                    f"{after} indicators are more than the {self._most} allowed; take a source out first"
                )
        self.refresh()
        return after - before

    def remove(self, source: str, *, value: str = "") -> int:
        """Take all of a source out, or one value of it; give how many went."""
        where, given = "source = ?", [source]
        if value:
            where, given = f"{where} AND value = ?", [source, value]
        with self._lock, self._writing():
            gone = self._db.execute(f"DELETE FROM indicator WHERE {where}", given).rowcount
        self.refresh()
        return gone

    def expire(self, now: str) -> int:
        """Drop what is no longer in force; give how many went."""
        with self._lock, self._writing():
            gone = self._db.execute(
                "DELETE FROM indicator WHERE valid_until != '' AND valid_until <= ?", (now,)
            ).rowcount
        if gone:
            self.refresh()
        return gone

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def refresh(self) -> bool:
        """Take up what another process wrote; True when there was something."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0], self._db.total_changes
        mark = hash(version)
        if mark == self._version:
            return False
        self._version = mark
        keys = array("Q", (row[0] for row in self._db.execute("SELECT key FROM indicator ORDER BY key")))
        networks: dict[tuple[int, int], set[int]] = {}
        for (text,) in self._db.execute("SELECT value FROM indicator WHERE type = 'network'"):
            network = ipaddress.ip_network(text)
            shift = network.max_prefixlen - network.prefixlen
            networks.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
        self._keys, self._networks = keys, networks
        self._forget()
        return True

    def _forget(self) -> None:
        """What a text meets is looked up again, by the way it is read."""
        self._seen = {how: {} for how in _READERS}
        self._remembered = 0

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM indicator").fetchone()[0])

    def __len__(self) -> int:
        return self._count()

    def health(self) -> IndicatorHealth:
        rows = self._db.execute("SELECT source, count(*) FROM indicator GROUP BY source").fetchall()
        return IndicatorHealth(indicators=self._count(), limit=self._most, by_source=dict(rows))

    def find(self, kind: str, value: str) -> list[Indicator]:
        """Every source's word on one value."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM indicator WHERE key = ? AND type = ? AND value = ? ORDER BY source",
            (key_of(kind, value), kind, value),
        )
        return [Indicator(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def about(self, kind: str, value: str) -> list[Indicator]:
        """Every source's word on a value, on what holds it (a name's domain, an address's network) too."""
        if kind not in _READERS:
            return self.find(kind, value)
        return [one for pair in self._look(kind, value) for one in self.find(*pair)]

    def search(self, text: str = "", *, source: str = "", limit: int = 100) -> list[Indicator]:
        """Those with a text in value, title or source; by type and value."""
        where = ["instr(lower(value || char(10) || title || char(10) || source), lower(?))"] if text else []
        given: list[str | int] = [text] if text else []
        if source:
            where.append("source = ?")
            given.append(source)
        asked = f" WHERE {' AND '.join(where)}" if where else ""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM indicator{asked} ORDER BY type, value, source LIMIT ?", (*given, limit)
        )
        return [Indicator(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def all(self) -> Iterator[Indicator]:
        """Every indicator, by type and value."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM indicator ORDER BY type, value, source")
        for row in rows:
            yield Indicator(**dict(zip(_NAMES, row, strict=True)))

    # -- asking ------------------------------------------------------------------------------------------

    def judge(self, event: Event) -> list[Match]:
        """A match for each indicator and source that this event meets."""
        if not self._keys:
            return []
        return [self._match(hit, event) for hit in self.hits(event)]

    def hits(self, event: Event) -> list[Hit]:
        """The indicators that this event meets, each once, in the first field that holds it."""
        met: list[tuple[int, str, str, tuple[tuple[str, str], ...]]] = []
        for name in _HELD.intersection(event):
            how, value = FIELDS[name], event[name]
            many = cast("list[Any]", value) if value.__class__ is list else (value,)
            for one in many:
                known = self._seen[how].get(one) if one.__class__ is str else ()
                if known is None:
                    known = self._look(how, one)
                if known:
                    met.append((_RANK[name], name, one, known))
        if not met:
            return []
        found: dict[tuple[str, str, str], Hit] = {}
        for _, name, one, known in sorted(met):
            self._tell(known, name, one, event, found)
        return list(found.values())

    def _tell(
        self,
        known: tuple[tuple[str, str], ...],
        name: str,
        text: str,
        event: Event,
        found: dict[tuple[str, str, str], Hit],
    ) -> None:
        at = str(event.get("@timestamp", ""))
        for kind, value in known:
            for indicator in self.find(kind, value):
                key = (kind, value, indicator.source)
                if key not in found and indicator.valid_at(at):
                    found[key] = Hit(indicator=indicator, field=name, value=text)

    def meets(self, how: str, text: str) -> bool:
        """Whether some indicator meets this text, read in one of the ways of `FIELDS`."""
        known = self._seen[how].get(text)
        return bool(self._look(how, text) if known is None else known)

    def _look(self, how: str, text: str) -> tuple[tuple[str, str], ...]:
        """Indicators (type and value) that a text meets, in the way its field is read."""
        self._remembered += 1
        if self._remembered > _REMEMBERED:
            self._forget()
        answer = tuple(dict.fromkeys(self._meets(_READERS[how](text[:4096]))))
        self._seen[how][text] = answer
        return answer

    def _meets(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        keys = self._keys
        for kind, value in wanted:
            if kind == "network":
                yield from self._within(value)
                continue
            key = key_of(kind, value)
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                yield kind, value

    def _within(self, text: str) -> Iterator[tuple[str, str]]:
        if not self._networks:
            return
        address = ipaddress.ip_address(text)
        number = int(address)
        for (version, shift), starts in self._networks.items():
            if version == address.version and number >> shift in starts:
                start = (number >> shift) << shift
                kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network  # noqa: PLR2004 - IPv4
                yield "network", str(kind((start, address.max_prefixlen - shift)))

    def _match(self, hit: Hit, event: Event) -> Match:
        at = str(event.get("@timestamp", ""))
        one = hit.indicator
        inbound = hit.field in INBOUND
        worth = f"{one.title or one.type} (confidence {one.confidence}, TLP:{one.tlp})"
        return Match(
            rule=self._rule(one, inbound=inbound),
            subject=_subject(hit, event, inbound=inbound),
            at=at,
            first_at=at,
            event_ids=(str(event.get("event.id", "")),),
            reasons=(
                Reason(field=hit.field, value=hit.value, pattern=f"{one.type} {one.value}"),
                Reason(field=hit.field, value=worth, pattern=f"warning of {one.source}"),
            ),
            event=event,
            values=carried(event),
        )

    def _rule(self, one: Indicator, *, inbound: bool) -> Rule:
        severity = _severity(one.confidence, inbound=inbound)
        key = (one.source, one.type, severity, inbound)
        rule = self._rules.get(key)
        if rule is None:
            rule = self._rules[key] = _made(one, severity, inbound=inbound)
        return rule


_NAMES = (
    "type", "value", "source", "tlp", "confidence", "valid_from", "valid_until", "title", "reference",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES)
_TABLE = """CREATE TABLE IF NOT EXISTS indicator (
    type TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL, tlp TEXT NOT NULL,
    confidence INTEGER NOT NULL, valid_from TEXT NOT NULL, valid_until TEXT NOT NULL,
    title TEXT NOT NULL, reference TEXT NOT NULL, key INTEGER NOT NULL,
    PRIMARY KEY (type, value, source)) WITHOUT ROWID"""
_INSERT = f"INSERT OR REPLACE INTO indicator ({_COLUMNS}, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _row(one: Indicator) -> tuple[str | int, ...]:
    return (*(getattr(one, name) for name in _NAMES), key_of(one.type, one.value))


def _severity(confidence: int, *, inbound: bool) -> Severity:
    level = 3 if confidence >= 70 else 2 if confidence >= 40 else 1  # noqa: PLR2004 - STIX: high, medium, low
    return Severity(max(level - (1 if inbound else 0), 1))


_HOSTS = frozenset({"md5", "sha1", "sha256", "email"})


def _made(one: Indicator, severity: Severity, *, inbound: bool) -> Rule:
    way = "in" if inbound else "out"
    what = f"A listed {one.type} came to us" if inbound else f"Contact with a listed {one.type}"
    what_vi = "Địa chỉ trong cảnh báo truy cập vào" if inbound else "Liên hệ với đối tượng trong cảnh báo"
    return Rule(
        id=f"indicator:{one.source}:{one.type}:{way}:{severity.name}",
        title=f"{what} ({one.source})",
        title_vi=f"{what_vi} ({one.type}, {one.source})",
        severity=severity,
        language="indicator",
        tags=("citywatch.indicator", f"tlp.{one.tlp.lower()}"),
        category="host_attack" if one.type in _HOSTS else "network_attack",
        source=one.source,
        guide_vi="Xác định máy đã liên hệ, cách ly nếu kết nối từ trong ra, thu thập nhật ký quanh lúc đó, "
        "đối chiếu cảnh báo gốc và trả lời đơn vị gửi cảnh báo.",
        guide_en="Find the machine in contact, isolate it if it called out, collect logs around that time, "
        "read the original warning and answer who sent it.",
    )


def _subject(hit: Hit, event: Event, *, inbound: bool) -> tuple[tuple[str, str], ...]:
    """Who of ours, and with what: one alert for each pair, however many names or addresses it has."""
    one = hit.indicator
    met = ("threat.indicator.name" if one.type == "network" else hit.field, one.value[:1000])
    if inbound:
        return (met,)
    for name in ("citywatch.portal.id", "host.name", "source.ip"):
        value = event.get(name)
        if isinstance(value, str) and value and name != hit.field:
            return ((name, value), met)
    return (met,)


# -- how a field's text is read --------------------------------------------------------------------------


def _as_ip(text: str) -> list[tuple[str, str]]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return []
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return [("ip", str(address)), ("network", str(address))]


def _as_domain(text: str) -> list[tuple[str, str]]:
    """The name and every name above it but the top."""
    labels = text.lower().strip(".").split(".")[-24:]
    return [("domain", ".".join(labels[start:])) for start in range(len(labels) - 1)]


def _as_place(text: str) -> list[tuple[str, str]]:
    return _as_ip(text.strip("[]")) or _as_domain(text.partition(":")[0])


def _as_url(text: str) -> list[tuple[str, str]]:
    try:
        key = url_key(text if "://" in text else "http://" + text)
    except ValueError:
        return []
    host = key.partition("/")[0].rpartition(":")[0] or key.partition("/")[0]
    without_query = key.partition("?")[0]
    return [("url", key), ("url", without_query), *_as_place(host)]


def _as_email(text: str) -> list[tuple[str, str]]:
    low = text.lower()
    return [("email", low), *_as_domain(low.rpartition("@")[2])]


def _as_hashes(text: str) -> list[tuple[str, str]]:
    """Sysmon's `SHA1=…,MD5=…,SHA256=…`."""
    pairs = (part.partition("=") for part in text.split(","))
    return [(name.strip().lower(), value.strip().lower()) for name, _, value in pairs if value]


def _plain(kind: str) -> Callable[[str], list[tuple[str, str]]]:
    return lambda text: [(kind, text.lower())]


_READERS: dict[str, Callable[[str], Sequence[tuple[str, str]]]] = {
    "ip": _as_ip,
    "domain": _as_domain,
    "place": _as_place,
    "url": _as_url,
    "email": _as_email,
    "hashes": _as_hashes,
    **{kind: _plain(kind) for kind in ("md5", "sha1", "sha256", "ja3", "ja4")},
}
