"""When was which evidence taken, from where, and has nobody changed that since?

Beside the kept bytes stands a chain: one line a piece, with its hash, time, source and the address it came
from, each line carrying the hash of the line before and its own (SHA-256 over canonical JSON: keys sorted, no
blanks, UTF-8). A file a month; the first line of a month carries on from the last of the month before. Every
night the newest line goes into the audit, whose head is written down elsewhere.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any

import msgspec
import orjson

from citywatch.errors import StoreError

FIRST = "0" * 64
"""What stands as the hash of the line before the first."""
_TAIL = 65_536
_LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of evidence as it was taken."""

    sha256: str
    what: str
    at: str
    size: int = 0
    media_type: str = ""
    source: str = ""
    """The URL, file or interface it is from."""
    address: str = ""
    """The address that was connected to."""
    portal: str = ""
    set: str = ""
    """Id of the event that names it: pieces of one event belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the chain."""

    seq: int
    piece: Piece
    before: str
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a walk along the chain found."""

    lines: int
    head: str
    """`NUMBER:HASH` of the newest line."""
    wrong: tuple[str, ...] = ()
    """Each place that is not as it was written, in words."""
    gone: int = 0
    """Pieces whose bytes are not kept any more (retention)."""


def digest(entry: Entry) -> str:
    """Hash of what a line says, without its own hash."""
    doc: dict[str, Any] = msgspec.to_builtins(entry)
    del doc["hash"]
    return hash_of(orjson.dumps(doc, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Custody:
    """The chain of one installation; several processes may write to it.

    Args:
        path: the folder; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, pieces: Sequence[Piece]) -> list[Entry]:
        """Write pieces down, durably.

        Raises:
            StoreError: the file cannot be written, or its last line is no line of a chain.
        """
        if not pieces:
            return []
        with self._alone():
            last = self._last()
            entries: list[Entry] = []
            seq, before = (last.seq, last.hash) if last is not None else (0, FIRST)
            for piece in pieces:
                seq += 1
                bare = Entry(seq=seq, piece=_cut(piece), before=before)
                before = digest(bare)
                entries.append(replace(bare, hash=before))
            self._append(entries)
        return entries

    def _append(self, entries: Sequence[Entry]) -> None:
        months: dict[str, list[bytes]] = {}
        newest = max((file.stem for file in self._files()), default="")
        for entry in entries:
            month = max(entry.piece.at[:7], newest)  # a late piece stands where the chain has come to
            newest = month
            line = orjson.dumps(msgspec.to_builtins(entry), option=orjson.OPT_APPEND_NEWLINE)
            months.setdefault(month, []).append(line)
        for month, lines in months.items():
            with (self._path / f"{month}.ndjson").open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())

    @contextmanager
    def _alone(self) -> Generator[None]:
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self._path / "lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StoreError(
                f"{error.filename or self._path}: {error.strerror or error}; see that there is room and that "
                "this user may write there"
            ) from error

    def _files(self) -> list[Path]:
        return sorted(self._path.glob("????-??.ndjson"))

    def _last(self) -> Entry | None:
        """The newest line; half a line that a kill left behind was never acknowledged and goes."""
        for path in reversed(self._files()):
            with path.open("rb+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                tail = file.read()
                whole = tail.rfind(b"\n") + 1
                if whole < len(tail):
                    file.truncate(size - len(tail) + whole)
                lines = tail[:whole].splitlines()
            if lines:
                return _parsed(lines[-1], str(path))
        return None

    def head(self) -> str:
        """`NUMBER:HASH` of the newest line; `0:000…` before the first."""
        if not self._files():
            return f"0:{FIRST}"
        with self._alone():
            last = self._last()
        return f"{last.seq}:{last.hash}" if last is not None else f"0:{FIRST}"

    def find(
        self, *, sets: Collection[str] = (), hashes: Collection[str] = (), portal: str = "", since: str = ""
    ) -> Iterator[Entry]:
        """Lines about these events, these bytes or this portal, oldest first.

        Args:
            sets: ids of events.
            hashes: SHA-256 of pieces.
            portal: all lines of this portal.
            since: `2026-11`: not in files of earlier months.
        """
        wanted = [item.encode() for item in (*sets, *hashes, *([portal] if portal else []))]
        for path in self._files():
            if since and path.stem < since[:7]:
                continue
            with path.open("rb") as file:
                for line in file:
                    if not any(item in line for item in wanted):
                        continue
                    entry = _parsed(line, str(path))
                    piece = entry.piece
                    if piece.set in sets or piece.sha256 in hashes or (portal and piece.portal == portal):
                        yield entry

    def hashes(self) -> Iterator[str]:
        """Every piece's hash, each once."""
        told: set[str] = set()
        for path in self._files():
            with path.open("rb") as file:
                for line in file:
                    name = _parsed(line, str(path)).piece.sha256
                    if name not in told:
                        told.add(name)
                        yield name

    def verify(self, heads: Iterable[str] = ()) -> Verdict:
        """Walk the whole chain.

        Args:
            heads: `NUMBER:HASH` that were written down elsewhere; what was made anew shows only by them.
        """
        noted = {int(head.split(":")[0]): head.split(":")[1] for head in heads}
        wrong: list[str] = []
        before, seq, first, begins = FIRST, 0, True, 0
        for path in self._files():
            for number, line in enumerate(path.read_bytes().splitlines(), 1):
                place = f"{path.name}:{number}"
                try:
                    entry = _parsed(line, place)
                except StoreError as error:
                    wrong.append(str(error))
                    seq, before, first = seq + 1, "", False
                    continue
                begins = begins or entry.seq
                wrong.extend(_faults(entry, place, seq + 1, before, first=first))
                if noted.pop(entry.seq, entry.hash) != entry.hash:
                    wrong.append(f"{place}: line {entry.seq} has another hash than the audit wrote down")
                seq, before, first = entry.seq, entry.hash, False
        wrong.extend(
            f"line {missing}: the audit knows it, and it is gone"
            for missing in noted
            if missing >= begins > 0
        )
        if not seq and noted:
            wrong.append("there is no chain, and the audit knows one")
        return Verdict(lines=seq, head=f"{seq}:{before}", wrong=tuple(wrong))


def _faults(entry: Entry, place: str, seq: int, before: str, *, first: bool) -> Iterator[str]:
    if entry.seq != seq and not first:
        yield f"{place}: is line {entry.seq} where line {seq} should be: lines were taken out or moved"
    elif before and entry.before != before and not first:
        yield f"{place}: line {entry.seq} does not follow from the line before it"
    if digest(entry) != entry.hash:
        yield f"{place}: line {entry.seq} was changed: its hash is not that of what it says"


def _cut(piece: Piece) -> Piece:
    """Bounded, and without half characters, which cannot be written."""
    source = piece.source[:_LONGEST].encode("utf-8", "replace").decode()
    return replace(piece, what=piece.what[:100], media_type=piece.media_type[:200], source=source)


def _parsed(line: bytes, place: str) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{place}: this is no line of the chain of evidence: {error}") from error
