"""Is what is grave looked at twice, and does the right one of two looks stand?"""

from __future__ import annotations

import pytest

from sensors.portal.answer import Fetched
from sensors.portal.confirm import is_grave, settled, troubles_of
from sensors.portal.danger import GRAVITY
from sensors.portal.defaced import Defaced
from sensors.portal.leak import Leak
from sensors.portal.look import Look
from sensors.portal.spam import Spam

HERE = Fetched(url="https://a.example/", final_url="https://a.example/", status=200)
GONE = Fetched(url="https://a.example/", final_url="https://a.example/", error="timeout")


def look(fetched: Fetched = HERE, **seen: object) -> Look:
    return Look(path="/", view="desktop", fetched=fetched, **seen)  # type: ignore[arg-type]


WELL = look()
DEFACED = look(defaced=Defaced(score=0.9))


@pytest.mark.parametrize(
    ("seen", "troubles"),
    [
        (WELL, ()),
        (look(GONE), ("unavailable",)),
        (DEFACED, ("defaced",)),
        (look(spam=Spam(score=0.9)), ("spam",)),
        (look(cloaked=True), ("cloaked",)),
        (look(leak=Leak(kinds=("phone",), count=7)), ("leak",)),
        (look(dangerous=("form.foreign",)), ("form.foreign",)),
    ],
)
def test_what_is_wrong_is_named(seen: Look, troubles: tuple[str, ...]) -> None:
    assert troubles_of(seen) == troubles
    assert is_grave(seen) == bool(troubles)


@pytest.mark.parametrize("danger", GRAVITY)
def test_only_what_is_worse_than_medium_is_looked_at_twice(danger: str) -> None:
    assert is_grave(look(dangerous=(danger,))) == (GRAVITY[danger] > 2)


def test_what_both_show_stands() -> None:
    second = look(defaced=Defaced(score=0.8))
    assert settled(DEFACED, second) is second


def test_what_only_the_first_showed_is_named_as_such() -> None:
    assert settled(DEFACED, WELL).unconfirmed == ("defaced",)


def test_a_second_look_that_does_not_come_takes_nothing_back() -> None:
    assert settled(DEFACED, look(GONE)) is DEFACED


def test_a_host_that_answers_the_second_time_is_up() -> None:
    assert settled(look(GONE), WELL) is WELL
    assert settled(look(GONE), look(GONE)).fetched.error == "timeout"
