"""How does a responder speak JSON to another team's tool, and what may be told there at all?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from citywatch.errors import ActionFailed
from citywatch.model import Ticket, from_doc
from citywatch.ports import Order, Store
from citywatch.respond.post import Answer, NotSent, Reach, send
from citywatch.respond.run import Run
from citywatch.settings import Handover

TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
TLPS: Final = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Where to send, and how to be let in."""

    action: str
    title: str
    url: str
    headers: Mapping[str, str]
    settings: Handover


def sharing_of(order: Order, run: Run, store: Store) -> str:
    """How widely a case may be shared: the stricter of what the step says and what its ticket says.

    Raises:
        ActionFailed: the mark is unknown, or the case must not leave the house.
    """
    said = str(order.inputs.get("tlp") or "AMBER").upper().removeprefix("TLP:")
    record = store.get("ticket", run.ticket_id) if run.ticket_id else None
    held = from_doc(record.doc, Ticket).tlp if record else "CLEAR"
    for mark in (said, held):
        if mark not in TLPS:
            raise ActionFailed(order.action, f"'{mark[:30]}' is not one of {', '.join(TLPS)}", again=False)
    strictest = max(said, held, key=TLPS.index)
    if strictest == "RED":
        raise ActionFailed(order.action, "the case is TLP:RED and is told to nobody else", again=False)
    return strictest


def post_json(
    tool: Tool, path: str, body: str, *, known_already: tuple[int, str] | None = None
) -> dict[str, Any]:
    """Send JSON; what came back is `id` (where there is one) and `sent`.

    Args:
        tool: to whom.
        path: under its address.
        body: JSON.
        known_already: the status and the words with which it says that it has this already.

    Raises:
        ActionFailed: it could not be sent, or was refused.
    """
    if not tool.url:
        return {"sent": False, "note": f"{tool.title} is not configured (settings: [handover])"}
    mine = tool.settings
    reach = Reach(
        allow_private=mine.allow_private,
        allow_loopback=mine.allow_loopback,
        timeout_s=mine.timeout_s,
        ca_file=mine.ca_file,
    )
    headers = {"Content-Type": "application/json", "Accept": "application/json", **tool.headers}
    try:
        answer = send(f"{tool.url.rstrip('/')}{path}", body.encode(), headers, reach)
    except NotSent as error:
        raise ActionFailed(tool.action, str(error)) from error
    except OSError as error:
        raise ActionFailed(tool.action, f"no answer: {error}") from error
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success in HTTP
        return {"sent": True, "id": _id_of(answer), "note": f"handed over to {tool.title}"}
    if known_already and answer.status == known_already[0] and known_already[1].encode() in answer.body:
        return {"sent": True, "id": "", "note": f"{tool.title} has it already"}
    again = answer.status in TEMPORARY
    raise ActionFailed(tool.action, f"{tool.title} answered {answer.status}", again=again)


def _id_of(answer: Answer) -> str:
    """The id in an answer, wherever the three tools put it."""
    try:
        doc: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    for name in ("Event", "data"):
        if isinstance(doc, dict) and name in doc:
            doc = cast("dict[str, object]", doc)[name]
    if not isinstance(doc, dict):
        return ""
    known = cast("dict[str, object]", doc)
    return str(known.get("_id") or known.get("alert_id") or known.get("id") or "")[:100]
