"""Who did what, in a form in which nobody can change the past unseen?

Each act is a line: a record whose id is its number, carrying the hash of the line before and its own (SHA-256
over canonical JSON: keys sorted, no blanks, UTF-8). A line is made only where none of that number is, so of
two writers at once one comes after the other. Beside the lines a `head` says how far they go, and a head that
was written down elsewhere (a file, a mailbox) shows whether somebody made the whole chain anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import msgspec
import orjson

from citywatch.clock import Clock, stamp
from citywatch.errors import Conflict, StoreError
from citywatch.model import from_doc, to_doc
from citywatch.ports import Query, Record, Store

KIND: Final = "audit"
HEAD_KIND: Final = "audit_head"
FIRST: Final = "0" * 64
"""What stands as the hash of the line before the first."""
ABOUT: Final = 500
TRIES: Final = 500
CHUNK: Final = 500
LONGEST_GAP: Final = 100_000
"""When so many lines in a row are gone, the rest is taken to be gone too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One act."""

    seq: int
    at: str
    by: str
    what: str
    about: str
    before: str
    """Hash of the line before."""
    hash: str = ""

    def hashed(self) -> Line:
        """The line with the hash of what it says."""
        return replace(self, hash=digest(to_doc(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest line: its number and hash. Written down elsewhere, it holds all lines up to it."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


def digest(doc: dict[str, Any]) -> str:
    """Hash of what a line says, without its own hash.

    >>> digest({"b": 1, "a": "ă", "hash": "x"}) == digest({"a": "ă", "b": 1})
    True
    """
    said = {name: value for name, value in doc.items() if name != "hash"}
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def line_id(seq: int) -> str:
    """The record id of a line: ids sort as numbers do."""
    return f"{seq:012d}"


def append(store: Store, clock: Clock, *, by: str, what: str, about: str) -> Line:
    """Write the next line.

    Raises:
        StoreError: others kept writing (`TRIES` times), or the store refused.
    """
    by, what, about = (_plain(text) for text in (by, what, about[:ABOUT]))
    for _ in range(TRIES):
        held, newest = _newest(store)
        line = Line(
            seq=newest.seq + 1, at=stamp(clock()), by=by, what=what, about=about, before=newest.hash
        ).hashed()
        try:
            store.put_if(KIND, line_id(line.seq), to_doc(line), 0)
        except Conflict:
            continue
        _move_head(store, line, held)
        return line
    raise StoreError("the audit could not be written: others kept writing it")


def _plain(text: str) -> str:
    """Text that can be stored and hashed: no half characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def read_head(store: Store) -> Head:
    """How far the lines go, as the head says; before the first line its number is 0."""
    record = store.get(HEAD_KIND, "head")
    return from_doc(record.doc, Head) if record else Head(seq=0, hash=FIRST)


def _newest(store: Store) -> tuple[Record | None, Head]:
    """The head, moved past lines that were written just before a kill."""
    record = store.get(HEAD_KIND, "head")
    head = from_doc(record.doc, Head) if record else Head(seq=0, hash=FIRST)
    while following := store.get(KIND, line_id(head.seq + 1)):
        head = Head(seq=head.seq + 1, hash=str(following.doc.get("hash", "")))
    return record, head


def _move_head(store: Store, line: Line, held: Record | None) -> None:
    """Move the head on; when another was faster, the next writer finds the line by walking on."""
    try:
        head = Head(seq=line.seq, hash=line.hash)
        store.put_if(HEAD_KIND, "head", to_doc(head), held.version if held else 0)
    except Conflict:
        return


# -- is it whole? ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """One place where the audit is not as it was written."""

    seq: int
    """The line; 0 when it is about the whole."""
    kind: str
    """edited, deleted, moved, replaced, foreign, shortened."""
    what: str

    def __str__(self) -> str:
        return f"line {self.seq}: {self.what}" if self.seq else self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `verify` found: how many lines there are, where they end, and every place that is wrong."""

    lines: int
    head: Head
    wrong: tuple[Tampering, ...]


def verify(store: Store, anchors: Sequence[Head] = (), *, most: int = 1000) -> Verdict:
    """Read every line and tell each place where something was edited, deleted, moved, added or cut off.

    Args:
        store: where the lines are.
        anchors: heads that were written down elsewhere; what was made anew as a whole shows only by them.
        most: at most so many places are told.
    """
    head = read_head(store)
    check = _Check(noted={anchor.seq for anchor in anchors} | {head.seq}, most=most)
    total = store.find(KIND, Query(order="id", limit=0)).total
    said = max(head.seq, *(anchor.seq for anchor in anchors), 0)
    highest = _highest(store)
    last = highest if said < highest <= said + total else said
    for seq, record in _in_order(store, last):
        check.look(seq, record)
        if check.missing > LONGEST_GAP or (check.missing and check.lines == total):
            break
    check.end(last)
    if check.lines != total:
        _foreign(store, last, check)
    _against(head, anchors, check)
    return Verdict(lines=check.lines, head=head, wrong=tuple(check.wrong))


@dataclass(slots=True)
class _Check:
    """One walk over the lines."""

    noted: set[int]
    """Lines whose hash is asked for at the end."""
    most: int
    lines: int = 0
    missing: int = 0
    """How many lines in a row are gone, up to the present one."""
    at: int = 0
    before: str | None = FIRST
    """Hash of the line before; None where that line is gone."""
    known: dict[int, str] = field(default_factory=lambda: {0: FIRST})
    wrong: list[Tampering] = field(default_factory=list[Tampering])

    def tell(self, seq: int, kind: str, what: str) -> None:
        if len(self.wrong) < self.most:
            self.wrong.append(Tampering(seq=seq, kind=kind, what=what))

    def look(self, seq: int, record: Record | None) -> None:
        self.at = seq
        if record is None:
            self.missing += 1
            self.before = None
            return
        self._tell_gap(seq)
        self.lines += 1
        self.before = self._judged(seq, record)
        if seq in self.noted:
            self.known[seq] = self.before

    def end(self, last: int) -> None:
        """The walk is over; what it did not come to is gone too."""
        self.missing += last - self.at
        self._tell_gap(last + 1)

    def _tell_gap(self, seq: int) -> None:
        first, last = seq - self.missing, seq - 1
        if self.missing == 1:
            self.tell(first, "deleted", "is gone")
        elif self.missing:
            self.tell(first, "deleted", f"is gone, and all to line {last}: {self.missing} lines")
        self.missing = 0

    def _judged(self, seq: int, record: Record) -> str:
        """One line against its own hash and the line before; gives its hash for the next."""
        held = str(record.doc.get("hash", ""))
        try:
            line = from_doc(record.doc, Line)
        except msgspec.ValidationError as error:
            self.tell(seq, "edited", f"was edited: it is no line any more ({error})")
            return held
        if line.seq != seq:
            self.tell(seq, "moved", f"holds what was written as line {line.seq}")
        elif digest(record.doc) != held:
            what = f"was edited: its hash was made of something else (now: {line.by}, {line.what}, {line.at})"
            self.tell(seq, "edited", what)
        elif self.before is not None and line.before != self.before:
            self.tell(seq, "replaced", f"does not follow line {seq - 1}: one of the two was replaced")
        return held


def _in_order(store: Store, last: int) -> Iterator[tuple[int, Record | None]]:
    for start in range(1, last + 1, CHUNK):
        numbers = range(start, min(start + CHUNK, last + 1))
        records = store.get_many(KIND, [line_id(seq) for seq in numbers])
        for seq in numbers:
            yield seq, records.get(line_id(seq))


def _highest(store: Store) -> int:
    """The highest number there is, also when the head was cut back."""
    page = store.find(KIND, Query(order="id", limit=1))
    return max((_number(record.id) for record in page.records), default=0)


def _number(record_id: str) -> int:
    fits = len(record_id) == len(line_id(0)) and record_id.isascii() and record_id.isdigit()
    return int(record_id) if fits else 0


def _foreign(store: Store, last: int, check: _Check) -> None:
    """Records that were never lines: put in by hand."""
    after: str | None = None
    while True:
        page = store.find(KIND, Query(order="id", newest_first=False, limit=CHUNK, after=after))
        for record in page.records:
            if not 1 <= _number(record.id) <= last:
                what = f"record '{record.id}' is no line of the audit: it was put in by hand"
                check.tell(0, "foreign", what)
        after = page.next
        if after is None:
            return


def _against(head: Head, anchors: Sequence[Head], check: _Check) -> None:
    """Is every head that was written down still the hash of its line?"""
    known = check.known
    if head.seq in known and known[head.seq] != head.hash:
        check.tell(head.seq, "replaced", "is not the line that the head was written for")
    good = 0
    for anchor in sorted(set(anchors), key=lambda one: one.seq):
        if head.seq < anchor.seq:
            cut = f"the head says {head.seq}, but line {anchor.seq} was written down: the end was cut off"
            check.tell(0, "shortened", cut)
        if known.get(anchor.seq) == anchor.hash:
            good = anchor.seq
        elif anchor.seq in known:
            what = f"is not the one that was written down: a line from {good + 1} to here was made anew"
            check.tell(anchor.seq, "replaced", what)
