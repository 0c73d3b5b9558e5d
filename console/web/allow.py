"""Who may speak with whom, though a rule says that it looks bad?

Made from an alert, with an owner and an end. Unlike a suppression, which only hides, an allowance closes: the
open alerts that lie wholly within it, and those to come, before any playbook begins
(`citywatch.respond.allow`).
"""

from __future__ import annotations

from itertools import islice

from starlette.responses import Response

from citywatch.errors import CityWatchError, StoreError
from citywatch.model import Alert
from citywatch.respond import allow as allowing
from citywatch.respond.allow import Allowance
from console.web.accounts import write_audit
from console.web.door import Visit, Way

LIVES = {"7": 7, "30": 30, "90": 90, "365": 365}
"""Days that can be chosen."""
_MOST_COUNTED = 1000
_SAMPLES = 5


def preview(visit: Visit) -> Response:
    """Show what an allowance would close, before it is made."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    asked = {name: visit.asked(name) for name in ("source", "destination", "days", "owner", "reason")}
    fresh = "source" not in visit.request.query_params
    if fresh:
        sources, targets = allowing.hosts_of(alert)
        asked |= {"source": (*sources, "")[0], "destination": (*targets, "")[0], "owner": visit.who.id}
    asked |= {"one_way": visit.asked("one_way"), "any_rule": visit.asked("any_rule")}
    found: list[Alert] = []
    problem = ""
    try:
        wanted = _wanted(visit, alert, asked | {"reason": asked["reason"] or "?"})
        found = [one for one, _ in islice(allowing.covered(visit.house.store, wanted), _MOST_COUNTED)]
    except StoreError:
        raise
    except CityWatchError as error:
        problem = str(error)
    return visit.page(
        "allow.html",
        alert=alert,
        asked=asked,
        problem=problem,
        total=len(found),
        more=len(found) == _MOST_COUNTED,
        samples=found[:_SAMPLES],
        lives=list(LIVES),
    )


def _wanted(visit: Visit, alert: Alert, said: dict[str, str]) -> Allowance:
    """What the form says.

    Raises:
        CityWatchError: it is wrong or says too much.
    """
    any_rule = bool(said["any_rule"])
    return allowing.new_allowance(
        source=said["source"].strip(),
        destination=said["destination"].strip(),
        either_way=not said["one_way"],
        rule_id="" if any_rule else alert.rule_id,
        title="" if any_rule else alert.title,
        owner=said["owner"],
        reason=said["reason"],
        by=visit.who.id,
        now=visit.house.clock(),
        days=LIVES.get(said["days"], 30),
    )


def make(visit: Visit) -> Response:
    """Make an allowance, for the past too."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    names = ("source", "destination", "days", "owner", "reason", "one_way", "any_rule")
    try:
        wanted = _wanted(visit, alert, {name: visit.given(name) for name in names})
    except CityWatchError:
        return visit.go(f"/alerts/{alert.id}/allow", "allowance_wrong")
    closed = allowing.put(visit.house.store, wanted)
    about = (
        f"{wanted.id} {wanted.source} {wanted.destination} {wanted.rule_id} {wanted.owner} {wanted.reason}"
    )
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "allow", about)
    return visit.go("/allowances", "allowed", count=closed, made=wanted.id)


def show_all(visit: Visit) -> Response:
    """What is allowed now, who answers for it and until when."""
    return visit.page("allowances.html", items=allowing.active(visit.house.store, visit.house.clock))


def end(visit: Visit) -> Response:
    """End an allowance now; with `undo` what it closed is opened again."""
    store, clock, key = visit.house.store, visit.house.clock, visit.path("id")
    if store.get(allowing.KIND, key) is None:
        raise visit.missing()
    back = 0
    if visit.given("undo"):
        back = allowing.undo(store, clock, key, by=visit.who.id)
    else:
        allowing.end(store, clock, key, by=visit.who.id)
    write_audit(store, clock, visit.who.id, "disallow", f"{key} {back}")
    return visit.go("/allowances", "allowance_ended", count=back)


WAYS = (
    Way(path="/alerts/{id}/allow", handler=preview, name="allow_preview", needs="suppress"),
    Way(path="/alerts/{id}/allow", handler=make, name="allow", method="POST", needs="suppress"),
    Way(path="/allowances", handler=show_all, name="allowances", needs="staff"),
    Way(path="/allowances/{id}/end", handler=end, name="allowance_end", method="POST", needs="suppress"),
)
