"""How does one get in and out, and who is the first?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from console.web import accounts, door, factor, sessions
from console.web.accounts import AccountRefusedError, User
from console.web.door import Visit, Way
from console.web.words import LANGUAGES

THEMES = ("system", "light", "dark")


def show_login(visit: Visit) -> Response:
    """The form; before the first account exists, the way to make it."""
    if visit.user is not None:
        return visit.go(visit.asked("next") or "/")
    if not accounts.is_set_up(visit.house.store):
        return visit.go(
            "/welcome" + (f"?code={visit.asked('code')}" if visit.asked("code").isascii() else "")
        )
    provider = visit.house.settings.oidc
    return form(
        visit,
        "login.html",
        next=door.local_path(visit.asked("next") or "/"),
        provider=provider.name if provider.issuer else "",
    )


def show_code(visit: Visit) -> Response:
    """The form for a one-time code, and, as long as there is nobody, for the first administrator."""
    first = not accounts.is_set_up(visit.house.store)
    return form(visit, "welcome.html", first=first, code=visit.asked("code")[:40])


def form(visit: Visit, template: str, **context: Any) -> Response:
    """A page with a form for somebody who need not be logged in."""
    if visit.session is not None:
        return visit.page(template, **context)
    value = door.before_cookie(visit)
    response = visit.page(template, csrf_text=door.before_token(value), **context)
    visit.put_cookie(response, door.BEFORE_COOKIE, value)
    return response


def log_in(visit: Visit) -> Response:
    """Check name and password; the same answer, after the same time, for every kind of wrong."""
    name, wanted = visit.given("name")[:200], door.local_path(visit.given("next") or "/")
    account = accounts.user_id(name)
    wait = visit.throttle.wait_s(visit.address, account)
    if wait:
        response = visit.go("/login", "wait", count=wait)
        response.headers["retry-after"] = str(wait)
        return response
    visit.throttle.failed(visit.address, account)
    user = accounts.get_user(visit.house.store, name)
    if not accounts.check_password(user, visit.given("password")) or user is None:
        _audit(visit, account, "login_failed")
        return visit.go("/login" if wanted == "/" else f"/login?next={wanted}", "login_failed")
    visit.throttle.succeeded(visit.address, account)
    if not user.has_second_factor:
        return enter(visit, user, wanted)
    response = visit.go("/login/code")
    factor.remember(visit, response, factor.Half(user=user.id, epoch=user.epoch, wanted=wanted))
    return response


def show_second(visit: Visit) -> Response:
    """The form for the second factor, after the right password."""
    found = factor.half_user(visit)
    if found is None:
        return visit.go("/login")
    user, _ = found
    return form(visit, "login_code.html", codes=bool(user.totp), keys=bool(user.passkeys))


def check_second(visit: Visit) -> Response:
    """Check a code of the app or a backup code."""
    found = factor.half_user(visit)
    if found is None:
        return visit.go("/login", "factor_stale")
    user, half = found
    guesses = "\0factor " + user.id
    wait = visit.throttle.wait_s(visit.address, guesses)
    if wait:
        return visit.go("/login/code", "wait", count=wait)
    visit.throttle.failed(visit.address, guesses)
    if not factor.code_opens(visit, user, visit.given("code")):
        _audit(visit, user.id, "factor_failed")
        return visit.go("/login/code", "factor_wrong")
    visit.throttle.succeeded(visit.address, guesses)
    return enter(visit, user, half.wanted)


def check_passkey(visit: Visit) -> Response:
    """Come in with a passkey: it stands for name, password and second factor."""
    wait = visit.throttle.wait_s(visit.address, "\0passkey")
    if wait:
        return visit.go("/login", "wait", count=wait)
    opened = factor.passkey_opens(visit)
    if opened is None:
        visit.throttle.failed(visit.address, "\0passkey")
        _audit(visit, "-", "passkey_failed")
        return visit.go("/login", "passkey_wrong")
    return enter(visit, *opened)


def use_code(visit: Visit) -> Response:
    """Use a one-time code: make the first administrator, or let the present one in."""
    store, clock, code = visit.house.store, visit.house.clock, visit.given("code")
    wait = visit.throttle.wait_s(visit.address, "\0code")
    if wait:
        return visit.go("/welcome", "wait", count=wait)
    if not accounts.code_is_good(store, clock, code):
        visit.throttle.failed(visit.address, "\0code")
        _audit(visit, "-", "code_failed")
        return visit.go("/welcome", "code_wrong")
    if accounts.is_set_up(store):
        user = accounts.first_admin(store)
        return (
            enter(visit, user, "/")
            if user is not None and accounts.use_code(store, clock, code)
            else visit.go("/welcome", "code_wrong")
        )
    return _first(visit, code)


def _first(visit: Visit, code: str) -> Response:
    store, clock = visit.house.store, visit.house.clock
    again = f"/welcome?code={code}" if code.isascii() else "/welcome"
    if visit.given("password") != visit.given("again"):
        return visit.go(again, "passwords_differ")
    wanted = User(id=visit.given("name"), name=visit.given("full_name") or visit.given("name"), role="admin")
    try:
        password = visit.given("password")
        accounts.check_new(wanted, password)
        if not accounts.use_code(store, clock, code):
            return visit.go("/welcome", "code_wrong")
        user = accounts.add_user(store, clock, replace(wanted, language=visit.language), password)
    except AccountRefusedError as refused:
        return visit.go(again, refused.reason)
    return enter(visit, user, "/setup")


def enter(visit: Visit, user: User, wanted: str, *, by_page: bool = False) -> Response:
    """Begin a session of somebody who proved to be this user; `by_page` leads on by a page of its own."""
    store, clock = visit.house.store, visit.house.clock
    if visit.session is not None:
        store.delete("session", visit.session.id)
    token, _ = sessions.open_session(store, clock, user, visit.request.headers.get("user-agent", ""))
    _audit(visit, user.id, "login")
    response = visit.page("onward.html", where=door.local_path(wanted)) if by_page else visit.go(wanted)
    visit.put_session(response, token)
    visit.drop_cookie(response, door.BEFORE_COOKIE)
    visit.drop_cookie(response, door.HALF_COOKIE)
    response.delete_cookie(door.AWAY_COOKIE, path="/login", httponly=True, samesite="lax")
    return response


def log_out(visit: Visit) -> Response:
    """End this browser's session."""
    if visit.session is not None:
        visit.house.store.delete("session", visit.session.id)
        _audit(visit, visit.who.id, "logout")
    response = visit.go("/login", "logged_out")
    visit.drop_cookie(response, door.COOKIE)
    return response


def set_look(visit: Visit) -> Response:
    """Choose language and theme, for an account or (language only) for a browser."""
    language, theme = visit.given("language"), visit.given("theme")
    response = visit.go(visit.given("back") or "/")
    if visit.user is not None:
        user = visit.user
        if language in LANGUAGES:
            user = replace(user, language=language)
        if theme in THEMES:
            user = replace(user, theme=theme)
        accounts.change_user(visit.house.store, user)
    elif language in LANGUAGES:
        visit.put_cookie(response, door.LANGUAGE_COOKIE, language, 31_536_000)
    return response


def _audit(visit: Visit, by: str, what: str) -> None:
    accounts.write_audit(visit.house.store, visit.house.clock, by, what, visit.address)


WAYS = (
    Way(path="/login", handler=show_login, name="login"),
    Way(path="/login", handler=log_in, name="log_in", method="POST"),
    Way(path="/login/code", handler=show_second, name="login_code"),
    Way(path="/login/code", handler=check_second, name="login_code_check", method="POST"),
    Way(path="/login/passkey", handler=check_passkey, name="passkey_check", method="POST"),
    Way(path="/welcome", handler=show_code, name="welcome"),
    Way(path="/welcome", handler=use_code, name="use_code", method="POST"),
    Way(path="/logout", handler=log_out, name="log_out", method="POST"),
    Way(path="/look", handler=set_look, name="set_look", method="POST"),
)
