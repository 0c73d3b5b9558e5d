"""What passes the interfaces of this machine, and who answers there?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

if TYPE_CHECKING:
    from sensors.network.ask import Answers

network = typer.Typer(
    no_args_is_help=True, help="Interfaces: how they are listened to, and who answers there."
)

_STATUS = (
    ("interface", "Interface"),
    ("state", "State"),
    ("passed", "Passed"),
    ("written", "Seen"),
    ("kernel_dropped", "Kernel dropped"),
    ("unwritten", "Disk refused"),
    ("missed", "Missed"),
    ("missed_is", "Missed is"),
    ("waiting", "Waiting"),
    ("overrun", "Overwritten"),
    ("cut", "Cut"),
)


def capture(
    interfaces: Annotated[
        list[str] | None, typer.Argument(help="Interfaces; those set when none is named.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="EXPR", help="Which packets, as tcpdump has it.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="End after so long; 0: on Ctrl-C.")] = 0,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Listen to interfaces and keep what they say as events, for the service to judge.

    With --json the events are written to standard output and nothing is kept. Counters, with every packet
    that was lost and why, are told on standard error once a minute and at each loss.
    """
    from dataclasses import replace

    from citywatch.clock import system_clock
    from citywatch.settings import Network
    from console.house import open_house
    from console.live import of_house, print_events, run

    def tell(text: str) -> None:
        say.err().print(say.cell(text), style="dim")

    until = _until(seconds)
    if json:
        wanted = Network(interfaces=_there(interfaces or []), filter=filter_ or "")
        print_events(wanted, system_clock, until=until, tell=tell)
        return
    with open_house(data, store=store) as house:
        settings = house.settings.network
        named = _there(interfaces or settings.interfaces)
        wanted = replace(settings, interfaces=named, filter=settings.filter if filter_ is None else filter_)
        run(of_house(house, wanted), until=until, tell=tell)


def _there(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    from citywatch.errors import SettingsError
    from sensors.network.live.ring import interfaces

    present = interfaces()
    unknown = [name for name in names if name not in present]
    if unknown or not names:
        what = f"there is no interface '{unknown[0]}'" if unknown else "name an interface"
        raise SettingsError(f"{what}; this machine has {', '.join(present)}")
    return tuple(names)


class _Until:
    """Says when to stop: after a time, or on Ctrl-C or SIGTERM."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds if seconds else None
        self._asked = False

    def ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked or (self._ends is not None and time.monotonic() >= self._ends)


def _until(seconds: float) -> _Until:
    import signal

    until = _Until(seconds)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, until.ask)
    return until


@network.command()
def status(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show for every interface how many packets passed, and what became of them."""
    from console.house import open_house
    from console.live import status_of_all

    with open_house(data, store=store) as house:
        say.rows(
            status_of_all(house),
            _STATUS,
            json=json,
            empty="No interface is listened to. Name some under [network] interfaces in citywatch.toml.",
        )


_EXPECT = typer.Option("--expect", help="Who may answer; anybody else is told as unexpected.")
_SECONDS = typer.Option("--seconds", min=0.5, max=60, help="How long to wait for answers.")


@network.command("ask-arp")
def ask_arp(
    interface: Annotated[str, typer.Argument(help="Where to ask.")],
    address: Annotated[str, typer.Argument(help="Whose hardware address: the gateway's, say.")],
    expect: Annotated[list[str] | None, _EXPECT] = None,
    seconds: Annotated[float, _SECONDS] = 3.0,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Ask who has an address; more than one answer, or an unexpected one, becomes an alert."""
    from sensors.network.ask import ask_arp as ask

    _ask(lambda: ask(interface, address, expected=expect or (), seconds=seconds), data, store, json=json)


@network.command("ask-dhcp")
def ask_dhcp(
    interface: Annotated[str, typer.Argument(help="Where to ask.")],
    expect: Annotated[list[str] | None, _EXPECT] = None,
    seconds: Annotated[float, _SECONDS] = 3.0,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Ask which DHCP servers offer an address; none of them is accepted."""
    from sensors.network.ask import ask_dhcp as ask

    _ask(lambda: ask(interface, expected=expect or (), seconds=seconds), data, store, json=json)


def _ask(act: Callable[[], Answers], data: Data, store: StoreUrl, *, json: bool) -> None:
    """Ask, keep the answers as events, judge them, and show them."""
    from console.house import open_house
    from console.settle import settle

    with open_house(data, store=store) as house:
        answers = act()
        house.journal.append(answers.events)
        settle(house, lambda _: None)
    rows = [{key: _text(held) for key, held in row.items() if key != "us"} for row in answers.rows]
    columns = tuple((key, key.capitalize()) for key in (rows[0] if rows else ()))
    say.rows(rows, columns, json=json, empty="Nobody answered.")


def _text(held: object) -> str:
    return " ".join(map(str, held)) if isinstance(held, list) else str(held)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - rows of a JSON line
