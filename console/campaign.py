"""What is told to an agency whose systems a warning concerns, and how far has each agency come?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from citywatch.model import Alert, Reason, Task, Ticket, repeatable_id
from citywatch.respond.advisory import Advisory, AffectedAsset, Document

LISTED: Final = 40
DONE: Final = frozenset({"proven", "not_affected"})


def hashes(documents: Sequence[Document]) -> list[str]:
    """What the papers hold, whatever they are called."""
    return sorted(document.sha256 for document in documents)


def id_of(advisory: Advisory, documents: Sequence[Document], by: str) -> str:
    """The same warning has the same id; a letter cannot overwrite what came another way."""
    if advisory.form == "csaf" and advisory.number:
        return repeatable_id("advisory", advisory.source, advisory.number, "mail" if by == "mail" else "")[
            :12
        ]
    return repeatable_id("advisory", *hashes(documents))[:12]


def alert_of(advisory: Advisory, agency: str, assets: Sequence[AffectedAsset], now: str) -> Alert:
    """What the agency's ticket is about."""
    named = advisory.number or advisory.id
    return Alert(
        id=repeatable_id("advisory alert", advisory.id, agency),
        rule_id=f"advisory:{advisory.id}",
        title=f"Affected by advisory {named}: {advisory.title}"[:300],
        title_vi=f"Bị ảnh hưởng theo cảnh báo {named}: {advisory.title}"[:300],
        severity=advisory.severity,
        subject=f"{named} · {agency}",
        subject_fields={},
        first_seen=now,
        last_seen=now,
        count=len(assets),
        explanation=tuple(
            Reason(field=one.name or one.asset, value=one.because, pattern=", ".join(advisory.cves[:5]))
            for one in assets[:LISTED]
        ),
        category="advisory",
        agency=agency,
        asset=assets[0].asset if len(assets) == 1 else "",
        event={"message": advisory.title, "threat.indicator.reference": named},
        guide_vi=_guide(advisory, assets, "Hệ thống bị ảnh hưởng", "Theo cảnh báo"),
        guide_en=_guide(advisory, assets, "Affected systems", "As the advisory says"),
    )


def _guide(advisory: Advisory, assets: Sequence[AffectedAsset], head: str, told: str) -> str:
    """The affected systems and what the warning itself says to do; empty when it says nothing of its own."""
    lines = [f"- {task_text(one)}" for one in assets[:LISTED]]
    lines += [f"… (+{len(assets) - LISTED})"] if len(assets) > LISTED else []
    fixes = sorted(
        {f"{one.vendor} {one.name} → {one.fixed}".strip() for one in advisory.products if one.fixed}
    )
    own = advisory.guide[:4000]
    parts = [f"{head}:", *lines, *([f"{told}:", *fixes[:20]] if fixes else []), *([own] if own else [])]
    return "\n".join(parts)


def inputs_of(advisory: Advisory, assets: Sequence[AffectedAsset]) -> dict[str, Any]:
    """What the playbook is given."""
    products = dict.fromkeys(one.product for one in assets)
    return {
        "advisory": advisory.number or advisory.id,
        "title": advisory.title[:200],
        "products": ", ".join(products)[:500],
        "systems": "\n".join(f"- {task_text(one)}" for one in assets[:LISTED]),
    }


def task_text(asset: AffectedAsset) -> str:
    """One line of work: which system, and what of it."""
    runs = f"{asset.product} {asset.version}".strip()
    doubt = "" if asset.sure else " (?)"
    return " ".join(f"{asset.name or asset.asset} [{asset.asset}]: {runs}{doubt}".split())[:500]


def task_of(ticket: Ticket, asset: AffectedAsset) -> Task | None:
    """The ticket's task for that asset."""
    text = task_text(asset)
    return next((task for task in ticket.tasks if task.text == text), None)


def told_software(seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and versions that a portal or system told of itself."""
    for one in seen.get("software") or ():
        name, _, version = str(one).partition("/")
        yield name, version


def progress(assets: Sequence[AffectedAsset]) -> list[dict[str, Any]]:
    """One row an agency: how many assets are open, said to be fixed, proven."""
    by_agency: dict[str, list[AffectedAsset]] = {}
    for one in assets:
        by_agency.setdefault(one.agency, []).append(one)
    rows: list[dict[str, Any]] = []
    for agency, held in sorted(by_agency.items()):
        counts = Counter(one.state for one in held)
        done = sum(counts[state] for state in DONE)
        rows.append(
            {
                "agency": agency,
                "ticket": next((one.ticket_id for one in held if one.ticket_id), ""),
                "assets": len(held),
                "open": counts["open"],
                "still_affected": counts["still_affected"],
                "said_fixed": counts["said_fixed"],
                "proven": counts["proven"],
                "not_affected": counts["not_affected"],
                "done": f"{done}/{len(held)}",
                "last": max((one.changed_at for one in held), default=""),
            }
        )
    return rows
