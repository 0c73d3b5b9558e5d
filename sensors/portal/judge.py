"""What do the witnesses say of pages that lie in files?

For measurement and for looking again at kept evidence: one page by itself, or two versions of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from citywatch.errors import InputError
from citywatch.model import Problem, Severity
from citywatch.ports import Report
from sensors.portal.baseline import Face, face_of
from sensors.portal.compare import compare
from sensors.portal.danger import worst
from sensors.portal.defaced import CALLED, judge_defaced
from sensors.portal.exposure import find_exposure
from sensors.portal.leak import find_leak
from sensors.portal.page import Page
from sensors.portal.spam import find_spam
from sensors.portal.walk import parse_page

_SERVED = 0.8
_MANY = 5
_MAX_BYTES = 5_000_000
_NOWHERE = "https://portal.example/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one page is: defaced, spam or clean, how sure, and what was seen."""

    label: str
    score: float
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """How grave the step from one version of a page to another is, and what changed."""

    severity: Severity
    changes: tuple[str, ...] = ()


def judge_page(body: bytes, url: str = _NOWHERE) -> Verdict:
    """Judge one page without a baseline. Never raises for what is in it."""
    page = parse_page(body, url)
    defaced, spam = judge_defaced(page), find_spam(page)
    seen = [f"sign:{name}" for name in defaced.signs]
    seen += [f"spam:{word}" for word in spam.words[:5]]
    seen += [f"link:{domain}" for domain in spam.domains[:5]]
    seen += _beside(page)
    if defaced.score >= CALLED and defaced.score >= spam.score - 0.3:
        return Verdict(label="defaced", score=defaced.score, witnesses=tuple(seen))
    if spam.score >= _SERVED:
        return Verdict(label="spam", score=spam.score, witnesses=tuple(seen))
    return Verdict(label="clean", score=max(defaced.score, spam.score), witnesses=tuple(seen))


def _beside(page: Page) -> list[str]:
    exposed, leak = find_exposure(page), find_leak(block.text for block in page.blocks)
    found = [f"exposure:{exposed.kind}"] if exposed is not None else []
    return found + ([f"leak:{kind}" for kind in leak.kinds] if leak.count >= _MANY else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The earlier version of a page: what is compared with, and what it was called itself."""

    face: Face
    defaced: float
    spam: float


def learn(body: bytes, url: str = _NOWHERE) -> Known:
    """Take a version of a page as the only baseline."""
    page = parse_page(body, url)
    spam = find_spam(page).score
    face = face_of(page, path="/", view="desktop", spam=spam)
    return Known(face=face, defaced=judge_defaced(page).score, spam=spam)


def compare_pair(before: bytes, after: bytes, url: str = _NOWHERE) -> PairVerdict:
    """Judge the step from one version of a page to the next, with the first as the only baseline."""
    return compare_known(learn(before, url), after, url)


def compare_known(known: Known, after: bytes, url: str = _NOWHERE) -> PairVerdict:
    """Judge the step from what was learned of a page to its next version."""
    new = parse_page(after, url)
    difference = compare(known.face, new)
    dangers = list(difference.dangerous)
    severity = worst(dangers, 1.0 if difference.changed else 0.0)
    if judge_defaced(new).score >= CALLED > known.defaced:
        dangers.append("page.defaced")
        severity = Severity.critical
    if find_spam(new).score >= _SERVED > known.spam:
        dangers.append("page.spam")
        severity = max(severity, Severity.high)
    if find_leak(block.text for block in new.blocks).count >= _MANY:
        dangers.append("page.leak")
        severity = max(severity, Severity.high)
    return PairVerdict(severity=severity, changes=(*difference.changed, *dangers))


def judge_files(paths: Iterable[Path], report: Report) -> Iterator[tuple[Path, Verdict]]:
    """Judge pages in files and, recursively, in folders (every file but tables, `.tsv`)."""
    for path in paths:
        files = sorted(item for item in path.rglob("*") if _is_page(item)) if path.is_dir() else [path]
        for file in files:
            try:
                with file.open("rb") as opened:
                    body = opened.read(_MAX_BYTES)
            except OSError as error:
                report(_unread(file, error))
                continue
            yield file, judge_page(body)


def _is_page(path: Path) -> bool:
    return path.suffix.lower() != ".tsv" and path.is_file()


def compare_files(table: Path, report: Report) -> Iterator[tuple[str, PairVerdict]]:
    """Judge the pairs that the column `key` of a TSV names; `KEY.a.html` and `KEY.b.html` lie beside it.

    Raises:
        InputError: the table cannot be read, or has no column `key`.
    """
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(str(table), "", f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(str(table), "", "is not UTF-8", "save the table as UTF-8, with tabs") from error
    columns = lines[0].split("\t") if lines else []
    if "key" not in columns:
        raise InputError(str(table), "line 1", "there is no column 'key'", "the first line names the columns")
    for line in lines[1:]:
        cells = line.split("\t")
        key = cells[columns.index("key")].strip() if len(cells) > columns.index("key") else ""
        if not key or "/" in key or key.startswith("."):
            continue
        sides = [table.with_name(f"{key}.{side}.html") for side in ("a", "b")]
        try:
            before, after = (side.read_bytes()[:_MAX_BYTES] for side in sides)
        except OSError as error:
            report(_unread(sides[0], error))
            continue
        yield key, compare_pair(before, after)


def _unread(path: Path, error: OSError) -> Problem:
    return Problem(
        sensor="portal",
        source=str(path),
        position="",
        what=f"cannot be read: {error.strerror or error}",
        hint="look whether the file is there and may be read",
    )
