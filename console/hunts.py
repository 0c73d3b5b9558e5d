"""Where in what is stored does a rule say yes?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import CityWatchError, SettingsError

if TYPE_CHECKING:
    from console.house import House


def hunt(house: House, rule: str, *, since: str, until: str, limit: int) -> Iterator[dict[str, Any]]:
    """Hits of a rule (its id, or a file) on stored events, oldest first.

    Raises:
        SettingsError: a time is not one.
        CityWatchError: there is no such rule, or it cannot be loaded.
    """
    from citywatch.detect.sigma.hunt import hunt as run

    start, end = _moment(since, "--since"), _moment(until, "--until")
    for number, match in enumerate(run(_rule(house, rule), house.store, start, end), 1):
        yield {
            "at": match.at,
            "rule_id": match.rule.id,
            "title": match.rule.title,
            "subject": " · ".join(value for _, value in match.subject),
            "reasons": "; ".join(f"{why.field} = {why.value}" for why in match.reasons),
            "event_id": match.event_ids[0],
        }
        if number >= limit:
            return


def _moment(text: str, option: str) -> str | None:
    if not text:
        return None
    try:
        return stamp(parse_stamp(text))
    except ValueError:
        raise SettingsError(
            f"{option} {text}: write a day or a time, 2026-11-22 or 2026-11-22T08:00:00Z"
        ) from None


def _rule(house: House, rule: str) -> Any:
    from citywatch.detect.sigma.load import load_file
    from citywatch.detect.sigma.resolve import resolve

    file = Path(rule)
    if file.is_file():
        ruleset = resolve([load_file(file.read_bytes(), rule)])
        for refusal in ruleset.refusals:
            raise refusal.error
        found = next(iter(ruleset.events.values()), None)
        if found is None:
            raise CityWatchError(f"{rule}: holds no rule that one event can answer; hunts need one")
        return found
    found = house.rulebook.ruleset.events.get(rule)
    if found is None:
        raise CityWatchError(f"there is no rule '{rule}' to hunt with; list them: citywatch rules list")
    return found
