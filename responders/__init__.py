"""What acts? One file each; here is which there are, and how they are made for one installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from citywatch.clock import Clock
from citywatch.ports import Responder, Store
from citywatch.respond.blocklist import BlockList
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.lifecycle import Numbering
from citywatch.respond.story import Stories
from citywatch.respond.tie import load_ties
from citywatch.settings import Settings
from responders.blocklist import AddBlock, RemoveBlock
from responders.calendar import CalendarEntry
from responders.capture import Capture, CaptureEvidence
from responders.chat import NotifyChat
from responders.escape import RunCommand, SendRequest
from responders.iris import HandToIris
from responders.lookup_asset import LookUpAsset
from responders.lookup_dns import LookUpDns
from responders.lookup_geo import LookUpGeo
from responders.lookup_history import LookUpHistory
from responders.lookup_indicator import About, LookUpIndicator
from responders.lookup_rdap import LookUpRdap
from responders.mail import NotifyMail
from responders.maintenance import MaintenancePage
from responders.misp import ExportMisp
from responders.portal import RecheckPortal
from responders.report_draft import Draft, DraftReport, Keep
from responders.stix import ExportStix
from responders.telegram import NotifyTelegram
from responders.thehive import HandToTheHive
from responders.ticket import AssignTicket, CloseAlert, CommentTicket, Described, OpenTicket
from responders.ticket_end import CloseTicket
from responders.ticket_merge import MergeTicket
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
    CloseTicket,
    NotifyTelegram,
    AddBlock,
    RemoveBlock,
    LookUpIndicator,
    LookUpAsset,
    LookUpHistory,
    LookUpDns,
    LookUpGeo,
    ExportMisp,
    ExportStix,
    HandToTheHive,
    HandToIris,
    CalendarEntry,
    MergeTicket,
    LookUpRdap,
    CaptureEvidence,
    DraftReport,
    NotifyChat,
    MaintenancePage,
    RunCommand,
    SendRequest,
)
"""Every kind of responder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """What of the rest of the house some responders need; what is absent they say."""

    recheck: Recheck | None = None
    about: About | None = None
    capture: Capture | None = None
    draft: Draft | None = None
    keep: Keep | None = None


def build(
    settings: Settings,
    store: Store,
    clock: Clock,
    evidence: EvidenceReader,
    given: Help | None = None,
) -> dict[str, Responder]:
    """Make the responders of one installation, by the action that playbooks name."""
    given = given or Help()
    numbering = Numbering(organisation=settings.organisation, timezone=settings.timezone)
    loopback = settings.fetch.allow_loopback
    blocks = BlockList(store=store, clock=clock, never=settings.blocking.never)
    exports = settings.data / "exports"
    stories = Stories(store, load_ties(settings.data), clock)
    made: tuple[Responder, ...] = (
        OpenTicket(
            store=store, clock=clock, numbering=numbering, describe=evidence.describe, stories=stories
        ),
        CommentTicket(store=store, clock=clock),
        AssignTicket(store=store, clock=clock),
        CloseAlert(store=store, clock=clock),
        NotifyMail(settings=settings.mail, clock=clock, evidence=evidence.get),
        NotifyWebhook(store=store, clock=clock, settings=settings.webhook, allow_loopback=loopback),
        RecheckPortal(recheck=given.recheck),
        CloseTicket(store=store, clock=clock),
        NotifyTelegram(settings=settings.telegram),
        AddBlock(blocks=blocks, hours=settings.blocking.hours),
        RemoveBlock(blocks=blocks),
        LookUpIndicator(about=given.about),
        LookUpAsset(catalogue=Catalogue(store)),
        LookUpHistory(store=store, clock=clock),
        LookUpDns(settings=settings.lookup),
        LookUpGeo(file=settings.lookup.geo_file),
        ExportMisp(store=store, clock=clock, settings=settings.handover),
        ExportStix(store=store, folder=exports),
        HandToTheHive(store=store, settings=settings.handover),
        HandToIris(store=store, settings=settings.handover),
        CalendarEntry(clock=clock, folder=exports),
        MergeTicket(store=store, clock=clock),
        LookUpRdap(settings=settings.lookup),
        CaptureEvidence(store=store, clock=clock, capture=given.capture, describe=evidence.describe),
        DraftReport(store=store, clock=clock, draft=given.draft, keep=given.keep),
        NotifyChat(settings=settings.chat),
        MaintenancePage(store=store, clock=clock, settings=settings.maintenance),
        RunCommand(settings=settings.escape),
        SendRequest(settings=settings.escape),
    )
    return {responder.name: responder for responder in made}
