"""How often do honest days raise an alarm, and is what only some visitors get told from what all get?

python benchmarks/portal_days.py days [--portals N] [--days N] [--shard 2/5 --results FILE]
                                                                 honest days of the test city, looked at daily
python benchmarks/portal_days.py views [--portals N]             attacks that only a crawler is shown

Pages are made and judged without a network between: the fetcher is measured elsewhere.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from citywatch.model import Severity
from sensors.portal.baseline import Face
from sensors.portal.cloak import mark_cloaked
from sensors.portal.danger import worst
from sensors.portal.fetch import Fetched
from sensors.portal.look import Look, look_at
from sensors.portal.model.train import interval
from sensors.portal.range.city import make_city
from sensors.portal.range.site import Site, render, style_on

sys.path.insert(0, str(Path(__file__).parent))
from portal_detection import KNOWN, LAST, UNSEEN, payloads, put

_LEARNING = 3
"""Visits that make a baseline."""
_SPAM, _DEFACED = 0.8, 0.5
_HIDDEN = ("spam", "link", "hidden", "line", "title", "script", "refresh", "meta", "form", "frame", "iframe")


def _look(site: Site, body: str, before: Face | None, *, view: str = "desktop") -> Look:
    url = f"https://{site.host}/"
    fetched = Fetched(url=url, final_url=url, status=200, body=body.encode())
    return look_at(fetched, before, path="/", view=view)


def _phone(site: Site) -> Look:
    return _look(site, render(site, "/", hit=2, phone=True) or "", None, view="mobile")


def level(look: Look) -> Severity:
    """How grave the rules take a look to be."""
    found = worst(look.dangerous)
    if look.defaced.score >= _DEFACED:
        return Severity.critical
    if look.spam.score >= _SPAM or look.cloaked:
        return max(found, Severity.high)
    return found


@dataclass(slots=True)
class Tally:
    """What the honest days of some portals brought."""

    portals: int = 0
    redesigns: int = 0
    seconds: float = 0.0
    levels: Counter[str] = field(default_factory=Counter[str])
    causes: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: Tally) -> None:
        """Take in the days of other portals."""
        self.portals += other.portals
        self.redesigns += other.redesigns
        self.seconds += other.seconds
        self.levels.update(other.levels)
        self.causes.update(other.causes)

    def at_least(self, floor: Severity) -> int:
        """Portal-days that a rule would call as grave, or graver."""
        return sum(times for name, times in self.levels.items() if Severity[name] >= floor)


def _live(site: Site, number: int, length: int, tally: Tally) -> None:
    """One portal is looked at `_LEARNING` times on the first day, then once a day, at another hour."""
    face: Face | None = None
    for visit in range(_LEARNING + length):
        day, hit = max(0, visit - _LEARNING + 1), 11 + visit * 37 + number
        look = _look(site, render(site, "/", day=day, hit=hit) or "", face)
        if visit >= _LEARNING:
            tally.redesigns += style_on(site, day) != style_on(site, day - 1)
            tally.levels[level(look).name] += 1
            if level(look) > Severity.low:
                tally.causes.update(look.dangerous or ("score",))
        if look.quiet:
            face = look.face
    tally.portals += 1


def _row(tally: Tally) -> dict[str, object]:
    return {"portals": tally.portals, "redesigns": tally.redesigns, "seconds": round(tally.seconds, 1),
            "levels": dict(tally.levels), "causes": dict(tally.causes)}  # fmt: skip


def days(count: int, length: int, *, shard: tuple[int, int], results: Path | None, out: Path | None) -> None:
    """Honest days of a city, or of one of several equal parts of it; parts that are done are only read.

    Args:
        count: portals of the whole city.
        length: days of each.
        shard: which part, from 1, and of how many.
        results: a file of parts that are done, a JSON object a line; the part done now is added.
        out: where the table goes.
    """
    lines = (
        results.read_text(encoding="utf-8").splitlines() if results is not None and results.exists() else []
    )
    done = {
        int(row["shard"]): row for row in map(json.loads, lines) if row["of"] == [shard[1], count, length]
    }
    if shard[0] not in done:
        tally, began = Tally(), time.process_time()
        for number, site in enumerate(make_city(count, seed=21, sick=False)):
            if number % shard[1] == shard[0] - 1:
                _live(site, number, length, tally)
        tally.seconds = time.process_time() - began
        done[shard[0]] = {"shard": shard[0], "of": [shard[1], count, length], **_row(tally)}
        if results is not None:
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[shard[0]]) + "\n")
    whole = Tally()
    for row in done.values():
        whole.add(Tally(portals=row["portals"], redesigns=row["redesigns"], seconds=row["seconds"],
                        levels=Counter(row["levels"]), causes=Counter(row["causes"])))  # fmt: skip
    _tell(whole, length, out)


def _tell(tally: Tally, length: int, out: Path | None) -> None:
    total, high, above = tally.levels.total(), tally.at_least(Severity.high), tally.at_least(Severity.medium)
    rate = f"{1000 * high / total:.2f} ({high})"
    causes = ", ".join(f"{name} {times}" for name, times in tally.causes.most_common())
    seen = f"{interval(above, total)} | {causes or 'none'}"
    lines = [
        "| honest days | portal-days | redesigns | high, per 1,000 portal-days | above low | of these |",
        "|---|---:|---:|---|---|---|",
        f"| {tally.portals} portals, {length} days | {total:,} | {tally.redesigns} | {rate} | {seen} |",
    ]
    print("\n".join(lines))
    print(f"{tally.seconds / (total or 1) * 1000:.1f} ms CPU a look")
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _shard(text: str) -> tuple[int, int]:
    which, _, of = text.partition("/")
    if not (which.isdigit() and of.isdigit() and 1 <= int(which) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part such as 2/5")
    return int(which), int(of)


def views(count: int) -> None:
    """Attacks that one view alone gets: with no history at all, and with a quiet desktop."""
    sites = make_city(count, seed=5, sick=False)
    for name, table in (("known", KNOWN), ("unseen", UNSEEN), ("last", LAST)):
        chosen = [each for each in payloads(table) if each.kind.split("_")[0] in _HIDDEN]
        missed: Counter[str] = Counter()
        tried = 0
        for site in sites:
            page = render(site, "/", hit=1) or ""
            desktop = _look(site, page, None)
            for payload in chosen:
                served = put(render(site, "/", hit=2, phone=True) or "", payload)
                if served is None:
                    continue
                tried += 1
                shown = mark_cloaked(_look(site, served, None, view="crawler"), desktop)
                missed[payload.kind] += level(shown) <= Severity.low
        found = tried - missed.total()
        print(f"{name}: {len(chosen)} kinds for one view only, no history: {interval(found, tried)}")
        print("   " + ", ".join(f"{kind} {times}" for kind, times in missed.most_common() if times))
    honest = sum(
        level(mark_cloaked(_phone(site), _look(site, render(site, "/", hit=1) or "", None))) > Severity.low
        for site in sites
    )
    print(f"honest phone views called cloaked: {interval(honest, len(sites))}")


def main(arguments: Sequence[str]) -> int:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["days", "views"])
    parser.add_argument("--portals", type=int, default=0)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--shard", type=_shard, default=(1, 1), help="a part of the city, such as 2/5")
    parser.add_argument("--results", type=Path, help="where the parts that are done are kept")
    options = parser.parse_args(arguments)
    if options.what == "days":
        days(
            options.portals or 2000,
            options.days,
            shard=options.shard,
            results=options.results,
            out=options.table,
        )
    else:
        views(options.portals or 20)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
