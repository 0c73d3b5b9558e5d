"""Do MISP, TheHive, IRIS and Telegram get what they take, once by key, and nothing that must not leave?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.model import to_doc
from citywatch.ports import Responder
from citywatch.settings import Handover, Telegram
from citywatch.store.sqlite import SqliteStore
from responders.iris import HandToIris
from responders.misp import ExportMisp
from responders.stix import ExportStix
from responders.telegram import NotifyTelegram
from responders.thehive import HandToTheHive

from .conftest import JsonReceiver, an_order


def settings(url: str) -> Handover:
    return Handover(
        misp_url=url, misp_key="mk", thehive_url=url, thehive_key="hk", iris_url=url, iris_key="ik",
        allow_loopback=True,
    )  # fmt: skip


def outlets(store: SqliteStore, url: str, folder: Path) -> dict[str, Responder]:
    mine = settings(url)
    made: tuple[Responder, ...] = (
        ExportMisp(store=store, clock=system_clock, settings=mine),
        HandToTheHive(store=store, settings=mine),
        HandToIris(store=store, settings=mine),
        ExportStix(store=store, folder=folder),
    )
    return {one.name: one for one in made}


def test_misp_gets_what_is_foreign_only_with_marks_and_the_same_uuid_again(
    case_store: SqliteStore, tool: JsonReceiver, tmp_path: Path
) -> None:
    misp = outlets(case_store, tool.url, tmp_path)["export.misp"]
    tool.answer = {"Event": {"id": "7"}}
    said = misp.act(an_order("export.misp", tlp="GREEN"))
    misp.act(an_order("export.misp", tlp="GREEN"))
    path, headers, body = tool.got[0]
    assert (path, headers["Authorization"], said["id"]) == ("/events/add", "mk", "7")
    event = body["Event"]
    assert [(one["type"], one["value"]) for one in event["Attribute"]] == [
        ("ip-dst", "93.184.216.34"),
        ("domain", "it's.bad.example"),
    ]
    assert {"name": "tlp:green"} in event["Tag"]
    assert tool.got[1][2]["Event"]["uuid"] == event["uuid"] == said["uuid"]
    tool.status, tool.answer = 403, {"errors": "Event already exists, if you want to edit it"}
    assert misp.act(an_order("export.misp", tlp="GREEN"))["sent"] is True


def test_thehive_gets_an_alert_with_a_reference_of_its_key(
    case_store: SqliteStore, tool: JsonReceiver, tmp_path: Path
) -> None:
    hive = outlets(case_store, tool.url, tmp_path)["handover.thehive"]
    tool.status, tool.answer = 201, {"_id": "~41"}
    assert hive.act(an_order("handover.thehive"))["id"] == "~41"
    hive.act(an_order("handover.thehive"))
    (path, headers, first), (_, _, second) = tool.got
    assert (path, headers["Authorization"]) == ("/api/v1/alert", "Bearer hk")
    assert (first["severity"], first["tlp"], first["title"]) == (3, 2, "Liên hệ tên miền xấu")
    assert first["sourceRef"] == second["sourceRef"]
    assert {"dataType": "hostname", "data": "pc-17", "tlp": 2} in first["observables"]


def test_iris_gets_an_alert_and_says_that_it_cannot_tell_doubles_apart(
    case_store: SqliteStore, tool: JsonReceiver, tmp_path: Path
) -> None:
    iris = outlets(case_store, tool.url, tmp_path)["handover.iris"]
    tool.answer = {"status": "success", "data": {"alert_id": 9}}
    assert iris.act(an_order("handover.iris"))["id"] == "9"
    assert not iris.repeats_safely
    assert tool.got[0][2]["alert_source_ref"] == "run1:step:0"


@pytest.mark.parametrize("action", ["export.misp", "handover.thehive", "handover.iris", "export.stix"])
def test_a_red_case_is_told_to_nobody(
    case_store: SqliteStore, tool: JsonReceiver, tmp_path: Path, action: str
) -> None:
    outlet = outlets(case_store, tool.url, tmp_path / "out")[action]
    record = case_store.get("ticket", "HN-2026-000001")
    assert record is not None
    with pytest.raises(ActionFailed, match="not one of"):
        outlet.act(an_order(action, tlp="PINK"))
    case_store.put_many("ticket", {record.id: to_doc(record.doc) | {"tlp": "RED"}})
    with pytest.raises(ActionFailed, match="TLP:RED"):
        outlet.act(an_order(action, tlp="CLEAR"))
    assert tool.got == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("status", "again"), [(503, True), (401, False)])
def test_a_tool_that_refuses_is_asked_again_only_where_it_may_help(
    case_store: SqliteStore,
    tool: JsonReceiver,
    tmp_path: Path,
    status: int,
    again: bool,  # noqa: FBT001 - a row of the table
) -> None:
    tool.status = status
    with pytest.raises(ActionFailed) as caught:
        outlets(case_store, tool.url, tmp_path)["handover.thehive"].act(an_order("handover.thehive"))
    assert caught.value.again is again


def test_a_tool_that_is_not_set_is_told_and_a_private_one_is_not_reached(case_store: SqliteStore) -> None:
    none = HandToTheHive(store=case_store, settings=Handover())
    assert "not configured" in str(none.act(an_order("handover.thehive"))["note"])
    inner = Handover(thehive_url="http://169.254.169.254", allow_loopback=True, allow_private=True)
    with pytest.raises(ActionFailed, match="may reach"):
        HandToTheHive(store=case_store, settings=inner).act(an_order("handover.thehive"))


def test_a_bundle_names_the_foreign_values_with_quotes_escaped(
    case_store: SqliteStore, tmp_path: Path
) -> None:
    outlet = ExportStix(store=case_store, folder=tmp_path / "out")
    said = outlet.act(an_order("export.stix"))
    assert outlet.act(an_order("export.stix"))["file"] == said["file"]
    bundle = json.loads(Path(str(said["file"])).read_text(encoding="utf-8"))
    patterns = [one["pattern"] for one in bundle["objects"] if one["type"] == "indicator"]
    assert patterns == ["[ipv4-addr:value = '93.184.216.34']", "[domain-name:value = 'it\\'s.bad.example']"]
    report = bundle["objects"][-1]
    assert set(report["object_refs"]) == {one["id"] for one in bundle["objects"][:-1]}
    assert len({one["id"] for one in bundle["objects"]}) == len(bundle["objects"])


def test_telegram_gets_plain_text_and_its_token_is_told_to_nobody(tool: JsonReceiver) -> None:
    token = "12345:abcdefghijklmnop"
    mine = Telegram(token=token, chat="-100", base_url=tool.url, allow_loopback=True)
    outlet = NotifyTelegram(settings=mine)
    outlet.act(an_order("notify.telegram", subject="Báo động", text="<b>x</b>" * 2000))
    path, _, body = tool.got[0]
    assert path == f"/bot{token}/sendMessage"
    assert (body["chat_id"], len(body["text"]), "parse_mode" in body) == ("-100", 4000, False)
    tool.status = 429
    with pytest.raises(ActionFailed) as caught:
        outlet.act(an_order("notify.telegram", text="x"))
    assert caught.value.again
    assert token not in str(caught.value)
    with pytest.raises(ActionFailed, match="form of one"):
        NotifyTelegram(settings=Telegram(token="1:x/../y?", chat="1")).act(an_order("notify.telegram"))
    assert NotifyTelegram(settings=Telegram()).act(an_order("notify.telegram"))["sent"] is False
