"""How does the terminal work on a console that runs elsewhere? By its programs' interface, with a token.

Gives the same rows as `console.cases` does for an installation on this machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

from citywatch.errors import CityWatchError, SettingsError
from citywatch.settings import Settings

PAGE = 500
TIMEOUT_S = 30.0
_SIZED = {"alerts", "tickets", "portals", "events", "systems", "hunts"}
"""Lists whose pages may be as long as is asked for."""
_DEEDS = {
    "acknowledged": "acknowledge", "closed": "close", "false_positive": "false_positive", "new": "reopen",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A console at an address, as an account sees it."""

    server: str
    token: str

    @property
    def timezone(self) -> str:
        """The city's, as far as is known here."""
        return Settings(data=Path()).timezone

    def alert_rows(self, *, severity: str, agency: str, state: str, limit: int) -> list[dict[str, Any]]:
        """Alerts, newest first."""
        asked = {"severity": severity, "state": state or "any", "q": f'agency:"{agency}"' if agency else ""}
        return [_alert_row(doc) for doc in self.all("alerts", asked, limit)]

    def alert_detail(self, alert_id: str) -> dict[str, Any]:
        """One alert with everything that is known of it."""
        doc = self.ask("GET", f"alerts/{quote(alert_id, safe='')}")
        return doc | _alert_row(doc) | {"ticket": doc["state"].get("ticket_id", "")}

    def set_alert_state(self, alert_id: str, to: str, *, by: str, note: str) -> None:
        """Write what was done with an alert, in the name of the token's account."""
        del by
        body = {"do": _DEEDS[to], "reason": note or "closed from the terminal"}
        self.ask("POST", f"alerts/{quote(alert_id, safe='')}/state", body=body)

    def ticket_rows(self, *, agency: str, state: str, limit: int) -> list[dict[str, Any]]:
        """Tickets, last changed first."""
        return self.all("tickets", {"agency": agency, "state": state}, limit)

    def ticket_detail(self, ticket_id: str) -> dict[str, Any]:
        """One ticket with its history and the states it may move to."""
        return self.ask("GET", f"tickets/{quote(ticket_id, safe='')}")

    def move(self, ticket_id: str, to: str, *, by: str, note: str) -> str:
        """Move a ticket on, in the name of the token's account; gives the state it then has."""
        del by
        path = f"tickets/{quote(ticket_id, safe='')}"
        return str(self.ask("POST", path, body={"to": to, "note": note})["state"])

    def comment(self, ticket_id: str, text: str, *, by: str) -> None:
        """Write a line into a ticket's history, in the name of the token's account."""
        del by
        self.ask("POST", f"tickets/{quote(ticket_id, safe='')}", body={"note": text})

    def all(self, what: str, asked: Mapping[str, str], limit: int, *, key: str = "") -> list[dict[str, Any]]:
        """Rows of a list that comes in pages; `key`: their name in the answer, where it is not the path."""
        found: list[dict[str, Any]] = []
        after = ""
        paged = what.partition("/")[0] in _SIZED
        while len(found) < limit:
            more = {"after": after} | ({"limit": str(min(PAGE, limit - len(found)))} if paged else {})
            page = self.ask("GET", what, asked=dict(asked) | more)
            found += cast("list[dict[str, Any]]", page[key or what])
            after = page.get("next") or ""
            if not after:
                break
        return found[:limit]

    def ask(
        self,
        method: str,
        path: str,
        *,
        asked: Mapping[str, str] | None = None,
        body: Mapping[str, str | list[str]] | None = None,
    ) -> dict[str, Any]:
        """One request below /api/v1.

        Raises:
            CityWatchError: it was refused, or nobody answers.
        """
        import requests

        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Idempotency-Key"] = secrets.token_hex(16)
        wanted = {name: value for name, value in (asked or {}).items() if value}
        url = f"{self.server}/api/v1/{path}"
        for tries in (1, 0):  # the key makes a second try harmless
            try:
                answer = requests.request(
                    method,
                    url,
                    params=wanted,
                    json=body,
                    headers=headers,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                )
            except requests.ConnectionError as error:
                if not tries:
                    raise CityWatchError(f"{self.server} does not answer: {error}") from error
            except requests.RequestException as error:
                raise CityWatchError(f"{self.server}: {error}") from error
            else:
                return _read(self.server, answer)
        raise AssertionError


def _read(server: str, answer: Any) -> dict[str, Any]:
    try:
        doc: Any = answer.json()
    except ValueError:
        doc = None
    if not isinstance(doc, dict):
        raise CityWatchError(
            f"{server} answered {answer.status_code} and no JSON; is it a CityWatch console?"
        )
    held = cast("dict[str, Any]", doc)
    if answer.status_code != 200:  # noqa: PLR2004 - the one good answer of this interface
        raise CityWatchError(f"{server}: {held.get('error', answer.status_code)}")
    return held


def _alert_row(doc: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "severity", "first_seen", "last_seen", "count", "title", "subject", "agency", "asset")
    return {name: doc[name] for name in names} | {"state": doc["state"]["state"], "rule_id": doc["rule_id"]}


def remote_of(server: str, token: str) -> Remote:
    """A console by its address.

    Raises:
        SettingsError: the address is none, would send the token in the clear, or there is no token.
    """
    parts = urlsplit(server)
    local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"--server {server}: write https://HOST")
    if parts.scheme == "http" and not local:
        raise SettingsError(f"--server {server}: the token would go over the network in the clear; use https")
    if not token:
        raise SettingsError(
            "a token is needed: make one on the page 'My account', give it in CITYWATCH_TOKEN"
        )
    return Remote(server=server.rstrip("/"), token=token)
