"""Does the programs' interface keep what its description says, and do nothing twice?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families

from citywatch.clock import stamp
from citywatch.model import Alert, AlertState, to_doc
from citywatch.ports import Query
from citywatch.settings import load_settings
from citywatch.store import open_store
from console.web import accounts, api, once, sessions
from console.web.app import make_app
from console.web.door import Way
from tests.console.web.conftest import Browser, SmallCity, SmallHouse, Ticking
from tests.console.web.test_access import OWN_TEST, path_of, things

HEADERS: dict[str, str] = {}
NOT_ASKED = (
    "positive_data_acceptance",  # text that fits the schema may still be no query, no time or no cursor
    "ignored_auth",  # sends the same headers again; the matrix of roles asks every route without a token
    "negative_data_rejection",  # counts those headers too; strictness has a test of its own below
)
CONFIG: Any = cast("Any", schemathesis.Config).from_dict(
    {"checks": {name: {"enabled": False} for name in NOT_ASKED}}
)


def bearer(house: SmallHouse, name: str = "lan", scope: str = "write") -> dict[str, str]:
    user = accounts.get_user(house.store, name)
    assert user
    token = sessions.new_token(house.store, house.clock, user, "t", scope=scope, days=30)
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def described(small_city: SmallCity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description, as the console gives it, of a console with the small city in it."""
    folder = tmp_path_factory.mktemp("api")
    for file in Path(small_city.folder).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    clock = Ticking()
    made = load_settings(folder, environ={})
    store = open_store(made, clock)
    house = SmallHouse(made, clock, store)
    HEADERS.update(bearer(house, "admin"))
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", make_app(house), config=CONFIG)
    store.close()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("way", [way for way in api.WAYS if way.needs], ids=lambda way: way.name)
def test_every_answer_is_one_that_the_description_names(
    described: Any, way: Way, mode: schemathesis.GenerationMode
) -> None:
    operation: Any = described[way.path][way.method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        derandomize=True,
    )
    def asked(case: Any) -> None:
        case.call_and_validate(headers=HEADERS)

    asked()


@pytest.mark.usefixtures("city")
def test_every_example_of_a_list_is_accepted_as_it_stands(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    held, known = bearer(house, "admin"), things(house, city, agency="so-y-te")
    for way in api.WAYS:
        if way.method == "POST" or way.name.removeprefix("api_") in OWN_TEST | {"openapi"}:
            continue
        given = {one.name: one.example for one in api.SPECS["GET", way.path].asked}
        answer = browser.get(path_of(way, known), params=given, headers=held)
        assert answer.status_code == 200, way.path
        told = api.SPECS["GET", way.path]
        if told.media:
            assert answer.headers["content-type"].partition(";")[0] in told.media, way.path
        else:
            assert told.answer.keys() <= answer.json().keys(), way.path


def test_what_changed_since_a_time_is_given_once_whoever_changed_it(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    held = bearer(house)
    fresh, old = city[3], city[100]
    since = fresh.last_seen
    state = AlertState(
        alert_id=old.id, state="closed", changed_at=stamp(house.clock()), changed_by="minh", reason="ok"
    )
    both = AlertState(alert_id=city[1].id, state="closed", changed_at=stamp(house.clock()), changed_by="minh")
    house.store.put_many("alert_state", {one.alert_id: to_doc(one) for one in (state, both)})
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        given = {"updated_since": since, "limit": "2", "after": after}
        answer = browser.get("/api/v1/alerts", params=given, headers=held).json()
        seen += [one["id"] for one in answer["alerts"]]
        after = answer["next"]
    assert len(seen) == len(set(seen))
    assert set(seen) == {one.id for one in city[:4]} | {old.id}
    bad = browser.get("/api/v1/alerts", params={"updated_since": "yesterday"}, headers=held)
    assert bad.status_code == 400


def test_an_agency_is_told_only_of_its_own_changes(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    now = stamp(house.clock())
    states = {one.id: AlertState(alert_id=one.id, state="closed", changed_at=now) for one in city[:60]}
    house.store.put_many("alert_state", {key: to_doc(state) for key, state in states.items()})
    answer = browser.get(
        "/api/v1/alerts", params={"updated_since": now, "limit": "500"}, headers=bearer(house, "yte")
    ).json()
    assert {one["id"] for one in answer["alerts"]} == {one.id for one in city[:60] if one.agency == "so-y-te"}


def test_a_change_asked_for_twice_under_one_key_is_made_once(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    path, close = f"/api/v1/alerts/{city[1].id}/state", {"do": "close", "reason": "planned"}
    held = bearer(house) | {"idempotency-key": "k-1"}
    first = browser.post(path, json=close, headers=held)
    reopened = browser.post(path, json={"do": "reopen"}, headers=bearer(house))
    again = browser.post(path, json=close, headers=held)
    assert (first.json()["state"], reopened.json()["state"]) == ("closed", "new")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    now = browser.get(path.removesuffix("/state"), headers=bearer(house)).json()
    assert now["state"]["state"] == "new"
    assert browser.post(path, json={"do": "reopen"}, headers=held).status_code == 422
    other = bearer(house, "lead") | {"idempotency-key": "k-1"}
    assert browser.post(path, json=close, headers=other).status_code == 200
    for bad in ("", "a b", "k" * 201):
        answer = browser.post(path, json=close, headers=held | {"idempotency-key": bad})
        assert answer.status_code == 400, bad


def test_a_refusal_is_kept_under_its_key_too_and_all_is_forgotten_after_a_day(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    path, held = f"/api/v1/alerts/{city[1].id}/state", bearer(house) | {"idempotency-key": "k-2"}
    first = browser.post(path, json={"do": "close"}, headers=held)
    again = browser.post(path, json={"do": "close"}, headers=held)
    assert (first.status_code, again.status_code, again.json()) == (400, 400, first.json())
    assert once.forget(house.store, house.clock) == 0
    house.clock.now += once.LIFE
    assert once.forget(house.store, house.clock) == 1
    assert "idempotency-replayed" not in browser.post(path, json={"do": "close"}, headers=held).headers


@pytest.mark.usefixtures("city")
def test_prometheus_reads_the_counts(browser: Browser, house: SmallHouse) -> None:
    part: dict[str, Any] = {
        "part": 'odd"part\\\\',
        "at": "",
        "counts": {"events": 12, "pages seen": 3},
        "problems": [],
    }
    house.store.put_many("health", {"shipper": part, "judge": part | {"part": "judge"}})
    assert browser.get("/metrics").status_code == 401
    answer = browser.get("/metrics", headers=bearer(house, scope="read"))
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    events = next(family for family in families if family.name == "citywatch_part_events")
    assert [sample.value for sample in events.samples] == [12, 12]
    tickets = next(family for family in families if family.name == "citywatch_tickets")
    held = house.store.find("ticket", Query(order="id", limit=1)).total
    assert sum(sample.value for sample in tickets.samples) == held
    records = next(family for family in families if family.name == "citywatch_records")
    assert {"kind": "alert"} in [sample.labels for sample in records.samples]


@pytest.mark.usefixtures("city")
def test_names_that_nobody_knows_and_values_that_are_no_text_are_refused(
    browser: Browser, house: SmallHouse
) -> None:
    held = bearer(house)
    told = browser.get("/api/v1/alerts?severty=high", headers=held)
    assert (told.status_code, told.json()["error"]) == (
        400,
        "there is no 'severty' here; known: q, state, severity, suppressed, updated_since, limit, after",
    )
    ticket = house.store.find("ticket", Query(order="id", limit=1)).records[0].id
    for body in ({"note": 5}, {"note": "n", "agency": "so-tai-chinh"}, {"to": None, "note": "n"}):
        assert browser.post(f"/api/v1/tickets/{ticket}", json=body, headers=held).status_code == 400
