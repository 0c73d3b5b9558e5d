"""What does a statement do to a database, whichever database it is?

Classes as pgAudit has them (READ, WRITE, FUNCTION, ROLE, DDL, MISC), from the first word: so that one rule
holds for PostgreSQL, MySQL, SQL Server and Oracle.
"""

from __future__ import annotations

from citywatch.model import Event

_CLASSES = {
    "READ": ("select", "show", "with", "table", "copy", "fetch", "describe", "desc"),
    "WRITE": ("insert", "update", "delete", "merge", "replace", "truncate", "load"),
    "ROLE": ("grant", "revoke"),
    "DDL": ("create", "alter", "drop", "rename", "comment"),
    "FUNCTION": ("call", "do", "exec", "execute", "begin", "declare"),
}
_CLASS = {word: kind for kind, words in _CLASSES.items() for word in words}
_ROLES = ("user", "role", "login")
LONGEST = 32_768


def class_of(statement: str) -> tuple[str, str]:
    """Class and first word.

    >>> class_of("/* app */ SELECT 1"), class_of("create user x"), class_of("vacuum")
    (('READ', 'select'), ('ROLE', 'create'), ('MISC', 'vacuum'))
    """
    words = _bare(statement[:400]).split(None, 2)
    first = words[0].lower().strip("(;") if words else ""
    kind = _CLASS.get(first, "MISC")
    if kind == "DDL" and len(words) > 1 and words[1].lower() in _ROLES:
        kind = "ROLE"
    return kind, first[:40]


def _bare(text: str) -> str:
    """Without the comments that stand before."""
    text = text.lstrip()
    for _ in range(8):
        if text.startswith("/*") and not text.startswith("/*!"):
            text = text.partition("*/")[2].lstrip()
        elif text.startswith(("--", "# ")):
            text = text.partition("\n")[2].lstrip()
        else:
            break
    return text


def asked(event: Event, statement: str, outcome: str = "success") -> None:
    """A statement was run."""
    kind, first = class_of(statement)
    event["citywatch.database.statement"] = statement[:LONGEST]
    event["citywatch.database.class"] = kind
    audited(event, first or "query", outcome)


def audited(event: Event, action: str, outcome: str) -> None:
    """This happened in a database."""
    event["event.dataset"] = "database.audit"
    event["event.category"] = ["database"]
    event["event.action"] = action.lower()
    event["event.outcome"] = outcome


def blank(moment: str, module: str) -> Event:
    """An event of a database's log that is nothing more yet."""
    return {
        "@timestamp": moment,
        "event.kind": "event",
        "event.category": ["database"],
        "event.dataset": "database.log",
        "event.module": module,
    }
