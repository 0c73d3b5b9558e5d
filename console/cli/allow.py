"""Who is allowed to do what a rule calls bad, until when, and who answers for it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl, Who

if TYPE_CHECKING:
    from citywatch.model import Alert
    from console.house import House

_COLUMNS = (
    ("id", "Id"),
    ("source", "From"),
    ("destination", "To"),
    ("ways", "Ways"),
    ("title", "Rule"),
    ("owner", "Owner"),
    ("reason", "Reason"),
    ("until", "Until"),
)


def allow(
    alert: Annotated[str, typer.Argument(help="The alert whose two ends are allowed.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is allowed.")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="For how long.")] = 30,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Address or network instead of the alert's; '' for anybody."),
    ] = None,
    destination: Annotated[
        str | None, typer.Option("--destination", help="The same for the other end.")
    ] = None,
    one_way: Annotated[bool, typer.Option("--one-way", help="Only in the alert's own direction.")] = False,
    any_rule: Annotated[
        bool, typer.Option("--any-rule", help="Whatever rule it is, not only the alert's.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the alerts it would close.")] = False,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Allow the two ends of an alert: open alerts like it are closed, and those to come as well."""
    from citywatch.respond import allow as allowing
    from console.house import open_house

    with open_house(data, store=store) as house:
        found = _alert(house, alert)
        ends = allowing.hosts_of(found)
        wanted = allowing.new_allowance(
            source=_one(ends[0], source, "--source"),
            destination=_one(ends[1], destination, "--destination"),
            either_way=not one_way,
            rule_id="" if any_rule else found.rule_id,
            title="" if any_rule else found.title,
            owner=owner,
            reason=reason,
            by=who,
            now=house.clock(),
            days=days,
        )
        if dry_run:
            closed = sum(1 for _ in allowing.covered(house.store, wanted))
        else:
            closed = allowing.put(house.store, wanted)
            _audit(
                house,
                who,
                "allow",
                f"{wanted.id} {wanted.source} {wanted.destination} {closed} {wanted.reason}",
            )
        row = _row(wanted) | {"closed": closed, "dry_run": dry_run}
        say.rows([row], (*_COLUMNS, ("closed", "Would close" if dry_run else "Closed")), json=json, empty="")


def _alert(house: House, alert_id: str) -> Alert:
    from citywatch.model import Alert, from_doc
    from console.cases import alert_detail

    alert_detail(house, alert_id)
    record = house.store.get("alert", alert_id)
    return from_doc(record.doc if record else {}, Alert)


def _one(hosts: list[str], given: str | None, option: str) -> str:
    """The one host of an end of the alert, or what was given for it."""
    from citywatch.errors import SettingsError

    if given is not None:
        return given.strip()
    if len(hosts) > 1:
        raise SettingsError(f"the alert names {len(hosts)} hosts at this end; say which with {option}")
    return hosts[0] if hosts else ""


def _audit(house: House, who: str, what: str, about: str) -> None:
    from citywatch.respond import audit

    audit.append(house.store, house.clock, by=who, what=what, about=f"{about} (terminal)")


def _row(allowance: Any) -> dict[str, Any]:
    from citywatch.model import to_doc

    doc = to_doc(allowance)
    return doc | {
        "source": doc["source"] or "anybody",
        "destination": doc["destination"] or "anybody",
        "ways": "both" if doc["either_way"] else "one",
        "title": doc["title"] or "any",
    }


def allowed(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List what is allowed now."""
    from citywatch.respond.allow import active
    from console.house import open_house

    with open_house(data, store=store) as house:
        rows = [_row(one) for one in active(house.store, house.clock)]
        say.rows(rows, _COLUMNS, json=json, empty="Nothing is allowed. See: citywatch alerts allow --help")


def disallow(
    allowance: Annotated[str, typer.Argument(help="The id of the allowance.")],
    undo: Annotated[bool, typer.Option("--undo", help="Also open again the alerts that it closed.")] = False,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """End an allowance now."""
    from citywatch.respond import allow as allowing
    from console.house import open_house

    with open_house(data, store=store) as house:
        back = 0
        if undo:
            back = allowing.undo(house.store, house.clock, allowance, by=who)
        else:
            allowing.end(house.store, house.clock, allowance, by=who)
        _audit(house, who, "disallow", f"{allowance} {back}")
    say.rows(
        [{"id": allowance, "reopened": back}],
        (("id", "Id"), ("reopened", "Opened again")),
        json=json,
        empty="",
    )
