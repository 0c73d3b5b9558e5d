"""Is the search for reference cycles as it was before, whatever happens in a batch?"""

from __future__ import annotations

import gc

import pytest

from citywatch.cycles import without_cycles


def test_it_rests_within_and_goes_on_after_even_when_the_batch_fails() -> None:
    def batch() -> None:
        with without_cycles():
            assert not gc.isenabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        batch()
    assert gc.isenabled()


def test_within_another_batch_it_goes_on_resting() -> None:
    with without_cycles():
        with without_cycles():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
