"""Are pictures of a portal's page shown beside its alert and on its page, and every look noted?"""

from __future__ import annotations

from dataclasses import replace

from citywatch.model import Alert, Event, to_doc
from citywatch.ports import Query
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

JPEG, PNG = b"\xff\xd8\xff\xe0 before", b"\x89PNG\r\n\x1a\n difference"


def _event(house: SmallHouse, portal: str) -> Event:
    kept = [house.evidence.keep(raw, "image/jpeg") for raw in (JPEG, JPEG + b"2", PNG)]
    return {
        "@timestamp": "2026-11-22T07:00:00.000000Z",
        "event.id": "pictured",
        "event.kind": "event",
        "event.module": "portal",
        "event.dataset": "portal.picture",
        "event.sequence": 900_000,
        "event.ingested": "2026-11-22T07:00:01.000000Z",
        "citywatch.portal.id": portal,
        "citywatch.portal.picture.before_at": "2026-11-20T05:00:00.000000Z",
        "citywatch.evidence.sha256": kept,
        "citywatch.evidence.what": ["picture_before", "picture_after", "picture_difference"],
    }


def test_an_alert_shows_before_now_and_the_difference_and_its_portal_the_newest(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    enter(browser, house, "lan")
    alert = next(one for one in city if one.asset)
    event = _event(house, alert.asset)
    house.store.append([event])
    house.store.put_many("alert", {alert.id: to_doc(replace(alert, event=event))})
    text = browser.get(f"/alerts/{alert.id}").text
    for digest in event["citywatch.evidence.sha256"]:
        assert f'src="/alerts/{alert.id}/evidence/{digest}?as=picture"' in text
    assert "20/11/2026" in text
    first, newest, last = event["citywatch.evidence.sha256"]
    assert f'src="/portals/{alert.asset}/picture"' in browser.get(f"/portals/{alert.asset}").text
    assert browser.get(f"/portals/{alert.asset}/picture").content == house.evidence.get(newest)
    shown = browser.get(f"/alerts/{alert.id}/evidence/{first}?as=picture")
    assert (shown.content, shown.headers["content-type"]) == (JPEG, "image/jpeg")
    shown = browser.get(f"/alerts/{alert.id}/evidence/{last}?as=picture")
    assert shown.headers["content-type"] == "image/png"
    deeds = [one.doc["what"] for one in house.store.find("audit", Query(order="at")).records]
    assert deeds.count("evidence_read") == 3
