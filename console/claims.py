"""Whose portal is it, is that shown, and is it still so?

A claim is made when somebody of an agency registers a portal. Until it is proven the portal is not watched;
a month later it is asked again, and after three misses in a row it lapses, which the lead sees.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.model import Portal, from_doc, to_doc
from citywatch.ports import Is, Query, Store

if TYPE_CHECKING:
    from console.house import House
    from sensors.portal.proof import Proof

KIND = "claim"
AGAIN = timedelta(days=30)
RETRY = timedelta(days=1)
MISSES = 3

Prove = Callable[[str, str], "Proof"]
"""Look for a token at a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who says that a portal is theirs, and what shows it. Its id is the portal's."""

    id: str
    token: str
    by: str
    at: str
    state: str = "open"
    """open, proven, or lapsed (it was proven once and no longer is)."""
    way: str = ""
    """dns, file or tag."""
    detail: str = ""
    checked_at: str = ""
    proven_at: str = ""
    misses: int = 0
    due_at: str = ""


def make(store: Store, clock: Clock, portal_id: str, by: str) -> Claim:
    """Begin a claim; the one that is there already stays as it is."""
    claim = Claim(id=portal_id, token="cw-" + secrets.token_hex(20), by=by, at=stamp(clock()))
    try:
        store.put_if(KIND, portal_id, to_doc(claim), 0)
    except Conflict:
        held = read(store, portal_id)
        return held or claim
    return claim


def read(store: Store, portal_id: str) -> Claim | None:
    """The claim on a portal, if anybody made one."""
    record = store.get(KIND, portal_id)
    return from_doc(record.doc, Claim) if record else None


def check(store: Store, clock: Clock, portal: Portal, claim: Claim, prove: Prove) -> Claim:
    """Look for the proof now, write down what was found, and begin to watch the portal when it is proven.

    Raises:
        Conflict: somebody else checked it at the same time.
    """
    record = store.get(KIND, claim.id)
    changed = judged(claim, prove(portal.url, claim.token), clock)
    store.put_if(KIND, claim.id, to_doc(changed), record.version if record else 0)
    if changed.state == "proven" and claim.state == "open":
        held = store.get("portal", portal.id)
        if held is not None:
            store.put_if("portal", portal.id, held.doc | {"active": True}, held.version)
    return changed


def judged(claim: Claim, proof: Proof, clock: Clock) -> Claim:
    """What a look makes of a claim."""
    now = clock()
    seen = replace(claim, checked_at=stamp(now), detail=proof.detail[:500])
    if proof.way:
        return replace(
            seen,
            state="proven",
            way=proof.way,
            proven_at=claim.proven_at or stamp(now),
            misses=0,
            due_at=stamp(now + AGAIN),
        )
    if claim.state == "open":
        return seen
    misses = claim.misses + 1
    return replace(
        seen, misses=misses, state="lapsed" if misses >= MISSES else claim.state, due_at=stamp(now + RETRY)
    )


def prove_over_network(house: House) -> Prove:
    """Look for proof over the network, as this installation may."""
    from sensors.portal.proof import prove

    return lambda url, token: asyncio.run(prove(url, token, house.settings.fetch))


def check_due(house: House) -> int:
    """Ask again about every claim whose month is over; give how many were asked."""
    now, done = house.clock(), 0
    prove = prove_over_network(house)
    for state in ("proven", "lapsed"):
        for claim in _claims(house.store, state):
            if claim.due_at and parse_stamp(claim.due_at) > now:
                continue
            record = house.store.get("portal", claim.id)
            if record is None:
                continue
            try:
                check(house.store, house.clock, from_doc(record.doc, Portal), claim, prove)
            except Conflict:
                continue  # another node asks about it
            done += 1
    return done


def _claims(store: Store, state: str) -> list[Claim]:
    found: list[Claim] = []
    after: str | None = None
    while True:
        query = Query(where=Is("state", state), order="id", newest_first=False, limit=1000, after=after)
        page = store.find(KIND, query)
        found.extend(from_doc(record.doc, Claim) for record in page.records)
        after = page.next
        if after is None:
            return found
