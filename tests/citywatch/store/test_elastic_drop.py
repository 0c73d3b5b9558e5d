"""Does a demo leave nothing behind in a cluster, and take nothing of others with it?"""

from __future__ import annotations

import pytest

from citywatch.clock import system_clock
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore

pytestmark = pytest.mark.elasticsearch


def test_only_what_has_the_prefix_goes(elasticsearch: str) -> None:
    demo = ElasticStore(elasticsearch, Elastic(prefix="drop-demo", replicas=0), clock=system_clock)
    other = ElasticStore(elasticsearch, Elastic(prefix="drop-other", replicas=0), clock=system_clock)
    event = {
        "@timestamp": "2026-11-22T00:00:00.000000Z",
        "event.id": "a",
        "event.sequence": 1,
        "event.ingested": "2026-11-22T00:00:00.000000Z",
    }
    for store in (demo, other):
        store.append([event])
        store.put_if("alert", "a", {"id": "a"}, 0)
    assert demo.drop_all() >= 2
    assert demo.get("alert", "a") is None
    assert demo.health().events == 0
    assert other.get("alert", "a") is not None
    assert other.get_event("a") is not None
    assert demo.drop_all() == 0
    other.drop_all()
    demo.close()
    other.close()
