"""Is the hook told, signed, which portal to put behind its maintenance page?"""

from __future__ import annotations

import json

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.model import Portal, to_doc
from citywatch.respond.post import signature
from citywatch.settings import Maintenance
from citywatch.store.sqlite import SqliteStore
from responders.maintenance import MaintenancePage
from tests.responders.conftest import JsonReceiver, an_order


def page(store: SqliteStore, **settings: object) -> MaintenancePage:
    portal = Portal(id="p", url="https://p.gov.vn/", name="P", agency="a")
    store.put_many("portal", {"p": to_doc(portal)})
    told = Maintenance(secret="s", **settings)  # pyright: ignore[reportArgumentType] - of the settings' own names
    return MaintenancePage(store=store, clock=system_clock, settings=told)


def test_the_hook_gets_portal_and_key_signed(case_store: SqliteStore, tool: JsonReceiver) -> None:
    act = page(case_store, url=tool.url, allow_loopback=True).act
    assert act(an_order("portal.maintenance", portal="p", reason="thay giao diện"))["on"] is True
    assert act(an_order("portal.maintenance", portal="p", on="false"))["on"] is False
    _, headers, body = tool.got[0]
    assert (body["portal"], body["url"], body["maintenance"]) == ("p", "https://p.gov.vn/", True)
    assert headers["Idempotency-Key"] == "run1:step:0"
    assert headers["X-CityWatch-Signature"] == signature("s", json.dumps(body, ensure_ascii=False).encode())


def test_without_a_hook_it_says_so_and_a_strange_portal_or_loopback_is_refused(
    case_store: SqliteStore, tool: JsonReceiver
) -> None:
    assert page(case_store).act(an_order("portal.maintenance", portal="p"))["done"] is False
    with pytest.raises(ActionFailed, match="no portal"):
        page(case_store, url=tool.url, allow_loopback=True).act(an_order("portal.maintenance", portal="x"))
    with pytest.raises(ActionFailed, match="not an address"):
        page(case_store, url=tool.url).act(an_order("portal.maintenance", portal="p"))
    tool.status = 503
    with pytest.raises(ActionFailed, match="503") as failed:
        page(case_store, url=tool.url, allow_loopback=True).act(an_order("portal.maintenance", portal="p"))
    assert failed.value.again
    assert len(tool.got) == 1
