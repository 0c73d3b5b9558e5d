"""Does a rule that is being written hold, what do its samples say, and what would it have found?

The rule is tried in a process of its own with bounded time and memory: a rule may cost much by mistake, and
the console goes on meanwhile. Run by `try_rule`, never by hand: it reads one `Trial` from standard input.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore
from time import monotonic, process_time
from typing import TYPE_CHECKING

import msgspec

from citywatch.clock import stamp, system_clock
from citywatch.errors import CityWatchError, ContentError

if TYPE_CHECKING:
    from citywatch.detect.sigma.resolve import RuleSet
    from citywatch.model import Match
    from citywatch.settings import Settings

CPU_S = 30
WALL_S = 60.0
MEMORY = 2 * 2**30
MOST_HITS = 100
SEARCH_S = 10.0
"""So long past events are searched; then it is said how far one came."""
COSTED = 2000
"""So many of the newest events are judged to see what the rule costs."""
LARGEST = 60_000
FILE = "rule.yml"
_ONE_AT_A_TIME = BoundedSemaphore(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What to try: a rule file, its samples, and over how many past days."""

    data: str
    store: str
    text: str
    samples: str = ""
    days: int = 0
    """0: look at no stored events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong, and where."""

    line: int | None
    what: str
    hint: str = ""
    in_samples: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleVerdict:
    """One sample: what it should do, and whether it does."""

    line: int
    fires: bool
    good: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One stored event that the rule says yes to."""

    event_id: str
    at: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that came of a trial."""

    rule_id: str = ""
    title: str = ""
    wrong: tuple[Wrong, ...] = ()
    samples: tuple[SampleVerdict, ...] = ()
    hits: tuple[Hit, ...] = ()
    searched: bool = False
    until: str = ""
    """Past events were searched up to this time; empty: all of them."""
    search_s: float = 0.0
    costed: int = 0
    cost_us: float = 0.0
    """Microseconds of CPU for one event, over the newest ones."""
    not_hunted: int = 0
    """Correlations: a hunt asks about single events."""
    broken: str = ""
    """A code of the console's words: the trial itself failed (`too_long`, `busy`)."""

    @property
    def sound(self) -> bool:
        """It holds, and its samples show both that it fires and that it stays silent."""
        seen = {sample.fires for sample in self.samples}
        good = all(sample.good for sample in self.samples)
        return bool(self.rule_id) and not self.wrong and not self.broken and good and seen == {True, False}


def try_rule(settings: Settings, text: str, samples: str, days: int) -> Outcome:
    """Try a rule in a process of its own; one at a time."""
    trial = Trial(data=str(settings.data), store=settings.store, text=text, samples=samples, days=days)
    if len(text) > LARGEST or len(samples) > LARGEST:
        return Outcome(
            wrong=(Wrong(line=None, what=f"a rule and its samples have {LARGEST:,} letters each"),)
        )
    if not _ONE_AT_A_TIME.acquire(timeout=5):
        return Outcome(broken="busy")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "console.bench"],
            input=msgspec.json.encode(trial),
            capture_output=True,
            timeout=WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(broken="too_long")
    finally:
        _ONE_AT_A_TIME.release()
    try:
        return msgspec.json.decode(done.stdout, type=Outcome)
    except msgspec.DecodeError:  # killed by its limits
        return Outcome(broken="too_long")


# -- in the process of its own ------------------------------------------------------------------------------


def _run(trial: Trial) -> Outcome:
    from citywatch.detect.rulebook import all_placeholders, places
    from citywatch.detect.sigma.load import load_file
    from citywatch.detect.sigma.resolve import resolve
    from citywatch.settings import load_settings

    settings = load_settings(Path(trial.data), overrides={"store": trial.store})
    imported = [folder for folder in (settings.data / "rules",) if folder.is_dir()]
    values, _ = all_placeholders(places(settings.content_dir, imported))  # what is wrong there, health tells
    ruleset = resolve([load_file(trial.text.encode(), FILE, values)])
    wrong = [Wrong(line=each.line, what=each.what, hint=each.hint) for each in ruleset.refusals]
    rules = (*ruleset.correlations.values(), *ruleset.events.values())
    if not rules:
        return Outcome(wrong=tuple(wrong))
    first = rules[0].rule
    verdicts: tuple[SampleVerdict, ...] = ()
    try:
        verdicts = tuple(_sampled(ruleset, trial.samples))
    except ContentError as error:
        wrong.append(Wrong(line=error.line, what=error.what, hint=error.hint, in_samples=True))
    made = Outcome(rule_id=first.id, title=first.title, wrong=tuple(wrong), samples=verdicts)
    if not trial.days or wrong:
        return made
    return _searched(made, ruleset, settings, trial.days)


def _sampled(ruleset: RuleSet, text: str) -> Iterator[SampleVerdict]:
    from citywatch.detect.samples import judge, read_samples

    with TemporaryDirectory() as folder:
        file = Path(folder) / "samples.ndjson"
        file.write_text(text, encoding="utf-8")
        for sample in read_samples(file):
            fired = bool(judge(ruleset, FILE, sample))
            yield SampleVerdict(
                line=sample.line, fires=sample.fires, good=fired is sample.fires, because=sample.because
            )


def _searched(made: Outcome, ruleset: RuleSet, settings: Settings, days: int) -> Outcome:
    from citywatch.detect.rulebook import Rulebook
    from citywatch.detect.sigma.hunt import hunt
    from citywatch.ports import Query
    from citywatch.store import open_store

    store = open_store(settings, system_clock)
    try:
        began, hits, until = monotonic(), list[Hit](), ""
        start = stamp(system_clock() - timedelta(days=days))
        for rule in ruleset.events.values():
            for match in hunt(rule, store, start):
                hits.append(_hit(match))
                if len(hits) >= MOST_HITS or monotonic() - began > SEARCH_S:
                    until = match.at
                    break
        search_s = monotonic() - began
        page = store.search(Query(limit=COSTED, count_to=1))
    finally:
        store.close()
    book, events = Rulebook(ruleset), page.events[::-1]
    cpu = process_time()
    book.judge(events)
    cost = (process_time() - cpu) * 1e6 / len(events) if events else 0.0
    return replace(
        made,
        searched=True,
        hits=tuple(hits),
        until=until,
        search_s=round(search_s, 2),
        costed=len(events),
        cost_us=round(cost, 1),
        not_hunted=len(ruleset.correlations),
    )


def _hit(match: Match) -> Hit:
    return Hit(
        event_id=match.event_ids[0],
        at=match.at,
        subject=" · ".join(value for _, value in match.subject)[:300],
        why="; ".join(f"{why.field} = {why.value}" for why in match.reasons)[:500],
    )


def main() -> int:
    """Try what standard input says; the outcome goes to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    trial = msgspec.json.decode(sys.stdin.buffer.read(), type=Trial)
    try:
        outcome = _run(trial)
    except CityWatchError as error:
        outcome = Outcome(wrong=(Wrong(line=None, what=str(error)),))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
