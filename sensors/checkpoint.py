"""What did a Check Point gateway let through, stop or recognize?

Messages of its Log Exporter (sk122323; Logging and Monitoring Administration Guide, "Log Exporter"): the
syslog form `[action:"Drop"; src:"…"; …]`, the one with `key="value"` behind `Fields@1.3.6.1.4.1.2620`, and
the Splunk form `time=…|hostname=…|product=…|action=…|`. Its CEF and LEEF forms are read as such.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.address import count
from sensors.when import epoch

MOST = 200
_NAMES = {
    "src": "src",
    "dst": "dst",
    "s_port": "spt",
    "service": "dpt",
    "d_port": "dpt",
    "proto": "proto",
    "action": "act",
    "user": "suser",
    "src_user_name": "suser",
    "bytes": "bytes",
    "client_outbound_bytes": "out",
    "client_inbound_bytes": "in",
    "resource": "resource",
    "app_name": "app",
    "protection_name": "attack",
    "malware_family": "attack",
    "attack": "cat",
    "file_name": "fname",
    "file_sha256": "fileHash",
}
"""Its names, by those of the other firewalls."""
_ALERTS = frozenset(
    {
        "IPS",
        "Anti-Bot",
        "Anti-Virus",
        "Anti Virus",
        "Anti Malware",
        "Threat Emulation",
        "Threat Extraction",
        "SmartDefense",
        "New Anti Virus",
    }
)


def pairs_of(message: str, app: str) -> dict[str, str] | None:
    """The fields of a message by its own names; None when it is none of Check Point's."""
    if message.startswith("[action:") or (app == "CheckPoint" and message.startswith("[")):
        return _colons(message[1:])
    if "Fields@1.3.6.1.4.1.2620" in message[:80]:
        return _equals(message.partition("Fields@1.3.6.1.4.1.2620")[2])
    if message.startswith("time=") and "|product=" in message[:400] and "|action=" in message:
        return _bars(message)
    return None


def _colons(text: str) -> dict[str, str]:
    """`action:"Drop"; src:"10.0.0.1"; …`."""
    found: dict[str, str] = {}
    at = 0
    while len(found) < MOST:
        middle = text.find(':"', at)
        if middle < 0:
            break
        end = _closing(text, middle + 2)
        found.setdefault(text[at:middle].strip(" ;[]"), text[middle + 2 : end].replace('\\"', '"'))
        at = end + 1
    return found


def _equals(text: str) -> dict[str, str]:
    """`src="10.0.0.1" dst="…"`."""
    found: dict[str, str] = {}
    at = 0
    while len(found) < MOST:
        middle = text.find('="', at)
        if middle < 0:
            break
        end = _closing(text, middle + 2)
        found.setdefault(text[at:middle].strip(), text[middle + 2 : end].replace('\\"', '"'))
        at = end + 1
    return found


def _closing(text: str, at: int) -> int:
    end = text.find('"', at)
    while end > 0 and text[end - 1] == "\\":
        end = text.find('"', end + 1)
    return end if end >= 0 else len(text)


def _bars(text: str) -> dict[str, str]:
    """`time=1557767758|src=10.0.0.1|…`, where `=` and `|` in values have a backslash before them."""
    found: dict[str, str] = {}
    held = ""
    for part in text.split("|")[: MOST * 2]:
        held += part
        if held.endswith("\\"):
            held = f"{held[:-1]}|"
            continue
        name, mark, value = held.partition("=")
        if mark:
            found.setdefault(name, value.replace("\\=", "="))
        held = ""
    return found


def read_pairs(event: Event, pairs: dict[str, str]) -> dict[str, str]:
    """Take what has no like elsewhere; gives the rest by the names of the other firewalls."""
    event["observer.vendor"], event["observer.product"] = (
        "Check Point",
        pairs.get("product", "Check Point")[:80],
    )
    moment = count(pairs.get("time"))
    if moment is not None and not event["@timestamp"]:
        event["@timestamp"] = epoch(moment)
    for name, field in (("origin", "observer.name"), ("rule_name", "rule.name"), ("rule_uid", "rule.id")):
        if pairs.get(name):
            event[field] = pairs[name][:255]
    if pairs.get("product") in _ALERTS and (pairs.get("protection_name") or pairs.get("malware_family")):
        event["event.dataset"] = "network.alert"
    elif pairs.get("product", "").startswith("VPN") and "auth" in pairs.get("action", "").lower():
        event["event.dataset"] = "firewall.event"
    return {_NAMES[name]: value for name, value in pairs.items() if name in _NAMES and value}
