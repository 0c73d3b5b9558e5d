"""Are shipped lines read by who knows them, and ECS events taken as they are?"""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.beats import Beats, Shipped
from tests.sensors.expected import fits, sample
from tests.sensors.reading import misfits


def test_lines_and_events_of_filebeat() -> None:
    access, login, apart, words = sample(Beats(), "beats.filebeat.ndjson")
    fits(access, {"event.dataset": "web.access", "source.ip": "203.0.113.66", "host.name": "web1"})
    fits(login, {"event.dataset": "linux.auth", "event.outcome": "failure", "user.name": "root"})
    fits(apart, {"event.dataset": "web.access", "http.response.status_code": 404, "url.path": "/x"})
    fits(words, {"event.dataset": "linux.syslog", "message": "words of a program", "host.name": "web1"})


def test_what_has_no_time_is_told() -> None:
    with pytest.raises(ValueError, match="no such time"):
        Shipped("UTC")(b'{"message":"x"}')


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 63) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["source", "source.ip", "url", "message", "event", "host", "dns", "process.name", "tags", "x"]
)


@given(st.dictionaries(names, anything, max_size=5))
def test_values_of_any_kind_give_a_fitting_event(record: dict[str, object]) -> None:
    found = Shipped("UTC")(orjson.dumps({**record, "@timestamp": "2026-11-22T03:00:00Z"}))
    for event in found if isinstance(found, list) else [found]:
        assert misfits(event) == []
