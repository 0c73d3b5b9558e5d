"""How is another system told by a signed HTTP request?

The body is JSON; `X-CityWatch-Signature: sha256=<hex>` is the HMAC of the body with the shared secret;
`Idempotency-Key` is the order's key, so a receiver can drop a second delivery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.model import from_doc, to_doc
from citywatch.ports import Effect, Order, Store
from citywatch.respond.post import NotSent, Reach, send, signature
from citywatch.respond.run import Run
from citywatch.settings import Webhook

TEMPORARY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyWebhook:
    """`notify.webhook`: sends `event`, the alert, the ticket's id and whatever else `with` says."""

    store: Store
    clock: Clock
    settings: Webhook
    allow_loopback: bool = False

    name: str = "notify.webhook"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        if not self.settings.url:
            return {"sent": False, "note": "no webhook is configured (settings: [webhook] url)"}
        body = json.dumps(self._message(order), ensure_ascii=False, default=str).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "CityWatch",
            "Idempotency-Key": order.key,
            "X-CityWatch-Signature": signature(self.settings.secret, body),
        }
        reach = Reach(
            allow_private=self.settings.allow_private,
            allow_loopback=self.settings.allow_loopback or self.allow_loopback,
            timeout_s=self.settings.timeout_s,
            ca_file=self.settings.ca_file,
        )
        try:
            answer = send(self.settings.url, body, headers, reach)
        except NotSent as error:
            raise ActionFailed(self.name, str(error)) from error
        except OSError as error:
            raise ActionFailed(self.name, f"no answer: {error}") from error
        host = urlsplit(self.settings.url).hostname
        if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success in HTTP
            return {"sent": True, "status": answer.status, "note": f"sent to {host}"}
        again = answer.status in TEMPORARY
        raise ActionFailed(self.name, f"{host} answered {answer.status}", again=again)

    def _message(self, order: Order) -> dict[str, Any]:
        record = self.store.get("run", order.run_id)
        run = from_doc(record.doc, Run) if record else None
        message: dict[str, Any] = {"key": order.key, "at": stamp(self.clock()), **order.inputs}
        if run is not None:
            alert = to_doc(run.alert)
            alert.pop("event", None)
            alert["severity"] = run.alert.severity.name
            message |= {"alert": alert, "ticket_id": run.ticket_id, "playbook": run.playbook}
        return message
