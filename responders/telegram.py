"""How is a group told by Telegram?

The bot interface knows no keys: a message cut off amid its sending is sent once more at most, and the run
says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.respond.post import NotSent, Reach, send
from citywatch.settings import Telegram

LONGEST: Final = 4000
TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTelegram:
    """`notify.telegram`: `text` to the chat of the settings, as plain text; nothing in it is markup."""

    settings: Telegram

    name: str = "notify.telegram"
    effect: Effect = "notify"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        mine = self.settings
        if not mine.token or not mine.chat:
            return {"sent": False, "note": "Telegram is not configured (settings: [telegram] token, chat)"}
        if not _TOKEN.fullmatch(mine.token):
            raise ActionFailed(self.name, "the token in the settings has not the form of one", again=False)
        subject = str(order.inputs.get("subject") or "")
        text = "\n\n".join(part for part in (subject, str(order.inputs.get("text") or "")) if part)[:LONGEST]
        body = json.dumps({"chat_id": mine.chat, "text": text or "CityWatch"}, ensure_ascii=False).encode()
        reach = Reach(allow_loopback=mine.allow_loopback, timeout_s=mine.timeout_s)
        url = f"{mine.base_url.rstrip('/')}/bot{mine.token}/sendMessage"
        try:
            answer = send(url, body, {"Content-Type": "application/json"}, reach)
        except NotSent as error:
            raise ActionFailed(self.name, str(error).replace(mine.token, "…")) from error
        except OSError as error:
            what = f"no answer: {error}; it is not known whether the message was taken"
            raise ActionFailed(self.name, what.replace(mine.token, "…"), again=False) from error
        if answer.status == 200:  # noqa: PLR2004 - HTTP's word for yes
            return {"sent": True, "note": f"sent to chat {mine.chat}"}
        again = answer.status in TEMPORARY
        raise ActionFailed(self.name, f"Telegram answered {answer.status}", again=again)
