"""Does a portal run software with known holes?

A witness that gathers what the portal says of its software (headers, generator, scripts), asks the well-known
content management systems for their version where they keep it, and looks it up in the imported table.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from citywatch.respond.products import key_of
from citywatch.respond.vulnerability import Hole, Known
from sensors.portal.page import absolute
from sensors.portal.software import software_of
from sensors.portal.witness import Scene, Testimony, tidy, witness_event

_TABLE = Path(__file__).parent / "tables" / "version_probes.tsv"
_BYTES = 20_000
_PROBE_S = 6.0
_MOST_CVES = 50
_PACKAGED = re.compile(
    r"\((?:Ubuntu|Debian|CentOS|Red Hat|Rocky|AlmaLinux|SUSE|Fedora|Raspbian)[^)]*\)", re.IGNORECASE
)
_SHORT = {"apache": "apache-httpd", "joomla!": "joomla"}
"""What a header or a page calls its software, where that name alone may mean another product."""
_OF_SYSTEM = frozenset({"apache-httpd", "nginx", "php", "openssl", "tomcat"})
"""What distributions patch without a new version number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionProbe:
    """Where a system keeps its version, and how it shows that it is the system."""

    name: str
    sign: re.Pattern[str]
    path: str
    version: re.Pattern[str]


@cache
def version_probes() -> tuple[VersionProbe, ...]:
    """The table."""
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line)
    return tuple(
        VersionProbe(name=name, sign=re.compile(sign), path=path, version=re.compile(version))
        for name, sign, path, version in rows
    )


@dataclass(slots=True)
class Versions:
    """The witness *software*.

    Args:
        known: the imported table, read anew for each visit.
        every_s: how long it rests between two looks at a portal.
    """

    known: Callable[[], Known]
    every_s: float = 86_400
    name: str = "software"
    limit_s: float = 60.0

    async def ask(self, scene: Scene) -> Testimony:
        """Gather versions and look them up."""
        if not scene.home.fetched.available:
            return Testimony(counts={"skipped": 1})
        told = dict.fromkeys(name for look in scene.looks for name in software_of(look.fetched, look.page))
        async for name in _asked(scene):
            told[name] = None
        software = _best(told)
        known = self.known()
        learned = {"software": software}
        counts = {"software": len(software), "versions": sum("/" in name for name in software)}
        event = _event(scene, software, known)
        if event is None:
            return Testimony(learned=learned, counts=counts)
        return Testimony(events=(event,), learned=learned, counts=counts | {"vulnerable": 1})


async def _asked(scene: Scene) -> AsyncIterator[str]:
    source = scene.home.page.source[:200_000] if scene.home.page is not None else ""
    for probe in version_probes():
        if probe.sign.search(source) is None:
            continue
        url = absolute(scene.home.fetched.final_url, probe.path)
        answer = await scene.talk.fetch(url, scene.headers, max_bytes=_BYTES, timeout_s=_PROBE_S)
        hit = probe.version.search(answer.body.decode("utf-8", "replace")) if answer.available else None
        if hit is not None:
            yield f"{probe.name}/{hit[1]}"


def _best(told: dict[str, None]) -> list[str]:
    """Each once; a name alone says nothing beside the same name with a version."""
    versioned = {name.partition("/")[0].casefold() for name in told if "/" in name}
    return [name for name in told if "/" in name or name.casefold() not in versioned][:20]


def _event(scene: Scene, software: list[str], known: Known) -> dict[str, Any] | None:
    packaged = _PACKAGED.search(scene.home.fetched.header("Server")) is not None
    found = list(_found(software, known))
    if not found:
        return None
    holes = [hole for _, held in found for hole in held]
    only_system = all(_key(name.partition("/")[0]) in _OF_SYSTEM for name, _ in found)
    event = witness_event(scene.portal, "portal.software", "software", at=scene.now)
    holes.sort(key=lambda hole: (hole.cve not in known.exploited, -hole.score, hole.cve))
    exploited = [hole.cve for hole in holes if hole.cve in known.exploited]
    return tidy(
        event
        | {
            "event.category": ["vulnerability"],
            "event.outcome": "success",
            "url.full": scene.home.fetched.final_url[:2000],
            "citywatch.portal.page": "home",
            "citywatch.portal.software": software,
            "citywatch.portal.vulnerable.software": [name for name, _ in found],
            "citywatch.portal.vulnerable.packaged": packaged and only_system,
            "citywatch.portal.vulnerable.exploited": list(dict.fromkeys(exploited))[:_MOST_CVES],
            "vulnerability.id": list(dict.fromkeys(hole.cve for hole in holes))[:_MOST_CVES],
            "vulnerability.score.base": max(hole.score for hole in holes),
            "vulnerability.description": [hole.title for hole in holes[:3] if hole.title],
        }
    )


def _found(software: list[str], known: Known) -> Iterator[tuple[str, list[Hole]]]:
    for name in software:
        product, _, version = name.partition("/")
        holes = known.of(_key(product), version) if version else []
        if holes:
            yield name, holes


def _key(product: str) -> str:
    return _SHORT.get(product.casefold()) or key_of(product)
