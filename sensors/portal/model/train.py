"""Train the page classifier, and tell by cross-validation over repositories how good it is.

    python -m sensors.portal.model.train PAGES [--write]

PAGES is the unpacked folder of labelled pages with its MANIFEST.tsv. Logistic regression by AdaGrad over
hashed features, in plain Python; defaced pages in Vietnamese, and lines in intact pages, are made here from
our own phrases, since the labelled ones have none. With `--write` the model file beside this script is
written from all pages.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random

from sensors.portal.model.features import BITS, features_of, features_of_text, how_signed, settled
from sensors.portal.model.made import LANGUAGES, defaced_in_place, defaced_pages, honest_pages
from sensors.portal.walk import parse_page

MODEL = Path(__file__).parent / "defaced.json"
_EPOCHS = 6
_RATE = 0.25
_DECAY = 2e-5
_FOLDS = 5
_URL = "https://portal.example/"
_SMALL = 0.02
_CALLED = 0.5
_IN_PLACE = "made_in_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled page or text."""

    features: dict[int, float]
    defaced: bool
    group: str
    kind: str
    signed: int = 1
    """Whether a defacer's sentence stands in it, as `how_signed` says."""
    weight: float = 1.0
    name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Weights by hashed feature."""

    weights: list[float]
    bias: float

    def score(self, features: dict[int, float]) -> float:
        """The probability that a page is defaced."""
        total = self.bias + sum(self.weights[index] * value for index, value in features.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def read_examples(folder: Path) -> Iterator[Example]:
    """The labelled pages and texts, then our own Vietnamese ones."""
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = folder / row["file"]
            if not path.is_file():
                continue
            defaced = row["label"].startswith("defaced")
            body = path.read_bytes()
            is_text = row["label"].endswith("_text")
            text = body.decode("utf-8", "replace")
            page = parse_page(b"" if is_text else body, _URL)
            found = features_of_text(text) if is_text else features_of(page)
            weight = 0.5 if is_text else 4.0 if defaced else 1.0
            group = "texts" if is_text else row["repo"]
            yield Example(features=found, defaced=defaced, group=group, kind=row["label"], weight=weight,
                          signed=1 if is_text else how_signed(page), name=row["file"],
                          language=row["language"])  # fmt: skip
    for language in LANGUAGES:
        yield from _made(defaced_pages(150, language=language), kind=f"made_{language}", defaced=True)
        # a line in an intact portal is for the signs to tell: learned from, it makes portals look defaced
        yield from _made(defaced_in_place(language=language), kind=_IN_PLACE, defaced=True)
        yield from _made(honest_pages(250, language=language), kind=f"made_honest_{language}", defaced=False)


def _made(pages: Iterable[tuple[str, str]], *, kind: str, defaced: bool) -> Iterator[Example]:
    for number, (body, group) in enumerate(pages):
        page = parse_page(body.encode(), _URL)
        signed = how_signed(page)
        yield Example(features=features_of(page), defaced=defaced, group=group, kind=kind, signed=signed,
                      name=str(number))  # fmt: skip


def train(examples: Sequence[Example], seed: int = 7, bits: int = BITS) -> Model:
    """Fit the weights; there are two to the power of `bits`."""
    chance = Random(seed)  # noqa: S311 - the order of training, guards nothing
    weights = [0.0] * (1 << bits)
    seen = [1e-6] * (1 << bits)
    bias, bias_seen = 0.0, 1e-6
    order = [example for example in examples if example.kind != _IN_PLACE]
    for _ in range(_EPOCHS):
        chance.shuffle(order)
        for example in order:
            guess = Model(weights=weights, bias=bias).score(example.features)
            slope = (guess - example.defaced) * example.weight
            bias_seen += slope * slope
            bias -= _RATE * slope / math.sqrt(bias_seen)
            for index, value in example.features.items():
                step = slope * value + _DECAY * weights[index]
                seen[index] += step * step
                weights[index] -= _RATE * step / math.sqrt(seen[index])
    return Model(weights=weights, bias=bias)


def fold_of(group: str) -> int:
    """Which fold a repository falls into."""
    return blake2b(group.encode(), digest_size=2).digest()[0] % _FOLDS


def cross_validate(examples: Sequence[Example]) -> list[tuple[Example, float]]:
    """The score of each example by a model that has seen nothing of its repository."""
    scored: list[tuple[Example, float]] = []
    for fold in range(_FOLDS):
        known = [item for item in examples if fold_of(item.group) != fold or item.group == "texts"]
        model = train(known)
        held = [item for item in examples if fold_of(item.group) == fold and item.group != "texts"]
        scored += [(item, settled(model.score(item.features), item.signed)) for item in held]
    return scored


def interval(hits: int, total: int) -> str:
    """A share with its 95 % confidence interval (Wilson, 1927)."""
    if not total:
        return "none"
    share, z = hits / total, 1.96
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return f"{hits}/{total} = {share:.2%} [{max(0.0, middle - spread):.2%}, {min(1.0, middle + spread):.2%}]"


def tell(scored: Iterable[tuple[Example, float]], threshold: float) -> None:
    """Print how many of each kind are called defaced."""
    kinds: dict[str, list[float]] = {}
    for example, score in scored:
        kinds.setdefault(example.kind, []).append(score)
    for kind, scores in sorted(kinds.items()):
        hits = sum(1 for score in scores if score >= threshold)
        sys.stdout.write(f"{kind:20} called defaced at {threshold}: {interval(hits, len(scores))}\n")


def tell_languages(scored: Iterable[tuple[Example, float]]) -> None:
    """Print, by language and by repository, how many are called rightly."""
    rows: dict[str, list[bool]] = {}
    groups: dict[str, set[str]] = {}
    missed: dict[str, set[str]] = {}
    for example, score in scored:
        right = (score >= _CALLED) == example.defaced
        kind = "defaced" if example.defaced else "honest"
        rows.setdefault(f"{kind} in {example.language}", []).append(right)
        if not right:
            missed.setdefault(kind, set()).add(example.group)
        groups.setdefault(kind, set()).add(example.group)
    for name, right in sorted(rows.items()):
        sys.stdout.write(f"{name:20} called rightly: {interval(sum(right), len(right))}\n")
    for kind, all_of in sorted(groups.items()):
        whole = len(all_of - missed.get(kind, set()))
        sys.stdout.write(f"{kind} repositories without an error: {interval(whole, len(all_of))}\n")


def write(model: Model, path: Path, bits: int = BITS) -> None:
    """Write the model file: weights rounded, zeros left out."""
    kept = {str(index): round(value, 3) for index, value in enumerate(model.weights) if abs(value) >= _SMALL}
    path.write_text(
        json.dumps({"bits": bits, "bias": round(model.bias, 4), "weights": kept}), encoding="utf-8"
    )


def main(arguments: Sequence[str]) -> int:
    """Cross-validate, and write the model when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    examples = list(read_examples(options.pages))
    scored = cross_validate(examples)
    for threshold in (0.3, _CALLED, 0.8):
        tell(scored, threshold)
    tell_languages(item for item in scored if not item[0].kind.startswith("made"))
    wrong = [
        (round(score, 3), item.kind, item.name)
        for item, score in scored
        if (score >= _CALLED) != item.defaced
    ]
    sys.stdout.write("".join(f"{line}\n" for line in sorted(wrong)))
    apart = train([item for item in examples if item.group != "texts"])
    texts = [(item, apart.score(item.features)) for item in examples if item.group == "texts"]
    sys.stdout.write("texts, by a model that has seen no text:\n")
    tell(texts, _CALLED)
    if options.write:
        write(train(examples), MODEL)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
