"""Do nouns survive the way to a store and back, and do ids repeat?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from citywatch.clock import parse_stamp, stamp, stamp_us
from citywatch.model import Alert, Reason, Severity, from_doc, repeatable_id, to_doc

parts = st.lists(st.one_of(st.text(), st.binary(), st.integers()), max_size=5)


@given(parts, parts)
def test_different_parts_give_different_ids(
    one: list[str | bytes | int], two: list[str | bytes | int]
) -> None:
    def raw(items: list[str | bytes | int]) -> list[bytes]:
        return [i if isinstance(i, bytes) else str(i).encode("utf-8", "surrogatepass") for i in items]

    assert (repeatable_id(*one) == repeatable_id(*two)) == (raw(one) == raw(two))


@given(st.datetimes(min_value=parse_stamp("1970-01-01T00:00:00Z").replace(tzinfo=None)))
def test_event_times_sort_as_text(moment: object) -> None:
    text = stamp(parse_stamp(str(moment).replace(" ", "T")))
    assert len(text) == 27
    assert stamp(parse_stamp(text)) == text


def test_microseconds_are_kept() -> None:
    assert stamp_us(1_700_000_000_123_456) == "2023-11-14T22:13:20.123456Z"


def test_an_alert_survives_the_way_to_a_store_and_back() -> None:
    alert = Alert(
        id="a",
        rule_id="r",
        title="Quét cổng",
        severity=Severity.high,
        subject="10.0.0.1",
        subject_fields={"source.ip": "10.0.0.1"},
        first_seen="2026-11-22T00:00:00.000000Z",
        last_seen="2026-11-22T00:00:01.000000Z",
        count=3,
        explanation=(Reason(field="a", value="b", pattern="c"),),
        event={"source.ip": "10.0.0.1", "tags": ["x"]},
    )
    assert from_doc(to_doc(alert), Alert) == alert
