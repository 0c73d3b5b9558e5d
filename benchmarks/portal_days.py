"""How often do honest days raise an alarm, and is what only some visitors get told from what all get?

python benchmarks/portal_days.py days [--portals N] [--days N]   honest days of the test city, looked at daily
python benchmarks/portal_days.py views [--portals N]             attacks that only a crawler is shown

Pages are made and judged without a network between: the fetcher is measured elsewhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
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


def days(count: int, length: int, out: Path | None) -> None:
    """Each portal is looked at `_LEARNING` times on the first day, then once a day, at another hour."""
    levels: Counter[Severity] = Counter()
    causes: Counter[str] = Counter()
    redesigns = 0
    began = time.process_time()
    for number, site in enumerate(make_city(count, seed=21, sick=False)):
        face: Face | None = None
        for visit in range(_LEARNING + length):
            day, hit = max(0, visit - _LEARNING + 1), 11 + visit * 37 + number
            look = _look(site, render(site, "/", day=day, hit=hit) or "", face)
            if visit >= _LEARNING:
                redesigns += style_on(site, day) != style_on(site, day - 1)
                levels[level(look)] += 1
                if level(look) > Severity.low:
                    causes.update(look.dangerous or ("score",))
            if look.quiet:
                face = look.face
    total = levels.total()
    high = sum(times for each, times in levels.items() if each >= Severity.high)
    above = sum(times for each, times in levels.items() if each > Severity.low)
    rate = f"{1000 * high / total:.2f} ({high})"
    lines = [
        "| honest days | portal-days | redesigns | high, per 1,000 portal-days | above low |",
        "|---|---:|---:|---|---|",
        f"| {count} portals, {length} days | {total} | {redesigns} | {rate} | {interval(above, total)} |",
    ]
    print("\n".join(lines))
    print(f"causes: {dict(causes)}; {(time.process_time() - began) / (total or 1) * 1000:.1f} ms CPU a look")
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
    options = parser.parse_args(arguments)
    if options.what == "days":
        days(options.portals or 2000, options.days, options.table)
    else:
        views(options.portals or 20)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
