"""Do known patterns stand in these bytes, and where?

YARA over the bytes that events name as evidence (page bodies, uploads, responses, files). Each rule file is a
namespace of its own; a file that does not compile is refused by name and line and the others go on. When all
rules together take too long over some bytes, the files are asked one by one, each with its own limit, so a
slow rule can lose only its own file's answer; the report names it.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from citywatch.detect.fold import carried
from citywatch.detect.yara_engine import EXTERNALS, Answer, ask, compile_all, compile_file, compile_rules
from citywatch.detect.yara_source import Source, gather
from citywatch.errors import ContentError
from citywatch.model import Event, Match, Reason, Rule, Severity

if TYPE_CHECKING:
    import yara

LIMIT_S = 5
SLOW_S = 0.5
MOST_BYTES = 16 * 1024 * 1024
"""What lies beyond is not searched."""
_CACHE_SIZE = 20_000
_MOST_REASONS = 10
_SNIPPET = 80
_SUBJECTS = (
    ("citywatch.portal.id",),
    ("url.domain",),
    ("host.name",),
    ("destination.ip",),
    ("source.ip",),
    ("log.file.path",),
)
_TYPES = {
    b"GIF8": "GIF",
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"Rar!": "RAR",
    b"\x1f\x8b": "GZIP",
    b"MZ": "EXE",
    b"\x7fELF": "ELF",
    b"<?php": "PHP",
}

Get = Callable[[str], bytes | None]
"""Evidence by its SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A rule that said yes to bytes, and the strings that it met."""

    rule_id: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRules:
    """A file of rules (or one rule of it, once that is known) that was too slow on some bytes."""

    file: str
    rule: str
    seconds: float
    timed_out: bool
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YaraHealth:
    """How much was scanned and what it took."""

    rules: int = 0
    refused: int = 0
    scans: int = 0
    cached: int = 0
    bytes: int = 0
    seconds: float = 0.0
    timeouts: int = 0
    missing: int = 0
    """Evidence that an event named and the keeper did not have."""
    cut: int = 0
    """Evidence longer than what is searched."""
    slow: tuple[SlowRules, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    """What the compiler says of rules that slow every scan down."""


@dataclass(slots=True)
class _Tally:
    scans: int = 0
    cached: int = 0
    bytes: int = 0
    seconds: float = 0.0
    timeouts: int = 0
    missing: int = 0
    cut: int = 0


class YaraRules:
    """Every YARA rule in force."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        refusals: Iterable[ContentError] = (),
        cache: Path | None = None,
        limit_s: int = LIMIT_S,
        slow_s: float = SLOW_S,
    ) -> None:
        """Compile sources (or take what was compiled before, if the bytes are the same)."""
        self._limit, self._slow_s = limit_s, slow_s
        self._found: OrderedDict[tuple[str, ...], tuple[Found, ...]] = OrderedDict()
        self._tally = _Tally()
        self._slow: dict[str, SlowRules] = {}
        self._by_file: dict[str, yara.Rules] = {}
        self._rules, self._sources, refused = compile_all(sources, cache)
        self.refusals: tuple[ContentError, ...] = (*refusals, *refused)
        self.rules: Mapping[str, Rule]
        self.rules, self._ids = _known(self._rules, self._sources)

    @classmethod
    def load(
        cls,
        folders: Sequence[Path],
        *,
        cache: Path | None = None,
        limit_s: int = LIMIT_S,
        slow_s: float = SLOW_S,
    ) -> YaraRules:
        """Read every `.yar` and `.yara` file below these folders."""
        sources: list[Source] = []
        refusals: list[ContentError] = []
        for place, folder in enumerate(folders):
            found, refused = gather(folder)
            taken = {source.name for source in sources}
            sources += [
                replace(one, name=f"{place}:{one.name}") if one.name in taken else one for one in found
            ]
            refusals += refused
        return cls(sources, refusals=refusals, cache=cache, limit_s=limit_s, slow_s=slow_s)

    def name_of(self, rule_id: str) -> str:
        """The name that a rule has in its file."""
        return next((name for (_, name), known in self._ids.items() if known == rule_id), "")

    def judge(self, event: Event, get: Get) -> list[Match]:
        """What the rules say to the evidence that an event names; each rule once."""
        hashes: Any = event.get("citywatch.evidence.sha256")
        if not hashes or not self.rules:
            return []
        whats: Any = event.get("citywatch.evidence.what") or ()
        named = [hashes] if isinstance(hashes, str) else list(hashes)
        kinds = [whats] if isinstance(whats, str) else list(whats)
        matches: dict[str, Match] = {}
        for place, digest in enumerate(named):
            what = str(kinds[place]) if place < len(kinds) else ""
            for found in self.scan_evidence(str(digest), get, externals_of(event, what)):
                if found.rule_id not in matches:
                    matches[found.rule_id] = self._match(found, event)
        return list(matches.values())

    def scan_evidence(self, digest: str, get: Get, externals: Mapping[str, str]) -> tuple[Found, ...]:
        """Scan evidence once for each name it comes under."""
        key = (digest, *(externals.get(name, "") for name in EXTERNALS))
        known = self._found.get(key)
        if known is not None:
            self._found.move_to_end(key)
            self._tally.cached += 1
            return known
        data = get(digest)
        if data is None:
            self._tally.missing += 1
            return ()
        found = self.scan(data, externals, digest=digest)
        self._found[key] = found
        if len(self._found) > _CACHE_SIZE:
            self._found.popitem(last=False)
        return found

    def scan(
        self, data: bytes, externals: Mapping[str, str] | None = None, *, digest: str = ""
    ) -> tuple[Found, ...]:
        """The rules that say yes to these bytes."""
        given = dict.fromkeys(EXTERNALS, "") | dict(externals or {})
        if not given["filetype"]:
            given["filetype"] = next((name for head, name in _TYPES.items() if data.startswith(head)), "")
        if len(data) > MOST_BYTES:
            self._tally.cut += 1
            data = data[:MOST_BYTES]
        digest = digest or sha256(data).hexdigest()
        started = time.perf_counter()
        hits = self._ask(self._rules, data, given).hits
        took = time.perf_counter() - started
        if hits is None or took > self._slow_s:
            hits = self._one_by_one(data, given, digest, hits)
        self._tally.scans += 1
        self._tally.bytes += len(data)
        self._tally.seconds += time.perf_counter() - started
        return tuple(self._told(hit, digest) for hit in hits)

    def health(self) -> YaraHealth:
        tally = self._tally
        return YaraHealth(
            rules=len(self.rules),
            refused=len(self.refusals),
            scans=tally.scans,
            cached=tally.cached,
            bytes=tally.bytes,
            seconds=tally.seconds,
            timeouts=tally.timeouts,
            missing=tally.missing,
            cut=tally.cut,
            slow=tuple(self._slow.values()),
            warnings=tuple(getattr(self._rules, "warnings", ())),  # rules taken from the cache have none
        )

    def _ask(self, rules: yara.Rules | None, data: bytes, externals: Mapping[str, str]) -> Answer:
        answer = ask(rules, data, externals, self._limit)
        self._tally.timeouts += answer.timed_out
        return answer

    def _one_by_one(
        self, data: bytes, externals: Mapping[str, str], digest: str, hits: list[yara.Match] | None
    ) -> list[yara.Match]:
        """Ask file by file, to lose only the slow one's answer and to know its name."""
        found: list[yara.Match] = []
        for source in self._sources:
            rules = self._by_file.get(source.name)
            if rules is None:
                rules = self._by_file[source.name] = compile_file(source)
            started = time.perf_counter()
            answer = self._ask(rules, data, externals)
            took = time.perf_counter() - started
            found += answer.hits or []
            if answer.timed_out or took > self._slow_s / 2:
                self._blame(source, data, externals, (took, answer.timed_out, digest))
        return found if hits is None else hits

    def _blame(
        self, source: Source, data: bytes, externals: Mapping[str, str], slow: tuple[float, bool, str]
    ) -> None:
        """Name the slow rule of a file, once for each file."""
        if source.name in self._slow:
            return
        seconds, timed_out, digest = slow
        worst = ("", 0.0)
        for name, alone in compile_rules(source):
            started = time.perf_counter()
            self._ask(alone, data, externals)
            worst = max(worst, (name, time.perf_counter() - started), key=lambda pair: pair[1])
        rule = worst[0] if worst[1] > seconds / 2 else ""
        self._slow[source.name] = SlowRules(
            file=source.name, rule=rule, seconds=round(seconds, 3), timed_out=timed_out, sha256=digest
        )

    def _told(self, hit: yara.Match, digest: str) -> Found:
        reasons: list[Reason] = []
        for string in hit.strings:
            for instance in string.instances[:3]:
                snippet = shown(instance.matched_data)
                value = f"{snippet} at byte {instance.offset} of {digest[:12]}"
                pattern = f"{hit.rule} {string.identifier}"
                reasons.append(Reason(field="citywatch.evidence.sha256", value=value, pattern=pattern))
        if not reasons:
            whole = Reason(field="citywatch.evidence.sha256", value=digest, pattern=hit.rule)
            reasons.append(whole)
        known = self._ids.get((hit.namespace, hit.rule)) or self._ids["", hit.rule]
        return Found(rule_id=known, reasons=tuple(reasons[:_MOST_REASONS]))

    def _match(self, found: Found, event: Event) -> Match:
        at = str(event.get("@timestamp", ""))
        return Match(
            rule=self.rules[found.rule_id],
            subject=_subject(event),
            at=at,
            first_at=at,
            event_ids=(str(event.get("event.id", "")),),
            reasons=found.reasons,
            event=event,
            values=carried(event),
        )


def externals_of(event: Event, what: str = "") -> dict[str, str]:
    """What conditions may ask of the file, as far as the event knows it.

    >>> externals_of({"url.path": "/up/Shell.PHP", "source.ip": "10.0.0.1"}, "request_body")["extension"]
    '.php'
    """
    path = str(event.get("file.path") or event.get("url.path") or "")
    name = str(event.get("file.name") or PurePosixPath(path.replace("\\", "/")).name)
    return {
        "filename": name,
        "filepath": path,
        "extension": PurePosixPath(name).suffix.lower(),
        "owner": str(event.get("user.name") or ""),
        "what": what,
    }


def shown(data: bytes) -> str:
    r"""Bytes as an analyst may see them: trimmed, unprintable ones escaped, long numbers masked.

    >>> shown(b"id=079123456789\x00")
    "'id=07••••••••••\\x00'"
    """
    cut = data[:_SNIPPET]
    text = cut.decode("utf-8", "backslashreplace")
    text = "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)
    text = re.sub(r"[0-9]{6,}", lambda found: found[0][:2] + "•" * (len(found[0]) - 2), text)
    return f"'{text}'" + (" …" if len(data) > len(cut) else "")


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _subject(event: Event) -> tuple[tuple[str, str], ...]:
    for names in _SUBJECTS:
        pairs = tuple((name, str(event[name])) for name in names if event.get(name))
        if pairs:
            return pairs
    return ()


def _known(
    rules: yara.Rules | None, sources: Sequence[Source]
) -> tuple[dict[str, Rule], dict[tuple[str, str], str]]:
    """Rules by their ids, and ids by file and name."""
    known: dict[str, Rule] = {}
    ids: dict[tuple[str, str], str] = {}
    files: dict[str, list[str]] = {}
    for source in sources:
        for name in source.declared():
            files.setdefault(name, []).append(source.name)
    for rule in rules or ():
        if rule.is_private:
            continue
        declaring = files.get(rule.identifier, [])
        file = next((name for name in declaring if (name, rule.identifier) not in ids), "")
        made = _rule(rule, file, known)
        known[made.id] = made
        ids[file, rule.identifier] = made.id
    return known, ids


def _rule(rule: yara.Rule, file: str, known: Mapping[str, Rule]) -> Rule:
    meta = {name: str(value) for name, value in rule.meta.items()}
    rule_id = meta.get("id", "")
    if not rule_id or rule_id in known:
        rule_id = f"yara:{file}:{rule.identifier}"
    return Rule(
        id=rule_id,
        title=meta.get("title") or rule.identifier.replace("_", " "),
        severity=_severity(meta),
        language="yara",
        title_vi=meta.get("title_vi", ""),
        description=meta.get("description", ""),
        tags=(*rule.tags, *(tag.strip() for tag in meta.get("tags", "").split(",") if tag.strip())),
        falsepositives=tuple(text for text in (meta.get("falsepositives", ""),) if text),
        guide_vi=meta.get("guide_vi", ""),
        guide_en=meta.get("guide_en", ""),
        category=meta.get("category") or "web_attack",
        source=file,
    )


def _severity(meta: Mapping[str, str]) -> Severity:
    """The rule's own word, else by the score that THOR and LOKI rules carry."""
    word = meta.get("severity", "").lower()
    if word in Severity.__members__:
        return Severity[word]
    score = meta.get("score", "")
    points = int(score) if score.isascii() and score.isdigit() else 70
    return Severity.high if points >= 70 else Severity.medium if points >= 50 else Severity.low  # noqa: PLR2004 - THOR's steps
