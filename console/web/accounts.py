"""Who are the people, how do they prove it, and what did they do?

Passwords are kept as argon2id hashes. A one-time code, shown on the terminal only, lets whoever holds the
terminal set up the first account (or, later, let the first administrator in again).
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from citywatch.clock import Clock, stamp
from citywatch.errors import Conflict
from citywatch.model import from_doc, to_doc
from citywatch.ports import Is, Query, Store
from citywatch.respond import audit
from console.web.access import AGENCY_ROLES

CODE_LIFE = timedelta(hours=1)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME = re.compile(r"[\w.@+-]{1,64}")
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")
_AT_ONCE = BoundedSemaphore(2)  # each verification takes 64 MiB and a core

MIN_PASSWORD = 10
MAX_PASSWORD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A key that a browser or a security key holds for this console (WebAuthn)."""

    id: str
    """Credential id, base64url."""
    public_key: str
    """COSE key, base64url."""
    count: int = 0
    """Signatures the device says it made; a step back is a copied key."""
    name: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One account."""

    id: str
    """What is typed to log in, folded by `user_id`."""
    name: str
    role: str = "analyst"
    agency: str = ""
    """For the roles of an agency: whose alerts, tickets and portals it sees."""
    password: str = ""
    """argon2id hash; empty: cannot log in."""
    language: str = "vi"
    theme: str = "system"
    active: bool = True
    created_at: str = ""
    epoch: int = 0
    """Raised when every session of the account must end (new password, other role, switched off)."""
    email: str = ""
    totp: str = ""
    """Sealed secret of the app that makes codes; empty: none."""
    totp_step: int = 0
    """The last step whose code was used: none is good twice."""
    backup: tuple[str, ...] = ()
    """Hashes of the backup codes that are left."""
    passkeys: tuple[Passkey, ...] = ()
    passkey_handle: str = ""
    """What passkeys know the account by: random, so that it tells nothing."""
    subject: str = ""
    """Issuer and subject at the identity provider, for who comes in through it."""

    @property
    def has_second_factor(self) -> bool:
        """A stolen password alone does not open this account."""
        return bool(self.totp or self.passkeys)


class AccountRefusedError(Exception):
    """What was asked of an account cannot be; `reason` is a key of the phrases in `words`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def user_id(typed: str) -> str:
    """Fold what was typed, so that one name is one account.

    >>> user_id(" Ánh.Nguyễn ")
    'ánh.nguyễn'
    """
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def name_is_good(folded: str) -> bool:
    """Tell whether this, as `user_id` folds it, can name an account."""
    return _NAME.fullmatch(folded) is not None


def check_new(user: User, password: str) -> None:
    """Look at a new account before it is made.

    Raises:
        AccountRefusedError: the name cannot be used, the agency is missing, or the password is too weak.
    """
    if not name_is_good(user_id(user.id)):
        raise AccountRefusedError("user_name")
    if user.role in AGENCY_ROLES and not user.agency:
        raise AccountRefusedError("agency_missing")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountRefusedError("password_length")


def hash_password(password: str) -> str:
    """Hash a new password (slow on purpose: call it in a thread)."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def check_password(user: User | None, password: str) -> bool:
    """Tell whether the password is this user's; takes as long when there is no such user."""
    known = user.password if user is not None and user.active and user.password else ""
    with _AT_ONCE:
        try:
            _HASHER.verify(known or _NOBODY, password[: MAX_PASSWORD + 1])
        except (Argon2Error, InvalidHashError):
            return False
    return bool(known)


def get_user(store: Store, name: str) -> User | None:
    """The account of this name."""
    folded = user_id(name)
    if not name_is_good(folded):
        return None
    record = store.get("user", folded)
    return from_doc(record.doc, User) if record else None


def all_users(store: Store) -> list[User]:
    """All accounts, by name."""
    page = store.find("user", Query(order="id", newest_first=False, limit=1000))
    return [from_doc(record.doc, User) for record in page.records]


def add_user(store: Store, clock: Clock, user: User, password: str) -> User:
    """Write a new account.

    Raises:
        AccountRefusedError: the name cannot be used or is taken, or the password is too weak.
    """
    check_new(user, password)
    folded = user_id(user.id)
    new = replace(
        user,
        id=folded,
        name=user.name.strip()[:100] or folded,
        password=hash_password(password),
        created_at=stamp(clock()),
    )
    try:
        store.put_if("user", folded, to_doc(new), 0)
    except Conflict as error:
        raise AccountRefusedError("user_taken") from error
    return new


def change_user(store: Store, user: User) -> None:
    """Write an account back, whoever wrote it last."""
    record = store.get("user", user.id)
    store.put_if("user", user.id, to_doc(user), record.version if record else 0)


def change_once(store: Store, before: User, after: User) -> bool:
    """Write an account back if nobody changed it since `before` was read; tell whether it was written."""
    record = store.get("user", before.id)
    if record is None or from_doc(record.doc, User) != before:
        return False
    try:
        store.put_if("user", before.id, to_doc(after), record.version)
    except Conflict:
        return False
    return True


def switch(store: Store, user: User, *, active: bool) -> None:
    """Switch an account off or on; switched off, every browser and token of it is out."""
    if user.active != active:
        change_user(store, replace(user, active=active, epoch=user.epoch + 1))


def is_set_up(store: Store) -> bool:
    """Tell whether an administrator exists."""
    return store.find("user", Query(where=Is("role", "admin"), order="id", limit=1)).total > 0


def first_admin(store: Store) -> User | None:
    """The oldest administrator who may still log in."""
    where = Is("role", "admin")
    page = store.find("user", Query(where=where, order="created_at", newest_first=False, limit=100))
    users = (from_doc(record.doc, User) for record in page.records)
    return next((user for user in users if user.active), None)


def new_one_time_code(store: Store, clock: Clock) -> str:
    """Make a code for the terminal; it is good once, for an hour, and only its hash is stored."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    code = "-".join((letters[:4], letters[4:8], letters[8:]))
    doc = {"purpose": "one_time_code", "expires_at": stamp(clock() + CODE_LIFE)}
    store.put_if("token", _code_id(code), doc, 0)
    return code


def code_is_good(store: Store, clock: Clock, code: str) -> bool:
    """Tell whether this code could be used now, without using it."""
    record = store.get("token", _code_id(code))
    if record is None or record.doc.get("purpose") != "one_time_code":
        return False
    return str(record.doc["expires_at"]) > stamp(clock())


def use_code(store: Store, clock: Clock, code: str) -> bool:
    """Use a code up; of two who try at once only one has it."""
    return code_is_good(store, clock, code) and store.delete("token", _code_id(code))


def _code_id(code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return "code-" + sha256(letters.encode()).hexdigest()


def write_audit(store: Store, clock: Clock, by: str, what: str, about: str) -> None:
    """Note who did what to what, in one line; a later change of it is found (`respond.audit`)."""
    audit.append(store, clock, by=one_line(by), what=what, about=one_line(about))


def one_line(text: str) -> str:
    """A text whose control characters, line ends among them, cannot pretend to be further lines.

    >>> one_line("lan" + chr(10) + "admin login")
    'lan�admin login'
    """
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:2000])
