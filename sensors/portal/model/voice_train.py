"""Train the judge of new lines, and tell by cross-validation how good it is.

    python -m sensors.portal.model.voice_train PAGES [--write]

PAGES is the unpacked folder of labelled pages with its MANIFEST.tsv. An intruder's lines are our own
(`voice_*.tsv`, `phrases_*.tsv`) and the first lines of labelled texts, which all come from one source; honest
ones are lines of benign pages and pages about hacking, of the portals of the range, and our own. No labelled
defaced *page* is used: the titles and lines of those stay for measuring.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from sensors.portal.model.made import lines_of
from sensors.portal.model.train import Example, fold_of, interval, train, write
from sensors.portal.range.city import make_city
from sensors.portal.range.site import render
from sensors.portal.spelling import plain_letters
from sensors.portal.voice import BITS, WORDS, features_of_line
from sensors.portal.walk import parse_page

_HERE = Path(__file__).parent
MODEL = _HERE / "voice.json"
_OWN = ("voice_vi.tsv", "voice_en.tsv")
_OWN_WEIGHT, _TEXT_WEIGHT, _HONEST_WEIGHT = 4.0, 0.5, 3.0
_A_PAGE, _A_TEXT = 60, 3
_SHORTEST, _LONGEST = 6, 300
_SITES, _DAYS = 60, (0, 9, 23)
_FOLDS = 5
_WRONG = 0.5
_COMMON, _COMMON_WEIGHT = 20, 3.0
_A_WEAVE, _WOVEN_WEIGHT = 60, 0.7
_NEVER_HELD = frozenset({"texts", "woven"})


def _example(text: str, group: str, kind: str, *, bad: bool, weight: float = 1.0) -> Example:
    return Example(
        features=features_of_line(text), defaced=bad, group=group, kind=kind, weight=weight, name=text
    )


def _own() -> Iterator[Example]:
    """Our own lines, each also without marks and in capitals, as people in a hurry write."""
    for name in _OWN:
        rows = [line.split("\t") for line in (_HERE / name).read_text(encoding="utf-8").splitlines()[1:]]
        for number, (kind, line) in enumerate(rows):
            group = f"own{number % _FOLDS}"
            yield _example(line, group, f"own {kind}", bad=True, weight=_OWN_WEIGHT)
            plain = plain_letters(line)
            if plain != line:
                yield _example(plain.lower(), group, "again", bad=True, weight=1.0)
            yield _example(line.upper(), group, "again", bad=True, weight=1.0)
    for language in ("vi", "en"):
        for line, group in lines_of(language, defaced=True):
            yield _example(line, f"own{group}", "phrase", bad=True, weight=1.0)
        for line, group in lines_of(language, defaced=False):
            yield _example(line, f"own{group}", "own honest", bad=False, weight=_HONEST_WEIGHT)
    rows = [
        line.split("\t") for line in (_HERE / "voice_honest.tsv").read_text(encoding="utf-8").splitlines()[1:]
    ]
    for number, (_, line) in enumerate(rows):
        yield _example(line, f"own{number % _FOLDS}", "own honest", bad=False, weight=_HONEST_WEIGHT)
        yield _example(line.upper(), f"own{number % _FOLDS}", "again", bad=False, weight=1.0)


def _woven() -> Iterator[Example]:
    """Lines woven of words of one sense each, as `voice_weaves.tsv` says: what belongs together."""
    chance = Random(9)  # noqa: S311 - weaves lines, guards nothing
    rows = [line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines()[1:] if line]
    senses = {name: words.split("|") for name, words in rows}
    for weave in (_HERE / "voice_weaves.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        label, _, names = weave.partition("\t")
        for number in range(_A_WEAVE):
            line = " ".join(chance.choice(senses[name]) for name in names.split())
            yield _example(line, "woven", "woven", bad=label == "strange", weight=_WOVEN_WEIGHT)
            if "daily" in names:  # of the few commonest words, too, in any order
                few = chance.sample(senses["daily"][:_COMMON], 1 + number % 6)
                for pool in (few, senses["daily"][:_COMMON]):
                    line = " ".join(chance.choice(pool) for _ in range(3 + number % 7))
                    yield _example(line, "woven", "woven", bad=False, weight=_COMMON_WEIGHT)


def _city() -> Iterator[Example]:
    seen: set[str] = set()
    for number, site in enumerate(make_city(_SITES, seed=4, sick=False)):
        for day in _DAYS:
            page = parse_page((render(site, "/", day=day) or "").encode(), "https://portal.example/")
            fresh = {block.text for block in page.blocks if len(block.text) >= _SHORTEST} - seen
            seen |= fresh
            for text in sorted(fresh):
                yield _example(text[:_LONGEST], f"city{number}", "city", bad=False)


def _labelled(folder: Path) -> Iterator[Example]:
    chance = Random(3)  # noqa: S311 - draws lines, guards nothing
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["label"] in {"defaced", "spam"}:
                continue
            body = (folder / row["file"]).read_bytes()
            if row["label"].endswith("_text"):
                lines = [line.strip() for line in body.decode("utf-8", "replace").splitlines()]
                lines = [line for line in lines if _SHORTEST <= len(line) <= _LONGEST][:_A_TEXT]
                bad = row["label"].startswith("defaced")
                for line in lines:
                    yield _example(line, "texts", row["label"], bad=bad, weight=_TEXT_WEIGHT)
                continue
            page = parse_page(body, "https://portal.example/")
            texts = {block.text for block in page.blocks if _SHORTEST <= len(block.text) <= _LONGEST}
            texts.add(page.title or "Trang chủ")
            for text in chance.sample(sorted(texts), min(_A_PAGE, len(texts))):
                yield _example(text, row["repo"], row["label"], bad=False)


def read_examples(folder: Path) -> Iterator[Example]:
    """All lines."""
    yield from _own()
    yield from _woven()
    yield from _city()
    yield from _labelled(folder)


def cross_validate(examples: Sequence[Example]) -> Iterator[tuple[Example, float]]:
    """The score of each line by a model that has seen nothing of its group."""
    for fold in range(_FOLDS):
        mine = {
            item.group for item in examples if _held(item.group) == fold and item.group not in _NEVER_HELD
        }
        model = train([item for item in examples if item.group not in mine], bits=BITS)
        yield from ((item, model.score(item.features)) for item in examples if item.group in mine)


def _held(group: str) -> int:
    return int(group[3:]) if group.startswith("own") and group[3:].isdigit() else fold_of(group)


def tell(scored: Iterable[tuple[Example, float]], thresholds: Sequence[float]) -> None:
    """Print by kind how many lines sound strange."""
    kinds: dict[str, list[float]] = {}
    for item, score in scored:
        kinds.setdefault(item.kind, []).append(score)
    for kind, scores in sorted(kinds.items()):
        shares = "  ".join(
            f"{at}: {interval(sum(each >= at for each in scores), len(scores))}" for at in thresholds
        )
        sys.stdout.write(f"{kind:16} {shares}\n")


def main(arguments: Sequence[str]) -> int:
    """Cross-validate, and write the model when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="name the honest lines that sound strange")
    options = parser.parse_args(arguments)
    examples = list(read_examples(options.pages))
    scored = list(cross_validate(examples))
    tell(scored, (0.3, 0.5, 0.8))
    if options.wrong:
        wrong = sorted(
            (score, item.kind, item.name) for item, score in scored if score >= _WRONG and not item.defaced
        )
        sys.stdout.write("".join(f"{score:.2f} {kind} {name}\n" for score, kind, name in wrong))
    if options.write:
        write(train(examples, bits=BITS), MODEL, bits=BITS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
