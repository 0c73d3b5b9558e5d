"""Is every rule either loaded or refused with file, line and what to do?"""

from __future__ import annotations

import pytest

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.load import EventRule, FileRules, load_file
from citywatch.detect.sigma.resolve import resolve
from citywatch.detect.sigma.tree import MANY, And, Like, Not, Number, Or

HEAD = """title: A rule
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
logsource: {product: windows, category: process_creation}
"""


def load(text: str) -> FileRules:
    return load_file(text.encode(), "rules/a.yml", {"admins": ["An", "Binh*"]})


def one(detection: str) -> EventRule:
    file = load(HEAD + "detection:\n" + detection)
    assert file.refusals == ()
    return file.events[0]


def refused(text: str) -> str:
    file = load(text)
    assert file.events == ()
    return str(file.refusals[0].error)


def test_modifiers_and_our_names_end_up_in_the_tree() -> None:
    rule = one("  a: {Image|endswith: '\\CMD.exe', EventRecordID: 4}\n  condition: not a\n")
    assert rule.tree == Not(
        And((Like("process.executable", (MANY, "\\cmd.exe")), Number("winlog.record_id", 4)))
    )
    assert rule.rule.source == "rules/a.yml"
    assert rule.rule.category == "host_attack"


def test_placeholders_become_the_organisations_values() -> None:
    rule = one("  a: {User|expand: 'HN-%admins%'}\n  condition: a\n")
    user = "user.name"
    assert rule.tree == Or((Like(user, ("hn-an",)), Like(user, ("hn-binh", MANY))))


def test_a_keyword_is_looked_for_anywhere() -> None:
    rule = one("  k: [mimikatz, 5]\n  condition: k\n")
    assert rule.tree == Or((Like("", (MANY, "mimikatz", MANY)), Like("", (MANY, "5", MANY))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [\n", "rules/a.yml:2: not YAML: did not find expected node content; check indentation"),
        (HEAD + "detection:\n  a: {Image|endwith: x}\n  condition: a\n", "did you mean 'endswith'?"),
        (HEAD + "detection:\n  a: {Image: x}\n  condition: b\n", "'b' not defined"),
        (HEAD + "detection:\n  a: {Image: x}\n  condition: 1 of b*\n", "names no detection"),
        (HEAD + "detection:\n  a:\n    Image|re: '(?=x)'\n  condition: a\n", "rules/a.yml:6: regular expr"),
        (
            HEAD + "detection:\n  a:\n    Image|expand: '%no%'\n  condition: a\n",
            "rules/a.yml:6: placeholder %no%",
        ),
        (HEAD + "detection:\n  a: {Image: x}\n  condition: a | count() > 5\n", "deprecated"),
        (
            HEAD + "level: huge\ndetection:\n  a: {Image: x}\n  condition: a\n",
            "rules/a.yml:4: 'huge' is not a valid",
        ),
        ("- 1", "rules/a.yml:1: a rule is a mapping, this is list"),
        ("", "rules/a.yml: holds no rule"),
        ("a: " + "[" * 100_000, "rules/a.yml:1: nested more than 40 levels deep"),
        ("".join(f"{' ' * i}a:\n" for i in range(1500)), "nested more than 40 levels deep"),
        ("x: y\n" * 500_000, "bytes are more than a rule file may have"),
        ("title: \xff", "rules/a.yml: holds no rule"),
    ],
)
def test_what_is_wrong_is_said_like_a_compiler_does(text: str, message: str) -> None:
    if text == "title: \xff":
        error = str(load_file(b"title: a\nid: \xff", "rules/a.yml").refusals[0].error)
        assert error == "rules/a.yml:2: this is not UTF-8 text; save the file as UTF-8"
        return
    assert message in refused(text)


def test_a_yaml_bomb_is_refused_before_it_unfolds() -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    assert "YAML aliases" in refused("a0: &a0 [x, x]\n" + levels)


def test_an_unknown_field_names_the_nearest_one() -> None:
    text = HEAD.replace("windows, category: process_creation", "citywatch, category: portal")
    file = load(text + "detection:\n  a:\n    url.paht: x\n  condition: a\n")
    refusal = file.refusals[0]
    assert str(refusal.error) == (
        "rules/a.yml:6: field 'url.paht' is not in the event schema; did you mean 'url.path'?"
    )
    assert refusal.kind == "not_ours"


def test_a_logsource_that_is_not_ours_is_told_apart_from_a_mistake() -> None:
    file = load("title: A\nlogsource: {product: macos}\ndetection:\n  a: {x: 1}\n  condition: a\n")
    assert file.refusals[0].kind == "not_ours"
    assert file.refusals[0].line == 2


def test_the_second_rule_with_an_id_is_refused() -> None:
    text = HEAD + "detection:\n  a: {Image: x}\n  condition: a\n"
    ruleset = resolve([load(text), load_file(text.encode(), "rules/b.yml")])
    assert len(ruleset.events) == 1
    assert (
        "rules/b.yml:1: id 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10 is already that of 'A rule' (rules/a.yml:1)"
        in str(ruleset.refusals[0].error)
    )


FILTER = """title: Backup tool
id: 00000000-0000-4000-8000-000000000001
logsource: {product: windows}
filter:
  rules: [5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10]
  known: {Image|endswith: backup.exe}
  condition: not known
citywatch: {expires: 2026-12-31}
"""


def test_a_filter_is_put_on_its_rule_until_it_expires() -> None:
    files = [load(HEAD + "detection:\n  a: {Image: x}\n  condition: a\n"), load(FILTER)]
    rule = next(iter(resolve(files, "2026-12-31").events.values()))
    assert isinstance(rule.tree, And)
    assert rule.tree.parts[1] == Not(Like("process.executable", (MANY, "backup.exe")))
    assert next(iter(resolve(files, "2027-01-01").events.values())).tree == Like("process.executable", ("x",))


def test_a_filter_that_meets_no_rule_is_said() -> None:
    assert "meets no rule" in str(resolve([load(FILTER)]).refusals[0].error)


COUNT = """title: Many
id: 00000000-0000-4000-8000-00000000000{n}
name: many{n}
correlation:
  type: {type}
  rules: [{rules}]
  group-by: [User, Who]
  aliases: {{Who: {{{rules}: Computer}}}}
  timespan: 5m
  condition: {condition}
"""


def test_a_correlation_speaks_of_ids_and_our_fields() -> None:
    base = HEAD + "name: base\ndetection:\n  a: {Image: x}\n  condition: a\n"
    ruleset = resolve(
        [load(base), load(COUNT.format(n=2, type="event_count", rules="base", condition="{gte: 5}"))]
    )
    assert ruleset.refusals == ()
    rule = next(iter(ruleset.correlations.values()))
    base_id = "5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10"
    assert (rule.base_ids, rule.group_by, rule.op, rule.count) == ((base_id,), ("user.name", "Who"), "gte", 5)
    assert rule.aliases == {"Who": {base_id: "winlog.computer_name"}}
    assert ruleset.silent == {base_id}


def test_an_extended_condition_becomes_a_tree_of_rule_ids() -> None:
    base = HEAD + "name: base\ndetection:\n  a: {Image: x}\n  condition: a\n"
    ruleset = resolve(
        [load(base), load(COUNT.format(n=2, type="temporal", rules="base", condition="not base"))]
    )
    rule = next(iter(ruleset.correlations.values()))
    assert rule.expression == Not(tree.Ref("5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10"))


def test_correlations_that_count_each_other_are_refused() -> None:
    files = [
        load(COUNT.format(n=n, type="event_count", rules=f"many{5 - n}", condition="{gte: 5}"))
        for n in (2, 3)
    ]
    errors = [str(each.error) for each in resolve(files).refusals]
    assert len(errors) == 2
    assert all("refers to itself" in error for error in errors)
