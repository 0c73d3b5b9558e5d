"""What do the city's firewalls and resolvers bar, and until when?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

if TYPE_CHECKING:
    from citywatch.respond.blocklist import BlockList
    from console.house import House

blocks = typer.Typer(
    no_args_is_help=True, help="The block list that firewalls fetch: list, add, remove, export."
)

Who = Annotated[str, typer.Option("--as", metavar="NAME", envvar="USER", help="Who says so.")]
_COLUMNS = (("value", "Barred"), ("until", "Until"), ("by", "By"), ("reason", "Why"))


@blocks.command("list")
def list_blocks(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List what is barred now."""
    from citywatch.model import to_doc
    from console.house import open_house

    with open_house(data, store=store) as house:
        rows = (to_doc(block) for block in _list(house).current())
        say.rows(rows, _COLUMNS, json=json, empty="Nothing is barred.")


@blocks.command("add")
def add(
    value: Annotated[str, typer.Argument(help="An address, a network or a domain.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    who: Who,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=2160.0, help="How long.")] = 24.0,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Bar a value for a time. What belongs to the city, or is private, is refused."""
    from console.house import open_house
    from console.playbooks import note

    with open_house(data, store=store) as house:
        block = _list(house).add(value, hours=hours, by=who, reason=reason)
        note(house, who, "blocked", f"{block.value} until {block.until}: {reason}")
        say.err().print(f"{block.value}: barred until {block.until[:16]}Z", markup=False)


@blocks.command("remove")
def remove(value: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """Take a value off the list. Exit code 1 when it was not on it."""
    from console.house import open_house
    from console.playbooks import note

    with open_house(data, store=store) as house:
        removed = _list(house).remove(value)
        if removed:
            note(house, who, "unblocked", value)
        say.err().print(f"{value}: {'off the list' if removed else 'was not on the list'}", markup=False)
    if not removed:
        raise typer.Exit(1)


@blocks.command("export")
def export(
    form: Annotated[str, typer.Argument(metavar="FORM")], data: Data = None, store: StoreUrl = None
) -> None:
    """Write it as plain, fortigate-ip, fortigate-domain, paloalto-ip, paloalto-domain, nftables or rpz."""
    from citywatch.respond.blocklist import FORMS, written
    from console.house import open_house

    if form not in FORMS:
        raise typer.BadParameter(f"there is no form '{form}'; there are: {', '.join(FORMS)}")
    with open_house(data, store=store) as house:
        typer.echo(written(_list(house).current(), form, house.clock()), nl=False)


def _list(house: House) -> BlockList:
    from citywatch.respond.blocklist import BlockList

    return BlockList(store=house.store, clock=house.clock, never=house.settings.blocking.never)
