"""How does somebody of an agency get an account without anybody telling a password?

Whoever may invite makes a link that is good once, for seven days; its owner chooses name and password. Only
the link's hash is stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from starlette.exceptions import HTTPException
from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.errors import CityWatchError
from citywatch.model import from_doc, to_doc
from citywatch.ports import Condition, Everything, Is, Query, Store
from console.web import accounts, login
from console.web.access import AGENCY_ROLES, ROLES, may
from console.web.accounts import AccountRefusedError, User, write_audit
from console.web.door import Visit, Way

KIND = "invite"
LIFE = timedelta(days=7)
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A link to an account that is still to be made."""

    id: str
    """Hash of what stands in the link."""
    role: str
    agency: str = ""
    email: str = ""
    by: str
    at: str
    until: str


def id_of(code: str) -> str:
    """Under which name the invitation of a code is kept: the code itself is not."""
    return sha256(b"invite\0" + code.encode("utf-8", "replace")).hexdigest()


def _read(store: Store, code: str, now: str) -> Invite | None:
    record = store.get(KIND, id_of(code))
    invite = from_doc(record.doc, Invite) if record else None
    return invite if invite is not None and invite.until > now else None


def offered(visit: Visit) -> tuple[str, ...]:
    """Which roles this person may invite somebody to."""
    if visit.can("accounts"):
        return ROLES
    return AGENCY_ROLES


def show_people(visit: Visit) -> Response:
    """Who has an account at one's agency, and who is invited."""
    return _people(visit)


def _people(visit: Visit, link: str = "", told: str = "") -> Response:
    store, own = visit.house.store, visit.who.agency
    narrowed: Condition = Everything() if visit.can("staff") else Is("agency", own)
    users = store.find("user", Query(where=narrowed, order="id", newest_first=False, limit=_MOST))
    open_ones = store.find(KIND, Query(where=narrowed, order="at", limit=_MOST))
    people = [from_doc(record.doc, User) for record in users.records]
    now = stamp(visit.house.clock())
    invites = [from_doc(record.doc, Invite) for record in open_ones.records]
    return visit.page(
        "invite.html",
        users=[(user, _in_charge(visit, user)) for user in people],
        invites=[one for one in invites if one.until > now],
        roles=offered(visit),
        own=own,
        fresh=link,
        told=told,
    )


def invite(visit: Visit) -> Response:
    """Make a link; it is shown once, and mailed when mail is set up."""
    role = visit.given("role")
    agency = visit.who.agency if not visit.can("staff") else visit.given("agency").strip()
    if role not in offered(visit):
        raise HTTPException(400)
    store, clock = visit.house.store, visit.house.clock
    if role in AGENCY_ROLES and store.get("agency", agency) is None:
        return visit.go("/people", "agency_missing")
    code = secrets.token_urlsafe(24)
    made = Invite(
        id=id_of(code),
        role=role,
        agency=agency if role in AGENCY_ROLES else "",
        email=visit.given("email").strip()[:200],
        by=visit.who.id,
        at=stamp(clock()),
        until=stamp(clock() + LIFE),
    )
    store.put_if(KIND, made.id, to_doc(made), 0)
    write_audit(store, clock, visit.who.id, "invited", f"{made.role} {made.agency} {made.email}")
    link = f"{visit.site}/invite/{code}"
    return _people(visit, link, _mail(visit, made, link) if made.email else "")


def _mail(visit: Visit, made: Invite, link: str) -> str:
    subject = visit.say("mail", "invite_subject")
    text = visit.say("mail", "invite_text") % {"who": visit.who.name, "link": link}
    try:
        return visit.house.mail(f"invite:{made.id}", made.email, subject, text)
    except CityWatchError as error:
        return str(error)


def end_invite(visit: Visit) -> Response:
    """Take an invitation back."""
    store = visit.house.store
    record = store.get(KIND, visit.path("id"))
    own = visit.can("staff") or (record is not None and record.doc.get("agency") == visit.who.agency)
    if record is None or not own:
        raise visit.missing()
    store.delete(KIND, record.id)
    write_audit(store, visit.house.clock, visit.who.id, "invite_ended", str(record.doc.get("email", "")))
    return visit.go("/people", "saved")


def switch_person(visit: Visit) -> Response:
    """Switch an account of one's own agency off or on."""
    store = visit.house.store
    user = accounts.get_user(store, visit.path("id"))
    if user is None or not _in_charge(visit, user):
        raise visit.missing()
    accounts.switch(store, user, active=visit.given("active") == "1")
    write_audit(
        store, visit.house.clock, visit.who.id, "account_changed", f"{user.id} {visit.given('active')}"
    )
    return visit.go("/people", "user_changed")


def _in_charge(visit: Visit, user: User) -> bool:
    """Agencies look after their own people, staff after those of every agency, nobody after oneself."""
    if user.id == visit.who.id:
        return False
    if visit.can("accounts"):
        return True
    return user.role in AGENCY_ROLES and (visit.can("staff") or user.agency == visit.who.agency)


# -- for who was invited -----------------------------------------------------------------------------------


def show_invite(visit: Visit) -> Response:
    """The form for name and password."""
    found = _read(visit.house.store, visit.path("code"), stamp(visit.house.clock()))
    if found is None:
        return visit.go("/login", "invite_gone")
    return login.form(visit, "join.html", invite=found, code=visit.path("code"))


def join(visit: Visit) -> Response:
    """Make the account that the link is for; the link is used up."""
    wait = visit.throttle.wait_s(visit.address, "\0invite")
    if wait:
        return visit.go("/login", "wait", count=wait)
    code = visit.path("code")
    found = _read(visit.house.store, code, stamp(visit.house.clock()))
    if found is None:
        visit.throttle.failed(visit.address, "\0invite")
        return visit.go("/login", "invite_gone")
    try:
        user = _make(visit, found)
    except AccountRefusedError as refused:
        return visit.go(f"/invite/{code}", refused.reason)
    about = f"{user.role} {user.agency} invited by {found.by}"
    write_audit(visit.house.store, visit.house.clock, user.id, "joined", about)
    return login.enter(visit, user, "/portals/new" if may(user.role, "register") else "/")


def _make(visit: Visit, found: Invite) -> User:
    store, password = visit.house.store, visit.given("password")
    if password != visit.given("again"):
        raise AccountRefusedError("passwords_differ")
    wanted = User(
        id=visit.given("name"),
        name=visit.given("full_name") or visit.given("name"),
        role=found.role,
        agency=found.agency,
        email=found.email,
        language=visit.language,
    )
    accounts.check_new(wanted, password)
    if accounts.get_user(store, wanted.id) is not None:
        raise AccountRefusedError("user_taken")
    if not store.delete(KIND, found.id):  # of two who open one link, one comes in
        raise AccountRefusedError("invite_gone")
    return accounts.add_user(store, visit.house.clock, wanted, password)


WAYS = (
    Way(path="/people", handler=show_people, name="people", needs="invite"),
    Way(path="/people", handler=invite, name="invite", method="POST", needs="invite"),
    Way(path="/people/{id}", handler=switch_person, name="person", method="POST", needs="invite"),
    Way(
        path="/people/invites/{id}/end", handler=end_invite, name="invite_end", method="POST", needs="invite"
    ),
    Way(path="/invite/{code}", handler=show_invite, name="join"),
    Way(path="/invite/{code}", handler=join, name="join_do", method="POST"),
)
