"""What do Windows event logs say?

Four shapes of the same record: `.evtx` (PyPI `evtx`), its JSON export (`Event.System`, `Event.EventData`),
Winlogbeat's NDJSON (`winlog.event_data`), and NDJSON with the log's field names side by side. All become the
same event: a name of the log becomes the field that Sigma rules mean by it (`schema.field_for`), values stay
as they are. Records are plain dicts here: this is a hot path.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Literal, cast

import orjson

from citywatch.model import Event
from citywatch.ports import Keep, Report
from sensors.lines import UNREADABLE, Place, Tally, line_id, lines, text_head, unpacked
from sensors.plain import PLAIN, make_plain
from sensors.record_shape import CODES, DATA, FLAT, SYSTEM, Record, at_once, moment
from sensors.windows import kind_of

_Told = Callable[[Record, str], Event]

MAX_DOCUMENT = 256 << 20
"""Bytes of the longest JSON export that is one array instead of lines."""
EVTX = b"ElfFile\x00"
EVTX_HEADER = 4096
EVTX_CHUNK = 65_536
NO_TIME = "1970-01-01T00:00:00.000000Z"
LEVELS = {"critical": 1, "error": 2, "warning": 3, "information": 4, "verbose": 5}
"""Winlogbeat writes the level's name where the log has its number."""
SHIPPERS = {
    "EventTime": "TimeCreated",
    "Hostname": "Computer",
    "SourceName": "Provider_Name",
    "ProviderName": "Provider_Name",
    "RecordNumber": "EventRecordID",
    "LogName": "Channel",
    "MachineName": "Computer",
    "Id": "EventID",
    "RecordId": "EventRecordID",
}
"""System names as NXLog and PowerShell's Get-WinEvent write them; used when the log's own are missing."""


def _flat(record: Record) -> Event:
    """A record with its names side by side."""
    return dict(zip(map(FLAT.__getitem__, record), record.values(), strict=True))


def translate(record: Record, ident: str = "", *, as_written: bool = False) -> Event:
    """The event of one record, in whichever of the shapes.

    >>> translate({"EventID": 1, "Channel": "Security", "TimeCreated": "2026-11-22T01:00:00Z"})["event.code"]
    '1'

    Args:
        record: parsed JSON.
        ident: the event's id; made from machine, channel, record number, time and content when empty.
        as_written: keep what is null, take a record without a time: for questions, not for keeping.

    Raises:
        ValueError: it is no Windows record, or it has no time.
    """
    flat = "EventID" in record
    known = at_once(record) if flat and not as_written else None
    if known is not None:
        if not ident:
            del known["event.id"]
        known["event.id"] = ident or _own_id(known)
        return known
    event = _flat(record) if flat else _nested(record)
    if not PLAIN.issuperset(map(type, event.values())):
        make_plain(event, nulls=as_written)
    get = event.get
    code = get("event.code")
    if event.get("winlog.channel") is None or "@timestamp" not in event or code.__class__ not in CODES:
        _repair(event, record)
        code = event["event.code"]
    computer = get("winlog.computer_name")
    if computer is not None:
        event["host.name"] = computer
    event["@timestamp"] = _time(get("@timestamp"), as_written=as_written)
    keywords = get("winlog.keywords")
    if keywords.__class__ is not list and keywords is not None:
        event["winlog.keywords"] = [keywords]
    alike, enrich = kind_of(event["winlog.channel"], code)
    event.update(alike)
    if enrich is not None:
        enrich(event)
    event["event.id"] = ident or _own_id(event)
    return event


def _time(raw: object, *, as_written: bool) -> str:
    try:
        return moment(raw)
    except ValueError:
        if as_written:
            return NO_TIME
        raise


def _own_id(event: Event) -> str:
    return blake2b(orjson.dumps(event), digest_size=16, person=b"winlog").hexdigest()


def _repair(event: Event, record: Record) -> None:
    """Find the system names of other shippers, or say what is missing."""
    for theirs, ours in SHIPPERS.items():
        field = SYSTEM[ours]
        if event.get(field) is None and record.get(theirs).__class__ in {str, int}:
            event[field] = record[theirs]
    code = event.get("event.code")
    if code.__class__ not in {int, str}:
        raise ValueError("the record has no event number (EventID)")
    if event.get("winlog.channel") is None:
        event["winlog.channel"] = "Unknown"


# -- the shapes ------------------------------------------------------------------------------------------


def _nested(record: Record) -> Event:
    source = record.get("_source")
    if isinstance(source, dict):
        record = cast("Record", source)
    if isinstance(record.get("Event"), dict):
        record = record["Event"]
    if isinstance(record.get("System"), dict):
        return _exported(record)
    if isinstance(record.get("winlog"), dict):
        return _beat(record)
    if "winlog.channel" in record:
        return _beat(_unfolded(record))
    if "LogName" in record and "Id" in record:
        return _listed(record)
    raise ValueError("not a record of a Windows log")


def _exported(record: Record) -> Event:
    """A record with `System` and `EventData` or `UserData`."""
    event: Event = {}
    for part in ("EventData", "UserData", "ProcessingErrorData"):
        data = record.get(part)
        if part == "UserData" and isinstance(data, dict):
            data = next(
                (inner for name, inner in cast("Record", data).items() if name[0:1] not in "#@"), None
            )
        if data:
            event.update(_data(data))
    system = cast("Record", record["System"])
    for name, field in SYSTEM.items():
        value = system.get(name)
        if value.__class__ is dict:
            value = _attribute(value, "SystemTime", "#text")
        if value is not None:
            event[field] = value
    provider = system.get("Provider")
    if isinstance(provider, dict):
        event["winlog.provider_name"] = _attribute(provider, "Name", "EventSourceName")
    return event


def _attribute(node: Any, *names: str) -> Any:
    """An attribute or the text of an XML node, as the exporters write them."""
    if not isinstance(node, dict):
        return None
    node = cast("Record", node)
    inner = node.get("#attributes")
    attributes = cast("Record", inner) if isinstance(inner, dict) else {}
    for name in names:
        for value in (attributes.get(name), node.get(f"@{name}"), node.get(name)):
            if value is not None:
                return value
    return None


def _data(data: Any) -> Event:
    """The fields of event data: an object, or a list of named values."""
    if not isinstance(data, dict):
        return {"winlog.event_data.Data": data}
    found = cast("Record", data)
    inner = found.get("Data")
    if isinstance(inner, list) and inner and isinstance(inner[0], dict):
        named = {
            str(_attribute(item, "Name")): _attribute(item, "#text") for item in cast("list[Record]", inner)
        }
        found = {**{name: value for name, value in found.items() if name != "Data"}, **named}
    event = {DATA[name]: value for name, value in found.items() if name[0:1] not in "#@"}
    for name in SYSTEM.keys() & found.keys():
        event[f"winlog.event_data.{name}"] = found[name]
    return event


def _beat(record: Record) -> Event:
    """Winlogbeat's shape."""
    log = cast("Record", record["winlog"])
    event: Event = {}
    for part in ("user_data", "event_data"):
        if isinstance(log.get(part), dict):
            event.update(_data(log[part]))
    code = log.get("event_id")
    if code is None and isinstance(record.get("event"), dict):
        code = record["event"].get("code")
    host = cast("Record", record["host"]) if isinstance(record.get("host"), dict) else {}
    level = cast("Record", record.get("log") or {}).get("level")
    system = {
        "event.code": code,
        "winlog.channel": log.get("channel"),
        "winlog.computer_name": log.get("computer_name") or host.get("name"),
        "winlog.provider_name": log.get("provider_name"),
        "winlog.record_id": log.get("record_id"),
        "winlog.level": LEVELS.get(level, level) if isinstance(level, str) else level,
        "winlog.keywords": log.get("keywords"),
        "winlog.task": log.get("task"),
        "winlog.opcode": log.get("opcode"),
        "@timestamp": log.get("time_created") or record.get("@timestamp"),
    }
    event.update((name, value) for name, value in system.items() if value is not None)
    if record.get("message"):
        event["message"] = record["message"]
    return event


def _unfolded(record: Record) -> Record:
    """Winlogbeat's record written with dotted names, as a search gives it back."""
    log: Record = {}
    for name, value in record.items():
        if name.startswith("winlog."):
            place, _, last = name[7:].partition(".")
            if not last:
                log[place] = value
            elif place in {"event_data", "user_data"}:
                log.setdefault(place, {})[last] = value
    plain = {"@timestamp": record.get("@timestamp"), "message": record.get("message")}
    named = {"event": {"code": record.get("event.code")}, "log": {"level": record.get("log.level")}}
    return {**plain, **named, "winlog": log}


def _listed(record: Record) -> Event:
    """What PowerShell's Get-WinEvent gives to ConvertTo-Json: values of the data without their names."""
    values = record.get("Properties")
    given = cast("list[Any]", values) if isinstance(values, list) else []
    data = [cast("Record", item).get("Value") if isinstance(item, dict) else item for item in given]
    moment = record.get("TimeCreated")
    event: Event = {"winlog.event_data.Data": data, "@timestamp": moment, "event.code": record.get("Id")}
    if record.get("Message"):
        event["message"] = record["Message"]
    for theirs, ours in SHIPPERS.items():
        if theirs in record:
            event[SYSTEM[ours]] = record[theirs]
    return event


# -- reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Winlog:
    """Reads `.evtx` and the JSON forms of Windows logs."""

    as_written: bool = False
    """See `translate`."""

    @property
    def name(self) -> str:
        return "winlog"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """An evtx header, or a first JSON object in one of the shapes."""
        del name
        if head.startswith(EVTX):
            return True
        text = text_head(head).lstrip()
        if not text.startswith((b"{", b"[")):
            return False
        if b'"EventID"' in text:
            return (
                b'"Channel"' in text or b'"Provider' in text or b'"SourceName"' in text or b'"System"' in text
            )
        if b'"winlog' in text:
            return b'"channel"' in text or b'"winlog.channel"' in text
        return b'"LogName"' in text and b'"ProviderName"' in text

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("winlog", str(path), report)
        try:
            with path.open("rb") as raw:
                stream = unpacked(raw)
                head = stream.read(65_536)
        except UNREADABLE as error:
            tally.stop("", f"cannot be read: {error}")
            return
        told = partial(translate, as_written=self.as_written)
        if head.startswith(EVTX):
            yield from _evtx(path, tally, told)
        elif _is_document(text_head(head)):
            yield from _document(path, tally, told)
        else:
            yield from _lines(path, tally, told, place or Place(), whole=whole)


def _lines(path: Path, tally: Tally, told: _Told, place: Place, *, whole: bool) -> Iterator[Event]:
    name = path.name
    loads = orjson.loads
    for offset, line in lines(path, tally, place, whole=whole):
        try:
            event = told(loads(line), line_id(b"winlog", offset, line))
        except (ValueError, TypeError, AttributeError) as error:
            tally.add(f"line {place.line}", _why(line, error))
            continue
        event["log.file.path"] = name
        event["log.offset"] = offset
        yield event


def _why(line: bytes, error: Exception) -> str:
    if isinstance(error, orjson.JSONDecodeError):
        return f"not JSON: {error}"
    if not line.lstrip().startswith(b"{"):
        return "not a JSON object"
    return str(error) if isinstance(error, ValueError) else "not a record of a Windows log"


def _is_document(head: bytes) -> bool:
    """One JSON array, or one object written over several lines."""
    text = head.lstrip()
    if text.startswith(b"["):
        return True
    first = text.partition(b"\n")[0].strip()
    return text.startswith(b"{") and first == b"{"


def _document(path: Path, tally: Tally, told: _Told) -> Iterator[Event]:
    try:
        with path.open("rb") as raw:
            whole = unpacked(raw).read(MAX_DOCUMENT + 1)
    except UNREADABLE as error:
        tally.stop("", f"cannot be read: {error}")
        return
    if len(whole) > MAX_DOCUMENT:
        tally.stop(
            "", f"one JSON document of more than {MAX_DOCUMENT} bytes", "export it as one object a line"
        )
        return
    try:
        found = orjson.loads(text_head(whole).strip())
    except orjson.JSONDecodeError as error:
        tally.stop(f"line {error.lineno}", f"not JSON: {error.msg}", "export it as one object a line")
        return
    records = cast("list[Any]", found if isinstance(found, list) else [found])
    for number, record in enumerate(records):
        try:
            event = told(record, line_id(b"winlog", number, orjson.dumps(record)))
        except (ValueError, TypeError, AttributeError) as error:
            tally.add(f"record {number + 1}", _why(b"{" if isinstance(record, dict) else b"", error))
            continue
        event["log.file.path"] = path.name
        event["log.offset"] = number
        yield event
    tally.close()


def _evtx(path: Path, tally: Tally, told: _Told) -> Iterator[Event]:
    with path.open("rb") as raw, tempfile.SpooledTemporaryFile(max_size=16 << 20) as copy:
        stream = unpacked(raw)
        try:
            if stream is not raw:
                _copy(stream, cast("IO[bytes]", copy), tally)
            file = raw if stream is raw else cast("IO[bytes]", copy)
            yield from _evtx_records(file, path.name, tally, told)
        except (RuntimeError, *UNREADABLE) as error:
            tally.stop("", f"not a readable event log: {_short(error)}", "export it again")
    tally.close()


def _copy(stream: IO[bytes], copy: IO[bytes], tally: Tally) -> None:
    size = 0
    try:
        while (chunk := stream.read(1 << 20)) and (size := size + len(chunk)) <= 1 << 32:
            copy.write(chunk)
    except UNREADABLE as error:
        tally.add(
            f"byte {size}", f"the file breaks off: {error}", "copy it again; what stands before was read"
        )


def _evtx_records(file: IO[bytes], name: str, tally: Tally, told: _Told) -> Iterator[Event]:
    from evtx import PyEvtxParser  # noqa: PLC0415 - 30 ms that most commands need not pay

    size = file.seek(0, 2)
    file.seek(0)
    if (size - EVTX_HEADER) % EVTX_CHUNK:
        tally.stop(f"byte {size}", "the event log is cut off inside a chunk", "copy it again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = iter(PyEvtxParser(file, 1).records_json())
    while True:
        try:
            record = cast("Record", next(records))
        except StopIteration:
            return
        except (RuntimeError, OSError) as error:
            tally.add("", f"a record cannot be read: {_short(error)}")
            continue
        number: int = record["event_record_id"]
        data: str = record["data"]
        try:
            event = told(orjson.loads(data), line_id(b"winlog", number, data.encode()))
        except (ValueError, TypeError, AttributeError) as error:
            tally.add(f"record {number}", str(error))
            continue
        event["log.file.path"] = name
        event["log.offset"] = number
        yield event


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
