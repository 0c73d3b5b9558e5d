"""How are people told on whatever else they use: Matrix, Teams, Slack, Zalo by a gateway, SMS …?

Apprise knows the services. Addresses stand in the settings under a name, never in a playbook, and only
schemes that the settings list are used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.settings import Chat

LONGEST: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyChat:
    """`notify.chat`: `subject`, `text` to the channel `to` (a name of `[chat] channels`)."""

    settings: Chat

    name: str = "notify.chat"
    effect: Effect = "notify"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        mine, to = self.settings, str(order.inputs.get("to") or "")
        if not mine.channels:
            return {"sent": False, "note": "no channel is configured (settings: [chat] channels)"}
        address = mine.channels.get(to)
        if address is None:
            known = ", ".join(sorted(mine.channels))
            raise ActionFailed(self.name, f"there is no channel '{to[:100]}'; known: {known}", again=False)
        scheme = address.partition("://")[0].lower()
        if scheme not in {one.lower() for one in mine.schemes}:
            raise ActionFailed(self.name, f"scheme '{scheme}' is not in [chat] schemes", again=False)
        if not self._sent(address, order):
            raise ActionFailed(self.name, f"channel '{to}' did not take it", again=False)
        return {"sent": True, "note": f"sent to channel '{to}'"}

    def _sent(self, address: str, order: Order) -> bool:
        try:
            apprise: Any = importlib.import_module("apprise")
        except ImportError:
            what = "Apprise is not installed (pip install 'citywatch[chat]')"
            raise ActionFailed(self.name, what, again=False) from None
        made: Any = apprise.Apprise()
        if not made.add(address):
            raise ActionFailed(self.name, "the channel's address in the settings cannot be read", again=False)
        title, text = (
            str(order.inputs.get("subject") or "CityWatch")[:300],
            str(order.inputs.get("text") or ""),
        )
        return bool(made.notify(title=title, body=text[:LONGEST] or title, body_format="text"))
