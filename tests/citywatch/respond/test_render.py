"""Are texts filled in, and are hostile templates cut off in a bounded time while the rest lives on?"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from citywatch.respond.render import Renderer, RenderError

SCOPE: dict[str, Any] = {
    "alert": {"title": "Đổi giao diện", "count": 3, "tags": ["a", "b"], "severity": "high"},
    "event": {"source.ip": "10.0.0.1"},
    "steps": {"recheck": {"defaced": True}},
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("{{ alert.count }}", 3),
        ("{{ alert.tags }}", ["a", "b"]),
        ("{{ steps.recheck.defaced }}", True),
        ("{{ nothing.here }}", ""),
        ("{{ alert.title }} ({{ alert.tags }}, {{ event.source.ip }})", "Đổi giao diện (a, b, 10.0.0.1)"),
        ("{{ 'critical' if alert.count >= 3 else 'high' }}", "critical"),
        ("{% for tag in alert.tags %}<{{ tag }}>{% endfor %}", "<a><b>"),
        ("{{ event.source.ip | upper }}", "10.0.0.1"),
        ("{{ portal.name | default('?', true) }}", "?"),
    ],
)
def test_a_text_is_filled_in(renderer: Renderer, text: str, filled: object) -> None:
    assert renderer.fill(text, SCOPE) == filled
    assert renderer.fill({"a": [text, 1, None]}, SCOPE) == {"a": [filled, 1, None]}


def test_what_a_value_says_is_never_a_template(renderer: Renderer) -> None:
    scope = {"alert": {"title": "{{ 7*7 }}{% for x in y %}"}}
    assert renderer.fill("{{ alert.title }}!", scope) == "{{ 7*7 }}{% for x in y %}!"
    assert renderer.fill("{{ alert.title | upper }}", scope) == "{{ 7*7 }}{% FOR X IN Y %}"


HOSTILE = [
    "{{ 'a' * 10**9 }}",
    "{{ 'a'.center(9*10**8) }}",
    "{{ 'a'.ljust(900000000) }}",
    "{% for a in range(99999) %}{{ 'a' * 999 }}{% endfor %}",
    "{{ range(10**9) | list }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ self._TemplateReference__context }}{{ 1/0 }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].system('id') }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(alert) | length + 'x' }}",
    "{{ ('%999999999d' % 1) }}",
    "{{ alert.update({'x': 1}) }}",
    "{{ alert.tags.append(1) }}",
    "{{ 9 ** (9 ** 9) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ alert.title",
    "{{ '" + "(" * 3000 + "' | indent(10**9) }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{ " + "(" * 500 + "1" + ")" * 500 + " | abs }}",
    "{{ joiner.__init__.__builtins__.open('/etc/passwd').read() }}{{ 1/0 }}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_template_is_refused_or_cut_and_the_next_one_is_filled_in(
    renderer: Renderer, text: str
) -> None:
    began = monotonic()
    with pytest.raises(RenderError):
        renderer.fill(f"{text}{{# cage #}}", SCOPE)
    assert monotonic() - began < 9
    assert renderer.fill("{{ 1 + 1 }}", SCOPE) == "2"


def test_an_attribute_walk_gives_nothing_away(renderer: Renderer) -> None:
    assert renderer.fill("{{ alert.title.__class__ or '' }}{{ alert._x or '' }}", SCOPE) in {"", "  "}


def test_a_cage_that_was_killed_is_started_again(renderer: Renderer) -> None:
    assert renderer.fill("{{ 1 + 1 }}", SCOPE) == "2"
    process = renderer._process  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - kill it from outside
    assert process is not None
    process.kill()
    process.wait()
    assert renderer.fill("{{ 2 + 1 }}", SCOPE) == "3"


def test_a_cage_that_hangs_is_ended() -> None:
    loops = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    short = Renderer(wall_s=0.3)
    with pytest.raises(RenderError):
        short.fill(loops, SCOPE)
    short.close()
