"""What must a log line say for a Sigma rule to fire?

From a rule's question a set of field values that answers it, and from those values a line as a web server,
Suricata, Zeek or a firewall writes it: so that what is tested is the whole way from the line to the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, product
from typing import Any

import orjson
from hypothesis import find
from hypothesis import strategies as st

from citywatch import schema
from citywatch.detect.sigma import tree
from citywatch.detect.sigma.tree import Tree
from citywatch.model import Event
from sensors import clamav, errorlog, eve, postgres, weblog, zeek
from sensors.syslog import Lines

Values = dict[str, list[tree.Atom]]
SOURCE, TARGET = "203.0.113.10", "198.51.100.20"
MOST = 60


def answers(part: Tree) -> Iterator[dict[str, Any]]:
    """Values that answer a question, simplest first; what a Not forbids is simply left out."""
    for atoms in islice(_choices(part), MOST):
        grouped: Values = {}
        for atom in atoms:
            grouped.setdefault(getattr(atom, "field", ""), []).append(atom)
        for filler in ("", "x"):
            yield {field: _value(each, filler) for field, each in grouped.items() if not _absent(each)}


def _choices(part: Tree) -> Iterator[tuple[tree.Atom, ...]]:
    if isinstance(part, tree.And):
        for combination in islice(
            product(*(list(islice(_choices(each), MOST)) for each in part.parts)), MOST
        ):
            yield tuple(atom for chosen in combination for atom in chosen)
    elif isinstance(part, tree.Or):
        for each in part.parts:
            yield from _choices(each)
    elif isinstance(part, tree.Not):
        yield tuple(_present(part.part))
    elif isinstance(part, tree.Const | tree.Ref):
        yield ()
    else:
        yield (part,)


def _present(part: Tree) -> Iterator[tree.Atom]:
    """Fields that must hold something because a Not forbids that they are missing."""
    if isinstance(part, tree.Null):
        yield tree.Like(part.field, ("x",))
    elif isinstance(part, tree.Or):
        for each in part.parts:
            yield from _present(each)


def _absent(atoms: list[tree.Atom]) -> bool:
    return any(isinstance(atom, tree.Null) for atom in atoms)


def _value(atoms: list[tree.Atom], filler: str) -> Any:
    first = atoms[0]
    if isinstance(first, tree.Number):
        return first.value
    if isinstance(first, tree.Compare):
        return int(first.number) + {"gt": 1, "lt": -1}.get(first.op, 0)
    if isinstance(first, tree.Cidr):
        return first.network.split("/")[0]
    likes = [atom for atom in atoms if isinstance(atom, tree.Like)]
    likes.sort(key=lambda atom: (atom.pieces[:1] == (tree.MANY,), atom.pieces[-1:] != (tree.MANY,)))
    fitting = (_fitting(atom.pattern) for atom in atoms if isinstance(atom, tree.Regex))
    return "".join([*(_text(atom, filler) for atom in likes), *fitting])


def _fitting(pattern: str) -> str:
    return find(st.from_regex(re.compile(pattern)), lambda found: found.isascii() and found.isprintable())


def _text(atom: tree.Like, filler: str) -> str:
    gaps = {tree.MANY: filler, tree.ONE: "x"}
    return "".join(gaps[piece] if isinstance(piece, int) else piece for piece in atom.pieces)


# -- lines -----------------------------------------------------------------------------------------------


def web_events(values: dict[str, Any]) -> Iterator[Event]:
    """A line of an access log; the same seen on the wire by Suricata, and with headers by Zeek."""
    path = str(values.get("url.path", "")) or "/"
    extension = values.get("url.extension")
    if extension and not path.endswith(f".{extension}"):
        path = f"{path}x.{extension}"
    target = str(values.get("url.full", "")) or str(values.get("url.original", "")) or path
    query = values.get("url.query")
    if query is not None:
        target = f"{target}{'&' if '?' in target else '?'}{query}"
    domain = str(values.get("url.domain", "portal.test")) or "portal.test"
    agent = str(values.get("user_agent.original", "")) + str(values.get("", ""))
    line: dict[str, Any] = {
        "time_iso8601": "2026-11-22T10:00:00+07:00",
        "remote_addr": values.get("source.ip", SOURCE),
        "request_method": values.get("http.request.method", "GET"),
        "request_uri": target,
        "http_host": domain,
        "status": values.get("http.response.status_code", 200),
        "http_referer": values.get("http.request.referrer"),
        "http_user_agent": agent or None,
        "remote_user": values.get("user.name"),
    }
    event = weblog.translate(orjson.dumps({name: value for name, value in line.items() if value is not None}))
    yield event
    wired = {
        "timestamp": "2026-11-22T10:00:00.000000+0700",
        "event_type": "http",
        "src_ip": values.get("source.ip", SOURCE),
        "dest_ip": values.get("destination.ip", TARGET),
        "dest_port": values.get("destination.port", 80),
        "http": {
            "hostname": domain,
            "url": target,
            "http_method": line["request_method"],
            "http_user_agent": agent,
            "http_content_type": values.get("http.response.mime_type", "text/html"),
            "status": line["status"],
            **({"http_refer": line["http_referer"]} if line["http_referer"] else {}),
        },
    }
    seen = eve.translate(orjson.dumps(wired))
    yield seen
    # Headers that only our own look into packets tells.
    headers = ("http.request.mime_type", "citywatch.http.request.cookie")
    yield seen | {name: values[name] for name in headers if name in values}


def dns_events(values: dict[str, Any]) -> Iterator[Event]:
    """A question and an answer as Suricata tells them."""
    head = {
        "timestamp": "2026-11-22T10:00:00.000000+0700",
        "event_type": "dns",
        "src_ip": SOURCE,
        "dest_ip": TARGET,
    }
    name = str(values.get("dns.question.name", "a.test"))
    kind = values.get("dns.question.type", "A")
    question = {"type": "query", "rrname": name, "rrtype": kind}
    yield eve.translate(orjson.dumps({**head, "dns": question}))
    answer = {"rrname": name, "rrtype": kind, "rdata": values.get("dns.answers.data", "192.0.2.1"), "ttl": 60}
    yield eve.translate(
        orjson.dumps({**head, "dns": {**question, "type": "answer", "rcode": "NOERROR", "answers": [answer]}})
    )


def zeek_events(values: dict[str, Any], log: str) -> Iterator[Event]:
    """A line of the Zeek log that the rule is for."""
    names = {
        field: name
        for selector in ("zeek", f"zeek//{log}")
        for name, field in schema.aliases().get(selector, {}).items()
    }
    record: dict[str, Any] = {"ts": 1763780400.5, "uid": "C1", "id.orig_h": SOURCE, "id.resp_h": TARGET}
    for field, value in values.items():
        name = names.get(field) or field.removeprefix(f"zeek.{log}.")
        if name:
            field_is_list = (known := schema.fields().get(field)) is not None and known.many
            record[name] = [value] if field_is_list else value
    if "" in values:
        record["name"] = values[""]
    yield from zeek.translate(record, log)


def firewall_events(values: dict[str, Any]) -> Iterator[Event]:
    """A traffic line of a firewall."""
    ends = {"srcip": values.get("source.ip", SOURCE), "dstip": values.get("destination.ip", TARGET)}
    port, action = values.get("destination.port", 443), values.get("event.action", "accept")
    text = " ".join(f"{name}={value}" for name, value in {**ends, "dstport": port, "action": action}.items())
    line = f'date=2026-11-22 time=10:00:00 devid="F1" logid="13" type="traffic" proto=6 {text}'
    yield Lines(datetime(2026, 11, 22, tzinfo=UTC), "UTC")(line.encode())


def proxy_events(values: dict[str, Any]) -> Iterator[Event]:
    """A line of a firewall that filters the web."""
    full = str(values.get("url.full", "")) or str(values.get("url.original", ""))
    domain = str(values.get("url.domain", "")) or "portal.test"
    target = full or str(values.get("url.path", "")) or "/"
    query = values.get("url.query")
    if query is not None:
        target = f"{target}{'&' if '?' in target else '?'}{query}"
    agent = str(values.get("user_agent.original", "")) + str(values.get("", ""))
    texts = {"hostname": domain, "url": target, "agent": agent, "action": "passthrough", "service": "HTTP"}
    told = " ".join(f'{name}="{value}"' for name, value in texts.items() if '"' not in value)
    head = 'date=2026-11-22 time=10:00:00 devid="F1" logid="13" type="utm" subtype="webfilter"'
    line = f"{head} srcip={SOURCE} {told}"
    yield Lines(datetime(2026, 11, 22, tzinfo=UTC), "UTC")(line.encode())


def antivirus_events(values: dict[str, Any]) -> Iterator[Event]:
    """A line of ClamAV's log."""
    path = str(values.get("file.path", "")) or "/srv/a.exe"
    if not path.startswith("/") and path[1:3] != ":\\":
        path = f"C{path}" if path.startswith(":\\") else f"/{path}"
    name = str(values.get("rule.name", "")) or "X.Y-1"
    line = f"Sun Nov 22 10:00:00 2026 -> {path}: {name} FOUND"
    found = clamav.Lines(datetime(2026, 11, 22, tzinfo=UTC), "UTC")(line.encode())
    yield from found if isinstance(found, list) else (found,)


def database_events(values: dict[str, Any]) -> Iterator[Event]:
    """A statement in PostgreSQL's csvlog."""
    row = (
        '2026-11-22 10:00:00.123 UTC,"a","b",1,"10.0.0.1:5",6.1,1,"X",2026-11-22 10:00:00 UTC,,0,LOG,00000,'
        f'"statement: {values.get("", "select 1")}",,,,,,,,,"psql"'
    )
    yield postgres.translate(row.encode())


def error_events(values: dict[str, Any]) -> Iterator[Event]:
    """A line of the error logs of nginx and Apache."""
    words = str(values.get("", "x"))
    for line in (
        f"2026/11/22 10:00:00 [alert] 7#7: worker process 8 {words}",
        f"[Sun Nov 22 10:00:00.123456 2026] [core:notice] [pid 7:tid 8] AH00052: child pid 9 {words}",
    ):
        yield errorlog.Lines("UTC")(line.encode())
