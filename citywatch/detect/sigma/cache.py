"""What did these rule files say when they were last read?

Parsing a few thousand rules takes seconds, starting must not. What pySigma made of a file is kept as plain
data (msgpack, no code), under the hash of the file's bytes; all of it is forgotten when the event schema, the
placeholders, pySigma or this format change. A file whose size and time of change are as they were is not read
again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import msgspec

from citywatch import schema
from citywatch.detect.sigma.load import FileRules, Placeholders, Refusal, load_file

FORMAT = 5
_TABLES = ("fields.tsv", "aliases.tsv", "logsources.tsv", "namespaces.tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A file as it was."""

    size: int
    changed: int
    digest: str
    rules: FileRules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """All that is kept."""

    mark: str
    files: dict[str, _Known] = field(default_factory=dict[str, _Known])


class RuleCache:
    """Loads rule files, through a file that remembers them. Without a path it remembers nothing."""

    def __init__(self, path: Path | None, placeholders: Placeholders) -> None:
        self._path = path
        self._placeholders = placeholders
        self._new: dict[str, _Known] = {}
        self._mark = _mark(placeholders) if path else ""
        self._old = self._read()
        self._changed = False

    def load(self, path: Path, source: str) -> FileRules:
        """The rules of one file. A file that cannot be read is one refusal."""
        try:
            stat = path.stat()
            known = self._old.get(source)
            if known and (known.size, known.changed) == (stat.st_size, stat.st_mtime_ns):
                self._new[source] = known
                return known.rules
            raw = path.read_bytes()
        except OSError as error:
            return _unreadable(source, error)
        digest = blake2b(raw, digest_size=16).hexdigest()
        rules = (
            known.rules if known and known.digest == digest else load_file(raw, source, self._placeholders)
        )
        self._changed = True
        self._new[source] = _Known(size=stat.st_size, changed=stat.st_mtime_ns, digest=digest, rules=rules)
        return rules

    def save(self) -> None:
        """Write what is known now; a folder that cannot be written to costs only time at the next start."""
        if self._path is None or (not self._changed and len(self._new) == len(self._old)):
            return
        raw = msgspec.msgpack.encode(_Kept(mark=self._mark, files=self._new))
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(raw)
            beside.replace(self._path)
        except OSError:
            beside.unlink(missing_ok=True)

    def _read(self) -> dict[str, _Known]:
        if self._path is None:
            return {}
        try:
            kept = msgspec.msgpack.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return {}
        return kept.files if kept.mark == self._mark else {}


def _unreadable(source: str, error: OSError) -> FileRules:
    what = f"cannot be read: {error.strerror}"
    return FileRules(
        refusals=(Refusal(kind="refused", rule_id="", title="", source=source, line=None, what=what),)
    )


def _mark(placeholders: Placeholders) -> str:
    """Changes when anything changes that the kept rules follow from."""
    digest = blake2b(digest_size=16)
    for name in _TABLES:
        digest.update((schema.TABLES / name).read_bytes())
    digest.update(repr(sorted((name, tuple(values)) for name, values in placeholders.items())).encode())
    digest.update(f"{FORMAT} {version('pysigma')}".encode())
    return digest.hexdigest()
