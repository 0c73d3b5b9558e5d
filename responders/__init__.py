"""What acts? One file each; here is which there are, and how they are made for one installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from citywatch.clock import Clock
from citywatch.ports import Responder, Store
from citywatch.respond.lifecycle import Numbering
from citywatch.settings import Settings
from responders.mail import NotifyMail
from responders.portal import RecheckPortal
from responders.ticket import AssignTicket, CloseAlert, CommentTicket, Described, OpenTicket
from responders.webhook import NotifyWebhook

Recheck = Callable[[str], Mapping[str, Any]]
"""Visits a portal again, by its id."""


class EvidenceReader(Protocol):
    """What responders ask of the evidence folder."""

    def get(self, sha256: str) -> bytes | None: ...
    def describe(self, sha256: str) -> Described | None: ...


ALL: Final = (
    OpenTicket,
    CommentTicket,
    AssignTicket,
    CloseAlert,
    NotifyMail,
    NotifyWebhook,
    RecheckPortal,
)
"""Every kind of responder."""


def build(
    settings: Settings,
    store: Store,
    clock: Clock,
    evidence: EvidenceReader,
    recheck: Recheck | None = None,
) -> dict[str, Responder]:
    """Make the responders of one installation, by the action that playbooks name."""
    numbering = Numbering(organisation=settings.organisation, timezone=settings.timezone)
    loopback = settings.fetch.allow_loopback
    made: tuple[Responder, ...] = (
        OpenTicket(store=store, clock=clock, numbering=numbering, describe=evidence.describe),
        CommentTicket(store=store, clock=clock),
        AssignTicket(store=store, clock=clock),
        CloseAlert(store=store, clock=clock),
        NotifyMail(settings=settings.mail, clock=clock, evidence=evidence.get),
        NotifyWebhook(store=store, clock=clock, settings=settings.webhook, allow_loopback=loopback),
        RecheckPortal(recheck=recheck),
    )
    return {responder.name: responder for responder in made}
