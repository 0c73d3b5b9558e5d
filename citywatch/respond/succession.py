"""What happens to portals, systems, people and open tickets when an agency is renamed, merged or split?

A change has a day. Before it, it is only written down; on that day (or at once, when the day has passed) what
belonged to the old agency goes over, open tickets with a line in their history. The old agency's record stays
with who goes on in its stead. Done again after a kill it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from citywatch.clock import Clock, stamp
from citywatch.errors import CityWatchError, Conflict
from citywatch.model import Agency, Change, Portal, System, Ticket, from_doc, repeatable_id, to_doc
from citywatch.ports import Is, Query, Store
from citywatch.respond.every import every, every_record
from citywatch.respond.lifecycle import CLOSED, change_ticket, noted

KIND: Final = "agency_change"


class WrongChange(CityWatchError):  # noqa: N818 - what the caller shows as it is
    """A change that cannot be; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyChange:
    """A rename, merger or split, with its day."""

    id: str
    kind: Literal["rename", "merge", "split"]
    day: str
    """`2025-07-01`, in the city's own time."""
    of: tuple[str, ...]
    into: tuple[str, ...] = ()
    name: str = ""
    name_en: str = ""
    takes: dict[str, str] = field(default_factory=dict[str, str])
    """For a split: which portal or system goes to whom; the rest goes to the first."""
    by: str = ""
    noted_at: str = ""
    done_at: str = ""
    moved: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """The agencies' changes of one installation."""

    store: Store
    clock: Clock

    def note(self, change: AgencyChange) -> AgencyChange:
        """Write a change down.

        Raises:
            WrongChange: an agency is not known, or the change says nothing.
        """
        self._check(change)
        change_id = repeatable_id(KIND, change.kind, change.day, *change.of, *change.into, change.name)[:16]
        change = replace(change, id=change_id, noted_at=stamp(self.clock()))
        try:
            self.store.put_if(KIND, change_id, to_doc(change), 0)
        except Conflict:
            record = self.store.get(KIND, change_id)
            return from_doc(record.doc, AgencyChange) if record else change
        return change

    def _check(self, change: AgencyChange) -> None:
        if change.kind == "rename" and (len(change.of) != 1 or not change.name.strip()):
            raise WrongChange("a rename is of one agency, and needs the new name")
        if change.kind == "merge" and (len(change.into) != 1 or not change.of):
            raise WrongChange("a merger is of agencies into one")
        if change.kind == "split" and (len(change.of) != 1 or not change.into):
            raise WrongChange("a split is of one agency into others")
        if change.kind != "rename" and set(change.of) & set(change.into):
            raise WrongChange("an agency cannot go over to itself")
        for agency in (*change.of, *change.into):
            if self.store.get("agency", agency) is None:
                raise WrongChange(
                    f"there is no agency '{agency}'; add it first: citywatch agencies add {agency} --name …"
                )
        strangers = sorted(set(change.takes.values()) - set(change.into))
        if strangers:
            raise WrongChange(f"'{strangers[0]}' is not among those it is split into")

    def step(self, today: str) -> int:
        """Carry out the changes whose day has come; give how many."""
        waiting = Query(where=Is("done_at", ""), order="day", newest_first=False, limit=500)
        due = [
            one
            for one in every(self.store, KIND, AgencyChange, waiting)
            if one.day <= today and not one.done_at
        ]
        for change in due:
            self._carry_out(change)
        return len(due)

    def all(self) -> list[AgencyChange]:
        """Every change, the last day first."""
        return sorted(every(self.store, KIND, AgencyChange), key=lambda one: one.day, reverse=True)

    # -- carrying out ------------------------------------------------------------------------------------

    def _carry_out(self, change: AgencyChange) -> None:
        moved = self._rename(change) if change.kind == "rename" else self._hand_over(change)
        done = replace(change, done_at=stamp(self.clock()), moved=moved)
        self.store.put_many(KIND, {change.id: to_doc(done)})

    def _rename(self, change: AgencyChange) -> dict[str, int]:
        agency = self._agency(change.of[0])
        if agency.name != change.name:
            former = (*agency.former_names, f"until {change.day}: {agency.name}")[-20:]
            named = replace(
                agency, name=change.name, name_en=change.name_en or agency.name_en, former_names=former
            )
            self.store.put_many("agency", {agency.id: to_doc(named)})
        return {}

    def _hand_over(self, change: AgencyChange) -> dict[str, int]:
        heirs = change.into
        moved = {"portals": 0, "systems": 0, "tickets": 0, "accounts": 0, "agencies": 0}
        for old in change.of:
            moved["portals"] += self._assets("portal", Portal, old, change)
            moved["systems"] += self._assets("system", System, old, change)
            moved["tickets"] += self._tickets(old, change)
            moved["accounts"] += self._accounts(old, heirs[0])
            moved["agencies"] += self._children(old, heirs[0])
            self._end(old, change)
        return moved

    def _agency(self, agency_id: str) -> Agency:
        record = self.store.get("agency", agency_id)
        if record is None:
            raise WrongChange(f"there is no agency '{agency_id}' any more")
        return from_doc(record.doc, Agency)

    def _assets(self, kind: str, noun: type[Portal | System], old: str, change: AgencyChange) -> int:
        docs: dict[str, dict[str, object]] = {}
        for one in every(
            self.store, kind, noun, Query(where=Is("agency", old), order="id", newest_first=False, limit=500)
        ):
            if one.agency == old:
                docs[one.id] = to_doc(replace(one, agency=change.takes.get(one.id, change.into[0])))
        if docs:
            self.store.put_many(kind, docs)
        return len(docs)

    def _tickets(self, old: str, change: AgencyChange) -> int:
        """Open tickets follow their asset; those of no asset go to the first heir."""
        moved = 0
        for ticket in list(self._open(old)):
            heir = self._heir_of(ticket, change)
            line = Change(
                at=stamp(self.clock()),
                by="catalogue",
                what="agency",
                note=f"{old} → {heir} ({change.kind}, {change.day})",
            )

            def follow(held: Ticket, heir: str = heir, line: Change = line) -> Ticket:
                return (
                    replace(noted(held, line), agency=heir)
                    if held.agency == old and held.state not in CLOSED
                    else held
                )

            change_ticket(self.store, ticket.id, follow)
            moved += 1
        return moved

    def _open(self, agency: str) -> Iterator[Ticket]:
        query = Query(where=Is("agency", agency), order="id", newest_first=False, limit=500)
        for ticket in every(self.store, "ticket", Ticket, query):
            if ticket.agency == agency and ticket.state not in CLOSED:
                yield ticket

    def _heir_of(self, ticket: Ticket, change: AgencyChange) -> str:
        return change.takes.get(ticket.asset, change.into[0])

    def _accounts(self, old: str, heir: str) -> int:
        moved = 0
        query = Query(where=Is("agency", old), order="id", newest_first=False, limit=500)
        for record in every_record(self.store, "user", query):
            if record.doc.get("agency") == old:
                self.store.put_if("user", record.id, {**record.doc, "agency": heir}, record.version)
                moved += 1
        return moved

    def _children(self, old: str, heir: str) -> int:
        children = [
            one for one in every(self.store, "agency", Agency) if one.parent == old and one.id != heir
        ]
        if children:
            self.store.put_many("agency", {one.id: to_doc(replace(one, parent=heir)) for one in children})
        return len(children)

    def _end(self, old: str, change: AgencyChange) -> None:
        """The (first) heir takes networks and names too; after a split people divide them."""
        agency, heir = self._agency(old), self._agency(change.into[0])
        grown = replace(
            heir,
            networks=_both(heir.networks, agency.networks),
            domains=_both(heir.domains, agency.domains),
            hosts=_both(heir.hosts, agency.hosts),
        )
        self.store.put_many("agency", {heir.id: to_doc(grown)})
        ended = replace(agency, ended_on=change.day, successors=change.into)
        self.store.put_many("agency", {old: to_doc(ended)})


def _both(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def takes_of(pairs: Sequence[str]) -> Mapping[str, str]:
    """`PORTAL=AGENCY` as people write it.

    Raises:
        WrongChange: one is not such a pair.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        asset, sign, agency = pair.partition("=")
        if not sign or not asset or not agency:
            raise WrongChange(f"'{pair}' is not ASSET=AGENCY")
        found[asset.strip()] = agency.strip()
    return found
