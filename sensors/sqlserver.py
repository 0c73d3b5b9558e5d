"""What does SQL Server Audit write to the Windows event log?

Event 33205 of the Application or Security log: one text of `name:value` lines
(https://learn.microsoft.com/sql/relational-databases/security/auditing/sql-server-audit-records; ids of
actions: sys.dm_audit_actions). It becomes `database.audit` and keeps its channel, so that rules for Windows
hold for it too.
"""

from __future__ import annotations

from typing import Any, cast

from citywatch.model import Event
from sensors.address import address, count
from sensors.statement import asked, audited

CODE = "33205"
ACTIONS = {
    "LGIS": "login",
    "LGIF": "login",
    "SL": "select",
    "IN": "insert",
    "UP": "update",
    "DL": "delete",
    "EX": "execute",
    "CR": "create",
    "AL": "alter",
    "DR": "drop",
    "G": "grant",
    "GWG": "grant",
    "R": "revoke",
    "D": "deny",
    "APRL": "add role member",
    "DPRL": "drop role member",
    "AUSC": "audit session changed",
    "BA": "backup",
    "BAL": "backup log",
    "RS": "restore",
}
_ROLE = frozenset({"grant", "revoke", "deny", "add role member", "drop role member"})
_FIELDS = {
    "server_principal_name": "user.name",
    "database_name": "citywatch.database.name",
    "target_server_principal_name": "user.target.name",
    "server_instance_name": "observer.name",
}
MOST = 80


def pairs_of(text: str) -> dict[str, str]:
    r"""The `name:value` lines; a statement may have several lines.

    >>> pairs_of("action_id:SL  \nstatement:select 1\nfrom x\nadditional_information:")
    {'action_id': 'SL', 'statement': 'select 1\nfrom x', 'additional_information': ''}
    """
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines()[:2000]:
        name, mark, value = line.partition(":")
        if (
            mark
            and name.isidentifier()
            and name.islower()
            and len(found) < MOST
            and (last != "statement" or "_" in name)
        ):
            found.setdefault(name, value.strip())
            last = name
        elif last:
            found[last] += f"\n{line}"
    return found


def enrich(event: Event) -> None:
    """Tell what was asked, by whom and of what."""
    given: Any = event.get("winlog.event_data.Data", event.get("message"))
    items = cast("list[Any]", given) if isinstance(given, list) else [given]
    text = next((item for item in items if isinstance(item, str) and "action_id:" in item), "")
    if not text:
        return
    tell(event, pairs_of(text))


def tell(event: Event, pairs: dict[str, str]) -> None:
    """Put what a record says into an event: its columns by name."""
    _where(event, pairs)
    outcome = "success" if pairs.get("succeeded", "").lower() in {"true", "1"} else "failure"
    if pairs.get("statement"):
        asked(event, pairs["statement"], outcome)
    given_id = pairs.get("action_id", "unknown").strip().upper()
    action = ACTIONS.get(given_id)
    if action or not pairs.get("statement"):
        audited(event, action or given_id, outcome)
    if action in _ROLE:
        event["citywatch.database.class"] = "ROLE"


def _where(event: Event, pairs: dict[str, str]) -> None:
    for name, field in _FIELDS.items():
        if pairs.get(name):
            event[field] = pairs[name]
    schema, thing = pairs.get("schema_name", ""), pairs.get("object_name", "")
    if thing:
        event["citywatch.database.object"] = f"{schema}.{thing}" if schema else thing
    source = address(pairs.get("client_ip"))
    if source:
        event["source.ip"] = source
    rows = count(pairs.get("affected_rows"))
    if rows is not None:
        event["citywatch.database.rows"] = rows
