"""Is the house well? For people, for a load balancer, for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from citywatch.errors import CityWatchError
from citywatch.ports import Everything
from console.web.door import Visit, Way


def healthz(visit: Visit) -> Response:
    """Whether the console and its store answer; no login, no detail."""
    try:
        good = visit.house.store.health().ok
    except CityWatchError:
        good = False
    return JSONResponse({"ok": good}, 200 if good else 503)


def readyz(visit: Visit) -> Response:
    """The same; the console is ready as soon as its store answers."""
    return healthz(visit)


def show_health(visit: Visit) -> Response:
    """Every part of the service: what it counted, what went wrong."""
    return visit.page("health.html", health=visit.house.health())


def metrics(visit: Visit) -> Response:
    """The counts as Prometheus reads them; it comes with a token, like other programs."""
    tickets = visit.house.store.tally("ticket", Everything(), "state")
    return PlainTextResponse(
        "".join(_metrics(visit.house.health(), tickets)),
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )


def _metrics(health: Mapping[str, Any], tickets: Sequence[tuple[str, int]]) -> list[str]:
    """Every family once, its samples together."""
    store: Mapping[str, Any] = health.get("store", {})
    families: dict[str, list[str]] = {"up": [str(int(bool(health.get("ok"))))]}
    for name in ("events", "bytes", "refused"):
        if name in store:
            families[f"store_{name}"] = [str(int(store[name]))]
    records: Mapping[str, int] = store.get("records", {})
    families["records"] = [f'{{kind="{_label(kind)}"}} {count}' for kind, count in records.items()]
    families["tickets"] = [f'{{state="{_label(state)}"}} {count}' for state, count in tickets]
    for part in health.get("parts", ()):
        counts: Mapping[str, int] = part.get("counts", {})
        label = _label(str(part.get("part", "")))
        for key, count in counts.items():
            families.setdefault(f"part_{_name(key)}", []).append(f'{{part="{label}"}} {count}')
    return [_family(f"citywatch_{name}", samples) for name, samples in families.items() if samples]


def _family(name: str, samples: list[str]) -> str:
    lines = [f"{name}{sample}" if sample.startswith("{") else f"{name} {sample}" for sample in samples]
    return "\n".join((f"# TYPE {name} gauge", *lines, ""))


def _label(text: str) -> str:
    """A label's value.

    >>> _label('a"b' + chr(10))
    'a_b_'
    """
    return re.sub(r'["\\\x00-\x1f]', "_", text)


def _name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


WAYS = (
    Way(path="/healthz", handler=healthz, name="healthz"),
    Way(path="/readyz", handler=readyz, name="readyz"),
    Way(path="/health", handler=show_health, name="health", needs="staff"),
    Way(path="/metrics", handler=metrics, name="metrics", needs="staff", api=True),
)
