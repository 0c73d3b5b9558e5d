"""Does the sum of what became of the packets hold, whatever happened to whom?"""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sensors.network.live.counters import Counters, dump, read_counters


def test_what_passed_while_nobody_looked_is_missed_exactly() -> None:
    counters = Counters(interface="a")
    counters.is_bound(2, 1000, merged=False)
    counters.state = "up"
    assert (counters.passed, counters.missed) == (0, 0)
    counters.counts(1100)
    counters.written = 95  # five were still in the kernel's ring when the process was killed
    counters.is_bound(2, 1300, merged=False)
    assert (counters.passed, counters.missed, counters.exact) == (300, 205, True)


def test_a_new_interface_of_the_same_name_counts_from_zero() -> None:
    counters = Counters(interface="a")
    counters.is_bound(2, 1000, merged=False)
    counters.state = "up"
    counters.counts(1010)
    counters.written = 12
    counters.is_gone()
    assert counters.state == "absent"
    counters.is_bound(3, 4, merged=False)
    assert (counters.passed, counters.missed) == (16, 4)


def test_what_the_kernel_still_held_when_the_interface_went_hides_no_loss() -> None:
    counters = Counters(interface="a", state="up")
    counters.is_bound(2, 0, merged=False)
    counters.counts(10)
    counters.written = 7
    counters.is_gone()
    counters.written = 12  # five were still in the ring, two of them never counted
    counters.is_bound(3, 4, merged=False)
    assert (counters.passed, counters.missed) == (16, 4)


def test_with_a_filter_the_number_is_the_most_it_can_be() -> None:
    counters = Counters(interface="a", filter="port 53")
    counters.is_bound(2, 0, merged=False)
    counters.counts(100)
    counters.written = 3
    assert counters.exact
    counters.is_bound(2, 150, merged=False)
    assert (counters.missed, counters.exact) == (50, False)


STEPS = st.lists(st.tuples(st.sampled_from(["seen", "missed", "dropped", "killed"]), st.integers(1, 50)))


@given(STEPS)
def test_the_sum_holds_after_any_kill(steps: list[tuple[str, int]]) -> None:
    counters = Counters(interface="a")
    wire, missed, saved, file = 0, 0, counters, 0
    counters.is_bound(2, wire, merged=False)
    counters.state = "up"
    saved = dump(counters)
    for what, count in steps:
        wire += count
        if what == "seen":
            file += count
        elif what == "dropped":
            counters.kernel_dropped += count
        else:
            missed += count
        counters = counters if what != "killed" else _again(saved)
        counters.written = file
        if what in {"killed", "missed"}:
            counters.is_bound(2, wire, merged=False)
        counters.counts(wire)
        saved = dump(counters)
    assert counters.passed == wire
    assert counters.accounted == wire
    assert counters.missed == missed


def _again(saved: bytes) -> Counters:
    import msgspec  # noqa: PLC0415 - only here

    return msgspec.json.decode(saved, type=Counters)


def test_damaged_counters_are_no_counters(tmp_path: Path) -> None:
    assert read_counters(tmp_path) is None
    (tmp_path / "counters.json").write_text("{")
    assert read_counters(tmp_path) is None
