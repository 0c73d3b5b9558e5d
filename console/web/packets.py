"""Which packets stand behind an alert? They are kept as evidence and given as a file."""

from __future__ import annotations

from starlette.responses import Response

from citywatch.errors import CityWatchError, StoreError
from console.web.door import Visit, Way


def give(visit: Visit) -> Response:
    """Keep the alert's packets and give them as a download; the audit says who took them."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    try:
        kept = visit.house.packets(alert.id, visit.who.id)
    except StoreError:
        raise
    except CityWatchError:
        return visit.go(f"/alerts/{alert.id}", "packets_gone")
    headers = {
        "content-disposition": f'attachment; filename="{alert.id[:12]}-{kept.sha256[:12]}.pcap"',
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "x-evidence-sha256": kept.sha256,
    }
    raw = visit.house.evidence.get(kept.sha256) or b""
    return Response(raw, media_type="application/vnd.tcpdump.pcap", headers=headers)


WAYS = (Way(path="/alerts/{id}/packets", handler=give, name="alert_packets", method="POST", needs="triage"),)
