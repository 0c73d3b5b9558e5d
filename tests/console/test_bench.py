"""Is a rule that is tried in the browser told what the terminal would tell it, within bounds?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from citywatch.clock import stamp, system_clock
from citywatch.ports import Store
from citywatch.settings import Settings, load_settings
from citywatch.store import open_store
from console import bench

RULE = """title: A shell is called
id: 0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c0ff
status: experimental
logsource: {product: zeek, service: http}
detection:
  called: {url.path|startswith: /uploads/}
  condition: called
level: high
"""
SAMPLES = """{"expect": "fires", "because": "is", "event.dataset": "network.http", "url.path": "/uploads/"}
{"expect": "silent", "because": "it is not", "event.dataset": "network.http", "url.path": "/a.php"}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, environ={})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings, system_clock)
    yield opened
    opened.close()


def event(number: int, path: str, age: timedelta) -> dict[str, object]:
    at = stamp(system_clock() - age)
    return {
        "@timestamp": at, "event.id": f"{number:032x}", "event.kind": "event", "event.sequence": number,
        "event.dataset": "network.http", "event.ingested": at, "url.path": path,
    }  # fmt: skip


def test_a_sound_rule_is_shown_its_samples_its_hits_and_its_cost(settings: Settings, store: Store) -> None:
    hour = timedelta(hours=1)
    store.append(
        [
            event(1, "/uploads/old.php", timedelta(days=40)),
            event(2, "/uploads/a.php", 3 * hour),
            event(3, "/index.html", 2 * hour),
            event(4, "/uploads/b.php", hour),
        ]
    )
    made = bench.try_rule(settings, RULE, SAMPLES, 7)
    assert made.sound
    assert [(one.fires, one.good) for one in made.samples] == [(True, True), (False, True)]
    assert [hit.event_id for hit in made.hits] == [f"{2:032x}", f"{4:032x}"]
    assert "url.path = /uploads/a.php" in made.hits[0].why
    assert (made.costed, made.until, made.not_hunted) == (4, "", 0)


@pytest.mark.usefixtures("store")
def test_placeholders_are_filled_with_the_values_of_the_organisation(settings: Settings) -> None:
    asks = RULE.replace("url.path|startswith: /uploads/", "url.path|expand: '%upload_places%'")
    (wrong,) = bench.try_rule(settings, asks, SAMPLES, 0).wrong
    assert "upload_places" in wrong.what
    folder = settings.data / "rules"
    folder.mkdir()
    (folder / "placeholders.yml").write_text("upload_places: [/uploads/, /files/]\n", encoding="utf-8")
    assert bench.try_rule(settings, asks, SAMPLES, 0).sound


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("text", "samples", "line", "what"),
    [
        (RULE.replace("startswith", "startwith"), SAMPLES, 6, "startwith"),
        (RULE.replace("condition: called", "condition: caled"), SAMPLES, 7, "caled"),
        ("", SAMPLES, None, "holds no rule"),
        (RULE, SAMPLES + "{", 3, "not JSON"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    settings: Settings, text: str, samples: str, line: int | None, what: str
) -> None:
    made = bench.try_rule(settings, text, samples, 7)
    assert not made.sound
    assert any(what in one.what and (line is None or one.line == line) for one in made.wrong), made.wrong
    assert not made.searched


@pytest.mark.usefixtures("store")
def test_a_rule_whose_samples_show_one_side_only_is_not_sound(settings: Settings) -> None:
    made = bench.try_rule(settings, RULE, SAMPLES.splitlines()[0], 0)
    assert (made.wrong, made.sound) == ((), False)
    wrong = SAMPLES.replace('"silent"', '"fires"')
    assert [one.good for one in bench.try_rule(settings, RULE, wrong, 0).samples] == [True, False]


def test_what_takes_too_long_is_stopped_and_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WALL_S", 0.01)
    assert bench.try_rule(settings, RULE, SAMPLES, 0).broken == "too_long"
    assert not bench.try_rule(settings, "x" * (bench.LARGEST + 1), "", 0).sound


@pytest.mark.usefixtures("store")
def test_a_correlation_is_tried_on_its_samples(settings: Settings) -> None:
    rule = (
        RULE.replace("title: A", "name: called\ntitle: A")
        + """---
title: Called again and again
id: 1d0fe4e2-6a3f-4a33-8a62-54e1f7d1c0ff
correlation:
  type: event_count
  rules: [called]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 2}
level: high
"""
    )
    called = '{"event.dataset": "network.http", "url.path": "/uploads/a", "source.ip": "10.0.0.1"}'
    samples = "".join(
        f'{{"expect": "{expect}", "because": "b", "events": [{", ".join([called] * times)}]}}\n'
        for expect, times in (("fires", 2), ("silent", 1))
    )
    made = bench.try_rule(settings, rule, samples, 1)
    assert (made.title, made.sound, made.not_hunted) == ("Called again and again", True, 1)
    assert replace(made, samples=()).sound is False
