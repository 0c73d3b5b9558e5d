"""What did Zeek see?

Logs as JSON or as tab-separated text (https://docs.zeek.org/en/master/log-formats.html), into the same
datasets as the network sensor's own events. Which field a name means is told by `schema.field_for`, the same
table that Zeek rules are read with; what has no field stays under `zeek.<log>.`. A DNS line tells question
and answer at once and becomes an event of each, as on the wire. Plain dicts: a hot path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from citywatch import schema
from citywatch.model import Event
from citywatch.ports import Keep, Report
from sensors.address import address, count
from sensors.json_value import Record, flatten, parse
from sensors.lines import Place, Tally, head_of, read_log, text_head
from sensors.names import question
from sensors.urls import url_fields
from sensors.when import epoch, iso

DATASETS = {
    "conn": "network.flow",
    "ssl": "network.tls",
    "files": "network.file",
    "smb_files": "network.smb",
    "smb_mapping": "network.smb",
    "smb_cmd": "network.smb",
    "dce_rpc": "network.smb",
    "notice": "network.alert",
}
CATEGORIES = {
    "http": ["network", "web"],
    "files": ["network", "file"],
    "notice": ["network", "intrusion_detection"],
}
NETWORK = ["network"]
PROTOCOLS = frozenset(
    {"dns", "http", "ssh", "ftp", "smtp", "rdp", "dhcp", "kerberos", "snmp", "sip", "mqtt", "ntlm"}
)
TLS_VERSIONS = {
    "TLSv10": "1.0",
    "TLSv11": "1.1",
    "TLSv12": "1.2",
    "TLSv13": "1.3",
    "SSLv3": "ssl3",
    "SSLv2": "ssl2",
}
SIGNS = (
    ("conn_state", "conn"),
    ("rcode_name", "dns"),
    ("qtype_name", "dns"),
    ("user_agent", "http"),
    ("trans_depth", "http"),
    ("server_name", "ssl"),
    ("curve", "ssl"),
    ("hassh", "ssh"),
    ("auth_attempts", "ssh"),
    ("certificate.serial", "x509"),
    ("endpoint", "dce_rpc"),
    ("note", "notice"),
    ("fuid", "files"),
    ("request_type", "kerberos"),
    ("share_type", "smb_mapping"),
    ("mailfrom", "smtp"),
    ("msg_types", "dhcp"),
)
"""A field that only one log has, for JSON lines that do not say which log they are of."""
PASSED_OVER = frozenset({"ts", "_path", "_write_ts", "_system_name"})
MOST_FIELDS = 400
_LOG_NAME = re.compile(r"^([a-z][a-z0-9_]{1,30})(?:[.-][0-9:._-]+)*\.(?:log|json|ndjson)")
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


_Where = tuple[str, str, bool, str]
"""Field, its type, whether it holds many, and where a value goes that does not fit."""


class _Places(dict[str, _Where]):
    """Where the values of one log go, by Zeek's names; filled as names come, up to a bound."""

    def __init__(self, log: str) -> None:
        super().__init__()
        self._log = log

    def __missing__(self, name: str) -> _Where:
        own = f"zeek.{self._log}.{name}"
        field = None if name in schema.fields() else schema.field_for(name, product="zeek", service=self._log)
        if field is None or field.name == own:
            found = own, "own", False, own
        else:
            found = field.name, field.type, field.many, own
        if len(self) < MOST_FIELDS:
            self[name] = found
        return found


@lru_cache(maxsize=200)
def _places(log: str) -> _Places:
    return _Places(log)


def translate(record: Record, log: str) -> list[Event]:
    """The events of one record, without ids.

    Raises:
        ValueError: it has no time.
    """
    event: Event = {
        "@timestamp": _moment(record.get("ts")),
        "event.kind": "alert" if log == "notice" else "event",
        "event.category": CATEGORIES.get(log) or NETWORK,
        "event.dataset": DATASETS.get(log) or f"network.{log}",
        "event.module": "zeek",
    }
    places = _places(log)
    for name in list(record)[:MOST_FIELDS] if len(record) > MOST_FIELDS else record:
        if name not in PASSED_OVER:
            _put(event, places[name], record[name])
    source = event.get("source.ip")
    if source:
        event["network.type"] = "ipv6" if ":" in source else "ipv4"
    if log in PROTOCOLS:
        event["network.protocol"] = log
    more = _MORE.get(log)
    return more(event, record) if more else [event]


def _moment(value: Any) -> str:
    if isinstance(value, str):
        return iso(value)
    if isinstance(value, float | int) and value is not True:
        return epoch(value)
    raise ValueError("the line has no time (ts)")


def _put(event: Event, where: _Where, value: Any) -> None:
    field, kind, many, own = where
    if kind == "keyword" and value.__class__ is str:
        event[field] = [value] if many else value
    elif kind == "long" and value.__class__ is int and 0 <= value < 1 << 63:
        event[field] = value
    elif kind == "ip" and (found := address(value)):
        event[field] = [found] if many else found
    elif (kind == "boolean" and value.__class__ is bool) or (kind == "text" and value.__class__ is str):
        event[field] = value
    elif many and value.__class__ is list:
        _put_list(event, field, kind, value)
    elif kind == "keyword" and value.__class__ in {int, float} and not many:
        event[field] = str(value)
    else:
        flatten(event, own, value)


def _put_list(event: Event, field: str, kind: str, values: list[Any]) -> None:
    kept = values[:MOST_FIELDS]
    if kind == "ip":
        kept = [found for found in map(address, kept) if found]
    elif kind == "long":
        kept = [found for found in map(count, kept) if found is not None]
    else:
        kept = [item if isinstance(item, str) else str(item) for item in kept if item is not None]
    if kept:
        event[field] = kept


# -- what single logs need -------------------------------------------------------------------------------


def _conn(event: Event, record: Record) -> list[Event]:
    out, back = event.get("source.bytes"), event.get("destination.bytes")
    if out is None and back is None:
        out, back = count(record.get("orig_bytes")), count(record.get("resp_bytes"))
        if out is not None and back is not None:
            event["source.bytes"], event["destination.bytes"] = out, back
    if out is not None and back is not None:
        event["network.bytes"] = out + back
    out, back = event.get("source.packets"), event.get("destination.packets")
    if out is not None and back is not None:
        event["network.packets"] = out + back
    duration, begin = record.get("duration"), record.get("ts")
    if isinstance(duration, float | int) and 0 <= duration < 1e9:  # noqa: PLR2004 - 30 years
        event["event.duration"] = int(duration * 1e9)
        if isinstance(begin, float | int):
            event["event.end"] = epoch(begin + duration)
    return [event]


def _dns(event: Event, record: Record) -> list[Event]:
    name = record.get("query")
    if isinstance(name, str):
        event.update(question(name))
    flags = [flag for flag in ("AA", "TC", "RD", "RA") if record.get(flag) is True]
    if flags:
        event["dns.header_flags"] = flags
    if "dns.response_code" not in event and "dns.answers.data" not in event:
        return [{**event, "dns.type": "query"}]
    question_only = {key: value for key, value in event.items() if not key.startswith("dns.answers.")}
    question_only.pop("dns.response_code", None)
    answers = cast("list[str]", event.get("dns.answers.data") or [])
    addresses = [found for found in map(address, answers) if found]
    if addresses:
        event["dns.resolved_ip"] = addresses
    if answers:
        event["citywatch.dns.answer_bytes"] = sum(map(len, answers))
    event["event.outcome"] = (
        "success" if event.get("dns.response_code", "NOERROR") == "NOERROR" else "failure"
    )
    return [{**question_only, "dns.type": "query"}, {**event, "dns.type": "answer"}]


def _http(event: Event, record: Record) -> list[Event]:
    target, host = record.get("uri"), record.get("host")
    domain = host.partition(":")[0] if isinstance(host, str) and not host.startswith("[") else ""
    if isinstance(target, str):
        event.update(url_fields(target, domain=domain, scheme="http"))
    status = event.get("http.response.status_code")
    if status is not None:
        event["event.outcome"] = "success" if status < 400 else "failure"  # noqa: PLR2004 - HTTP's own line
    return [event]


def _ssl(event: Event, record: Record) -> list[Event]:
    version = record.get("version")
    if isinstance(version, str):
        event["tls.version"] = TLS_VERSIONS.get(version, version)
    event["network.protocol"] = "tls"
    return [event]


def _ssh(event: Event, record: Record) -> list[Event]:
    done = record.get("auth_success")
    if isinstance(done, bool):
        event["event.outcome"] = "success" if done else "failure"
    return [event]


def _notice(event: Event, record: Record) -> list[Event]:
    if isinstance(record.get("note"), str):
        event["rule.id"] = record["note"]
    return [event]


_MORE: dict[str, Callable[[Event, Record], list[Event]]] = {
    "conn": _conn,
    "dns": _dns,
    "http": _http,
    "ssl": _ssl,
    "ssh": _ssh,
    "notice": _notice,
}


# -- the two ways of writing -----------------------------------------------------------------------------


def log_of(record: Record, name: str) -> str:
    """Which log a JSON line is of: its own word, else a field only that log has, else the file's name."""
    said = record.get("_path")
    if isinstance(said, str) and said.replace("_", "").isalnum():
        return said[:40].lower()
    for sign, log in SIGNS:
        if sign in record:
            return log
    found = _LOG_NAME.match(name)
    return found[1] if found else "unknown"


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "\\x" in text else text


class Table:
    """Reads tab-separated lines by the header that stands before them."""

    def __init__(self) -> None:
        self.separator = "\t"
        self.inner = ","
        self.empty = "(empty)"
        self.unset = "-"
        self.log = "unknown"
        self.names: list[str] = []
        self.kinds: list[str] = []

    def header(self, line: str) -> None:
        """Take up a line that starts with `#`."""
        word, _, rest = line[1:].partition(" " if line.startswith("#separator ") else self.separator)
        if word == "separator":
            self.separator = _unescape(rest.strip())[:1] or "\t"
        elif word == "fields":
            self.names = rest.split(self.separator)[:MOST_FIELDS]
        elif word == "types":
            self.kinds = rest.split(self.separator)[:MOST_FIELDS]
        elif word == "path":
            self.log = re.sub(r"[^a-z0-9_]", "", rest.lower())[:40] or "unknown"
        elif word == "set_separator":
            self.inner = _unescape(rest)[:1] or ","
        elif word == "empty_field":
            self.empty = rest
        elif word == "unset_field":
            self.unset = rest

    def record(self, line: str) -> Record:
        """The values of a line, as JSON would hold them.

        Raises:
            ValueError: there is no header, or the line has another number of fields.
        """
        values = line.split(self.separator)
        if not self.names:
            raise ValueError("no #fields line stands before it")
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} fields where the header names {len(self.names)}")
        kinds = self.kinds if len(self.kinds) == len(values) else ["string"] * len(values)
        rows = zip(self.names, kinds, values, strict=True)
        return {name: self._value(kind, value) for name, kind, value in rows if value != self.unset}

    def _value(self, kind: str, value: str) -> Any:
        if kind.startswith(("set[", "vector[", "table[")):
            inner = kind[kind.index("[") + 1 : -1]
            return (
                [] if value == self.empty else [self._value(inner, item) for item in value.split(self.inner)]
            )
        if value == self.empty:
            return ""
        if kind in {"count", "int", "port"}:
            number = count(value)
            return value if number is None else number
        if kind in {"double", "interval", "time"}:
            return float(value)
        if kind == "bool":
            return value == "T"
        return _unescape(value)


class _Reader:
    """Turns lines into events; holds the header of a table."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._table = Table()

    def __call__(self, line: bytes) -> list[Event]:
        if line.startswith(b"{"):
            record = parse(line)
            return translate(record, log_of(record, self._name))
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text.startswith("#"):
            self._table.header(text)
            return []
        return translate(self._table.record(text), self._table.log)

    def prepare(self, head: bytes) -> None:
        """Take up the header of a log that is read from its middle."""
        for line in text_head(head).split(b"\n")[:20]:
            if line.startswith(b"#"):
                self(line)


class Zeek:
    """Reads Zeek's logs, JSON or tab-separated."""

    @property
    def name(self) -> str:
        return "zeek"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """A table's header, or JSON objects with `ts` and Zeek's connection names or log path."""
        del name
        text = text_head(head)
        if text.startswith(b"#separator") or b"\n#fields\t" in text[:4096]:
            return b"#path" in text[:4096] or b"#types" in text[:4096]
        return any(
            line.startswith(b"{")
            and (b'"ts":' in line or b'"ts" :' in line)
            and (b'"id.orig_h"' in line or b'"_path"' in line or b'"uid"' in line or b'"fuid"' in line)
            for line in text.split(b"\n")[:20]
        )

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        reader = _Reader(path.name)
        if place and place.offset:
            reader.prepare(head_of(path, 8192))
        yield from read_log(path, Tally("zeek", str(path), report), reader, place=place, whole=whole)
