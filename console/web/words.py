"""In which language, and how are codes said in words?

Texts are English in the source and looked up in gettext catalogues
(`locale/<language>/LC_MESSAGES/console.mo`).
Codes that come from stored data (states, severities, roles, notes) have their words here, so that the
catalogue holds them too.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

LANGUAGES = ("vi", "en")
DEFAULT = "vi"
LOCALE = Path(__file__).parent / "locale"


def _n(text: str) -> str:
    """Mark a text for the catalogue; it is translated when shown."""
    return text


WORDS: dict[str, dict[str, str]] = {
    "severity": {
        "critical": _n("Critical"),
        "high": _n("High"),
        "medium": _n("Medium"),
        "low": _n("Low"),
        "informational": _n("Info"),
    },
    "alert_state": {
        "open": _n("Open"),
        "new": _n("New"),
        "acknowledged": _n("Acknowledged"),
        "closed": _n("Closed"),
        "false_positive": _n("False positive"),
        "any": _n("All states"),
    },
    "ticket_state": {
        "open": _n("Open tickets"),
        "any": _n("All tickets"),
        "new": _n("New"),
        "triage": _n("In triage"),
        "confirmed": _n("Confirmed"),
        "contained": _n("Contained"),
        "recovered": _n("Recovered"),
        "reported": _n("Reported"),
        "on_hold": _n("On hold"),
        "closed": _n("Closed"),
        "false_positive": _n("False positive"),
        "duplicate": _n("Duplicate"),
        "reopened": _n("Reopened"),
    },
    "run_state": {
        "pending": _n("Not begun"),
        "running": _n("Running"),
        "waiting": _n("Waits for approval"),
        "paused": _n("Paused"),
        "done": _n("Done"),
        "failed": _n("Failed"),
        "skipped": _n("Skipped"),
        "canceled": _n("Canceled"),
    },
    "every": {
        "never": _n("not repeated"),
        "hour": _n("every hour"),
        "day": _n("every day"),
    },
    "risk": {
        "read_only": _n("only reads"),
        "notify": _n("tells people"),
        "change": _n("changes something"),
    },
    "evidence": {
        "page": _n("page"),
        "page_before": _n("page before"),
        "page_text": _n("text of the page"),
        "response_headers": _n("response headers"),
        "response_body": _n("response"),
        "request_body": _n("request"),
        "certificate_chain": _n("certificate chain"),
        "picture_before": _n("picture before"),
        "picture_after": _n("picture now"),
        "picture_difference": _n("picture of the difference"),
        "script": _n("script"),
        "attachment": _n("attachment"),
        "packets": _n("packets"),
    },
    "moment": {
        "first_seen": _n("first seen"),
        "last_seen": _n("last seen"),
        "new": _n("reopened"),
        "acknowledged": _n("acknowledged"),
        "closed": _n("closed"),
        "false_positive": _n("called a false positive"),
        "ticket": _n("ticket opened"),
        "run": _n("playbook began:"),
        "step_done": _n("step done:"),
        "step_skipped": _n("step skipped:"),
        "step_failed": _n("step failed:"),
    },
    "what": {
        "comment": _n("commented"),
        "opened": _n("opened the ticket"),
        "joined": _n("added an alert"),
        "taken_out": _n("took alerts out again"),
        "assigned": _n("assigned to"),
        "attached": _n("attached a proof"),
        "recovered": _n("saw the portal well again; gone is:"),
        "edited": _n("changed"),
        "task": _n("added a task"),
        "task_done": _n("did a task"),
        "task_open": _n("opened a task again"),
        "observable": _n("added an observable"),
        "linked": _n("linked with"),
        "agency": _n("went over to another agency"),
        "asset_said_fixed": _n("is said to be fixed"),
        "asset_proven": _n("is proven to be fixed"),
        "asset_still_affected": _n("is still affected"),
        "asset_not_affected": _n("is not affected"),
        "asset_open": _n("is open again"),
        "merged": _n("took over"),
        "split": _n("split off into"),
        "graver": _n("is named by the graver sign since"),
        "campaign": _n("is of the campaign"),
        "campaign_left": _n("was taken out of the campaign"),
        "reminded": _n("reminded"),
        "late": _n("told that it is late"),
    },
    "contact_role": {
        "lead": _n("Lead"),
        "technical": _n("Technical"),
        "on_call": _n("On call"),
        "spokesperson": _n("Spokesperson"),
        "data_protection": _n("Data protection"),
    },
    "goal": {
        "acknowledge": _n("Acknowledge"),
        "answer": _n("Answer of the agency"),
        "contain": _n("Contain"),
        "close": _n("Close"),
    },
    "clock": {
        "running": _n("running"),
        "held": _n("on hold"),
        "met": _n("met"),
    },
    "custody": {
        "evidence_read": _n("read it"),
        "evidence_taken": _n("downloaded it"),
    },
    "ticket_field": {
        "state": _n("State"),
        "assignee": _n("Assignee"),
        "title": _n("Title"),
        "tlp": "TLP",
        "taxonomy": _n("Type"),
    },
    "form": {
        "mau03": _n("Initial report (Mẫu 03)"),
        "mau04": _n("Final report (Mẫu 04)"),
        "progress": _n("Progress report"),
    },
    "query": {
        "unknown_field": _n("There is no such field"),
        "unknown_severity": _n("There is no such severity"),
        "unknown_state": _n("There is no such state"),
        "too_long": _n("The query is longer than 2,000 characters"),
        "too_many": _n("The query has more than 100 terms"),
        "too_deep": _n("The query has brackets in brackets too deep"),
        "not_understood": _n("The query cannot be read from here on"),
        "bracket_open": _n("A bracket is not closed"),
        "value_missing": _n("A field has no value; write field:value"),
        "ends_early": _n("The query ends too early"),
    },
    "range": {
        "1h": _n("Last hour"),
        "24h": _n("Last 24 hours"),
        "7d": _n("Last 7 days"),
        "30d": _n("Last 30 days"),
        "all": _n("All time"),
    },
    "scope": {"read": _n("read"), "write": _n("read and write")},
    "tactic": {
        "reconnaissance": _n("Reconnaissance"),
        "resource-development": _n("Resource development"),
        "initial-access": _n("Initial access"),
        "execution": _n("Execution"),
        "persistence": _n("Persistence"),
        "privilege-escalation": _n("Privilege escalation"),
        "defense-evasion": _n("Defense evasion"),
        "credential-access": _n("Credential access"),
        "discovery": _n("Discovery"),
        "lateral-movement": _n("Lateral movement"),
        "collection": _n("Collection"),
        "command-and-control": _n("Command and control"),
        "exfiltration": _n("Exfiltration"),
        "impact": _n("Impact"),
    },
    "role": {
        "admin": _n("Administrator"),
        "lead": _n("Shift lead"),
        "analyst": _n("Analyst"),
        "read_only": _n("Read only"),
        "agency_admin": _n("Agency administrator"),
        "agency": _n("Agency"),
    },
    "proof": {
        "dns": _n("by a record in DNS"),
        "file": _n("by a file"),
        "tag": _n("by a tag on its page"),
    },
    "column": {
        "severity": _n("Severity"),
        "last_seen": _n("Last seen"),
        "first_seen": _n("First seen"),
        "title": _n("Alert"),
        "subject": _n("About"),
        "agency": _n("Agency"),
        "asset": _n("Asset"),
        "category": _n("Category"),
        "rule": _n("Rule"),
        "count": _n("Count"),
        "state": _n("State"),
        "ticket": _n("Ticket"),
    },
    "standing": {
        "good": _n("nothing open"),
        "watch": _n("something open"),
        "bad": _n("critical, or much open"),
    },
    "draft_state": {
        "draft": _n("Draft"),
        "asked": _n("Waits for a second look"),
        "enabled": _n("In force"),
        "declined": _n("Sent back"),
        "off": _n("Out of force"),
    },
    "bench_days": {
        "0": _n("samples only"),
        "1": _n("samples and the last day"),
        "7": _n("samples and the last 7 days"),
        "30": _n("samples and the last 30 days"),
    },
    "bench": {
        "busy": _n("Another rule is being tried at this moment. Try again."),
        "too_long": _n("It took too much time or memory and was stopped. Make the rule narrower."),
    },
    "ill": {
        "slow": _n("slow"),
        "timeout": _n("stopped, it took too long"),
        "fails": _n("fails"),
        "refused": _n("refused"),
    },
    "claim": {
        "open": _n("not proven yet"),
        "proven": _n("proven"),
        "lapsed": _n("no longer proven"),
    },
    "mail": {
        "try_subject": _n("CityWatch: a letter to try"),
        "try_text": _n("This letter shows that CityWatch can send mail."),
        "invite_subject": _n("CityWatch: your account"),
        "invite_text": _n(
            "%(who)s invites you to CityWatch, the city's security monitoring.\n\n"
            "Open this link within seven days and choose your password:\n%(link)s\n"
        ),
    },
    "advisory_state": {
        "new": _n("New"),
        "campaign": _n("Campaign runs"),
        "closed": _n("Closed"),
    },
    "priority_part": {
        "severity": _n("severity"),
        "asset_level": _n("level of the asset"),
        "confidence": _n("agreeing rules"),
        "spread": _n("spread"),
        "threat": _n("named by a warning"),
    },
    "asset_state": {
        "open": _n("Open"),
        "said_fixed": _n("Said to be fixed"),
        "proven": _n("Proven"),
        "still_affected": _n("Still affected"),
        "not_affected": _n("Not affected"),
    },
    "kind": {
        "department": _n("Department"),
        "district": _n("District"),
        "commune": _n("Commune"),
        "ward": _n("Ward"),
    },
    "category": {
        "defacement": _n("Defacement"),
        "spam": _n("Hidden spam"),
        "exposure": _n("Exposure"),
        "leak": _n("Data leak"),
        "loss": _n("Data loss"),
        "network_attack": _n("Network attack"),
        "web_attack": _n("Web attack"),
        "host_attack": _n("Host attack"),
        "availability": _n("Availability"),
        "vulnerability": _n("Known hole"),
        "phishing": _n("Imitation"),
        "injection": _n("Injected code"),
        "hijack": _n("Hijacked name or certificate"),
        "malware": _n("Malware"),
        "device": _n("Rogue or taken device"),
        "insider": _n("Insider"),
        "advisory": _n("Warning of others"),
        "health": _n("Silent sensor"),
    },
    "sensitivity": {
        "low": _n("low: another title, picture or style alone is not told"),
        "normal": _n("normal"),
        "high": _n("high: every new script, frame and form is told"),
    },
    "outside": {
        "home": _n("only the home page is looked at"),
        "none": _n("nothing is looked at: a change at that time is seen late"),
    },
    "note": {
        "login_failed": _n("Wrong name or password."),
        "wait": _n("Too many wrong tries. Wait %(count)s seconds, then try again."),
        "code_wrong": _n("This code is wrong, used or expired. Make a new one on the terminal."),
        "password_length": _n("A password has 10 to 256 characters."),
        "password_wrong": _n("The present password is wrong."),
        "passwords_differ": _n("The two passwords are not the same."),
        "password_changed": _n("The password was changed; other browsers were logged out."),
        "user_name": _n("An account name has 1 to 64 letters, digits or . @ + - _ and no spaces."),
        "user_taken": _n("There is an account of this name already."),
        "user_added": _n("The account was made."),
        "user_changed": _n("The account was changed."),
        "agency_missing": _n("An account of the role Agency needs the id of a known agency."),
        "last_admin": _n("The last administrator can neither be switched off nor given another role."),
        "session_ended": _n("The browser was logged out."),
        "logged_out": _n("You are logged out."),
        "acknowledged": _n("%(count)s alerts acknowledged."),
        "assigned": _n("%(count)s alerts assigned."),
        "closed": _n("%(count)s alerts closed."),
        "false_positive": _n("%(count)s alerts marked as false positives."),
        "new": _n("%(count)s alerts reopened."),
        "merged": _n("%(count)s alerts put into the ticket."),
        "ticket_unknown": _n("There is no such ticket."),
        "suppressed_many": _n("%(count)s suppressions saved."),
        "suppressions_undone": _n("%(count)s suppressions ended."),
        "undone": _n("Undone for %(count)s alerts."),
        "undo_gone": _n("This can no longer be undone."),
        "nothing_chosen": _n("No alert was chosen."),
        "reason_missing": _n("Give a reason."),
        "suppressed": _n("Suppression saved; %(count)s past alerts are hidden."),
        "suppression_ended": _n("The suppression has ended; its alerts are shown again."),
        "allowed": _n("Allowed; %(count)s open alerts were closed."),
        "allowance_ended": _n("The allowance has ended; %(count)s alerts are open again."),
        "allowance_wrong": _n("This cannot be allowed: name an address or network, an owner and a reason."),
        "packets_gone": _n("The packets of this alert are no longer kept here."),
        "suppression_wrong": _n("This suppression cannot be: choose at least one field and an end."),
        "commented": _n("Comment added."),
        "moved": _n("The ticket was moved on."),
        "not_allowed": _n("The ticket cannot go from its state to that one."),
        "refused": _n("This cannot be done on that ticket. Look at what you gave."),
        "conflict": _n("Somebody else changed this at the same time. Look again, then repeat."),
        "saved": _n("Saved."),
        "token_made": _n("The token was made. Copy it now, it is not shown again."),
        "token_ended": _n("The token no longer works."),
        "advisory_taken": _n("Taken in; it concerns %(count)s assets."),
        "advisory_known": _n("It was there already; it concerns %(count)s assets."),
        "advisory_started": _n("%(count)s more agencies are told now."),
        "advisory_checked": _n("%(count)s assets were looked at."),
        "advisory_watched": _n("%(count)s indicators are watched for."),
        "advisory_matched": _n("It concerns %(count)s assets."),
        "advisory_unreadable": _n(
            "This cannot be read as an advisory: send CSAF, PDF, DOCX, text or a letter."
        ),
        "advisory_not_yet": _n(
            "Not possible yet: nothing in the catalogue is concerned, or something is still open "
            "and no reason given."
        ),
        "advisory_versions": _n("Name the product, and versions such as >= 2.4.49, < 2.4.51."),
        "advisory_word": _n(
            "Not written down: the version is still affected, or a note or a second person is missing."
        ),
        "warning_missing": _n("Paste a warning, and say who sent it."),
        "warning_wrong": _n("This warning cannot be read. Paste its text, a list, CSV, STIX or MISP."),
        "indicators_full": _n("There is no room for so many. Take an old source out first."),
        "indicators_gone": _n("%(count)s indicators were taken out."),
        "run_paused": _n("The run is paused."),
        "run_resumed": _n("The run goes on."),
        "run_canceled": _n("The run was canceled; what was done stays done."),
        "run_retried": _n("The step is tried again."),
        "run_replayed": _n("The step and all after it are done once more."),
        "run_refused": _n("This cannot be done with the run as it stands now."),
        "approved": _n("Approved."),
        "declined": _n("Declined."),
        "approve_other": _n("Approval needs a second person."),
        "approve_gone": _n("This approval was decided or has expired."),
        "factor_needed": _n("Your role needs a second factor here. Set one up to go on."),
        "factor_wrong": _n("This code is wrong or was used already. Wait for the next one."),
        "factor_stale": _n("This step took too long or was done already. Begin again."),
        "factor_ended": _n("It was taken away."),
        "oidc_refused": _n(
            "You are known there, but no group of yours has a role here. Ask an administrator."
        ),
        "oidc_failed": _n(
            "The identity provider did not confirm who you are. Try again; the audit log has the reason."
        ),
        "invite_gone": _n("This invitation was used, taken back, or is too old. Ask for a new one."),
        "proof_missing": _n("The proof was not found yet. What was seen stands below."),
        "too_soon": _n("That was done a moment ago. Wait a little, then repeat."),
        "recheck_good": _n("Looked again: nothing bad was seen."),
        "recheck_bad": _n("Looked again: it is still not as it should be."),
        "recheck_away": _n("Looked again: the portal did not answer with a page."),
        "face_accepted": _n("The present face is now taken as the right one."),
        "face_differs": _n("Looked: what accepting would change stands below. Nothing was accepted."),
        "face_same": _n("Looked: it looks like its face."),
        "face_reverted": _n("The earlier face stands again, as a new version."),
        "version_gone": _n("This version is not kept any more, or somebody else was faster."),
        "blocks_many": _n("At most 100 blocks can be left out."),
        "attached": _n("The proof was attached."),
        "upload_missing": _n("Choose a file that is not empty."),
        "upload_large": _n("A file may have at most 8 MiB."),
        "upload_type": _n(
            "This kind of file is not taken: attach a picture, PDF, text, office document or zip."
        ),
        "upload_bomb": _n(
            "This archive is not taken: it holds archives, too many parts, or would swell too far."
        ),
        "upload_many": _n("This ticket has as many proofs as it may."),
        "view_nameless": _n("Give the view a name."),
        "window_wrong": _n(
            "A window has a start, an end after it at most 14 days later, and is not over yet."
        ),
        "care_wrong": _n("Write the hours as 22:00-05:00, or leave them empty; at most 200 inner pages."),
        "window_added": _n("The window was added; changes of the page in it alarm nobody."),
        "setup_saved": _n("Saved; it takes effect with the next start of the service."),
        "mail_wrong": _n("Write one mail address."),
        "sample_filled": _n("The invented city is there."),
        "sample_gone": _n("The invented city was taken out."),
        "sample_full": _n("There is something in the store already."),
        "hunt_wrong": _n("This search cannot be read, so it was not kept."),
        "hunts_full": _n("There are as many hunts as there may be. Forget one first."),
        "rule_asked": _n("A second person can now look at it."),
        "rule_enabled": _n("The rule is in force; the service takes it up within a minute."),
        "rule_declined": _n("The rule was sent back."),
        "rule_off": _n("The rule is out of force."),
        "rule_unsound": _n("First check and run it: it must hold, and so must its samples of both kinds."),
        "rule_long": _n("A rule and its samples have at most 60,000 letters each."),
        "passkey_added": _n("The passkey was added."),
        "passkey_wrong": _n("The passkey did not answer as it should."),
    },
}


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; English is the source itself.

    >>> catalogue("vi").gettext("Alerts")
    'Cảnh báo'
    >>> catalogue("en").gettext("Alerts")
    'Alerts'
    """
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("console", str(LOCALE), languages=[language])


def pick(accepted: str) -> str:
    """The language for a visitor of whom nothing is known but a browser's Accept-Language.

    >>> pick("en-GB,en;q=0.9"), pick("vi-VN"), pick("fr")
    ('en', 'vi', 'vi')
    """
    first = accepted.split(",", 1)[0].strip().lower()
    return "en" if first.startswith("en") else DEFAULT


def change_words(language: str, what: str) -> str:
    """A line of a ticket's history: a move between states, or another thing that was done.

    >>> change_words("en", "new → triage"), change_words("en", "comment")
    ('New → In triage', 'commented')
    """
    before, arrow, after = what.partition(" → ")
    if arrow:
        return f"{say(language, 'ticket_state', before)} → {say(language, 'ticket_state', after)}"
    return say(language, "what", what)


def say(language: str, kind: str, code: str) -> str:
    """The words for a code of stored data; an unknown code is shown as it is.

    >>> say("en", "severity", "high"), say("vi", "severity", "high"), say("en", "severity", "odd_one")
    ('High', 'Cao', 'odd one')
    """
    text = WORDS.get(kind, {}).get(code)
    return catalogue(language).gettext(text) if text else code.replace("_", " ")


def evidence(language: str, what: str) -> str:
    """The words for a kind of evidence; what people named themselves (a file) stays as it is.

    >>> evidence("en", "page_before"), evidence("en", "screen_shot.png")
    ('page before', 'screen_shot.png')
    """
    text = WORDS["evidence"].get(what)
    return catalogue(language).gettext(text) if text else what
