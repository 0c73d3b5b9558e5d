"""What of the console do programs have too, and what not, for which reason?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.web.counterpart import Pair
from console.web.programs import alerts, content, people, playbooks, portals, tickets, warnings

ALL: Sequence[Pair] = (
    *alerts.PAIRS,
    *tickets.PAIRS,
    *portals.PAIRS,
    *playbooks.PAIRS,
    *content.PAIRS,
    *warnings.PAIRS,
    *people.PAIRS,
)
"""Every route of the console that programs have by its own handler."""

OWN: Mapping[str, str] = {
    "inbox": "api_alerts",
    "alert": "api_alert",
    "tickets": "api_tickets",
    "ticket": "api_ticket",
    "search": "api_events",
    "portals": "api_portals",
    "advisories": "api_advisories",
    "advisory_bring": "api_advisory_bring",
    "wall": "api_overview",
}
"""Routes of the console that programs have under another name, written for them."""

_BROWSER = "it is about one browser: programs come with a token"
_LOOKS = "it says how pages look to one person"
_SECRET = "a stolen token must not become a password, a second factor or a longer life"  # noqa: S105 - no password
_SETUP = "settings of the machine: a stolen token must not name the files that the service reads"
_FREE = "programs read it as it is"
NOT_FOR_PROGRAMS: Mapping[str, str] = {
    **dict.fromkeys(
        ("login", "log_in", "login_code", "login_code_check", "passkey_check", "passkey_ask", "welcome",
         "use_code", "log_out", "oidc", "oidc_back", "join", "join_do", "front", "live"),
        _BROWSER,
    ),
    **dict.fromkeys(("set_look", "columns", "alert_next", "portal_new", "complete", "filter_values"), _LOOKS),
    **dict.fromkeys(
        ("me_factor", "me_factor_app", "me_factor_app_end", "me_factor_codes", "passkey_offer", "passkey_add",
         "passkey_end", "me_password", "me_token", "factor_reset"),
        _SECRET,
    ),
    **dict.fromkeys(("setup", "setup_choose", "setup_mail", "setup_sample"), _SETUP),
    **dict.fromkeys(("badge", "block_list", "healthz", "readyz", "metrics"), _FREE),
}  # fmt: skip
"""Routes of the console without a counterpart, and why."""
