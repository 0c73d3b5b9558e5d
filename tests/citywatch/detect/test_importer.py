"""Are other people's rules taken in as they are, and told apart?"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from citywatch.detect.importer import collection_of, import_rules
from citywatch.detect.rulebook import Rulebook
from citywatch.errors import InputError

RULE = """title: {title}
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a1{n}
author: An, Bình
license: DRL-1.1
logsource: {{product: {product}}}
detection:
  a: {{Image: x}}
  condition: a
"""
YARA = 'rule found { meta: author = "Chi" strings: $a = "evil" condition: $a }'


def pack(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in files.items():
            file.writestr(name.replace("__", "/"), text)
    return path


def test_each_rule_is_told_and_keeps_author_and_licence(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "Some Rules.zip",
        **{
            "a__ours.yml": RULE.format(title="Ours", n=1, product="windows"),
            "a__other.yml": RULE.format(title="Other", n=2, product="macos"),
            "b__bad.yml": "title: [",
            "y__web.yar": YARA,
            "LICENSE": "DRL 1.1",
            "README.md": "x",
        },
    )
    told = import_rules(archive, tmp_path / "rules")
    assert [(each.file, each.verdict) for each in told] == [
        ("a/ours.yml", "loaded"),
        ("a/other.yml", "not for our events"),
        ("b/bad.yml", "refused"),
        ("y/web.yar", "loaded"),
    ]
    assert [(each.author, each.license) for each in told[:2]] == [("An, Bình", "DRL-1.1")] * 2
    assert told[1].why.startswith("a/other.yml:5: logsource macos/*/* is not among ours")
    folder = tmp_path / "rules" / "some-rules"
    assert (folder / "LICENSE").read_text("utf-8") == "DRL 1.1"
    assert not (folder / "README.md").exists()
    assert {rule.title for rule in Rulebook.load(tmp_path / "rules").rules.values()} >= {"Ours"}


def test_an_update_takes_the_new_and_keeps_what_was_changed_here(tmp_path: Path) -> None:
    first = {f"r{n}.yml": RULE.format(title=f"Rule {n}", n=n, product="windows") for n in (1, 2, 3)}
    import_rules(pack(tmp_path / "set.zip", **first), tmp_path)
    folder = tmp_path / "set"
    (folder / "r1.yml").write_text("# ours\n" + first["r1.yml"], "utf-8")
    (folder / "exceptions.yml").write_text("title: x", "utf-8")
    second = {name: text.replace("Rule", "New rule") for name, text in first.items() if name != "r3.yml"}
    told = import_rules(pack(tmp_path / "set.zip", **second), tmp_path)
    assert Counter(each.verdict for each in told) == {"loaded": 2, "kept": 1, "removed": 1}
    assert {each.file: each.change for each in told if each.change} == {
        "r2.yml": "changed",
        "r3.yml": "removed",
    }
    assert (folder / "r1.yml").read_text("utf-8").startswith("# ours")
    assert "New rule 2" in (folder / "r2.yml").read_text("utf-8")
    assert not (folder / "r3.yml").exists()
    assert (folder / "exceptions.yml").exists()


def test_a_newer_release_under_another_name_finds_what_it_renews(tmp_path: Path) -> None:
    first = {f"r{n}.yml": RULE.format(title=f"Rule {n}", n=n, product="windows") for n in (1, 2, 3)}
    import_rules(pack(tmp_path / "set-r2026-01.zip", **first), tmp_path / "rules")
    newer = pack(tmp_path / "set-r2026-02.zip", **first | {"r4.yml": first["r1.yml"]})
    assert collection_of(newer, tmp_path / "rules") == "set-r2026-01"
    other = pack(tmp_path / "other.zip", **{"x.yml": first["r1.yml"], "y.yml": first["r2.yml"]})
    with pytest.raises(InputError, match="is no newer release"):
        collection_of(other, tmp_path / "rules")


def test_a_name_that_leads_out_of_the_folder_is_not_unpacked(tmp_path: Path) -> None:
    archive = pack(tmp_path / "bad.zip", **{"..__..__out.yml": "title: x"})
    with pytest.raises(InputError, match="outside the folder"):
        import_rules(archive, tmp_path / "rules")
    assert not (tmp_path.parent / "out.yml").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.yml", b"x" * (40 << 20))
    with pytest.raises(InputError, match="too much"):
        import_rules(archive, tmp_path / "rules")


def test_what_is_no_zip_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot be unpacked"):
        import_rules(tmp_path / "a.zip", tmp_path)


@pytest.mark.groundtruth
def test_sigmahqs_release_comes_in_as_it_is(groundtruth: Path, tmp_path: Path) -> None:
    told = import_rules(groundtruth / "sigmahq-rules.zip", tmp_path)
    verdicts = Counter(each.verdict for each in told)
    assert verdicts["loaded"] > 3200
    assert {each.file.rpartition("/")[2] for each in told if each.verdict == "refused"} == {
        "win_security_adcs_certighost_cdc_chase_request.yml",  # asks for the organisation's %known_cdcs%
        "win_security_adcs_certighost_cert_issued_via_chase.yml",
    }
    assert all(each.why for each in told if each.verdict != "loaded")
    assert sum(bool(each.author) for each in told) > 3700
