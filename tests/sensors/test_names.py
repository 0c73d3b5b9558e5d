"""Are names that were asked for measured alike by every sensor?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensors.names import parts, question
from tests.sensors.reading import misfits


def test_a_name_is_taken_apart() -> None:
    fields = question("Dulieu.X1.HaNoi.gov.vn.")
    assert fields["dns.question.name"] == "dulieu.x1.hanoi.gov.vn"
    assert fields["dns.question.registered_domain"] == "hanoi.gov.vn"
    assert fields["dns.question.subdomain"] == "dulieu.x1"
    assert fields["dns.question.top_level_domain"] == "gov.vn"
    assert fields["citywatch.dns.label_length"] == 6


@given(st.text(max_size=60))
def test_any_name_gives_fitting_fields(name: str) -> None:
    assert misfits(question(name)) == []


def test_the_parts_that_packets_are_measured_by_are_those_of_the_logs() -> None:
    for name in ("a.b.example.com", "x.gov.vn", "vn", "printer.local", "a.b.co.uk"):
        below, registered, suffix = parts(name)
        fields = question(name)
        assert fields.get("dns.question.subdomain", "") == below
        assert fields.get("dns.question.registered_domain", "") == registered
        assert fields["dns.question.top_level_domain"] == suffix
