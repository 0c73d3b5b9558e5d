"""What does a small city look like, for screenshots and for tests?

Everything here is invented: names in the style of the city's offices, addresses of the documentation
networks, times counted back from the clock. It goes through the real store as the real nouns.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from citywatch.clock import Clock, stamp
from citywatch.detect.indicators import Indicator
from citywatch.model import (
    Agency,
    Alert,
    AlertState,
    Change,
    Event,
    Evidence,
    Portal,
    Reason,
    Rule,
    Severity,
    Ticket,
    repeatable_id,
    to_doc,
)
from citywatch.ports import Store

AGENCIES = (
    ("so-y-te", "Sở Y tế", "Department of Health", "department", "soyte"),
    ("so-giao-duc", "Sở Giáo dục và Đào tạo", "Department of Education", "department", "sogddt"),
    ("so-tai-chinh", "Sở Tài chính", "Department of Finance", "department", "sotaichinh"),
    ("phuong-hoan-kiem", "Ủy ban nhân dân phường Hoàn Kiếm", "Hoàn Kiếm ward", "ward", "hoankiem"),
    ("phuong-cau-giay", "Ủy ban nhân dân phường Cầu Giấy", "Cầu Giấy ward", "ward", "caugiay"),
    ("xa-soc-son", "Ủy ban nhân dân xã Sóc Sơn", "Sóc Sơn commune", "commune", "socson"),
)

# rule id, title, Vietnamese title, severity, category, subject field, fields that matched
_RULES: tuple[tuple[str, str, str, Severity, str, str, dict[str, tuple[str, str]]], ...] = (
    (
        "5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10",
        "Gambling links shown to search visitors only",
        "Liên kết cờ bạc chỉ hiện với người đến từ trang tìm kiếm",
        Severity.high,
        "spam",
        "citywatch.portal.id",
        {
            "citywatch.portal.view": ("search", "search"),
            "citywatch.portal.spam.score": ("0.97", ">= 0.8"),
            "citywatch.portal.cloaked": ("true", "true"),
        },
    ),
    (
        "0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c001",
        "Home page replaced by a defacement",
        "Trang chủ bị thay bằng trang tấn công",
        Severity.critical,
        "defacement",
        "citywatch.portal.id",
        {
            "citywatch.portal.defaced.score": ("0.99", ">= 0.85"),
            "citywatch.portal.title": ("Hacked by <script>alert(1)</script>", "*hacked by*"),
        },
    ),
    (
        "7be2b1f0-1d7b-4b66-9a8a-7f1ddab0a002",
        "Version control folder readable from outside",
        "Thư mục quản lý mã nguồn đọc được từ bên ngoài",
        Severity.high,
        "exposure",
        "citywatch.portal.id",
        {"citywatch.portal.exposure.kind": ("git", "git"), "url.path": ("/.git/config", "*/.git/*")},
    ),
    (
        "c7c3a5a1-35a2-4b52-a1b9-21a8a29e0003",
        "Passwords guessed over SSH",
        "Dò mật khẩu qua SSH",
        Severity.medium,
        "network_attack",
        "source.ip",
        {"destination.port": ("22", "22"), "citywatch.auth.attempts": ("184", ">= 20")},
    ),
    (
        "e6a0b9c2-93c8-4a3b-8e0e-3b0c9e4d0004",
        "Data carried out in DNS names",
        "Rò rỉ dữ liệu qua tên miền DNS",
        Severity.high,
        "leak",
        "source.ip",
        {
            "dns.question.registered_domain": ("kho-anh.example", "*"),
            "citywatch.dns.name_length": ("212", ">= 100"),
        },
    ),
    (
        "f1b8d2e4-2c61-4f0e-b3b7-6c2f1d5a0005",
        "Web shell called",
        "Truy cập web shell",
        Severity.critical,
        "web_attack",
        "host.name",
        {"url.path": ("/uploads/anh.php", "*/uploads/*.php"), "http.request.method": ("POST", "POST")},
    ),
    (
        "a2f1c3d4-7e21-4d05-a1f2-0e9b8c7d0006",
        "Shadow copies deleted",
        "Xóa bản sao lưu ẩn của Windows",
        Severity.high,
        "loss",
        "host.name",
        {"process.command_line": ("vssadmin delete shadows /all /quiet", "*delete*shadows*")},
    ),
    (
        "b3a2d4e5-8f32-4e16-b203-1fac9d8e0007",
        "Port scan",
        "Quét cổng",
        Severity.low,
        "network_attack",
        "source.ip",
        {"destination.port": ("445", "*")},
    ),
    (
        "d4b3e5f6-9043-4f27-8314-20bdae9f0008",
        "Certificate ends within a week",
        "Chứng thư số hết hạn trong vòng một tuần",
        Severity.informational,
        "availability",
        "citywatch.portal.id",
        {"tls.server.not_after": ("2026-11-27T00:00:00.000000Z", "< 7 days")},
    ),
)

MATCHED = {rule[0]: rule[6] for rule in _RULES}
"""Rule to the fields that matched, each with the event's value and the rule's pattern."""

_TAGS = {
    "defacement": ("attack.impact", "attack.t1491.002"),
    "spam": ("attack.impact", "attack.t1491.002", "attack.t1496"),
    "exposure": ("attack.reconnaissance", "attack.t1595.002"),
    "network_attack": ("attack.credential-access", "attack.t1110.001"),
    "leak": ("attack.exfiltration", "attack.t1048.003"),
    "web_attack": ("attack.persistence", "attack.t1505.003"),
    "loss": ("attack.impact", "attack.t1490"),
    "availability": (),
}

_GUIDE_VI = (
    "1. Chụp lại hiện trạng trước khi sửa.\n2. Chuyển trang sang chế độ bảo trì.\n"
    "3. Khôi phục từ bản sao lưu sạch, đổi mật khẩu quản trị, cập nhật bản vá.\n4. Báo lại để kiểm tra."
)
_GUIDE_EN = (
    "1. Take a copy of the present state.\n2. Switch the site to maintenance.\n"
    "3. Restore a clean copy, change the administrators' passwords, install updates.\n4. Report back."
)


def rules() -> dict[str, Rule]:
    """The rules of the small city."""
    made = (
        Rule(
            id=rule_id,
            title=title,
            title_vi=title_vi,
            severity=severity,
            category=category,
            tags=_TAGS[category],
            description="An example of a rule, for pictures and tests.",
            guide_vi=_GUIDE_VI,
            guide_en=_GUIDE_EN,
            falsepositives=("A planned change of the site's design",),
            source=f"rules/sigma/{category}/{rule_id[:8]}.yml",
        )
        for rule_id, title, title_vi, severity, category, _, _ in _RULES
    )
    return {rule.id: rule for rule in made}


def indicators() -> list[Indicator]:
    """What three centers warn of."""
    return [
        Indicator(type=kind, value=value, source=source, tlp=tlp, confidence=sure, title=title)
        for kind, value, source, tlp, sure, title in (
            ("ip", "203.0.113.77", "A05", "AMBER", 85, "Máy chủ điều khiển"),
            ("domain", "cap-nhat-dich-vu-cong.example", "NCSC", "GREEN", 75, "Giả mạo Cổng dịch vụ công"),
            ("url", "cap-nhat-dich-vu-cong.example/vneid.apk", "NCSC", "GREEN", 90, "Ứng dụng độc hại"),
            ("sha256", "5f" * 32, "NCSC", "AMBER", 90, "Ứng dụng độc hại"),
            ("network", "198.51.100.0/24", "Bộ TT&TT", "CLEAR", 60, "Dải địa chỉ rà quét"),
        )
    ]


def agencies() -> list[Agency]:
    """Six owners."""
    return [
        Agency(
            id=key,
            name=name,
            name_en=english,
            kind=kind,
            email=f"vanthu@{domain}.example",
            phone=f"024 3000 {number:04d}",
            domains=(f"{domain}.example",),
            networks=(f"10.{number}.0.0/16",),
        )
        for number, (key, name, english, kind, domain) in enumerate(AGENCIES, start=10)
    ]


def portals() -> list[Portal]:
    """Two portals for each."""
    return [
        Portal(
            id=f"{prefix}-{key}",
            url=f"https://{prefix}.{domain}.example/",
            name=f"{title} {name}",
            agency=key,
            level=level,
            tags=(kind,),
            registered_at="2026-10-01T02:00:00.000000Z",
        )
        for key, name, _, kind, domain in AGENCIES
        for prefix, title, level in (
            ("cong", "Cổng thông tin điện tử", 3),
            ("dichvu", "Dịch vụ công trực tuyến", 4),
        )
    ]


def alerts(
    number: int, now: datetime, seed: int = 7, *, gap_s: tuple[float, float] = (20, 400)
) -> Iterator[Alert]:
    """So many alerts, newest first; the same for the same number, time, seed and seconds between two."""
    dice = random.Random(seed)  # noqa: S311 - invented data, no secret
    moment = now
    known = rules()
    for place in range(number):
        moment -= timedelta(seconds=dice.uniform(*gap_s))
        picked = dice.choices(_RULES, weights=(3, 1, 3, 6, 2, 1, 2, 9, 4))[0]
        yield _alert(place, picked, known[picked[0]], moment, dice)


def _alert(place: int, picked: Any, rule: Rule, moment: datetime, dice: random.Random) -> Alert:
    _, _, _, severity, category, subject_field, matched = picked
    agency = dice.choice(AGENCIES)
    source = f"203.0.113.{dice.randint(1, 254)}"
    subject = {
        "citywatch.portal.id": f"cong-{agency[0]}",
        "source.ip": source,
        "host.name": f"may-chu-{dice.randint(1, 40):02d}",
    }[subject_field]
    event = _event(place, matched, {subject_field: subject}, agency, moment)
    return Alert(
        id=repeatable_id(rule.id, subject, event["event.id"]),
        rule_id=rule.id,
        title=rule.title,
        title_vi=rule.title_vi,
        severity=severity,
        subject=subject,
        subject_fields={subject_field: subject},
        first_seen=stamp(moment - timedelta(minutes=dice.randint(0, 90))),
        last_seen=stamp(moment),
        count=dice.choice((1, 1, 1, 2, 3, 8, 40, 184, 2210)),
        explanation=tuple(
            Reason(field=name, value=value, pattern=pattern) for name, (value, pattern) in matched.items()
        ),
        tags=rule.tags,
        category=category,
        values={"source.ip": [source], "host.name": [f"may-chu-{dice.randint(1, 40):02d}"]},
        event_ids=(event["event.id"],),
        event=event,
        rule_source=rule.source,
        guide_vi=rule.guide_vi,
        guide_en=rule.guide_en,
        falsepositives=rule.falsepositives,
        agency=agency[0],
        asset=subject if subject_field == "citywatch.portal.id" else "",
        asset_level=3 if subject_field == "citywatch.portal.id" else 0,
        sequence=place + 1,
    )


def _event(place: int, matched: Any, subject: dict[str, str], agency: Any, moment: datetime) -> Event:
    numbers = {"destination.port", "citywatch.auth.attempts", "citywatch.dns.name_length"}
    held: Event = {
        "@timestamp": stamp(moment),
        "event.id": repeatable_id("seed", place),
        "event.kind": "event",
        "event.category": ["web" if "url.path" in matched else "network"],
        "event.dataset": "portal.page" if "citywatch.portal.id" in subject else "network.flow",
        "event.module": "portal" if "citywatch.portal.id" in subject else "network",
        "event.sequence": place + 1,
        "event.ingested": stamp(moment + timedelta(seconds=2)),
        "source.ip": f"203.0.113.{place % 250 + 1}",
        "destination.ip": f"10.{10 + place % 6}.4.{place % 250 + 1}",
        "user_agent.original": 'Mozilla/5.0 "><img src=x onerror=alert(1)>',
        "citywatch.portal.agency": agency[0],
    } | subject
    for name, (value, _) in matched.items():
        held[name] = int(value) if name in numbers else value
    for name in ("citywatch.portal.spam.score", "citywatch.portal.defaced.score"):
        if name in held:
            held[name] = float(held[name])
    if "citywatch.portal.cloaked" in held:
        held["citywatch.portal.cloaked"] = True
    return held


def tickets(made: list[Alert], now: datetime, evidence: str = "") -> list[Ticket]:
    """A ticket for every fifth alert that is high or worse, in different states."""
    serious = [alert for alert in made if alert.severity >= Severity.high][::5][:60]
    states = ("new", "triage", "confirmed", "contained", "recovered", "reported", "on_hold", "closed")
    found: list[Ticket] = []
    for number, alert in enumerate(serious, start=1):
        opened = now - timedelta(hours=number * 3, minutes=number * 7 % 60)
        line = Change(at=stamp(opened), by="citywatch", what="opened", note=alert.title_vi)
        state = states[number % len(states)]
        moved = Change(at=stamp(opened + timedelta(minutes=11)), by="lan", what=f"new → {state}")
        kept = Evidence(
            sha256=evidence,
            media_type="text/html",
            size=48_213,
            taken_at=stamp(opened),
            source=f"https://{alert.subject}.example/",
            what="page",
        )
        found.append(
            Ticket(
                id=f"HN-2026-{number:06d}",
                key=f"{alert.rule_id}:{alert.subject}",
                title=f"{alert.title_vi}: {alert.subject}",
                severity=alert.severity,
                state=state,
                agency=alert.agency,
                asset=alert.asset,
                category=alert.category,
                opened_at=stamp(opened),
                due_at=stamp(opened + timedelta(hours=24 if number % 3 else 60)),
                changed_at=stamp(opened + timedelta(minutes=11)),
                assignee="lan" if number % 2 else "minh",
                alert_ids=(alert.id,),
                rule_ids=(alert.rule_id,),
                evidence=(kept,) if evidence else (),
                history=(line, moved) if state != "new" else (line,),
                guide_vi=alert.guide_vi,
                guide_en=alert.guide_en,
            )
        )
    return found


def fill(store: Store, clock: Clock, *, number: int = 300, evidence: str = "") -> list[Alert]:
    """Write the small city into a store; `evidence` is the hash of bytes that the first event shall name."""
    now = clock()
    made = list(alerts(number, now))
    if evidence:
        named = {"citywatch.evidence.sha256": [evidence], "citywatch.evidence.what": ["page"]}
        made = [
            replace(alert, event=alert.event | named) if alert.category == "defacement" else alert
            for alert in made
        ]
    store.append([alert.event for alert in reversed(made)])
    store.put_many("agency", {item.id: to_doc(item) for item in agencies()})
    store.put_many("portal", {item.id: to_doc(item) for item in portals()})
    for start in range(0, len(made), 1000):
        store.put_many("alert", {item.id: to_doc(item) for item in made[start : start + 1000]})
    opened = tickets(made, now, evidence)
    store.put_many("ticket", {item.id: to_doc(item) for item in opened})
    store.put_many("counter", {"ticket-2026": {"value": len(opened)}})  # the numbers that they have
    states = {
        ticket.alert_ids[0]: AlertState(
            alert_id=ticket.alert_ids[0],
            state="acknowledged",
            assignee=ticket.assignee,
            ticket_id=ticket.id,
            changed_at=ticket.changed_at,
            changed_by="lan",
        )
        for ticket in opened
    }
    for place, alert in enumerate(made):
        if place % 11 == 5 and alert.id not in states:  # noqa: PLR2004 - any fixed rhythm
            states[alert.id] = AlertState(
                alert_id=alert.id,
                state="closed",
                assignee="minh",
                reason="Đã kiểm tra",
                changed_at=alert.last_seen,
                changed_by="minh",
            )
    store.put_many("alert_state", {key: to_doc(state) for key, state in states.items()})
    return made
