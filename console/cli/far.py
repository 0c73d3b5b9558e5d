"""What does a verb do when the first options name a console elsewhere, and which verbs work only here?

`FAR` holds the verbs that work there, by their names; they take what the verb takes. Every other verb says
that it works on this machine only, and does nothing: not silently on the installation here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from citywatch.errors import SettingsError
from console.cli import say
from console.cli.options import SERVER, Json, Limit

if TYPE_CHECKING:
    from console.remote import Remote

hunts = typer.Typer(
    no_args_is_help=True,
    help="Searches that are kept and repeated, on a console (--server): list, run, keep, drop.",
)

_PORTALS = (
    ("id", "Id"),
    ("name", "Name"),
    ("url", "Address"),
    ("agency", "Agency"),
    ("level", "Level"),
    ("active", "Watched"),
)
_RUNS = (
    ("id", "Run"),
    ("playbook", "Playbook"),
    ("state", "State"),
    ("waits_for", "Waits for"),
    ("alert_id", "Alert"),
)
_STEPS = (("id", "Step"), ("state", "State"), ("do", "Does"))
_PLAYBOOKS = (
    ("playbook", "Playbook"),
    ("version", "Version"),
    ("risk", "Risk"),
    ("name", "Name"),
    ("runs", "Runs"),
)
_HUNTS = (
    ("id", "Hunt"),
    ("name", "Name"),
    ("q", "Search"),
    ("every", "Repeated"),
    ("found", "Found"),
    ("owner", "Owner"),
)
_HIDDEN = (
    ("id", "Id"),
    ("title", "Rule"),
    ("values", "For"),
    ("reason", "Reason"),
    ("by", "By"),
    ("until", "Until"),
)
_EVENTS = (
    ("@timestamp", "When"),
    ("event.dataset", "Dataset"),
    ("source.ip", "From"),
    ("destination.ip", "To"),
    ("event.id", "Event"),
)


def there() -> Remote:
    """The console that the first options name.

    Raises:
        SettingsError: they name none.
    """
    from console.remote import remote_of

    server, token = SERVER.get()
    if not server:
        raise SettingsError(
            "this verb works on a console: give --server URL (or CITYWATCH_SERVER) before the verb"
        )
    return remote_of(server, token)


def _id(text: str) -> str:
    return quote(text, safe="")


def _tell(about: str, answer: Mapping[str, Any]) -> None:
    say.err().print(f"{about}: {say.clean(str(answer.get('text', '')))}", markup=False)


# -- verbs that are there for this machine too -------------------------------------------------------------


def list_portals(limit: int, json: bool, **_: Any) -> None:
    """Portals, as the account sees them."""
    say.rows(there().all("portals", {}, limit), _PORTALS, json=json, empty="No portals.")


def accept_face(portal_id: str, **_: Any) -> None:
    """Take a portal's present face as the right one."""
    _tell(portal_id, there().ask("POST", f"portals/{_id(portal_id)}/accept", body={}))


def import_portals(file: Path, **_: Any) -> None:
    """Register the portals of a CSV file."""
    text = file.read_text(encoding="utf-8-sig")
    told = there().ask("POST", "portals/list", body={"csv": text})
    for line in told["wrong"]:
        say.err().print(say.clean(str(line)), markup=False)
    say.err().print(f"{told['taken']} portals taken, {len(told['wrong'])} lines not", markup=False)
    if told["wrong"]:
        raise typer.Exit(1)


def list_playbooks(json: bool, **_: Any) -> None:
    """Playbooks, and how often each ran."""
    say.rows(there().ask("GET", "playbooks")["playbooks"], _PLAYBOOKS, json=json, empty="No playbooks.")


def list_runs(run_id: str, json: bool, **_: Any) -> None:
    """Runs with what they wait for, or the steps of one."""
    place = there()
    if run_id:
        say.rows(
            place.ask("GET", f"runs/{_id(run_id)}")["steps"], _STEPS, json=json, empty="No step was begun."
        )
        return
    waits = {one["id"]: one["step"] for one in place.ask("GET", "approvals")["approvals"]}
    rows = [row | {"waits_for": waits.get(row["id"], "")} for row in place.all("runs", {}, 200)]
    say.rows(rows, _RUNS, json=json, empty="No playbook has run yet.")


def approve(run_id: str, step: str, item: int, refuse: bool, **_: Any) -> None:
    """Approve or refuse a step, in the name of the token's account."""
    body = {"step": step, "item": str(item), "answer": "no" if refuse else "yes"}
    _tell(f"{run_id} {step}", there().ask("POST", f"approvals/{_id(run_id)}", body=body))


def _steer(deed: str) -> Callable[..., None]:
    def steer(run_id: str, step: str = "", **_: Any) -> None:
        _tell(run_id, there().ask("POST", f"runs/{_id(run_id)}/steer", body={"deed": deed, "step": step}))

    return steer


FAR: Mapping[str, Callable[..., None]] = {
    "portals list": list_portals,
    "portals accept": accept_face,
    "portals import": import_portals,
    "playbooks list": list_playbooks,
    "playbooks runs": list_runs,
    "playbooks approve": approve,
    **{f"playbooks {deed}": _steer(deed) for deed in ("pause", "resume", "cancel", "retry", "replay")},
}
"""Verbs of this machine, as they work on a console elsewhere."""
BOTH = frozenset(
    f"{noun} {verb}"
    for noun, verbs in (("alerts", "list show ack close reopen"), ("tickets", "list show move comment"))
    for verb in verbs.split()
)
"""Verbs that look for themselves where they work."""


# -- verbs of a console only -------------------------------------------------------------------------------


def suppress(
    alert_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Why it is known and accepted.")] = "",
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field", help="What the alerts must have in common; the subject's fields when absent."
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", help="1, 7, 30 or 90.")] = 7,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count the past alerts it would hide.")
    ] = False,
) -> None:
    """Hide alerts like this one for a while, on a console (--server)."""
    place, path = there(), f"alerts/{_id(alert_id)}/suppress"
    asked: dict[str, Any] = {"days": str(days)} | ({"field": field} if field else {})
    before = place.ask("GET", path, asked=asked)
    values = ", ".join(f"{name}={value}" for name, value in before["values"].items())
    say.err().print(f"{say.clean(values)}: hides {before['would_hide']} past alerts", markup=False)
    if not dry_run:
        body = {"field": list(before["values"]), "reason": reason, "days": str(days)}
        _tell(alert_id, place.ask("POST", path, body=body))


def suppressed(json: Json = False) -> None:
    """List what is hidden now, on a console (--server)."""
    rows = there().ask("GET", "suppressions")["suppressions"]
    if not json:
        rows = [
            row | {"values": " ".join(f"{key}={held}" for key, held in row["values"].items())} for row in rows
        ]
    say.rows(rows, _HIDDEN, json=json, empty="Nothing is suppressed.")


def unsuppress(suppression_id: str) -> None:
    """End a suppression now, on a console (--server)."""
    _tell(suppression_id, there().ask("POST", f"suppressions/{_id(suppression_id)}/end", body={}))


def recheck(portal_id: str) -> None:
    """Look at a portal again, now, on a console (--server)."""
    _tell(portal_id, there().ask("POST", f"portals/{_id(portal_id)}/recheck", body={}))


@hunts.command("list")
def list_hunts(json: Json = False) -> None:
    """List kept searches."""
    say.rows(there().ask("GET", "hunts")["hunts"], _HUNTS, json=json, empty="No search is kept.")


@hunts.command("run")
def run_hunt(hunt_id: str, limit: Limit = 100, json: Json = False) -> None:
    """Show what a kept search finds now."""
    rows = there().all(f"hunts/{_id(hunt_id)}/events", {}, limit, key="events")
    say.rows(rows, _EVENTS, json=json, empty="It finds nothing.")


@hunts.command("keep")
def keep_hunt(
    name: str,
    query: Annotated[str, typer.Argument(help="As in the console's search.")],
    every: Annotated[str, typer.Option("--every", help="hour or day; when absent, it is not repeated.")] = "",
    severity: Annotated[
        str, typer.Option("--severity", help="Of the alert that new finds become.")
    ] = "medium",
) -> None:
    """Keep a search under a name."""
    body = {"name": name, "q": query, "every": every, "severity": severity}
    told = there().ask("POST", "hunts", body=body)
    _tell(str(told["id"]), told)


@hunts.command("drop")
def drop_hunt(hunt_id: str) -> None:
    """Forget a kept search; the alerts that it made stay."""
    _tell(hunt_id, there().ask("POST", f"hunts/{_id(hunt_id)}/drop", body={}))


# -- which of them -------------------------------------------------------------------------------------------


def verbs(app: typer.Typer, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by its whole name, with typer's record of it."""
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__.replace("_", "-") if command.callback else "")
        yield f"{before}{name}", command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from verbs(group.typer_instance, f"{before}{group.name} ")


def lead(app: typer.Typer) -> None:
    """Lead every verb to where the first options say, or have it refuse."""
    for name, command in verbs(app):
        own = inspect.getmodule(command.callback) is inspect.getmodule(lead)
        if name not in BOTH and not own:
            command.callback = _led(name, command.callback)


def _led(name: str, here: Callable[..., None]) -> Callable[..., None]:
    @wraps(here)
    def led(**given: Any) -> None:
        if not SERVER.get()[0]:
            here(**given)
        elif name in FAR:
            FAR[name](**given)
        else:
            raise SettingsError(
                f"'{name}' works on this machine only; with --server: "
                f"{', '.join(sorted({*BOTH, *FAR, *ONLY}))}"
            )

    return led


ONLY = ("alerts suppress", "alerts suppressed", "alerts unsuppress", "portals recheck",
        "hunts list", "hunts run", "hunts keep", "hunts drop")  # fmt: skip
"""Verbs that there are for a console only."""
