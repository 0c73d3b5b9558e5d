"""Who asked a web server for what, and what did it answer?

Access logs of nginx and Apache: common, combined (also with the virtual host in front or further fields
behind), and access logs written as JSON (nginx `log_format … escape=json`, Caddy, Traefik). Formats:
https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, https://nginx.org/en/docs/http/ngx_http_log_module.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import orjson

from citywatch.model import Event
from citywatch.ports import Keep, Report
from sensors.address import address, count, port
from sensors.lines import Place, Tally, read_log, text_head
from sensors.urls import url_fields
from sensors.when import common_log, epoch, iso

Record = dict[str, Any]

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    r"^([^\[]{3,1000}) \[(\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    + _QUOTED
    + r" (\d{3}|-) (\d{1,18}|-)"
    + rf"(?: {_QUOTED} {_QUOTED})?(?: {_QUOTED})?"
)
_REQUEST = re.compile(r"^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (.*?)(?: HTTP/(\d(?:\.\d)?))?$", re.DOTALL)
_ESCAPE = re.compile(r"(?:\\x[0-9a-fA-F]{2})+|\\(.)")
_JSON_NAMES: dict[str, tuple[str, ...]] = {
    "client": ("remote_addr", "remote_ip", "client_ip", "clientip", "ClientHost", "client", "ip"),
    "time": (
        "time_iso8601",
        "@timestamp",
        "time_local",
        "timestamp",
        "time",
        "ts",
        "msec",
        "StartUTC",
        "time_utc",
    ),
    "request": ("request",),
    "method": ("request_method", "method", "RequestMethod", "verb"),
    "target": ("request_uri", "uri", "RequestPath", "url", "path"),
    "query": ("args", "query_string", "query"),
    "status": ("status", "response", "DownstreamStatus", "status_code", "code"),
    "bytes": ("body_bytes_sent", "bytes_sent", "size", "bytes", "DownstreamContentSize"),
    "referrer": ("http_referer", "referer", "referrer", "request_Referer"),
    "agent": ("http_user_agent", "user_agent", "agent", "useragent", "request_User-Agent"),
    "host": ("http_host", "host", "server_name", "vhost", "RequestHost"),
    "user": ("remote_user", "user", "ClientUsername"),
    "forwarded": ("http_x_forwarded_for", "x_forwarded_for", "forwarded"),
    "scheme": ("scheme", "RequestScheme"),
}


def translate(line: bytes) -> Event:
    """The event of one line, without an id.

    Raises:
        ValueError: it is no line of an access log.
    """
    text = _text(line)
    if text.startswith("{"):
        return _from_json(text)
    found = _LINE.match(text)
    if not found:
        raise ValueError("not a line of an access log")
    before, moment, request, status, size, referrer, agent, forwarded = found.groups()
    domain, at, client, user = _before(before)
    event = _event(common_log(moment))
    _client(event, client)
    _request(event, _unescaped(request), domain, at)
    _answer(event, status, size)
    for name, value in (
        ("http.request.referrer", referrer),
        ("user_agent.original", agent),
        ("user.name", user),
    ):
        if value and value != "-":
            event[name] = _unescaped(value)
    if agent == "":
        event["user_agent.original"] = ""  # sent, but empty: some rules ask for just that
    _forwarded(event, forwarded)
    return event


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace").rstrip("\r")


def _event(moment: str) -> Event:
    return {
        "@timestamp": moment,
        "event.kind": "event",
        "event.category": ["web"],
        "event.type": ["access"],
        "event.dataset": "web.access",
        "event.module": "weblog",
    }


def _before(before: str) -> tuple[str, int | None, str, str]:
    """Virtual host, port, client and user, from what stands before the time."""
    parts = before.split(" ")
    if len(parts) > 3 and parts[1] != "-" and (address(parts[1]) or parts[2] == "-"):  # noqa: PLR2004
        return *_host(parts[0]), parts[1], " ".join(parts[3:])
    return "", None, parts[0], " ".join(parts[2:])


def _client(event: Event, client: str) -> None:
    found = address(client) or address(client.rpartition(":")[0])
    if found:
        event["source.ip"] = found
    elif client and client != "-":
        event["source.domain"] = client[:255].lower()


def _forwarded(event: Event, forwarded: Any) -> None:
    if isinstance(forwarded, str) and (found := address(forwarded.partition(",")[0].strip())):
        event["client.ip"] = found


def _request(event: Event, request: str, domain: str, at: int | None) -> None:
    found = _REQUEST.match(request)
    scheme = {443: "https", 80: "http"}.get(at or 0, "")
    if found is None:
        event.update(url_fields(request, domain=domain))
        return
    event["http.request.method"] = found[1].upper()
    if found[3]:
        event["http.version"] = found[3]
    event.update(url_fields(found[2], domain=domain, scheme=scheme, port=at))


def _answer(event: Event, status: Any, size: Any) -> None:
    code = count(status)
    if code is not None:
        event["http.response.status_code"] = code
        event["event.outcome"] = "success" if code < 400 else "failure"  # noqa: PLR2004 - HTTP's own line
    sent = count(size)
    if sent is not None:
        event["http.response.body.bytes"] = sent


def _unescaped(text: str) -> str:
    r"""Take off the server's escapes.

    >>> _unescaped(r"\x22\xc4\x83\\")
    '"ă\\'
    """
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _plain(found: re.Match[str]) -> str:
    if found[1]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1])
    return bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "replace")


# -- JSON ------------------------------------------------------------------------------------------------


def _from_json(text: str) -> Event:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    record = cast("Record", parsed)
    inner = record.get("request")
    if isinstance(inner, dict):
        record = {**record, **_caddy(cast("Record", inner)), "request": None}
    found = {key: _first(record, names) for key, names in _JSON_NAMES.items()}
    if found["status"] is None or not (found["request"] or found["target"]):
        raise ValueError("not an access log: no request or no status in it")
    event = _event(_json_moment(found["time"]))
    _client(event, str(found["client"] or "-"))
    domain, at = _host(found["host"])
    if found["request"]:
        _request(event, str(found["request"]), domain, at)
    else:
        _parts(event, found, domain, at)
    _answer(event, found["status"], found["bytes"])
    for name, key in (
        ("http.request.referrer", "referrer"),
        ("user_agent.original", "agent"),
        ("user.name", "user"),
    ):
        if isinstance(found[key], str) and found[key] not in {"", "-"}:
            event[name] = found[key]
    _forwarded(event, found["forwarded"])
    return event


def _parts(event: Event, found: Record, domain: str, at: int | None) -> None:
    target = str(found["target"])
    if found["query"] and "?" not in target:
        target = f"{target}?{found['query']}"
    if found["method"]:
        event["http.request.method"] = str(found["method"]).upper()
    event.update(url_fields(target, domain=domain, port=at, scheme=str(found["scheme"] or "")))


def _caddy(request: Record) -> Record:
    """Caddy's request object, by the names of the rest."""
    given = request.get("headers")
    headers = cast("Record", given) if isinstance(given, dict) else {}
    plain = {name: value for name, value in request.items() if not isinstance(value, dict | list)}
    for header, name in (("User-Agent", "http_user_agent"), ("Referer", "http_referer")):
        values = headers.get(header)
        if isinstance(values, list) and values:
            plain[name] = values[0]
    return plain


def _first(record: Record, names: tuple[str, ...]) -> Any:
    for name in names:
        value = record.get(name)
        if value not in (None, "") and not isinstance(value, dict | list):
            return value
    return None


def _host(value: Any) -> tuple[str, int | None]:
    text = str(value or "")
    host, _, number = text.rpartition(":")
    found = port(number)
    return (text, None) if not host or found is None else (host.strip("[]"), found)


def _json_moment(value: Any) -> str:
    if isinstance(value, str):
        if "/" in value:
            return common_log(value)
        return epoch(float(value)) if value.replace(".", "", 1).isdigit() else iso(value)
    if isinstance(value, float | int):
        return epoch(value)
    raise ValueError("the line has no time")


class Weblog:
    """Reads access logs of web servers."""

    @property
    def name(self) -> str:
        return "weblog"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """At least a quarter of the first lines are lines of an access log."""
        del name
        rows = [row for row in text_head(head).split(b"\n")[:40] if row.strip()]
        if len(rows) > 1 and not head.endswith(b"\n"):
            rows.pop()
        good = sum(_is_line(row) for row in rows)
        return good > 0 and good * 4 >= len(rows)

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        yield from read_log(path, Tally("weblog", str(path), report), translate, place=place, whole=whole)


def _is_line(row: bytes) -> bool:
    try:
        translate(row)
    except ValueError:
        return False
    return True
