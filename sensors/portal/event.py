"""How is what a visit saw written as events?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Event, Portal, repeatable_id
from sensors.portal.baseline import Baseline
from sensors.portal.exposure import Exposure
from sensors.portal.fetch import Fetched
from sensors.portal.hygiene import hygiene_of
from sensors.portal.look import Look, fields_of


def page_event(
    portal: Portal, look: Look, baseline: Baseline | None, *, at: datetime, kept: Mapping[str, str]
) -> Event:
    """One look at one page in one view.

    Args:
        portal: whose page it is.
        look: what was seen.
        baseline: what it was compared with; None when nothing was.
        at: the time.
        kept: what is kept of it as evidence: what it is, to its hash.
    """
    fetched = look.fetched
    event = _start(portal, fetched, at=at, dataset="portal.page", what=f"{look.view} {look.path}")
    event["event.outcome"] = "success" if fetched.available else "failure"
    event["citywatch.portal.view"] = look.view
    event["citywatch.portal.page"] = "home" if look.path == "/" else "inner"
    event["citywatch.portal.available"] = fetched.available
    if baseline is not None and baseline.visits:
        event["citywatch.portal.baseline"] = str(baseline.version)
    event |= fields_of(look)
    if look.path == "/" and look.view == "desktop":
        event |= _hygiene(look)
    event |= _certificate(fetched, baseline, at)
    if kept:
        event["citywatch.evidence.sha256"] = list(kept.values())
        event["citywatch.evidence.what"] = list(kept)
    return event


def probe_event(portal: Portal, fetched: Fetched, exposure: Exposure, *, at: datetime, kept: str) -> Event:
    """Something that should not be public, and is."""
    event = _start(portal, fetched, at=at, dataset="portal.probe", what=fetched.url)
    event["event.outcome"] = "success"
    event["citywatch.portal.page"] = "probe"
    event["citywatch.portal.exposure.kind"] = exposure.kind
    event["citywatch.portal.exposure.proof"] = exposure.proof
    if kept:
        event["citywatch.evidence.sha256"] = [kept]
        event["citywatch.evidence.what"] = ["response_body"]
    return event


def _start(portal: Portal, fetched: Fetched, *, at: datetime, dataset: str, what: str) -> dict[str, Any]:
    moment = stamp(at)
    event: dict[str, Any] = {
        "@timestamp": moment,
        "event.id": repeatable_id("portal", portal.id, dataset, what, moment),
        "event.kind": "event",
        "event.category": ["web"],
        "event.dataset": dataset,
        "event.module": "portal",
        "event.duration": fetched.took_ms * 1_000_000,
        "citywatch.portal.id": portal.id,
        "citywatch.portal.name": portal.name,
        "citywatch.portal.agency": portal.agency,
        "citywatch.portal.level": portal.level,
    }
    if portal.tags:
        event["citywatch.portal.tags"] = list(portal.tags)
    return event | _url(fetched) | _answer(fetched)


def _url(fetched: Fetched) -> dict[str, Any]:
    fields: dict[str, Any] = {"url.full": fetched.final_url[:2000], "url.original": fetched.url[:2000]}
    try:
        parts = urlsplit(fetched.final_url)
        fields |= {
            "url.scheme": parts.scheme,
            "url.domain": parts.hostname or "",
            "url.path": parts.path or "/",
        }
        if parts.query:
            fields["url.query"] = parts.query[:2000]
        if parts.port:
            fields["url.port"] = parts.port
    except ValueError:
        pass  # the URL as it was sent is there
    return {name: value for name, value in fields.items() if value != ""}


def _answer(fetched: Fetched) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if fetched.status:
        fields["http.response.status_code"] = fetched.status
        fields["http.response.body.bytes"] = len(fetched.body)
    if fetched.error:
        fields["citywatch.portal.error"] = fetched.error
        fields["event.reason"] = fetched.detail or fetched.error
    if fetched.redirects:
        fields["citywatch.portal.redirects"] = list(fetched.redirects)
    if fetched.address and fetched.error != "refused_address":
        fields["destination.ip"] = fetched.address
    return fields


def _hygiene(look: Look) -> dict[str, Any]:
    seen = hygiene_of(look.fetched, look.page)
    fields = {
        "citywatch.portal.headers.missing": list(seen.missing),
        "citywatch.portal.clear": list(seen.clear),
        "citywatch.portal.cookies.weak": list(seen.cookies),
    }
    return {name: value for name, value in fields.items() if value}


def _certificate(fetched: Fetched, baseline: Baseline | None, at: datetime) -> dict[str, Any]:
    shown = fetched.certificate
    if shown is None:
        return {}
    fields: dict[str, Any] = {
        "tls.version": shown.version,
        "tls.cipher": shown.cipher,
        "tls.server.subject": shown.subject,
        "tls.server.issuer": shown.issuer,
        "tls.server.hash.sha256": shown.sha256,
        "tls.server.not_before": shown.not_before,
        "tls.server.not_after": shown.not_after,
        "tls.server.x509.serial_number": shown.serial,
        "tls.server.x509.alternative_names": list(shown.names),
        "citywatch.portal.certificate.problem": shown.problem,
    }
    if shown.not_after:
        fields["citywatch.portal.certificate.days_left"] = (parse_stamp(shown.not_after) - at).days
    if baseline is not None and baseline.certificate and baseline.certificate != shown.sha256:
        fields["citywatch.portal.certificate.changed"] = True
        fields["citywatch.portal.certificate.issuer_changed"] = baseline.issuer != shown.issuer
    return {name: value for name, value in fields.items() if value not in ("", [])}
