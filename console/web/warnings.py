"""What do other centers warn of, and was one of ours in contact?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.detect.indicator_import import Defaults, read_tlp
from citywatch.detect.indicators import IndicatorsFull
from citywatch.errors import InputError, SettingsError
from console.web.accounts import write_audit
from console.web.door import Visit, Way

PAGE = 200
DAYS = ("30", "90", "365", "0")
LABELS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
_SHOWN = 100


def show_indicators(visit: Visit) -> Response:
    """The indicators in force, who warned of them, and a form for a new warning."""
    return _page(visit)


def _page(visit: Visit, **context: Any) -> Response:
    text = visit.asked("q").strip()
    warnings = visit.house.warnings
    kept = warnings.indicators
    rows = kept.search(text, source=visit.asked("source"), limit=PAGE)
    named = warnings.about(text) if text else []
    rows = [*named, *(one for one in rows if one not in named)]
    shown: dict[str, Any] = {
        "rows": rows[:PAGE],
        "text": text,
        "health": kept.health(),
        "labels": LABELS,
        "lives": DAYS,
        "came": None,
        "warning": "",
    }
    return visit.page("indicators.html", **(shown | context))


def take_in(visit: Visit) -> Response:
    """Keep what a warning names, and show at once who was in contact."""
    source = visit.given("source").strip()[:200]
    text = next(iter(visit.form.get("warning", [])), "")
    if not source or not text.strip():
        return visit.go("/indicators", "warning_missing")
    days = visit.given("days")
    life = int(days) if days in DAYS else 0
    now = visit.house.clock()
    try:
        defaults = Defaults(
            source=source,
            tlp=read_tlp(visit.given("tlp") or "AMBER"),
            valid_until=stamp(now + timedelta(days=life)) if life else "",
            reference=visit.given("reference").strip()[:500],
        )
        came = visit.house.warnings.take_in(text.encode(), source, defaults)
    except (InputError, SettingsError):
        return visit.go("/indicators", "warning_wrong")
    except IndicatorsFull:
        return visit.go("/indicators", "indicators_full")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "warn", f"{source}: {came.named}")
    warning = text if not came.named else ""
    return _page(visit, came=came, sightings=came.past.sightings[:_SHOWN], warning=warning)


def remove(visit: Visit) -> Response:
    """Take all of a source out, or one value of it."""
    source, value = visit.given("source"), visit.given("value")
    gone = visit.house.warnings.indicators.remove(source, value=value) if source else 0
    if gone:
        about = f"{source} {value}".strip()
        write_audit(visit.house.store, visit.house.clock, visit.who.id, "warn_end", f"{about}: {gone}")
    return visit.go("/indicators", "indicators_gone", count=gone)


WAYS = (
    Way(path="/indicators", handler=show_indicators, name="indicators", needs="staff"),
    Way(path="/indicators", handler=take_in, name="take_in", method="POST", needs="warn"),
    Way(path="/indicators/remove", handler=remove, name="indicators_remove", method="POST", needs="warn"),
)
