"""Are just those lines of a rule lit that met the event?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Reason
from console.web.why import lit_lines

RULE = """title: A shell is called   # selection: url.path
id: 1
detection:
  selection:
    url.path|endswith:
      - '/shell.php'
      - '/up.jsp'
    http.request.method: POST
  other:
    source.ip|cidr: 10.0.0.0/8
  condition: selection or other
level: high
"""
REASONS = (
    Reason(field="url.path", value="/a/Shell.php", pattern="*/shell.php"),
    Reason(field="http.request.method", value="POST", pattern="post"),
)


def lit(text: str, *reasons: Reason) -> dict[int, tuple[str, ...]]:
    return {line.number: line.values for line in lit_lines(text, reasons) if line.lit}


def test_the_field_and_the_item_that_met_are_lit_with_the_value_beside() -> None:
    assert lit(RULE, *REASONS) == {5: ("/a/Shell.php",), 6: (), 8: ("POST",)}


def test_a_field_that_did_not_meet_stays_dark() -> None:
    assert 10 not in lit(RULE, *REASONS)
    assert lit(RULE) == {}


def test_nothing_outside_the_detection_is_lit() -> None:
    assert not set(lit(RULE, *REASONS)) & {1, 2, 12}


def test_a_string_of_a_yara_rule_is_lit_by_its_name() -> None:
    rule = 'rule Shell {\n strings:\n  $a = "eval("\n  $ab = "x"\n condition: any of them\n}'
    assert list(lit(rule, Reason(field="file.content", value="eval(", pattern="$a"))) == [3]


@given(
    st.text(alphabet=st.sampled_from(list("ab.|:- '\"\n{}#")), max_size=200),
    st.lists(
        st.builds(Reason, field=st.text(max_size=5), value=st.text(max_size=5), pattern=st.text(max_size=5))
    ),
)
def test_any_text_gives_its_own_lines(text: str, reasons: list[Reason]) -> None:
    assert [line.text for line in lit_lines("detection:\n" + text, reasons)][1:] == text.splitlines()
