"""What becomes of an archive of other people's rules?

A zip as its makers release it (SigmaHQ, a YARA collection) is laid down below `DATA/rules/<archive>/` with
its licence files, each rule as it was written, so that author and licence stay with it. What is neither is
left out. An import never overwrites what was changed here: exceptions live in files of their own,
and a rule file that somebody edited is kept and named. Archives are hostile: names, sizes and counts are
bounded.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec
import orjson
import yaml

from citywatch.detect.rulebook import Place, read_placeholders
from citywatch.detect.sigma.documents import MAX_BYTES
from citywatch.detect.sigma.load import FileRules, Placeholders, Refusal, load_file
from citywatch.detect.yara import YaraRules
from citywatch.errors import InputError
from citywatch.model import Rule

MOST_FILES = 50_000
MOST_UNPACKED = 512 * 2**20
MANIFEST = "manifest.json"
_SIGMA, _YARA = (".yml", ".yaml"), (".yar", ".yara")
_LICENCE = re.compile(r"(licen[cs]e|copying|notice|authors)([.-].*)?", re.IGNORECASE)
_YARA_META = re.compile(r'^\s*(author|license)\s*=\s*"([^"]*)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one rule (or of one file that holds none)."""

    file: str
    rule_id: str
    title: str
    verdict: str
    """loaded, not for our events, refused, or kept as changed here."""
    why: str = ""
    author: str = ""
    license: str = ""
    change: str = ""
    """added, changed or removed; empty: as it was."""


def import_rules(archive: Path, into: Path, name: str = "") -> list[Verdict]:
    """Lay an archive down below a folder, and tell of each rule what became of it.

    Args:
        archive: a zip as its makers release it.
        into: the folder of all collections.
        name: what the collection is called; the archive's own name when empty.

    Raises:
        InputError: it is no zip, or not one to unpack.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            return _import(file, archive, into / (_plain(name or archive.stem) or "rules"))
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            str(archive), "", f"cannot be unpacked: {error}", "give a zip without a password"
        ) from error


def collection_of(archive: Path, into: Path) -> str:
    """The collection that this archive is another release of: the one with most files of the same names.

    Raises:
        InputError: it is no zip, or less than half of its files are known to any collection.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            names = {name for name, _ in members(file, archive)}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            str(archive), "", f"cannot be unpacked: {error}", "give a zip without a password"
        ) from error
    shared = {
        path.parent.name: len(names & _manifest(path.parent).keys()) for path in into.glob(f"*/{MANIFEST}")
    }
    best = max(shared, key=lambda name: shared[name], default="")
    if not best or shared[best] * 2 < len(names):
        raise InputError(
            str(archive), "", "is no newer release of what was imported", "take it in: citywatch rules import"
        )
    return best


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip(".-")


def _import(file: zipfile.ZipFile, archive: Path, folder: Path) -> list[Verdict]:
    before = _manifest(folder)
    values, _ = read_placeholders(Place(folder=folder, name=folder.name))
    now: dict[str, str] = {}
    verdicts: list[Verdict] = []
    for name, raw in members(file, archive):
        path = folder / name
        held = path.read_bytes() if path.is_file() else None
        now[name] = sha256(raw).hexdigest()
        edited = held is not None and before.get(name) != sha256(held).hexdigest() and held != raw
        if edited:
            verdicts.append(Verdict(file=name, rule_id="", title="", verdict="kept",
                                    why="was changed here; the archive's version was not taken"))  # fmt: skip
        elif held != raw:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        change = "" if edited or held == raw else "added" if held is None else "changed"
        if name.endswith(_SIGMA):
            verdicts.extend(_sigma(name, raw, change, values))
    verdicts.extend(_drop_gone(folder, before, now))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(orjson.dumps(now, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    if any(name.endswith(_YARA) for name in now):
        verdicts.extend(_yara(folder))
    return verdicts


def _manifest(folder: Path) -> Mapping[str, str]:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def members(file: zipfile.ZipFile, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Rule and licence files of the archive, by their safe names."""
    items = file.infolist()
    if len(items) > MOST_FILES:
        raise InputError(str(archive), "", f"holds more than {MOST_FILES} files", "import a part of it")
    left = MOST_UNPACKED
    for item in items:
        name = PurePosixPath(item.filename.replace("\\", "/"))
        wanted = name.suffix.lower() in (*_SIGMA, *_YARA) or _LICENCE.fullmatch(name.name)
        if item.is_dir() or not wanted:
            continue
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise InputError(
                str(archive), item.filename, "would lie outside the folder", "do not trust this archive"
            )
        with file.open(item) as stream:
            raw = _read(stream, min(left, 16 * MAX_BYTES))
        if raw is None:
            raise InputError(str(archive), item.filename, "unpacks to too much", "do not trust this archive")
        left -= len(raw)
        yield name.as_posix(), raw


def _read(stream: IO[bytes], most: int) -> bytes | None:
    raw = stream.read(most + 1)
    return None if len(raw) > most else raw


def _drop_gone(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Verdict]:
    """Remove what the last archive had and this one has not, unless it was changed here."""
    for name in sorted(before.keys() - now.keys()):
        path = folder / name
        if path.is_file() and sha256(path.read_bytes()).hexdigest() == before[name]:
            path.unlink()
            yield Verdict(file=name, rule_id="", title="", verdict="removed", change="removed",
                          why="the archive no longer has it")  # fmt: skip


def _sigma(name: str, raw: bytes, change: str, values: Placeholders) -> Iterator[Verdict]:
    file: FileRules = load_file(raw, name, values)
    author, licence = _sigma_origin(raw)
    for rule in (*file.events, *file.correlations, *file.filters):
        yield replace(_verdict(rule.rule, name, author, licence), change=change)
    for refusal in file.refusals:
        yield replace(_refused(refusal, author, licence), change=change)


def _verdict(rule: Rule, name: str, author: str, licence: str) -> Verdict:
    return Verdict(
        file=name, rule_id=rule.id, title=rule.title, verdict="loaded", author=author, license=licence
    )


def _refused(refusal: Refusal, author: str = "", licence: str = "") -> Verdict:
    verdict = "not for our events" if refusal.kind == "not_ours" else "refused"
    return Verdict(file=refusal.source, rule_id=refusal.rule_id, title=refusal.title, verdict=verdict,
                   why=str(refusal.error), author=author, license=licence)  # fmt: skip


_TOP = re.compile(rb"^(author|license):[ \t]*(.*)$", re.MULTILINE)


def _sigma_origin(raw: bytes) -> tuple[str, str]:
    """Author and licence as the file's first rule says them."""
    found: dict[str, str] = {}
    for key, text in _TOP.findall(raw):
        try:
            value = yaml.safe_load(text.decode("utf-8", "replace"))
        except yaml.YAMLError:
            value = text.decode("utf-8", "replace").strip()
        found.setdefault(key.decode(), str(value or ""))
    return found.get("author", ""), found.get("license", "")


def _yara(folder: Path) -> Iterator[Verdict]:
    rules = YaraRules.load([folder])
    for rule in rules.rules.values():
        name = rule.source.partition("/")[2]
        try:
            meta = dict(_YARA_META.findall((folder / name).read_text("utf-8", errors="replace")))
        except OSError:
            meta = {}
        yield _verdict(rule, name, meta.get("author", ""), meta.get("license", ""))
    for error in rules.refusals:
        yield Verdict(file=error.file, rule_id="", title="", verdict="refused", why=str(error))
