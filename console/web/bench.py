"""How is a rule written, tried and brought into force without leaving the browser?"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.detect.samples import SUFFIX
from citywatch.model import Rule
from console import bench, drafts
from console.drafts import Draft, NotAllowed
from console.web.accounts import User, write_audit
from console.web.alert import read_rule
from console.web.door import Visit, Way

DAYS = ("0", "1", "7", "30")
_TEMPLATE = """title: {title}
id: {id}
status: experimental
description: What happens, and why it matters.
author: {author}
date: {day}
logsource:
  product: zeek
  service: http
detection:
  selection:
    url.path|contains: /uploads/
    http.request.method: POST
  condition: selection
falsepositives:
  - None known yet
level: medium
citywatch:
  title_vi: Tên quy tắc
  category: web_attack
  subject: [source.ip]
  guide_vi: Việc cần làm.
  guide_en: What to do.
"""
_SAMPLES = """{"expect": "fires", "because": "what it looks for", "event.dataset": "network.http", "url.path": "/uploads/a.php", "http.request.method": "POST"}
{"expect": "silent", "because": "a picture is fetched", "event.dataset": "network.http", "url.path": "/uploads/a.png", "http.request.method": "GET"}
"""  # noqa: E501 - one event a line


def show_rules(visit: Visit) -> Response:
    """Rules that are written here, and all that are in force."""
    rules = sorted(visit.house.rules.values(), key=lambda rule: (-rule.severity, rule.title))
    text = visit.asked("q").strip().lower()
    found = [
        rule for rule in rules if text in f"{rule.title} {rule.title_vi} {rule.id} {rule.source}".lower()
    ]
    return visit.page(
        "rules.html", drafts=drafts.drafts(visit.house.store), rules=found[:200], total=len(found), text=text
    )


def show_rule(visit: Visit) -> Response:
    """One rule that is in force: its text, and who wrote it here."""
    rule = visit.house.rules.get(visit.path("id"))
    if rule is None:
        raise visit.missing()
    return visit.page("rule.html", rule=rule, rule_text=read_rule(visit, rule.source))


def blank(key: str, author: User, at: str) -> Draft:
    """A draft to begin with, which holds as it stands."""
    text = _TEMPLATE.format(title="New rule", id=uuid4(), author=author.name, day=at[:10])
    return Draft(
        id=f"rule_{key}", title="New rule", text=text, samples=_SAMPLES, by=author.id, at=at,
        authors=(author.id,),
    )  # fmt: skip


def start(visit: Visit) -> Response:
    """Begin a draft, empty or from a rule that is in force."""
    key = secrets.token_hex(3)
    draft = blank(key, visit.who, stamp(visit.house.clock()))
    like = visit.house.rules.get(visit.given("from"))
    if like is not None and like.language == "sigma":
        text, samples = _copied(visit, like)
        name = drafts.name_of(like.title) or "rule"
        draft = replace(draft, id=f"{name}_{key}", title=like.title, text=text, samples=samples)
    drafts.write(visit.house.store, draft, 0)
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "rule_begun", draft.id)
    return visit.go(f"/rules/drafts/{draft.id}", made=draft.id)


def _copied(visit: Visit, like: Rule) -> tuple[str, str]:
    """The text of a rule under an id of its own, and its samples."""
    text = read_rule(visit, like.source).replace(like.id, str(uuid4()))
    beside = visit.house.content_dir / Path(like.source).with_suffix("")
    file = beside.with_name(beside.name + SUFFIX).resolve()
    if file.is_relative_to(visit.house.content_dir.resolve()) and file.is_file():
        return text, file.read_text("utf-8", "replace")[: bench.LARGEST]
    return text, _SAMPLES


def _read(visit: Visit) -> tuple[Draft, int]:
    found = drafts.read(visit.house.store, visit.path("id"))
    if found is None:
        raise visit.missing()
    visit.unchanged(drafts.KIND, found[0].id, found[1])
    return found


def show_draft(visit: Visit) -> Response:
    """The bench with one draft on it."""
    return _bench(visit, _read(visit)[0])


def _bench(visit: Visit, draft: Draft, outcome: bench.Outcome | None = None, days: str = "7") -> Response:
    return visit.page(
        "bench.html",
        draft=draft,
        outcome=outcome,
        days=days,
        spans=DAYS,
        mine=visit.who.id in draft.authors,
        marks=_marks(outcome) if outcome else {},
    )


def _marks(outcome: bench.Outcome) -> Mapping[int, bench.Wrong]:
    return {one.line: one for one in outcome.wrong if one.line is not None and not one.in_samples}


def _whole(visit: Visit, name: str) -> str:
    """A text of the form that may be longer than other values; lines end as on disk."""
    return "".join(visit.form.get(name, [])[:1]).replace("\r\n", "\n")


def save(visit: Visit) -> Response:
    """Keep the text; with `try` say at once what comes of it."""
    draft, version = _read(visit)
    store, clock = visit.house.store, visit.house.clock
    text, samples = _whole(visit, "text"), _whole(visit, "samples")
    if max(len(text), len(samples)) > bench.LARGEST:
        return visit.go(f"/rules/drafts/{draft.id}", "rule_long")
    draft = drafts.changed(draft, text, samples, by=visit.who.id, at=stamp(clock()))
    outcome: bench.Outcome | None = None
    days = visit.given("days") if visit.given("days") in DAYS else "7"
    if visit.given("try"):
        outcome = bench.try_rule(visit.house.settings, draft.text, draft.samples, int(days))
        draft = replace(draft, sound=outcome.sound, title=outcome.title or draft.title)
    drafts.write(store, draft, version)
    write_audit(store, clock, visit.who.id, "rule_saved", draft.id)
    return (
        visit.go(f"/rules/drafts/{draft.id}", "saved")
        if outcome is None
        else _bench(visit, draft, outcome, days)
    )


def ask(visit: Visit) -> Response:
    """Ask a second person to look at it."""
    draft, version = _read(visit)
    try:
        drafts.write(visit.house.store, drafts.ask(draft), version)
    except NotAllowed as error:
        return visit.go(f"/rules/drafts/{draft.id}", str(error))
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "rule_asked", draft.id)
    return visit.go(f"/rules/drafts/{draft.id}", "rule_asked")


def decide(visit: Visit) -> Response:
    """Enable it, send it back, or take it out of force."""
    draft, version = _read(visit)
    house, who, note = visit.house, visit.who.id, visit.given("note").strip()[:1000]
    folder = house.settings.data / "rules"
    answer = visit.given("answer")
    try:
        if answer == "enable":
            after = drafts.enable(draft, folder, house.clock, by=who, note=note)
        elif answer == "decline":
            after = drafts.decline(draft, house.clock, by=who, note=note)
        elif answer == "off":
            after = drafts.switch_off(draft, folder, house.clock, by=who)
        else:
            raise visit.missing()
    except NotAllowed as error:
        return visit.go(f"/rules/drafts/{draft.id}", str(error))
    drafts.write(house.store, after, version)
    write_audit(house.store, house.clock, who, f"rule_{after.state}", f"{draft.id} {note}")
    return visit.go(f"/rules/drafts/{draft.id}", f"rule_{after.state}")


WAYS = (
    Way(path="/rules", handler=show_rules, name="rules", needs="staff"),
    Way(path="/rules/drafts", handler=start, name="rule_start", method="POST", needs="rules"),
    Way(path="/rules/drafts/{id}", handler=show_draft, name="rule_draft", needs="staff"),
    Way(path="/rules/drafts/{id}", handler=save, name="rule_save", method="POST", needs="rules"),
    Way(path="/rules/drafts/{id}/ask", handler=ask, name="rule_ask", method="POST", needs="rules"),
    Way(path="/rules/drafts/{id}/decide", handler=decide, name="rule_decide", method="POST", needs="approve"),
    Way(path="/rules/{id}", handler=show_rule, name="rule", needs="staff"),
)
