"""How is an installation made, and which part of it is not well?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.errors import CityWatchError
from console.house import default_data, open_house

if TYPE_CHECKING:
    from console.house import House

TEMPLATE = Path(__file__).parent / "settings.toml"

_LITTLE_DISK = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What `doctor` found of one part: `well`, `off`, `warning` or `wrong`."""

    what: str
    state: str
    told: str
    advice: str = ""


def make(data: Path | None, store: str | None) -> list[str]:
    """Make the folder, the settings file and the store; what is there already stays as it is."""
    with open_house(data, store=store, make=True) as house:
        told: list[str] = []
        file = house.settings.data / "citywatch.toml"
        if file.exists():
            told.append(f"{file}: was there, stays as it is")
        else:
            text = TEMPLATE.read_text(encoding="utf-8")
            if store:
                text = text.replace("# store = ", f"store = {_quoted(store)}\n# store = ", 1)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o600)
            told.append(f"{file}: written; every setting is explained in it")
        health = house.store.health()
        told.append(f"store: {house.store.name}, {health.what}")
        told.append(f"next: citywatch doctor --data {house.settings.data}")
        return told


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def examine(data: Path | None, store: str | None) -> list[Finding]:
    """Check every part; one that fails does not hide the others."""
    python = sys.version.split()[0]
    findings = [Finding(what="Python", state="well", told=python)]
    try:
        house = open_house(data, store=store)
    except CityWatchError as error:
        advice = f"citywatch init --data {data or default_data()}"
        return [*findings, Finding(what="installation", state="wrong", told=str(error), advice=advice)]
    with house:
        for what, check in _checks():
            try:
                findings.extend(_named(what, check(house)))
            except (CityWatchError, OSError, ValueError) as error:
                findings.append(Finding(what=what, state="wrong", told=str(error)))
    return findings


def _named(what: str, found: Iterator[tuple[str, str, str]]) -> Iterator[Finding]:
    for state, told, advice in found:
        yield Finding(what=what, state=state, told=told, advice=advice)


Check = Callable[["House"], Iterator[tuple[str, str, str]]]


def _checks() -> Iterator[tuple[str, Check]]:
    yield "data folder", _folder
    yield "store", _store
    yield "journal", _journal
    yield "rules", _rules
    yield "playbooks", _playbooks
    yield "catalogue", _catalogue
    yield "mail", _mail
    yield "webhook", _webhook
    yield "pictures", _pictures
    yield "deadlines", _deadlines
    yield "network", _network
    yield "listening", _listening
    yield "service", _service


def _folder(house: House) -> Iterator[tuple[str, str, str]]:
    folder = house.settings.data
    free = shutil.disk_usage(folder).free
    told = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < _LITTLE_DISK:
        yield "warning", told, "make room, or set another [journal] cap_mb and [retention] days"
    else:
        yield "well", told, ""
    file = folder / "citywatch.toml"
    if not file.exists():
        yield "off", "no citywatch.toml: everything stands at its default", f"citywatch init --data {folder}"


def _store(house: House) -> Iterator[tuple[str, str, str]]:
    health = house.store.health()
    told = f"{house.store.name}: {health.what}, {health.events} events"
    if not health.ok:
        yield "wrong", told, "start the store, or give another with --store"
    elif health.refused:
        yield "warning", f"{told}, {health.refused} refused", "see the health page for the reasons"
    else:
        yield "well", told, ""


def _journal(house: House) -> Iterator[tuple[str, str, str]]:
    health = house.journal.health()
    share = health.bytes_used / health.bytes_cap if health.bytes_cap else 0.0
    readers = ", ".join(f"{name} {health.last - at} behind" for name, at in health.readers.items())
    told = f"{share:.0%} full, {health.last} written; {readers or 'nobody has read yet'}"
    if health.dropped:
        told += f"; {health.dropped} dropped"
    full = share > 0.8  # noqa: PLR2004 - a fifth left is the time to act
    yield ("warning" if full or health.dropped else "well"), told, "raise [journal] cap_mb" if full else ""


def _rules(house: House) -> Iterator[tuple[str, str, str]]:
    count = len(house.rules)
    yield ("well" if count else "wrong"), f"{count} loaded from {house.content_dir}", ""
    for error in house.rule_errors:
        yield "wrong", str(error), "citywatch rules check"


def _playbooks(house: House) -> Iterator[tuple[str, str, str]]:
    count = len(house.playbooks)
    yield ("well" if count else "wrong"), f"{count} loaded", ""
    for error in house.playbook_errors:
        yield "wrong", str(error), "citywatch playbooks check"


def _catalogue(house: House) -> Iterator[tuple[str, str, str]]:
    from console.registry import active_portals, agency_rows

    agencies, portals = len(agency_rows(house, 10_000)), len(active_portals(house))
    told = f"{agencies} agencies, {portals} portals watched"
    if agencies and portals:
        yield "well", told, ""
    else:
        yield "off", told, "citywatch agencies import FILE.csv; citywatch portals import FILE.csv"


def _pictures(house: House) -> Iterator[tuple[str, str, str]]:
    from sensors.portal.picture.camera import missing

    wanted = house.settings.pictures
    why = missing(wanted)
    if not wanted.chromium:
        yield "off", "no pictures of portals are taken", "[pictures] chromium = '/usr/bin/chromium'"
    elif why:
        yield "wrong", why, "apt install chromium; pip install 'citywatch[pictures]'"
    else:
        yield "well", f"{wanted.chromium}, {wanted.tabs} tabs, every {wanted.every_s} s", ""


def _deadlines(house: House) -> Iterator[tuple[str, str, str]]:
    policies, duties = house.sla.policies, house.law.duties
    today = house.clock().astimezone(house.law.zone).date()
    last = max(house.sla.calendar.days, default=today)
    told = f"{len(policies)} policies, {len(duties)} duties, holidays to {last}"
    if last < today:
        yield "warning", told, f"write this year's into {house.settings.data / 'tables' / 'holidays.tsv'}"
    else:
        yield "well", told, ""
    unverified = sum(not duty.is_verified for duty in duties)
    if unverified:
        advice = "have counsel verify tables/law.toml, and write down who did in 'verified_by'"
        yield "warning", f"{unverified} duties of the law are to be verified by counsel", advice


def _mail(house: House) -> Iterator[tuple[str, str, str]]:
    import smtplib

    mail = house.settings.mail
    if not mail.host:
        yield "off", "no mail is sent", "set [mail] host in citywatch.toml"
        return
    kind = smtplib.SMTP_SSL if mail.tls else smtplib.SMTP
    with kind(mail.host, mail.port, timeout=mail.timeout_s) as server:
        server.noop()
    yield "well", f"{mail.host}:{mail.port} answers", ""


def _webhook(house: House) -> Iterator[tuple[str, str, str]]:
    url = house.settings.webhook.url
    if not url:
        yield "off", "no webhook is called", "set [webhook] url in citywatch.toml"
    elif not house.settings.webhook.secret:
        yield "warning", f"{url}, unsigned", "set [webhook] secret: the receiver can then check who sent it"
    else:
        yield "well", url, ""


def _network(house: House) -> Iterator[tuple[str, str, str]]:
    """Each interface, with every packet that was lost."""
    from console.live import LOSSES, line_of, status_of_all

    rows = status_of_all(house)
    if not rows:
        yield "off", "no interface is listened to", "set [network] interfaces in citywatch.toml"
    for row in rows:
        lost = any(row[key] for key in LOSSES)
        advice = "raise [network] ring_mib, filter more, or give the machine more cores" if lost else ""
        yield ("warning" if lost or row["state"] != "up" else "well"), line_of(row), advice


def _listening(house: House) -> Iterator[tuple[str, str, str]]:
    """Each endpoint that other machines send to, with everything that was lost."""
    from console.listeners import LOSSES, limits_of, line_of, status_of_all, wanted
    from sensors.arrive.place import check, tls_context

    listen = house.settings.listen
    places = wanted(listen)
    check(limits_of(listen))
    if listen.syslog_tls:
        tls_context(listen.certificate, listen.key, listen.client_ca)
    if not places:
        yield (
            "off",
            "nobody sends logs to this machine",
            "set [listen] syslog_udp, syslog_tcp, … in citywatch.toml",
        )
    if places and not listen.allowed:
        yield "warning", "anybody may send", "set [listen] allowed to the networks that may"
    rows = {(row["protocol"], row["where"]): row for row in status_of_all(house)}
    for key in ((protocol, str(place)) for protocol, each in places.items() for place in each):
        row = rows.get(key, {"protocol": key[0], "where": key[1], "messages": 0})
        advice = next((told for loss, told in _LISTEN_ADVICE.items() if row.get(loss)), "")
        lost = any(row.get(loss) for loss in LOSSES)
        yield ("warning" if lost else "well"), line_of(row), advice


_LISTEN_ADVICE = {
    "kernel_dropped": "raise [listen] receive_mib and most_held, or have fewer machines send",
    "too_long": "raise [listen] longest",
    "lost_flows": "the network or the exporter lost them: look at the link and at its queue",
    "lost_datagrams": "the network or the exporter lost them: look at the link and at its queue",
    "undecoded": "the health page says who sent what cannot be read",
}


def _service(house: House) -> Iterator[tuple[str, str, str]]:
    parts = list(house.health()["parts"])
    if not parts or all(part["stale"] for part in parts):
        yield "off", "not running", f"citywatch watch --data {house.settings.data}"
        return
    for part in parts:
        if part["error"]:
            yield "wrong", f"{part['part']}: {part['error']}", ""
    yield "well", f"{len(parts)} parts heard of in the last two minutes", ""
