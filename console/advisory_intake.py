"""Which new warnings lie in the folder and in the mailbox?

Nothing is moved, marked or deleted there: what was taken is known by its hash (folder) or by its number in
the mailbox (IMAP UID), which stand in the store. One that cannot be read is told on the health page and
passed over; a mailbox that does not answer is asked again later.
"""

from __future__ import annotations

import imaplib
import re
import ssl
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, InputError
from citywatch.model import Problem
from citywatch.respond.due import Lease
from citywatch.respond.letter import LARGEST, read_letter

if TYPE_CHECKING:
    from citywatch.settings import Advisories as Wanted
    from console.house import House

MAIL: Final = "advisory_mail"
SEEN: Final = "advisory_seen"
AT_ONCE: Final = 50
_LISTED: Final = 5000
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class MailboxError(CityWatchError):
    """The mailbox does not answer, or refuses; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a mailbox has been read. A new `validity` means that its numbers began anew."""

    validity: int
    uid: int
    version: int


class Intake:
    """Looks into folder and mailbox, at most every `every_s`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._wanted: Wanted = house.settings.advisories
        self._lease = Lease(house.store, "advisories", house.clock)
        self._known: set[tuple[str, int, int]] = set()
        self._next_mail = 0.0

    def step(self) -> int:
        """Take in what is new; give how many warnings came.

        Raises:
            MailboxError: the mailbox could not be read; what was taken before is taken.
        """
        if not self._lease.hold():
            return 0
        came = self._folder() + self._mail()
        self._house.advisories.follow_all()
        return came

    # -- the folder --------------------------------------------------------------------------------------

    def _folder(self) -> int:
        folder = self._wanted.folder
        if folder is None or not folder.is_dir():
            return 0
        came = 0
        for file in sorted(folder.iterdir())[:_LISTED]:
            told = file.lstat()
            place = (file.name, told.st_size, told.st_mtime_ns)
            if place in self._known or file.name.startswith("."):
                continue
            if not stat.S_ISREG(told.st_mode):  # a link may lead anywhere: it is not followed
                self._problem(str(file), "is no ordinary file: passed over")
            elif self._house.clock().timestamp() - told.st_mtime < 2:  # noqa: PLR2004 - perhaps still being written
                continue
            else:
                came += self._take_file(file, told.st_size)
            self._known.add(place)
        return came

    def _take_file(self, file: Path, size: int) -> int:
        if size > LARGEST:
            self._problem(str(file), f"is larger than {LARGEST} bytes: passed over")
            return 0
        try:
            raw = file.read_bytes()
        except OSError as error:
            self._problem(str(file), f"cannot be read: {error.strerror}")
            return 0
        return self._take(raw, file.name, by="folder", source="", watch=True)

    def _take(self, raw: bytes, name: str, *, by: str, source: str, watch: bool) -> int:
        """Take bytes in that were not taken before; tell what cannot be read, once."""
        key = sha256(raw).hexdigest()
        if self._house.store.get(SEEN, key) is not None:
            return 0
        state = "taken"
        try:
            came = self._house.advisories.take_in(raw, name, by=by, source=source, watch=watch)
        except InputError as error:
            self._problem(name, str(error))
            state, came = "unreadable", None
        doc = {"name": name[:200], "by": by, "state": state, "at": stamp(self._house.clock())}
        self._house.store.put_many(SEEN, {key: doc})
        return 1 if came is not None and not came.known else 0

    def _problem(self, source: str, what: str) -> None:
        self._house.pulse.problem(Problem(sensor="advisories", source=source[:200], position="", what=what))

    # -- the mailbox -------------------------------------------------------------------------------------

    def _mail(self) -> int:
        wanted = self._wanted
        if not wanted.imap_host or monotonic() < self._next_mail:
            return 0
        self._next_mail = monotonic() + wanted.every_s
        try:
            with _mailbox(wanted) as box:
                return self._read(box)
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(f"{wanted.imap_host}:{wanted.imap_port}: {error}"[:300]) from error

    def _read(self, box: imaplib.IMAP4) -> int:
        validity = _validity(box)
        place = self._place(validity)
        _, found = box.uid("search", f"UID {place.uid + 1}:*")
        uids = sorted(int(text) for text in cast("list[bytes]", found)[0].split() if int(text) > place.uid)
        came = 0
        for uid in uids[:AT_ONCE]:
            came += self._letter(box, uid)
            place = self._moved(Place(validity=validity, uid=uid, version=place.version))
        if len(uids) > AT_ONCE:
            self._next_mail = 0.0
        return came

    def _letter(self, box: imaplib.IMAP4, uid: int) -> int:
        name = f"{self._wanted.mailbox} {uid}"
        _, told = box.uid("fetch", str(uid), "(RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM)])")
        size, head = _size(told), _body(told)
        if size > LARGEST:
            self._problem(name, f"is larger than {LARGEST} bytes: passed over")
            return 0
        sender = read_letter(head + b"\r\n", name).sender if head.strip() else ""
        if not self._is_wanted(sender):
            self._problem(name, f"is from '{sender}', who is not in [advisories] senders: passed over")
            return 0
        _, held = box.uid("fetch", str(uid), "(BODY.PEEK[])")
        raw = _body(held)
        if not raw:
            return 0
        return self._take(raw, name, by="mail", source=sender, watch=self._wanted.trust_mail)

    def _is_wanted(self, sender: str) -> bool:
        domain = sender.rpartition("@")[2]
        for one in self._wanted.senders:
            name = one.strip().lower().lstrip("@")
            if sender == name or (
                "@" not in name and name and (domain == name or domain.endswith(f".{name}"))
            ):
                return True
        return False

    def _place(self, validity: int) -> Place:
        record = self._house.store.get(MAIL, self._key)
        if record is None:
            return Place(validity=validity, uid=0, version=0)
        same = int(record.doc["validity"]) == validity
        return Place(validity=validity, uid=int(record.doc["uid"]) if same else 0, version=record.version)

    def _moved(self, place: Place) -> Place:
        doc = {"validity": place.validity, "uid": place.uid, "at": stamp(self._house.clock())}
        record = self._house.store.put_if(MAIL, self._key, doc, place.version)
        return Place(validity=place.validity, uid=place.uid, version=record.version)

    @property
    def _key(self) -> str:
        wanted = self._wanted
        return f"{wanted.imap_user}@{wanted.imap_host}:{wanted.imap_port}/{wanted.mailbox}"[:300]


@contextmanager
def _mailbox(wanted: Wanted) -> Generator[imaplib.IMAP4]:
    """A mailbox that is opened to be read only, over TLS."""
    context = ssl.create_default_context(cafile=wanted.imap_ca_file or None)
    if wanted.imap_starttls:
        box = imaplib.IMAP4(wanted.imap_host, wanted.imap_port, timeout=wanted.timeout_s)
        box.starttls(context)
    else:
        box = imaplib.IMAP4_SSL(
            wanted.imap_host, wanted.imap_port, ssl_context=context, timeout=wanted.timeout_s
        )
    with box:
        box.login(wanted.imap_user, wanted.imap_password)
        state, told = box.select(_quoted(wanted.mailbox), readonly=True)
        if state != "OK":
            raise imaplib.IMAP4.error(f"mailbox '{wanted.mailbox}': {told!r}")
        yield box


def _quoted(name: str) -> str:
    r"""A mailbox's name as IMAP takes it (RFC 3501, 5.1: modified UTF-7 for other than ASCII letters).

    >>> _quoted("INBOX"), _quoted('a "b"')
    ('"INBOX"', '"a \\"b\\""')
    """
    encoded = "".join(char for char in name if char.isprintable())
    return '"' + encoded.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _validity(box: imaplib.IMAP4) -> int:
    _, told = box.response("UIDVALIDITY")
    first = told[0] if told else None
    return int(first) if isinstance(first, bytes) and first.isdigit() else 0


def _size(told: object) -> int:
    found = _SIZE.search(b" ".join(_parts(told)))
    return int(found[1]) if found else 0


def _parts(told: object) -> list[bytes]:
    flat: list[bytes] = []
    for one in cast("list[object]", told) if isinstance(told, list) else []:
        several = cast("tuple[object, ...]", one) if isinstance(one, tuple) else (one,)
        flat += [part for part in several if isinstance(part, bytes)]
    return flat


def _body(told: object) -> bytes:
    """The literal of a FETCH answer."""
    for one in cast("list[object]", told) if isinstance(told, list) else []:
        if isinstance(one, tuple):
            parts = cast("tuple[object, ...]", one)
            if len(parts) > 1 and isinstance(parts[1], bytes):
                return parts[1]
    return b""
