"""What kind of thing does a Windows event number stand for?

Channel and number give dataset and category; a few kinds also give the fields that alerts are folded on
(addresses, accounts, hashes) under their ECS names. Names that Sigma rules ask for are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from citywatch import schema
from citywatch.model import Event
from sensors import sqlserver
from sensors.address import address, port

SYSMON = "Microsoft-Windows-Sysmon/Operational"
CATEGORIES: dict[tuple[str, str], str] = {
    (SYSMON, "1"): "process",
    (SYSMON, "2"): "file",
    (SYSMON, "3"): "network",
    (SYSMON, "5"): "process",
    (SYSMON, "6"): "driver",
    (SYSMON, "7"): "library",
    (SYSMON, "8"): "process",
    (SYSMON, "10"): "process",
    (SYSMON, "11"): "file",
    (SYSMON, "12"): "registry",
    (SYSMON, "13"): "registry",
    (SYSMON, "14"): "registry",
    (SYSMON, "15"): "file",
    (SYSMON, "22"): "network",
    (SYSMON, "23"): "file",
    (SYSMON, "26"): "file",
    ("Security", "1102"): "configuration",
    ("Security", "4624"): "authentication",
    ("Security", "4625"): "authentication",
    ("Security", "4634"): "authentication",
    ("Security", "4648"): "authentication",
    ("Security", "4672"): "iam",
    ("Security", "4688"): "process",
    ("Security", "4689"): "process",
    ("Security", "4720"): "iam",
    ("Security", "4728"): "iam",
    ("Security", "4732"): "iam",
    ("Security", "4756"): "iam",
    ("Security", "4768"): "authentication",
    ("Security", "4769"): "authentication",
    ("Security", "4771"): "authentication",
    ("Security", "4776"): "authentication",
    ("Security", "5140"): "file",
    ("Security", "5145"): "file",
}
_HASHES = frozenset({"SHA256", "MD5", "SHA1"})

Enrich = Callable[[Event], None]


@lru_cache(maxsize=10_000)
def kind_of(channel: str, number: str | int) -> tuple[Event, Enrich | None]:
    """What all events of a channel and number have alike, and what adds the fields that alerts are folded on.

    Shared: never changed by its readers.
    """
    code = str(number)
    alike: Event = {
        "event.code": code,
        "event.kind": "event",
        "event.category": [CATEGORIES.get((channel, code), "host")],
        "event.dataset": f"windows.{short_name(channel)}",
        "event.module": "winlog",
        "host.os.family": "windows",
    }
    return alike, _MORE.get((channel, code))


@lru_cache(maxsize=1)
def _services() -> dict[str, str]:
    found: dict[str, str] = {}
    for source in schema.logsources():
        if source.product == "windows" and source.service:
            for name, channels in source.where:
                if name == "winlog.channel":
                    found.update(dict.fromkeys(channels, source.service))
    return found


def short_name(channel: str) -> str:
    """The channel's name in a dataset: Sigma's service name where it has one.

    >>> short_name("Microsoft-Windows-Sysmon/Operational"), short_name("Contoso-Agent/Admin")
    ('sysmon', 'contoso-agent-admin')
    """
    known = _services().get(channel)
    return known or re.sub(r"[^a-z0-9]+", "-", channel.lower()).strip("-")[:80] or "unknown"


def _put(event: Event, name: str, value: str | int | None) -> None:
    if value is not None:
        event[name] = value


def _text(event: Event, name: str) -> str | None:
    value = event.get(f"winlog.event_data.{name}")
    return value if isinstance(value, str) and value not in {"", "-"} else None


def _connection(event: Event) -> None:
    _put(event, "source.ip", address(_text(event, "SourceIp")))
    _put(event, "destination.ip", address(_text(event, "DestinationIp")))
    _put(event, "source.port", port(event.get("winlog.event_data.SourcePort")))
    _put(event, "destination.port", port(event.get("winlog.event_data.DestinationPort")))
    _put(event, "destination.domain", _text(event, "DestinationHostname"))
    _put(event, "network.transport", _text(event, "Protocol"))


def _login(outcome: str) -> Enrich:
    def login(event: Event) -> None:
        _put(event, "source.ip", address(_text(event, "IpAddress")))
        _put(event, "user.target.name", _text(event, "TargetUserName"))
        event["event.outcome"] = outcome

    return login


def _ticket(event: Event) -> None:
    _login("success" if event.get("winlog.event_data.Status") in {"0x0", 0, "0"} else "failure")(event)


def _hashes(event: Event) -> None:
    given = event.get("winlog.event_data.Hashes")
    if given.__class__ is str and given:
        event.update(_hash_fields(given))


@lru_cache(maxsize=20_000)
def _hash_fields(given: str) -> Event:
    """The fields of a program's hashes; the same programs are seen again and again. Shared: not changed."""
    parts = (part.partition("=") for part in given.split(",")[:8])
    return {f"file.hash.{kind.lower()}": value.lower() for kind, _, value in parts if kind in _HASHES}


def _target(event: Event) -> None:
    _put(event, "user.target.name", _text(event, "TargetUserName") or _text(event, "MemberName"))


_MORE: dict[tuple[str, str], Enrich] = {
    ("Application", sqlserver.CODE): sqlserver.enrich,
    ("Security", sqlserver.CODE): sqlserver.enrich,
    (SYSMON, "3"): _connection,
    **{(SYSMON, code): _hashes for code in ("1", "6", "7", "15", "23", "26", "29")},
    ("Security", "4624"): _login("success"),
    ("Security", "4625"): _login("failure"),
    ("Security", "4648"): _login("unknown"),
    ("Security", "4771"): _login("failure"),
    ("Security", "4768"): _ticket,
    ("Security", "4769"): _ticket,
    ("Security", "4776"): _ticket,
    **{("Security", code): _target for code in ("4720", "4728", "4732", "4756")},
    ("Security", "5140"): _login("unknown"),
    ("Security", "5145"): _login("unknown"),
}
