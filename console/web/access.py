"""Who may do what? The only place where roles and permissions are told apart."""

from __future__ import annotations

from typing import Literal

Role = Literal["admin", "lead", "analyst", "read_only", "agency_admin", "agency"]
Permission = Literal[
    "see",  # alerts, tickets and portals: all of them, or an agency's own (see `desk`)
    "staff",  # what no agency sees: agencies, rules, health, search over events
    "triage",  # acknowledge, assign, close, undo
    "answer",  # comment on a ticket and move it as far as its lifecycle lets
    "suppress",
    "warn",  # bring in what other centers warn of, and take it out
    "register",  # bring portals in and look after them: all of them, or an agency's own
    "rules",  # write rules and try them; to put one in force takes a second person with `approve`
    "invite",
    "approve",
    "accounts",
]

ROLES: tuple[Role, ...] = ("admin", "lead", "analyst", "read_only", "agency_admin", "agency")
"""From the mightiest to the least."""
AGENCY_ROLES: tuple[Role, ...] = ("agency_admin", "agency")
"""Roles that belong to one agency and see nothing of another."""

_ANALYST: frozenset[Permission] = frozenset(
    {"see", "staff", "triage", "answer", "suppress", "warn", "register", "rules"}
)
_LEAD: frozenset[Permission] = _ANALYST | frozenset[Permission]({"approve", "invite"})
PERMISSIONS: dict[str, frozenset[Permission]] = {
    "admin": _LEAD | frozenset[Permission]({"accounts"}),
    "lead": _LEAD,
    "analyst": _ANALYST,
    "read_only": frozenset({"see", "staff"}),
    "agency_admin": frozenset({"see", "answer", "register", "invite"}),
    "agency": frozenset({"see", "answer"}),
}


def may(role: str, permission: Permission) -> bool:
    """Tell whether a role has a permission; an unknown role has none.

    >>> may("lead", "approve"), may("analyst", "approve"), may("agency", "staff"), may("root", "see")
    (True, False, False, False)
    """
    return permission in PERMISSIONS.get(role, frozenset())
