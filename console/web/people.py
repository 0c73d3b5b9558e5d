"""Who has an account, which browsers and programs use it, and what was done?"""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from citywatch.ports import Query, Text
from console.web import accounts, sessions
from console.web.access import AGENCY_ROLES, ROLES
from console.web.accounts import AccountRefusedError, User, write_audit
from console.web.door import Visit, Way
from console.web.show import link

PAGE = 100
TOKEN_DAYS = (7, 30, 90, 365)


# -- one's own account -----------------------------------------------------------------------------------


def show_me(visit: Visit) -> Response:
    """One's own account."""
    return _me(visit)


def _me(visit: Visit, fresh: str = "") -> Response:
    store, me = visit.house.store, visit.who
    return visit.page(
        "me.html",
        sessions=sessions.sessions_of(store, me.id),
        own=visit.session.id if visit.session else "",
        tokens=sessions.tokens_of(store, me.id),
        days=TOKEN_DAYS,
        fresh=fresh,
    )


def change_password(visit: Visit) -> Response:
    """Set a new password; every other browser of the account is logged out."""
    store, me = visit.house.store, visit.who
    wait = visit.throttle.wait_s(visit.address, me.id)
    if wait:
        return visit.go("/me", "wait", count=wait)
    if not accounts.check_password(me, visit.given("present")):
        visit.throttle.failed(visit.address, me.id)
        return visit.go("/me", "password_wrong")
    if visit.given("password") != visit.given("again"):
        return visit.go("/me", "passwords_differ")
    try:
        accounts.check_new(me, visit.given("password"))
    except AccountRefusedError as refused:
        return visit.go("/me", refused.reason)
    changed = replace(me, password=accounts.hash_password(visit.given("password")), epoch=me.epoch + 1)
    accounts.change_user(store, changed)
    _note(visit, "password_changed", me.id)
    return _fresh_session(visit, changed, "/me", "password_changed")


def _fresh_session(visit: Visit, user: User, where: str, note: str) -> Response:
    agent = visit.request.headers.get("user-agent", "")
    token, _ = sessions.open_session(visit.house.store, visit.house.clock, user, agent)
    if visit.session is not None:
        visit.house.store.delete("session", visit.session.id)
    response = visit.go(where, note)
    visit.put_session(response, token)
    return response


def end_session(visit: Visit) -> Response:
    """Log one of one's own browsers out."""
    store = visit.house.store
    record = store.get("session", visit.given("session"))
    if record is None or record.doc["user"] != visit.who.id:
        raise visit.missing()
    store.delete("session", record.id)
    return visit.go("/me", "session_ended")


def make_token(visit: Visit) -> Response:
    """Make a token for a program; shown on this page only."""
    days = visit.given("days")
    scope = visit.given("scope")
    secret = sessions.new_token(
        visit.house.store,
        visit.house.clock,
        visit.who,
        visit.given("name").strip() or "API",
        scope=scope if scope in {"read", "write"} else "read",
        days=int(days) if days in {str(one) for one in TOKEN_DAYS} else TOKEN_DAYS[0],
    )
    _note(visit, "token_made", visit.given("name"))
    return _me(visit, secret)


def end_token(visit: Visit) -> Response:
    """End one of one's own tokens."""
    store = visit.house.store
    record = store.get("token", visit.given("token"))
    if record is None or record.doc.get("user") != visit.who.id:
        raise visit.missing()
    store.delete("token", record.id)
    _note(visit, "token_ended", str(record.doc.get("name", "")))
    return visit.go("/me", "token_ended")


# -- all accounts ----------------------------------------------------------------------------------------


def show_accounts(visit: Visit) -> Response:
    """All accounts."""
    return visit.page("accounts.html", users=accounts.all_users(visit.house.store), roles=ROLES)


def add_account(visit: Visit) -> Response:
    """Make an account."""
    role, agency = visit.given("role"), visit.given("agency").strip()
    if role not in ROLES:
        raise visit.missing()
    if role in AGENCY_ROLES and visit.house.store.get("agency", agency) is None:
        return visit.go("/accounts", "agency_missing")
    user = User(
        id=visit.given("name"),
        name=visit.given("full_name") or visit.given("name"),
        role=role,
        agency=agency if role in AGENCY_ROLES else "",
    )
    try:
        made = accounts.add_user(visit.house.store, visit.house.clock, user, visit.given("password"))
    except AccountRefusedError as refused:
        return visit.go("/accounts", refused.reason)
    _note(visit, "account_made", f"{made.id} {made.role} {made.agency}")
    return visit.go("/accounts", "user_added")


def change_account(visit: Visit) -> Response:
    """Give an account another role, switch it off or on, or set a new password."""
    store = visit.house.store
    user = accounts.get_user(store, visit.path("id"))
    if user is None:
        raise visit.missing()
    role = visit.given("role") or user.role
    if role not in ROLES:
        raise visit.missing()
    active = visit.given("active", "1" if user.active else "0") == "1"
    if user.role == "admin" and (role != "admin" or not active) and _last_admin(visit, user):
        return visit.go("/accounts", "last_admin")
    agency = visit.given("agency").strip() if role in AGENCY_ROLES else ""
    changed = replace(
        user, role=role, active=active, agency=agency or (user.agency if role in AGENCY_ROLES else "")
    )
    try:
        password = visit.given("password")
        accounts.check_new(changed, password or "x" * accounts.MIN_PASSWORD)
        if password:
            changed = replace(changed, password=accounts.hash_password(password))
    except AccountRefusedError as refused:
        return visit.go("/accounts", refused.reason)
    if changed != user:
        changed = replace(changed, epoch=user.epoch + 1)
        accounts.change_user(store, changed)
        _note(visit, "account_changed", f"{user.id} {role} {'on' if active else 'off'}")
    return visit.go("/accounts", "user_changed")


def _last_admin(visit: Visit, user: User) -> bool:
    others = (one for one in accounts.all_users(visit.house.store) if one.id != user.id)
    return not any(one.role == "admin" and one.active for one in others)


def show_audit(visit: Visit) -> Response:
    """Who did what, newest first."""
    text = visit.asked("q").strip()
    query = Query(order="seq", limit=PAGE, after=visit.asked("after") or None)
    page = visit.house.store.find("audit", replace(query, where=Text(text)) if text else query)
    return visit.page(
        "audit.html",
        lines=[record.doc for record in page.records],
        total=page.total,
        text=text,
        next_link=link("/audit", q=text, after=page.next) if page.next else "",
    )


def _note(visit: Visit, what: str, about: str) -> None:
    write_audit(visit.house.store, visit.house.clock, visit.who.id, what, about)


WAYS = (
    Way(path="/me", handler=show_me, name="me", needs="see"),
    Way(path="/me/password", handler=change_password, name="me_password", method="POST", needs="see"),
    Way(path="/me/sessions/end", handler=end_session, name="me_session_end", method="POST", needs="see"),
    Way(path="/me/tokens", handler=make_token, name="me_token", method="POST", needs="see"),
    Way(path="/me/tokens/end", handler=end_token, name="me_token_end", method="POST", needs="see"),
    Way(path="/accounts", handler=show_accounts, name="accounts", needs="accounts"),
    Way(path="/accounts", handler=add_account, name="account_add", method="POST", needs="accounts"),
    Way(path="/accounts/{id}", handler=change_account, name="account", method="POST", needs="accounts"),
    Way(path="/audit", handler=show_audit, name="audit", needs="accounts"),
)
