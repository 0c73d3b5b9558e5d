"""Do the scripts that a portal serves still do what they did?

A witness that fetches the scripts of the portal's own domain: an attacker who adds a line to a library leaves
the page untouched. A new or changed script is kept, so that YARA rules see it, and what it does that it did
not do before is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from citywatch.model import from_doc, to_doc
from sensors.portal.danger import dangers_of_script
from sensors.portal.encoding import decode_page
from sensors.portal.fetch import Fetched
from sensors.portal.page import Script, domain_of, key_of
from sensors.portal.witness import Scene, Testimony, tidy, witness_event

_LARGEST: Final = 600_000
_FETCH_S: Final = 8.0
_REMEMBERED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is remembered: scripts by URL, with the key of their text and what they do."""

    visits: int = 0
    keys: dict[str, str] = field(default_factory=dict[str, str])
    dangers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


@dataclass(slots=True)
class Scripts:
    """The witness *script*.

    Args:
        most: scripts that one look at a portal fetches.
        every_s: how long it rests between two looks at a portal.
    """

    most: int = 12
    every_s: float = 3600
    name: str = "script"
    limit_s: float = 60.0

    async def ask(self, scene: Scene) -> Testimony:
        """Fetch the scripts and hold each against what it was."""
        known = from_doc(dict(scene.known), Known)
        keys, dangers = dict(known.keys), dict(known.dangers)
        now = Known(visits=1, keys=dict(keys), dangers=dict(dangers))
        events: list[dict[str, Any]] = []
        seen = 0
        for url in list(dict.fromkeys(_own_scripts(scene)))[: self.most]:
            fetched = await scene.talk.fetch(url, scene.headers, max_bytes=_LARGEST, timeout_s=_FETCH_S)
            if not fetched.available or fetched.body.lstrip()[:1] == b"<":
                continue
            seen += 1
            key, does = _read(scene, fetched)
            now.keys[url], now.dangers[url] = key, does
            if keys.get(url) == key:
                continue
            new = [one for one in does if one not in known.dangers.get(url, ())]
            if known.visits or new:
                events.append(_event(scene, fetched, new if known.visits else [], new=url not in known.keys))
            if not new or not known.visits:
                keys[url], dangers[url] = key, does
        learned = Known(
            visits=known.visits + 1,
            keys=dict(list(keys.items())[-_REMEMBERED:]),
            dangers=dict(list(dangers.items())[-_REMEMBERED:]),
        )
        counts = {"fetched": seen, "changed": len(events)}
        return Testimony(events=tuple(events), learned=to_doc(learned), fresh=to_doc(now), counts=counts)


def _own_scripts(scene: Scene) -> Iterator[str]:
    own = {domain_of(scene.portal.url), domain_of(scene.home.fetched.final_url)}
    for script in scene.home.page.scripts if scene.home.page is not None else ():
        if script.url and domain_of(script.url) in own:
            yield script.url


def _read(scene: Scene, fetched: Fetched) -> tuple[str, list[str]]:
    text = decode_page(fetched.body, fetched.header("Content-Type"))[0]
    own = domain_of(fetched.final_url)
    linked = {link.domain for link in scene.home.page.links} if scene.home.page is not None else set[str]()
    does = dangers_of_script(Script(url="", domain="", key="", text=text), own, linked)
    return key_of(text), sorted(set(does))


def _event(scene: Scene, fetched: Fetched, dangers: list[str], *, new: bool) -> dict[str, Any]:
    event = witness_event(scene.portal, "portal.script", fetched.url, at=scene.now)
    kept = scene.keep(fetched.body, "text/javascript")
    return tidy(
        event
        | {
            "event.outcome": "success",
            "url.full": fetched.final_url[:2000],
            "citywatch.portal.page": "script",
            "citywatch.portal.changed": ["scripts"],
            "citywatch.portal.change.scripts": [fetched.url[:2000]],
            "citywatch.portal.change.dangerous": dangers,
            "event.reason": "new script" if new else "changed script",
            "citywatch.evidence.sha256": [kept] if kept else [],
            "citywatch.evidence.what": ["script"] if kept else [],
        }
    )
