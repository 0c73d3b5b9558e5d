"""Who logged in to a Linux machine, or became somebody else?

Messages of sshd, sudo, su, useradd and cron, as OpenSSH, sudo and shadow write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from citywatch.model import Event
from sensors.address import address, port

_REPEATED = re.compile(r"^message repeated (\d{1,6}) times: \[ ?(.*)\]$")
_WHO = r"(?:invalid user )?(?P<user>.*?) from (?P<ip>\S+)"
_PORT = r" port (?P<port>\d+)"
_TOO_MANY = "^error: maximum authentication attempts exceeded for "
_ALONE = r"(?P<user>.*?) (?P<ip>\S+)" + _PORT
_PROBES = "Did not receive identification string|Unable to negotiate with|Bad protocol version .*?"
_SSH: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), action, outcome)
    for pattern, action, outcome in (
        (r"^Failed (?P<how>\S+) for " + _WHO + _PORT, "ssh_login", "failure"),
        (r"^Accepted (?P<how>\S+) for " + _WHO + _PORT, "ssh_login", "success"),
        (r"^Invalid user " + _WHO + rf"(?:{_PORT})?", "ssh_invalid_user", "failure"),
        (
            r"^error: maximum authentication attempts exceeded for " + _WHO + _PORT,
            "ssh_too_many_tries",
            "failure",
        ),
        (
            r"^(?:Connection closed by|Disconnected from) (?:authenticating|invalid) user " + _ALONE,
            "ssh_left_before_login",
            "unknown",
        ),
        (
            rf"^(?:{_PROBES}) (?:from )?(?P<ip>[0-9a-fA-F.:]+)",
            "ssh_probe",
            "unknown",
        ),
    )
)
_SUDO = re.compile(
    r"^ *(?P<user>\S+) : (?:(?P<why>[^;=]{3,120}?) ; )?(?:TTY=\S+ ; )?"
    r"(?:PWD=(?P<pwd>.*?) ; )?(?:USER=(?P<target>\S+) ; )?(?:GROUP=\S+ ; )?(?:ENV=.*? ; )?"
    r"COMMAND=(?P<command>.*)$",
    re.DOTALL,
)
_SU = re.compile(r"^(?P<failed>FAILED SU )?\(to (?P<target>\S+)\) (?P<user>\S+) on")
_PAM = re.compile(
    r"^pam_\w+\((?P<service>[\w:-]+)\): authentication failure;.*?"
    r"rhost=(?P<ip>\S*)(?:\s+user=(?P<user>\S+))?"
)
_NEW_USER = re.compile(r"^new user: name=(?P<user>[^,]+), UID=(?P<uid>\d+),")
_GROUP = re.compile(r"^add '(?P<user>[^']+)' to (?:shadow )?group '(?P<group>[^']+)'")
_PASSWORD = re.compile(r"^pam_unix\(\S+:chauthtok\): password changed for (?P<user>\S+)")
_CRON = re.compile(r"^\((?P<user>[^)]+)\) CMD \((?P<command>.*)\)$")
_SESSION = re.compile(
    r"^pam_unix\((?P<service>[\w:-]+)\): session (?P<what>opened|closed) for user (?P<user>[^\s(]+)"
)


def read_body(event: Event, app: str, message: str) -> bool:
    """Read the message of a program that lets people in; False when it is not one."""
    program = app.rpartition("/")[2].lower()
    reader = _PROGRAMS.get(program)
    if reader is None:
        return False
    event["event.dataset"] = "linux.cron" if program in _CRONS else "linux.auth"
    event["event.category"] = ["process"] if program in _CRONS else ["authentication"]
    repeated = _REPEATED.match(message)
    times = 1
    if repeated:
        times, message = int(repeated[1]), repeated[2]
    if not reader(event, message):
        _pam(event, message)
    if times > 1 and event.get("event.action") == "ssh_login":
        event["citywatch.auth.attempts"] = times
    return True


def _put(event: Event, action: str, outcome: str, **fields: str | None) -> bool:
    event["event.action"] = action
    event["event.outcome"] = outcome
    for name, value in fields.items():
        if value:
            event[_FIELDS[name]] = value
    return True


_FIELDS = {
    "user": "user.name",
    "target": "user.target.name",
    "command": "process.command_line",
    "folder": "process.working_directory",
    "why": "event.reason",
}


def _ssh(event: Event, message: str) -> bool:
    for pattern, action, outcome in _SSH:
        found = pattern.match(message)
        if found:
            part = found.groupdict()
            _put(event, action, outcome, user=part.get("user"), why=part.get("how"))
            _from(event, part.get("ip"), part.get("port"))
            event["network.protocol"] = "ssh"
            return True
    return False


def _from(event: Event, ip: str | None, number: str | None) -> None:
    found, begin = address(ip), port(number)
    if found:
        event["source.ip"] = found
    elif ip:
        event["source.domain"] = ip
    if begin is not None:
        event["source.port"] = begin


def _sudo(event: Event, message: str) -> bool:
    found = _SUDO.match(message)
    if not found:
        return False
    why = found["why"]
    outcome = "failure" if why else "success"
    return _put(event, "sudo", outcome, user=found["user"], target=found["target"], command=found["command"],
                folder=found["pwd"], why=why)  # fmt: skip


def _su(event: Event, message: str) -> bool:
    found = _SU.match(message)
    return bool(found) and _put(
        event, "su", "failure" if found["failed"] else "success", user=found["user"], target=found["target"]
    )


def _account(event: Event, message: str) -> bool:
    found = _NEW_USER.match(message)
    if found:
        event["user.id"] = found["uid"]
        event["event.category"] = ["iam"]
        return _put(event, "user_created", "success", target=found["user"])
    found = _GROUP.match(message)
    if found:
        event["event.category"] = ["iam"]
        return _put(event, "group_joined", "success", target=found["user"], why=found["group"])
    found = _PASSWORD.match(message)
    return bool(found) and _put(event, "password_changed", "success", target=found["user"])


def _cron(event: Event, message: str) -> bool:
    found = _CRON.match(message)
    return bool(found) and _put(
        event, "cron_command", "unknown", user=found["user"], command=found["command"]
    )


def _pam(event: Event, message: str) -> bool:
    found = _PAM.match(message)
    if found:
        _from(event, found["ip"], None)
        return _put(event, "pam_failure", "failure", user=found["user"], why=found["service"])
    found = _SESSION.match(message)
    return bool(found) and _put(
        event, f"session_{found['what']}", "success", user=found["user"], why=found["service"]
    )


_CRONS = {"cron", "crond", "anacron"}
_PROGRAMS: dict[str, Callable[[Event, str], bool]] = {
    "sshd": _ssh,
    "sshd-session": _ssh,
    "dropbear": _ssh,
    "sudo": _sudo,
    "su": _su,
    "useradd": _account,
    "usermod": _account,
    "adduser": _account,
    "passwd": _account,
    "gpasswd": _account,
    "systemd-logind": _pam,
    "login": _pam,
    "vsftpd": _pam,
    **dict.fromkeys(_CRONS, _cron),
}
