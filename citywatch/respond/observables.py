"""Which values of an alert would link it to others, and be worth telling another team?"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from citywatch.model import Alert, Observable
from citywatch.respond.catalogue import values_of

MOST: Final = 50

FIELDS: Final[dict[str, str]] = {
    "source.ip": "ip",
    "destination.ip": "ip",
    "url.domain": "domain",
    "dns.question.name": "domain",
    "dns.question.registered_domain": "domain",
    "tls.client.server_name": "domain",
    "url.full": "url",
    "file.hash.sha256": "sha256",
    "file.hash.md5": "md5",
    "tls.client.ja3": "ja3",
    "tls.client.ja4": "ja4",
    "email.from.address": "email",
    "host.name": "host",
    "user.name": "user",
    "citywatch.portal.id": "portal",
    "source.mac": "mac",
}
"""ECS fields whose values are observables, and of which type."""


def observables_of(alert: Alert) -> tuple[Observable, ...]:
    """What an alert has seen, each once, at most 50, those of its subject first."""
    return tuple(dict.fromkeys(_found(alert)))[:MOST]


def _found(alert: Alert) -> Iterator[Observable]:
    for name, value in alert.subject_fields.items():
        if name in FIELDS and value:
            yield Observable(type=FIELDS[name], value=value[:2000])
    for name, kind in FIELDS.items():
        for value in values_of(alert, name):
            yield Observable(type=kind, value=value[:2000])


def is_foreign(observable: Observable) -> bool:
    """Worth telling another team: not one of our own hosts, users, portals or private addresses."""
    if observable.type in {"host", "user", "portal", "mac"}:
        return False
    if observable.type != "ip":
        return True
    try:
        return ip_address(observable.value).is_global
    except ValueError:
        return False
