"""How does a warning become a campaign: read, matched, told to agencies, followed and proven?

A warning is read and matched as it comes in; the campaign, with a ticket for each agency that it concerns, is
begun by a person. What an agency says is fixed is not yet proven: a look at the portal or system is, or a
second person's word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from citywatch.clock import Clock, stamp
from citywatch.errors import CityWatchError, Conflict, InputError
from citywatch.model import Alert, Change, Ticket, from_doc, to_doc
from citywatch.ports import Is, Query, Store
from citywatch.respond import audit, casework
from citywatch.respond.advisory import ASSET_STATES, Advisory, AffectedAsset, Product, together
from citywatch.respond.every import every
from citywatch.respond.inventory import affected, inventory, names_of, still
from citywatch.respond.lifecycle import CLOSED, change_ticket, noted
from citywatch.respond.products import key_of
from console.advisory_papers import document_of, media_type_of, read_papers
from console.campaign import alert_of, hashes, id_of, inputs_of, task_of, task_text, told_software

if TYPE_CHECKING:
    from console.indicators import Warnings

KIND: Final = "advisory"
ASSETS: Final = "affected"
PLAYBOOK: Final = "advisory_campaign"
OPEN: Final = frozenset({"open", "said_fixed", "still_affected"})
_TRIES: Final = 20

SoftwareNow = Callable[[str, str], Mapping[str, Any]]
"""What a portal or system (kind, id) says now: `available`, `software`, `error`."""


class Starter(Protocol):
    """What of the runner is asked."""

    def start_by_hand(
        self, name: str, alert: Alert, by: str, inputs: Mapping[str, Any] | None = None, *, once: str = ""
    ) -> str: ...


class AdvisoryError(CityWatchError):
    """This cannot be done with that warning; the message says why."""


SILENT: Final = "it did not answer: %s"
UNTOLD: Final = "it does not say (any more) that it runs this: nothing is proven"
UNPROVEN: Final = "it says '%s': that proves nothing"
SEEN: Final = "seen: %s"
"""What a look writes down of an asset; the console says it in the reader's language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of a warning that was brought in."""

    advisory: Advisory
    known: bool
    """It was there already, in this very form."""
    assets: tuple[AffectedAsset, ...]
    told: int = 0
    """Contacts with what it names that were put before the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisories:
    """The warnings of one installation."""

    store: Store
    clock: Clock
    keep: Callable[[bytes, str], str]
    get: Callable[[str], bytes | None]
    warnings: Warnings
    software_now: SoftwareNow

    # -- in ----------------------------------------------------------------------------------------------

    def take_in(self, raw: bytes, name: str, *, by: str, source: str = "", watch: bool = True) -> Came:
        """Read a warning, keep it and match it.

        Args:
            raw: CSAF 2.0, PDF, DOCX, text, HTML, or a letter with such attachments.
            name: what it is called.
            by: who brought it: a person, `mail`, `folder`, `api`.
            source: who warns, where it does not say so itself.
            watch: put its indicators in force.

        Raises:
            InputError: nothing of it can be read.
        """
        read = read_papers(raw, name, names_of(self.store))
        documents = tuple(
            document_of(paper, self.keep(paper.raw, media_type_of(paper.raw))) for paper in read.papers
        )
        now = stamp(self.clock())
        made = replace(
            read.advisory,
            id=id_of(read.advisory, documents, by),
            source=read.advisory.source or source,
            documents=documents,
            received_at=now,
            received_by=by,
            changed_at=now,
        )
        advisory, known = self._written(made)
        told = 0
        if watch and not advisory.watched:
            advisory, told = self.watch(advisory.id, by=by)
        assets = self.match(advisory.id)
        if not known:
            self._note(by, "advisory_in", f"{advisory.id} {advisory.number} {len(assets)}")
        return Came(advisory=advisory, known=known, assets=assets, told=told)

    def _written(self, made: Advisory) -> tuple[Advisory, bool]:
        """Write it; one that is there gets the new revision and keeps what people did with it."""
        for _ in range(_TRIES):
            record = self.store.get(KIND, made.id)
            if record is None:
                after, known = made, False
            else:
                before = from_doc(record.doc, Advisory)
                if hashes(before.documents) == hashes(made.documents) or before.revision > made.revision:
                    return before, True
                kept = {"received_at": before.received_at, "received_by": before.received_by}
                after = replace(made, state=before.state, **kept)
                known = False
            try:
                self.store.put_if(KIND, made.id, to_doc(after), record.version if record else 0)
            except Conflict:
                continue
            return after, known
        raise AdvisoryError(f"{made.id} could not be written: others kept writing it")

    def watch(self, advisory_id: str, *, by: str) -> tuple[Advisory, int]:
        """Put the indicators that it names in force, and ask the past for them."""
        from citywatch.detect.indicator_import import Defaults

        advisory = self.read(advisory_id)
        defaults = Defaults(
            source=(advisory.source or advisory.number or advisory.id)[:200],
            tlp=advisory.tlp,
            reference=(advisory.number or advisory.title)[:500],
        )
        named, told, doubts = 0, 0, list(advisory.doubts)
        for document in advisory.documents:
            raw = self.get(document.sha256)
            if raw is None or (advisory.form == "csaf" and document.media_type == "application/json"):
                continue
            try:
                came = self.warnings.take_in(raw, document.name, defaults)
            except InputError as error:
                doubts.append(str(error))
                continue
            named, told = named + came.named, told + came.told
        changed = self._change(
            advisory_id,
            lambda one: replace(
                one, indicators=named, watched=True, doubts=tuple(dict.fromkeys(doubts))[:100]
            ),
        )
        if named:
            self._note(by, "advisory_watch", f"{advisory_id}: {named}")
        return changed, told

    def put_product(self, advisory_id: str, product: Product, *, by: str) -> Advisory:
        """Add what it concerns, or correct its versions: a person has read it."""
        wanted = key_of(product.name, product.vendor)

        def put(one: Advisory) -> Advisory:
            others = (held for held in one.products if key_of(held.name, held.vendor) != wanted)
            return replace(one, products=together((product, *others)))

        changed = self._change(advisory_id, put)
        self._note(
            by, "advisory_product", f"{advisory_id} {product.vendor} {product.name} {product.versions}"
        )
        self.match(advisory_id)
        return changed

    # -- matched -----------------------------------------------------------------------------------------

    def match(self, advisory_id: str) -> tuple[AffectedAsset, ...]:
        """Hold it against the catalogue; what people and looks found out about an asset stays."""
        advisory = self.read(advisory_id)
        hits = {hit.id: hit for hit in affected(advisory, inventory(self.store))}
        known = {one.id: one for one in self.assets(advisory_id)}
        fresh = {key: to_doc(hit) for key, hit in hits.items() if key not in known}
        if fresh:
            self.store.put_many(ASSETS, fresh)
        for key, one in known.items():
            if key not in hits and one.state == "open" and not one.run_id:
                self.store.delete(ASSETS, key)
        return self.assets(advisory_id)

    def assets(self, advisory_id: str) -> tuple[AffectedAsset, ...]:
        """What it concerns, by agency; what agencies ticked in their tickets counts as said."""
        query = Query(where=Is("advisory", advisory_id), order="id", newest_first=False, limit=1000)
        found = [
            one for one in every(self.store, ASSETS, AffectedAsset, query) if one.advisory == advisory_id
        ]
        return tuple(sorted(found, key=lambda one: (one.agency, not one.sure, one.name, one.id)))

    # -- the campaign ------------------------------------------------------------------------------------

    def start(self, advisory_id: str, runner: Starter, *, by: str) -> int:
        """Begin the campaign, or take in what was matched since; give how many agencies are new.

        Raises:
            AdvisoryError: it concerns nobody that the catalogue knows.
        """
        advisory = self.read(advisory_id)
        by_agency: dict[str, list[AffectedAsset]] = {}
        for one in self.match(advisory_id):
            if one.state != "not_affected" and one.agency:
                by_agency.setdefault(one.agency, []).append(one)
        if not by_agency:
            raise AdvisoryError(
                f"{advisory.number or advisory.id} concerns nothing in the catalogue; tell which products it "
                f"means: citywatch advisories product {advisory.id} --name NAME --versions RANGE"
            )
        begun = 0
        for agency, assets in sorted(by_agency.items()):
            alert = alert_of(advisory, agency, assets, stamp(self.clock()))
            fresh = self.store.get("alert", alert.id) is None
            self.store.put_many("alert", {alert.id: to_doc(alert)})
            run_id = runner.start_by_hand(PLAYBOOK, alert, by, inputs_of(advisory, assets), once=advisory.id)
            begun += fresh
            for one in assets:
                if one.run_id != run_id:
                    self._put_asset(one.id, lambda held, run_id=run_id: replace(held, run_id=run_id))
        if advisory.state == "new":
            self._change(advisory_id, lambda one: replace(one, state="campaign"))
            self._note(by, "advisory_campaign", f"{advisory_id}: {len(by_agency)}")
        return begun

    def follow(self, advisory_id: str) -> tuple[AffectedAsset, ...]:
        """Know each asset's ticket, give it a task there, and take what was ticked as said."""
        assets = self.assets(advisory_id)
        runs = self.store.get_many("run", sorted({one.run_id for one in assets if one.run_id}))
        tickets = {key: str(record.doc.get("ticket_id", "")) for key, record in runs.items()}
        held = self.store.get_many("ticket", sorted({ticket for ticket in tickets.values() if ticket}))
        open_tickets = {key: from_doc(record.doc, Ticket) for key, record in held.items()}
        for one in assets:
            ticket = open_tickets.get(tickets.get(one.run_id, ""))
            if ticket is not None:
                self._follow_one(one, ticket)
        return self.assets(advisory_id)

    def _follow_one(self, one: AffectedAsset, ticket: Ticket) -> None:
        if one.ticket_id != ticket.id:
            self._put_asset(one.id, lambda held: replace(held, ticket_id=ticket.id))
        task = task_of(ticket, one)
        if task is None and ticket.state not in CLOSED:
            at = stamp(self.clock())

            def add(held: Ticket) -> Ticket:
                known = task_of(held, one) is not None or len(held.tasks) >= casework.TASKS
                return held if known else casework.with_task(held, task_text(one), by=PLAYBOOK, at=at)

            change_ticket(self.store, ticket.id, add)
        elif task is not None and task.done_at and one.state == "open":
            self._put_asset(
                one.id,
                lambda held: replace(
                    held, state="said_fixed", changed_at=task.done_at, changed_by=task.done_by
                ),
            )

    def follow_all(self) -> int:
        """Follow every campaign that runs; give how many."""
        query = Query(where=Is("state", "campaign"), order="id", newest_first=False, limit=500)
        running = [one for one in every(self.store, KIND, Advisory, query) if one.state == "campaign"]
        for one in running:
            self.follow(one.id)
        return len(running)

    def say(self, asset_id: str, state: str, *, by: str, version: str = "", note: str = "") -> AffectedAsset:
        """Write down what a person says of an asset.

        Raises:
            AdvisoryError: there is no such asset or state, the version is in the range, or the word of a
                second person or a reason is missing.
        """
        asset = self.asset(asset_id)
        if state not in ASSET_STATES:
            raise AdvisoryError(f"there is no state '{state}'; states are: {', '.join(ASSET_STATES)}")
        advisory = self.read(asset.advisory)
        if (
            state in {"said_fixed", "proven"}
            and version
            and still(key_of(asset.product), asset, advisory, version)
        ):
            raise AdvisoryError(f"{asset.name}: version {version} is still one that the warning names")
        if state in {"not_affected", "proven"} and not note.strip():
            raise AdvisoryError(f"'{state}' needs a reason: what was looked at, and what was seen?")
        if state == "proven" and asset.changed_by == by:
            raise AdvisoryError(f"'{by}' said that it is fixed: a second person, or a look, must prove it")
        return self._settle(asset, state, by=by, version=version or asset.version_now, note=note)

    def prove(self, advisory_id: str, *, by: str = "recheck", only: str = "") -> list[AffectedAsset]:
        """Look at each open asset now: proven, still affected, or no way to tell."""
        advisory = self.read(advisory_id)
        wanted = (one for one in self.assets(advisory_id) if one.state in OPEN)
        return [self._look(advisory, one, by) for one in wanted if not only or only in {one.id, one.asset}]

    def prove_all(self) -> int:
        """Look at the assets of every campaign that runs; give how many were looked at."""
        query = Query(where=Is("state", "campaign"), order="id", newest_first=False, limit=500)
        running = [one for one in every(self.store, KIND, Advisory, query) if one.state == "campaign"]
        return sum(len(self.prove(one.id)) for one in running)

    def _look(self, advisory: Advisory, one: AffectedAsset, by: str) -> AffectedAsset:
        seen = self.software_now(one.kind, one.asset)
        key = key_of(one.product)
        version = next(
            (
                held
                for name, held in told_software(seen)
                if key_of(name) == key or key_of(one.product, name) == key
            ),
            None,
        )
        if not seen.get("available"):
            return self._doubt(one, SILENT % (seen.get("error") or "–"), by)
        if version is None:
            return self._doubt(one, UNTOLD, by)
        verdict = still(key, one, advisory, version)
        if verdict is None:
            return self._doubt(one, UNPROVEN % (version or "–"), by, version)
        state = "still_affected" if verdict else "proven"
        return self._settle(one, state, by=by, version=version, note=SEEN % f"{one.product} {version}")

    def _doubt(self, one: AffectedAsset, note: str, by: str, version: str = "") -> AffectedAsset:
        del by
        return self._put_asset(
            one.id, lambda held: replace(held, note=note, version_now=version or held.version_now)
        )

    def _settle(self, one: AffectedAsset, state: str, *, by: str, version: str, note: str) -> AffectedAsset:
        at = stamp(self.clock())
        changed = self._put_asset(
            one.id,
            lambda held: replace(
                held, state=state, version_now=version, note=note[:1000], changed_at=at, changed_by=by
            ),
        )
        if state != one.state:
            self._note(by, f"advisory_asset_{state}", f"{one.advisory} {one.asset} {version}")
            self._tell_ticket(changed, by, at)
        return changed

    def _tell_ticket(self, asset: AffectedAsset, by: str, at: str) -> None:
        if not asset.ticket_id:
            return
        done = asset.state in {"proven", "not_affected"}
        line = Change(
            at=at, by=by, what=f"asset_{asset.state}", note=f"{task_text(asset)}: {asset.note}"[:1000]
        )

        def tell(ticket: Ticket) -> Ticket:
            task = task_of(ticket, asset)
            if task is not None and bool(task.done_at) != done and asset.state != "said_fixed":
                ticket = casework.with_task_done(ticket, task.id, by=by, at=at, done=done)
            return noted(ticket, line)

        change_ticket(self.store, asset.ticket_id, tell)

    def close(self, advisory_id: str, *, by: str, note: str = "") -> Advisory:
        """End a campaign.

        Raises:
            AdvisoryError: something is still open and no reason is given.
        """
        waiting = sum(one.state in OPEN for one in self.assets(advisory_id))
        if waiting and not note.strip():
            raise AdvisoryError(f"{waiting} of its assets are not proven yet: say why it ends all the same")
        at = stamp(self.clock())
        changed = self._change(advisory_id, lambda one: replace(one, state="closed", changed_at=at))
        self._note(by, "advisory_closed", f"{advisory_id} {note}".strip())
        return changed

    # -- reading and writing -----------------------------------------------------------------------------

    def read(self, named: str) -> Advisory:
        """A warning by its id or its sender's number.

        Raises:
            AdvisoryError: there is none.
        """
        record = self.store.get(KIND, named)
        if record is None:
            page = self.store.find(KIND, Query(where=Is("number", named), order="received_at", limit=1))
            record = page.records[0] if page.records else None
        if record is None:
            raise AdvisoryError(f"there is no advisory '{named[:100]}'; list them: citywatch advisories list")
        return from_doc(record.doc, Advisory)

    def asset(self, asset_id: str) -> AffectedAsset:
        """One affected asset.

        Raises:
            AdvisoryError: there is none.
        """
        record = self.store.get(ASSETS, asset_id)
        if record is None:
            raise AdvisoryError(f"there is no affected asset '{asset_id[:100]}'")
        return from_doc(record.doc, AffectedAsset)

    def _change(self, advisory_id: str, change: Callable[[Advisory], Advisory]) -> Advisory:
        for _ in range(_TRIES):
            record = self.store.get(KIND, advisory_id)
            if record is None:
                break
            after = change(from_doc(record.doc, Advisory))
            try:
                self.store.put_if(KIND, advisory_id, to_doc(after), record.version)
            except Conflict:
                continue
            return after
        raise AdvisoryError(f"{advisory_id} could not be changed")

    def _put_asset(self, asset_id: str, change: Callable[[AffectedAsset], AffectedAsset]) -> AffectedAsset:
        for _ in range(_TRIES):
            record = self.store.get(ASSETS, asset_id)
            if record is None:
                break
            after = change(from_doc(record.doc, AffectedAsset))
            try:
                self.store.put_if(ASSETS, asset_id, to_doc(after), record.version)
            except Conflict:
                continue
            return after
        raise AdvisoryError(f"affected asset {asset_id} could not be changed")

    def _note(self, by: str, what: str, about: str) -> None:
        audit.append(self.store, self.clock, by=by, what=what, about=about)
