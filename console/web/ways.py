"""Which pages and forms does the console have?"""

from __future__ import annotations

from collections.abc import Sequence

from console.web import (
    advisories,
    alert,
    approvals,
    attack,
    bench,
    bring,
    care,
    complete,
    deeds,
    estate,
    evidence,
    factor,
    federation,
    feeds,
    health,
    hunts,
    inbox,
    invite,
    live,
    login,
    overview,
    people,
    playbooks,
    search,
    setup,
    ticket_work,
    tickets,
    warnings,
)
from console.web.door import Way

CONSOLE: Sequence[Way] = (
    *login.WAYS,
    *factor.WAYS,
    *federation.WAYS,
    *inbox.WAYS,
    *complete.WAYS,
    *deeds.WAYS,
    *alert.WAYS,
    *tickets.WAYS,
    *ticket_work.WAYS,
    *bring.WAYS,
    *care.WAYS,
    *estate.WAYS,
    *overview.WAYS,
    *invite.WAYS,
    *approvals.WAYS,
    *playbooks.WAYS,
    *evidence.WAYS,
    *feeds.WAYS,
    *search.WAYS,
    *hunts.WAYS,
    *attack.WAYS,
    *bench.WAYS,
    *warnings.WAYS,
    *advisories.WAYS,
    *health.WAYS,
    *people.WAYS,
    *setup.WAYS,
    *live.WAYS,
)
"""What people use; programs find a counterpart of each under /api/v1 (`programs`)."""
