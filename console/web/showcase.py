"""What is in the small city beside its alerts: rule texts, a run, a portal before and after?"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Alert, Event, Rule, repeatable_id, to_doc
from citywatch.ports import Query, Store
from citywatch.respond.run import Run, StepState
from citywatch.respond.shape import Playbook
from console import face_preview, versions
from console.face_preview import Preview, Spot
from console.faces import to_record
from console.standing import Hunt
from console.versions import Difference
from sensors.portal.baseline import Baseline

Keep = Callable[[bytes, str], str]

_HEAD = (
    '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{title}</title></head><body>'
    '<header><a href="/">Trang chủ</a><nav><a href="/tin-tuc">Tin tức</a><a href="/dich-vu">Dịch vụ công</a>'
    '<a href="/lien-he">Liên hệ</a></nav></header><main>'
)
_TAIL = "</main><footer><p>Cơ quan chủ quản: Ủy ban nhân dân thành phố</p></footer></body></html>"
ADVISORY = """CẢNH BÁO SỐ 118/CATTT-NCSC
Lỗ hổng CVE-2026-1001 mức nghiêm trọng trong phần mềm quản trị nội dung, cho phép thực thi mã từ xa.
Đề nghị các đơn vị cập nhật trước ngày 01/12/2026 và rà soát kết nối tới 203.0.113.77.
"""
PAGE_BEFORE = (
    _HEAD.format(title="Cổng thông tin điện tử")
    + "<h1>Cổng thông tin điện tử</h1>"
    + "<article><h2>Lịch tiếp công dân tháng 11</h2><p>Lãnh đạo tiếp công dân vào thứ Năm.</p></article>"
    + "<article><h2>Kết quả giải quyết hồ sơ</h2><p>98,7 % hồ sơ đúng hạn.</p></article>"
    + _TAIL
).encode()
PAGE_NOW = (
    _HEAD.format(title="Hacked by <script>alert(1)</script>")
    + "<h1>Hacked by ...</h1><marquee>your security is low</marquee><script>alert(1)</script>"
    "<article><h2>Kết quả giải quyết hồ sơ</h2><p>98,7 % hồ sơ đúng hạn.</p></article>" + _TAIL
).encode()


def rule_text(rule: Rule, matched: Mapping[str, tuple[str, str]]) -> str:
    """A Sigma rule that looks for these patterns."""
    looked_for = {name: pattern for name, (_, pattern) in matched.items()}
    doc = {
        "title": rule.title,
        "id": rule.id,
        "status": "stable",
        "description": rule.description,
        "tags": list(rule.tags),
        "logsource": {"category": rule.category},
        "detection": {"selection": looked_for, "condition": "selection"},
        "falsepositives": list(rule.falsepositives),
        "level": rule.severity.name,
    }
    return yaml.safe_dump(doc, sort_keys=False, allow_unicode=True, width=110)


def write_rules(
    folder: Path, rules: Mapping[str, Rule], matched: Mapping[str, Mapping[str, tuple[str, str]]]
) -> None:
    """Put the texts of rules where the alert page looks for them."""
    for rule in rules.values():
        file = folder / "rules" / rule.source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rule_text(rule, matched[rule.id]), encoding="utf-8")


WIDTH, HEIGHT = 640, 400
Box = tuple[int, int, int, int, bytes]
"""Left, top, right, bottom, and red, green, blue."""
_CARDS = [
    box
    for top in (80, 184, 288)
    for box in (
        (24, top, 616, top + 88, b"\xff\xff\xff"),
        (48, top + 16, 420, top + 28, b"\x56\x62\x73"),
        (48, top + 42, 570, top + 50, b"\xc3\xcb\xd6"),
        (48, top + 62, 510, top + 70, b"\xc3\xcb\xd6"),
    )
]
_BEFORE: Sequence[Box] = ((0, 0, WIDTH, HEIGHT, b"\xee\xf1\xf5"), (0, 0, WIDTH, 56, b"\x1d\x5b\xbf"), *_CARDS)
_NOW: Sequence[Box] = ((0, 0, WIDTH, HEIGHT, b"\x0a\x0a\x0c"), (60, 150, 580, 230, b"\xc8\x14\x1e"))


def drawing(*, changed: bool) -> bytes:
    """A picture of a portal as PNG: cards under the city's blue, or a black page with a red band."""
    row = bytearray(WIDTH * 3)
    rows: list[bytes] = []
    for y in range(HEIGHT):
        for left, top, right, bottom, color in _NOW if changed else _BEFORE:
            if top <= y < bottom:
                row[left * 3 : right * 3] = color * (right - left)
        rows.append(b"\0" + bytes(row))
    packed = zlib.compress(b"".join(rows), 6)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + kind + raw + struct.pack(">I", zlib.crc32(kind + raw))


def deface(store: Store, keep: Keep) -> None:
    """Give the defacement alerts a page and a picture of now, and their portals those of the day before."""
    pictures = [keep(drawing(changed=changed), "image/png") for changed in (False, True)]
    pages = [keep(raw, "text/html") for raw in (PAGE_BEFORE, PAGE_NOW)]
    alerts = [
        record.doc
        for record in store.find("alert", Query(order="last_seen", limit=500)).records
        if record.doc["category"] == "defacement"
    ]
    events: list[Event] = []
    for number, doc in enumerate(alerts):
        doc["event"] |= _kept(doc["event"], pages[1], pictures[1])
        before = {
            "@timestamp": stamp(parse_stamp(doc["event"]["@timestamp"]) - timedelta(days=1, minutes=number))
        }
        before |= {"event.id": repeatable_id("before", doc["id"]), "event.sequence": 900_000 + number}
        quiet = {
            key: held for key, held in doc["event"].items() if not key.endswith(("defaced.score", "title"))
        }
        events.append(quiet | before | _kept(doc["event"], pages[0], pictures[0]))
    store.append(events)
    store.put_many("alert", {doc["id"]: doc for doc in alerts})


_SPOTS = (
    Spot(place="body>header>h1", text="Cổng thông tin điện tử"),
    Spot(place="div.tin-moi>ul>li", text="Khai mạc hội nghị tổng kết năm", count=12),
    Spot(place="div.thoi-tiet>span", text="Hà Nội 24 °C, ít mây"),
    Spot(place="body>footer>p", text="Số lượt truy cập: 1.204.331"),
)


def redesign(store: Store, keep: Keep, now: datetime) -> None:
    """Give each defaced portal two versions of its face, pictures of some days, and a look at the new one."""
    before, after = (keep(drawing(changed=changed), "image/png") for changed in (False, True))
    difference = Difference(
        page="/",
        view="desktop",
        changed=("text", "title", "images"),
        text=0.82,
        title_before="Cổng thông tin điện tử",
        title="Cổng thông tin điện tử – giao diện mới",
        added=("Chuyên mục Chuyển đổi số", "Đặt lịch hẹn trực tuyến"),
        domains=("cdn.example",),
        dangerous=("page.replaced",),
        evidence={"picture_before": before, "picture_after": after, "picture_difference": after},
    )
    found = store.find("alert", Query(order="last_seen", limit=500)).records
    portals = sorted({one.doc["asset"] for one in found if one.doc["category"] == "defacement"})
    for portal in portals:
        taken = Preview(id=portal, at=stamp(now), by="lan", differences=(difference,), spots=_SPOTS)
        store.put_many(face_preview.KIND, {portal: to_doc(taken)})
        first = Baseline(portal=portal, visits=30, changed_at=stamp(now - timedelta(days=9)))
        second = replace(
            first, version=2, visits=64, accepted_by="lan", changed_at=stamp(now - timedelta(days=2))
        )
        store.put_many(versions.OLD, {versions.key(portal, 1): to_record(first)})
        store.put_many("baseline", {portal: to_record(second)})
    store.append([_pictured(portal, day, before, now) for portal in portals for day in range(1, 6)])


def _pictured(portal: str, day: int, picture: str, now: datetime) -> Event:
    at = stamp(now - timedelta(days=day))
    name = repeatable_id("picture", f"{portal} {day}")
    return {
        "@timestamp": at,
        "event.id": name,
        "event.sequence": 950_000 + int(name[:4], 16),
        "event.ingested": at,
        "event.kind": "event",
        "event.module": "portal",
        "event.dataset": "portal.picture",
        "citywatch.portal.id": portal,
        "citywatch.portal.view": "desktop",
        "citywatch.evidence.sha256": [picture],
        "citywatch.evidence.what": ["picture_after"],
    }


def _kept(event: Event, page: str, picture: str) -> Event:
    return {
        "event.dataset": "portal.page",
        "citywatch.portal.view": "desktop",
        "url.path": event.get("url.path", "/"),
        "citywatch.evidence.sha256": [page, picture],
        "citywatch.evidence.what": ["page", "picture"],
    }


def run_of(store: Store, alert: Alert, playbook: Playbook, now: datetime) -> Run:
    """A run that did its first steps and waits at the one that needs approval."""
    states: list[StepState] = []
    for number, step in enumerate(playbook.steps):
        at = stamp(now - timedelta(minutes=40 - number))
        if step.approve is not None:
            states.append(StepState(step=step.id, state="waiting", due_at=stamp(now + timedelta(hours=3))))
            break
        note = {"note": "không có trong danh mục", "known": False}
        states.append(StepState(step=step.id, state="done", finished_at=at, attempts=1, output=note))
    if states and states[0].state == "done":
        states[0] = replace(states[0], attempts=2)
    content = playbook.model_dump(mode="json", by_alias=True, exclude_unset=True)
    doc = {"content": content, "templates": dict(playbook.templates), "source": playbook.source}
    store.put_many("playbook_version", {playbook.digest: doc})
    run = Run(
        id="shown", playbook=playbook.playbook, version=playbook.version, digest=playbook.digest, alert=alert,
        alert_id=alert.id, group=alert.subject, group_id="shown", state="waiting",
        started_at=stamp(now - timedelta(minutes=41)), updated_at=stamp(now), steps=tuple(states),
    )  # fmt: skip
    store.put_many("run", {run.id: to_doc(run)})
    return run


def hunts(now: datetime) -> list[Hunt]:
    """Two searches that were kept, one of them repeated."""
    at = stamp(now - timedelta(minutes=17))
    return [
        Hunt(
            id="hunt1", name="SSH từ ngoài vào máy chủ", q="destination.port:22 -source.ip:10.0.0.0/8",
            every="hour", owner="lan", made_at=at, at=at, found=12,
        ),
        Hunt(id="hunt2", name="vssadmin", q="vssadmin", range="7d", owner="minh", made_at=at),
    ]  # fmt: skip
