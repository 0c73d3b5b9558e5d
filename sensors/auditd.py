"""Which system calls did the Linux audit daemon record?

`type=EXECVE msg=audit(1364481363.243:24287): argc=3 a0="cat" …`
(https://github.com/linux-audit/audit-documentation/wiki/SPEC-Audit-Event-Enrichment). Every record becomes an
event with its own names under `auditd.`; EXECVE and PROCTITLE also give the command line.
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.address import address, count
from sensors.when import epoch

HEADLESS = re.compile(r"^(?:node=\S+ )?type=[A-Z_0-9]{2,40} msg=audit\(")
_HEAD = re.compile(
    r"^(?:node=(\S+) )?type=([A-Z_0-9]{2,40}) msg=audit\((\d{1,12}\.\d{1,6}):(\d{1,12})\): ?(.*)$", re.DOTALL
)
_PAIR = re.compile(r"""([A-Za-z_][\w-]{0,40})=("[^"]*"|'[^']*'|\S*)""")
_INNER = re.compile(r"msg='([^']*)'")
_ARGUMENT = re.compile(r"^a\d{1,3}$")
_HEX = re.compile(r"^(?:[0-9A-F]{2}){2,}$")
_CODED = {"proctitle", "name", "exe", "comm", "cwd", "acct", "cmd", "data", "old-name", "new-name"}
MOST = 200
_FIELDS = {
    "exe": "process.executable",
    "comm": "process.name",
    "cwd": "process.working_directory",
    "proctitle": "process.command_line",
    "acct": "user.target.name",
}
_CATEGORIES = {
    "USER_LOGIN": "authentication",
    "USER_AUTH": "authentication",
    "EXECVE": "process",
    "PATH": "file",
    "SYSCALL": "process",
}


def read_body(event: Event, app: str, message: str) -> bool:
    """Read an audit record; False when it is none."""
    found = _HEAD.match(message)
    if not found:
        return False
    node, kind, moment, serial, rest = found.groups()
    event["@timestamp"] = epoch(float(moment))
    event.update({"event.dataset": "linux.auditd", "event.action": kind.lower(), "auditd.type": kind})
    event["event.category"] = [_CATEGORIES.get(kind, "host")]
    event["auditd.serial"] = serial
    if node:
        event["host.name"] = node
    del app
    pairs = _pairs(rest)
    for name, value in pairs.items():
        event[f"auditd.{name}"] = value
        if name in _FIELDS:
            event[_FIELDS[name]] = value
    arguments = [value for name, value in pairs.items() if _ARGUMENT.match(name)]
    if kind == "EXECVE" and arguments:
        event["process.command_line"] = " ".join(arguments)
    _numbers(event, pairs)
    return True


def _numbers(event: Event, pairs: dict[str, str]) -> None:
    for name, field in (("pid", "process.pid"), ("ppid", "process.parent.pid")):
        number = count(pairs.get(name))
        if number is not None:
            event[field] = number
    source = address(pairs.get("addr"))
    if source:
        event["source.ip"] = source
    done = pairs.get("res") or pairs.get("success")
    if done:
        event["event.outcome"] = "success" if done in {"success", "yes", "1"} else "failure"
    user = pairs.get("AUID") or pairs.get("UID")
    if user:
        event["user.name"] = user
    if "uid" in pairs:
        event["user.id"] = pairs["uid"]


def _pairs(text: str) -> dict[str, str]:
    inner = _INNER.search(text)
    if inner:
        text = f"{text[: inner.start()]} {inner[1]} {text[inner.end() :]}"
    found: dict[str, str] = {}
    for name, raw in _PAIR.findall(text.replace("\x1d", " "))[:MOST]:
        value = raw[1:-1] if raw[:1] in {'"', "'"} and len(raw) > 1 else _plain(name, raw)
        if value not in {"", "(null)", "?"}:
            found.setdefault(name, value)
    return found


def _plain(name: str, raw: str) -> str:
    """Values with odd bytes are written in hex."""
    if (name in _CODED or _ARGUMENT.match(name)) and _HEX.match(raw):
        return bytes.fromhex(raw).replace(b"\x00", b" ").decode("utf-8", "replace").strip()
    return raw
