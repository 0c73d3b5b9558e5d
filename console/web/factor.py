"""Is it still you? Codes of an app, backup codes and passkeys: setting them up, and coming in with them."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec
from starlette.responses import JSONResponse, Response

from citywatch.clock import stamp
from citywatch.model import from_doc
from citywatch.ports import Is, Query
from console.web import accounts, door, passkeys, totp
from console.web.accounts import User
from console.web.door import Visit, Way
from console.web.passkeys import MOST_PASSKEYS, PasskeyRefusedError, Place

LIFE = timedelta(minutes=5)
_SETUP_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """A login that is not through yet: what the next step must know of the one before."""

    user: str = ""
    epoch: int = 0
    wanted: str = "/"
    challenge: str = ""
    """What the browser was asked to sign, base64url."""


def remember(visit: Visit, response: Response, half: Half) -> None:
    """Hand the browser what the next step needs, sealed."""
    sealed = visit.seal.close(msgspec.json.encode(half).decode(), visit.house.clock())
    visit.put_cookie(response, door.HALF_COOKIE, sealed, int(LIFE.total_seconds()))


def remembered(visit: Visit) -> Half | None:
    """What the step before left, when it was less than five minutes ago."""
    sealed = visit.request.cookies.get(door.HALF_COOKIE, "")
    text = visit.seal.open(sealed, visit.house.clock(), LIFE) if sealed else None
    return msgspec.json.decode(text, type=Half) if text else None


# -- coming in -------------------------------------------------------------------------------------------


def half_user(visit: Visit) -> tuple[User, Half] | None:
    """Who gave the right password and now has to give a code."""
    half = remembered(visit)
    user = accounts.get_user(visit.house.store, half.user) if half and half.user else None
    if half is None or user is None or not user.active or user.epoch != half.epoch:
        return None
    return user, half


def code_opens(visit: Visit, user: User, code: str) -> bool:
    """Tell whether a code of the app, or a backup code, is right; it is used up."""
    store, now = visit.house.store, visit.house.clock()
    secret = visit.seal.open(user.totp, now) if user.totp else None
    step = totp.step_of(secret, code, now, user.totp_step) if secret else None
    if step is not None:
        return accounts.change_once(store, user, replace(user, totp_step=step))
    hashed = totp.backup_hash(code)
    if hashed not in user.backup:
        return False
    left = tuple(one for one in user.backup if one != hashed)
    return accounts.change_once(store, user, replace(user, backup=left))


def ask_passkey(visit: Visit) -> Response:
    """What the browser has to sign to come in with a passkey."""
    half = remembered(visit) or Half()
    challenge = secrets.token_bytes(32)
    response = JSONResponse(msgspec.json.decode(passkeys.ask(Place.of(visit.site), challenge)))
    wanted = door.local_path(visit.given("next") or half.wanted)
    remember(visit, response, replace(half, wanted=wanted, challenge=_text(challenge)))
    return response


def passkey_opens(visit: Visit) -> tuple[User, str] | None:
    """Who comes in with a passkey, and where they wanted to go; None when the answer proves nothing."""
    half, answer = remembered(visit), visit.given("answer")
    handle = passkeys.handle_of(answer)
    if half is None or not half.challenge or not handle:
        return None
    found = visit.house.store.find("user", Query(where=Is("passkey_handle", handle), order="id", limit=1))
    user = from_doc(found.records[0].doc, User) if found.records else None
    if user is None or not user.active or user.passkey_handle != handle:
        return None
    try:
        counted = passkeys.proven(Place.of(visit.site), _bytes(half.challenge), answer, user)
    except PasskeyRefusedError:
        return None
    return (counted, half.wanted) if accounts.change_once(visit.house.store, user, counted) else None


# -- setting up ------------------------------------------------------------------------------------------


def show_factor(visit: Visit) -> Response:
    """One's own second factor."""
    return _show(visit)


def _show(visit: Visit, codes: tuple[str, ...] = ()) -> Response:
    me, now = visit.who, visit.house.clock()
    secret = "" if me.totp else totp.new_secret()
    return visit.page(
        "factor.html",
        me=me,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        sealed=visit.seal.close(f"{me.id} {secret}", now) if secret else "",
        picture=totp.picture(totp.address(secret, me.id, _issuer(visit))) if secret else "",
        codes=codes,
        most_passkeys=MOST_PASSKEYS,
        must=visit.must_add_factor,
    )


def _issuer(visit: Visit) -> str:
    return f"CityWatch {visit.house.settings.organisation}"


def set_app(visit: Visit) -> Response:
    """Take an app into use, once it has shown a right code; shows the backup codes, this once."""
    me, now = visit.who, visit.house.clock()
    owner, _, secret = (visit.seal.open(visit.given("sealed"), now, _SETUP_LIFE) or "").partition(" ")
    if owner != me.id or me.totp:
        return visit.go("/me/factor", "factor_stale")
    wait = visit.throttle.wait_s(visit.address, me.id)
    if wait:
        return visit.go("/me/factor", "wait", count=wait)
    step = totp.step_of(secret, visit.given("code"), now, 0)
    if step is None:
        visit.throttle.failed(visit.address, me.id)
        return visit.go("/me/factor", "factor_wrong")
    codes = totp.new_backup_codes()
    changed = replace(
        me,
        totp=visit.seal.close(secret, now),
        totp_step=step,
        backup=tuple(totp.backup_hash(code) for code in codes),
    )
    if not accounts.change_once(visit.house.store, me, changed):
        return visit.go("/me/factor", "conflict")
    _note(visit, "factor_app_set", me.id)
    return _show(replace(visit, user=changed), codes)


def new_codes(visit: Visit) -> Response:
    """Make new backup codes; the old ones no longer work."""
    me = visit.who
    refused = _prove_again(visit)
    if refused is not None or not me.totp:
        return refused or visit.go("/me/factor", "factor_stale")
    codes = totp.new_backup_codes()
    changed = replace(me, backup=tuple(totp.backup_hash(code) for code in codes))
    if not accounts.change_once(visit.house.store, me, changed):
        return visit.go("/me/factor", "conflict")
    _note(visit, "factor_codes_made", me.id)
    return _show(replace(visit, user=changed), codes)


def end_app(visit: Visit) -> Response:
    """Stop asking for codes of the app."""
    me = visit.who
    refused = _prove_again(visit)
    if refused is not None:
        return refused
    changed = replace(me, totp="", totp_step=0, backup=())
    if not accounts.change_once(visit.house.store, me, changed):
        return visit.go("/me/factor", "conflict")
    _note(visit, "factor_app_ended", me.id)
    return visit.go("/me/factor", "factor_ended")


def _prove_again(visit: Visit) -> Response | None:
    """The password again: a browser left open must not be enough to take the second factor away."""
    wait = visit.throttle.wait_s(visit.address, visit.who.id)
    if wait:
        return visit.go("/me/factor", "wait", count=wait)
    if accounts.check_password(visit.who, visit.given("present")):
        return None
    visit.throttle.failed(visit.address, visit.who.id)
    return visit.go("/me/factor", "password_wrong")


def offer_passkey(visit: Visit) -> Response:
    """What the browser needs to make a passkey."""
    me, challenge = visit.who, secrets.token_bytes(32)
    if not me.passkey_handle:
        changed = replace(me, passkey_handle=_text(secrets.token_bytes(32)))
        if not accounts.change_once(visit.house.store, me, changed):
            return JSONResponse({"error": "conflict"}, 409)
        me = changed
    options = passkeys.offer(Place.of(visit.site), me, _issuer(visit), challenge)
    response = JSONResponse(msgspec.json.decode(options))
    remember(visit, response, Half(user=me.id, challenge=_text(challenge)))
    return response


def add_passkey(visit: Visit) -> Response:
    """Keep the passkey that the browser made."""
    me, half = visit.who, remembered(visit)
    if half is None or half.user != me.id or not half.challenge or len(me.passkeys) >= MOST_PASSKEYS:
        return visit.go("/me/factor", "factor_stale")
    try:
        key = passkeys.made(
            Place.of(visit.site),
            _bytes(half.challenge),
            visit.given("answer"),
            name=visit.given("name").strip() or "–",
            at=stamp(visit.house.clock()),
        )
    except PasskeyRefusedError:
        return visit.go("/me/factor", "passkey_wrong")
    if not accounts.change_once(visit.house.store, me, replace(me, passkeys=(*me.passkeys, key))):
        return visit.go("/me/factor", "conflict")
    _note(visit, "passkey_added", key.name)
    response = visit.go("/me/factor", "passkey_added")
    visit.drop_cookie(response, door.HALF_COOKIE)
    return response


def end_passkey(visit: Visit) -> Response:
    """Take a passkey away."""
    me = visit.who
    left = tuple(key for key in me.passkeys if key.id != visit.given("passkey"))
    if len(left) == len(me.passkeys):
        raise visit.missing()
    refused = _prove_again(visit)
    if refused is not None:
        return refused
    if not accounts.change_once(visit.house.store, me, replace(me, passkeys=left)):
        return visit.go("/me/factor", "conflict")
    _note(visit, "passkey_ended", me.id)
    return visit.go("/me/factor", "factor_ended")


def reset(visit: Visit) -> Response:
    """Take the second factor of an account away whose owner lost the device; it is logged out everywhere."""
    store = visit.house.store
    user = accounts.get_user(store, visit.path("id"))
    if user is None:
        raise visit.missing()
    bare = replace(user, totp="", totp_step=0, backup=(), passkeys=(), epoch=user.epoch + 1)
    if not accounts.change_once(store, user, bare):
        return visit.go("/accounts", "conflict")
    _note(visit, "factor_reset", user.id)
    return visit.go("/accounts", "user_changed")


def _note(visit: Visit, what: str, about: str) -> None:
    accounts.write_audit(visit.house.store, visit.house.clock, visit.who.id, what, about)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


WAYS = (
    Way(path="/login/passkey/ask", handler=ask_passkey, name="passkey_ask", method="POST"),
    Way(path="/me/factor", handler=show_factor, name="me_factor", needs="see"),
    Way(path="/me/factor/app", handler=set_app, name="me_factor_app", method="POST", needs="see"),
    Way(path="/me/factor/app/end", handler=end_app, name="me_factor_app_end", method="POST", needs="see"),
    Way(path="/me/factor/codes", handler=new_codes, name="me_factor_codes", method="POST", needs="see"),
    Way(
        path="/me/factor/passkey/offer",
        handler=offer_passkey,
        name="passkey_offer",
        method="POST",
        needs="see",
    ),
    Way(path="/me/factor/passkey", handler=add_passkey, name="passkey_add", method="POST", needs="see"),
    Way(path="/me/factor/passkey/end", handler=end_passkey, name="passkey_end", method="POST", needs="see"),
    Way(path="/accounts/{id}/factor", handler=reset, name="factor_reset", method="POST", needs="accounts"),
)
