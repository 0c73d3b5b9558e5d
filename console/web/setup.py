"""What is still to be chosen after the first start: store, sensors, mail, a city to try things with?"""

from __future__ import annotations

import re
import secrets
from typing import Any

from starlette.responses import Response

from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Portal, from_doc
from citywatch.ports import Query
from console import choices
from console.web import seed
from console.web.accounts import write_audit
from console.web.door import Visit, Way

_SAMPLE = "setup"
_SAMPLE_ALERTS = 200
_MAIL = re.compile(r"[^@\s,;]{1,64}@[^@\s,;]{1,190}")


def show_setup(visit: Visit) -> Response:
    """The choices, each with how it stands."""
    return _page(visit)


def _page(visit: Visit, wrong: str = "", told: str = "") -> Response:
    store, settings = visit.house.store, visit.house.settings
    return visit.page(
        "setup.html",
        settings=settings,
        health=store.health(),
        store_name=store.name,
        inputs=", ".join(str(one) for one in settings.watch.inputs),
        interfaces=", ".join(settings.network.interfaces),
        portals=store.find("portal", Query(order="id", limit=0)).total,
        alerts=store.find("alert", Query(order="last_seen", limit=0, count_to=1)).total,
        sample=store.get(_SAMPLE, "sample") is not None,
        wrong=wrong,
        told=told,
    )


def choose(visit: Visit) -> Response:
    """Write one of the choices into the settings file."""
    part = visit.given("part")
    if part not in _PARTS:
        raise visit.missing()
    try:
        choices.write(visit.house.settings.data, _PARTS[part](visit))
    except (SettingsError, ValueError) as error:
        return _page(visit, wrong=str(error))
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "settings_changed", part)
    return visit.go("/setup", "setup_saved")


def _store(visit: Visit) -> dict[str, Any]:
    chosen: dict[str, Any] = {"store": visit.given("store").strip()}
    elastic = {
        name: visit.given(name).strip() for name in ("ca_file", "user", "password") if visit.given(name)
    }
    return chosen | ({"elastic": elastic} if elastic else {})


def _sensors(visit: Visit) -> dict[str, Any]:
    return {
        "watch": {"inputs": _list(visit, "inputs")},
        "network": {"interfaces": _list(visit, "interfaces")},
    }


def _list(visit: Visit, name: str) -> list[str]:
    return [one.strip() for one in re.split(r"[,\n]", visit.given(name)) if one.strip()]


def _mail(visit: Visit) -> dict[str, Any]:
    port = visit.given("port").strip() or "25"
    if not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError(f"port: '{port[:20]}' is not a number")
    mail: dict[str, Any] = {name: visit.given(name).strip() for name in ("host", "sender", "user")}
    mail |= {"port": int(port), "starttls": visit.given("starttls") == "1"}
    if visit.given("password"):
        mail["password"] = visit.given("password")
    return {"mail": {name: held for name, held in mail.items() if held != ""}}


_PARTS = {"store": _store, "sensors": _sensors, "mail": _mail}


def try_mail(visit: Visit) -> Response:
    """Send one letter with the settings that are in force."""
    to = visit.given("to").strip()
    if not _MAIL.fullmatch(to):
        return _page(visit, wrong=visit.say("note", "mail_wrong"))
    subject, text = visit.say("mail", "try_subject"), visit.say("mail", "try_text")
    try:
        told = visit.house.mail(f"setup:{secrets.token_hex(8)}", to, subject, text)
    except CityWatchError as error:
        return _page(visit, wrong=str(error))
    return _page(visit, told=told)


def sample(visit: Visit) -> Response:
    """Fill the store with the invented small city, or take it out again."""
    store, clock = visit.house.store, visit.house.clock
    held = store.get(_SAMPLE, "sample")
    if visit.given("deed") == "remove":
        if held is not None:
            _remove(visit, held.doc)
        return visit.go("/setup", "sample_gone")
    taken = store.find("alert", Query(order="last_seen", limit=0, count_to=1)).total
    if held is not None or taken:
        return visit.go("/setup", "sample_full")
    made = seed.fill(store, clock, number=_SAMPLE_ALERTS)
    tickets = [record.id for record in store.find("ticket", Query(order="id", limit=500)).records]
    doc = {"alerts": " ".join(alert.id for alert in made), "tickets": " ".join(tickets)}
    store.put_many(_SAMPLE, {"sample": doc})
    write_audit(store, clock, visit.who.id, "sample_filled", f"{len(made)}")
    return visit.go("/setup", "sample_filled")


def _remove(visit: Visit, doc: dict[str, Any]) -> None:
    """Take out all but the events, which go with their day."""
    store = visit.house.store
    for alert_id in str(doc["alerts"]).split():
        store.delete("alert", alert_id)
        store.delete("alert_state", alert_id)
    for ticket_id in str(doc["tickets"]).split():
        store.delete("ticket", ticket_id)
    own = {portal.id: portal.url for portal in seed.portals()}
    for key, record in store.get_many("portal", list(own)).items():
        if from_doc(record.doc, Portal).url == own[key]:
            store.delete("portal", key)
    names = {agency.id: agency.email for agency in seed.agencies()}
    for key, record in store.get_many("agency", list(names)).items():
        if record.doc.get("email") == names[key]:
            store.delete("agency", key)
    store.delete(_SAMPLE, "sample")
    write_audit(store, visit.house.clock, visit.who.id, "sample_removed", "")


WAYS = (
    Way(path="/setup", handler=show_setup, name="setup", needs="accounts"),
    Way(path="/setup", handler=choose, name="setup_choose", method="POST", needs="accounts"),
    Way(path="/setup/mail", handler=try_mail, name="setup_mail", method="POST", needs="accounts"),
    Way(path="/setup/sample", handler=sample, name="setup_sample", method="POST", needs="accounts"),
)
