"""What do all EVE lines of one type have alike?"""

from __future__ import annotations

from functools import lru_cache

from citywatch.model import Event

DATASETS = {
    "fileinfo": "network.file",
    "krb5": "network.kerberos",
    "netflow": "network.flow",
    "http2": "network.http",
    "ftp_data": "network.ftp",
    "mdns": "network.dns",
}
CATEGORIES = {
    "alert": ["network", "intrusion_detection"],
    "http": ["network", "web"],
    "fileinfo": ["network", "file"],
}
KINDS = {"alert": "alert", "stats": "metric"}
NETWORK = ["network"]
PROTOCOLS = frozenset(
    {"dns", "http", "tls", "ssh", "ftp", "smtp", "smb", "rdp", "dhcp", "snmp", "sip", "mqtt", "quic", "tftp"}
)


@lru_cache(maxsize=256)
def alike(kind: str) -> Event:
    """What all lines of a type have alike. Shared: copied by its readers, its lists never changed."""
    alike: Event = {
        "@timestamp": "",
        "event.kind": KINDS.get(kind) or "event",
        "event.category": CATEGORIES.get(kind) or NETWORK,
        "event.dataset": _dataset(kind),
        "event.module": "eve",
    }
    if kind in PROTOCOLS:
        alike["network.protocol"] = kind
    return alike


def _dataset(kind: str) -> str:
    return DATASETS.get(kind) or "network." + "".join(
        letter if letter.isalnum() else "-" for letter in kind[:40]
    )
