"""What does YARA cost over real pages, and would yara-x be quicker?

`python benchmarks/yara_scan.py [--yara-x FOLDER]`: compiles our rules and (where the ground truth is) the
webshell rules of signature-base, scans pages of every label, and prints one JSON object a line. yara-x is
measured in the same run when it can be imported.
"""

from __future__ import annotations

import importlib
import json
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from citywatch.detect.yara import YaraRules
from citywatch.detect.yara_engine import EXTERNALS
from citywatch.detect.yara_source import gather

ROOT = Path(__file__).resolve().parents[1]
TRUTH = ROOT.parent / "shared" / "data"
MOST_PAGES = 400
"""Of one label."""


def pages() -> Iterator[tuple[str, bytes]]:
    """Label and bytes of HTML pages."""
    with tarfile.open(TRUTH / "pages.tar.xz") as archive:
        labels: dict[str, str] = {}
        taken: Counter[str] = Counter()
        for member in archive:
            file = archive.extractfile(member)
            if file is None:
                continue
            if member.name.endswith("MANIFEST.tsv"):
                lines = file.read().decode().splitlines()
                labels = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
            elif member.name.endswith(".html"):
                name = "/".join(member.name.split("/")[-2:])
                label = labels.get(name, name.split("/")[0])
                taken[label] += 1
                if taken[label] <= MOST_PAGES:
                    yield label, file.read()


def show(**told: Any) -> None:
    """Print one line."""
    print(json.dumps(told, ensure_ascii=False), flush=True)


def measure(name: str, data: list[tuple[str, bytes]], scan: Callable[[bytes], int]) -> None:
    """Scan all pages once; tell the rate and how many pages of each label had a hit."""
    hits: Counter[str] = Counter()
    started = time.perf_counter()
    for label, page in data:
        hits[label] += scan(page) > 0
    spent = time.perf_counter() - started
    size = sum(len(page) for _, page in data)
    pages_of = Counter(label for label, _ in data)
    rates = {"mib_per_s": round(size / 2**20 / spent, 1), "pages_per_s": round(len(data) / spent)}
    show(case=name, pages=len(data), **rates, pages_hit=dict(hits), pages_of=dict(pages_of))


def yara_x_scan(folders: list[Path]) -> Callable[[bytes], int] | None:
    """The same rules compiled by yara-x, if it is here."""
    try:
        yara_x = importlib.import_module("yara_x")
    except ImportError:
        return None
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    for name in EXTERNALS:
        compiler.define_global(name, "")
    refused = 0
    started = time.perf_counter()
    for folder in folders:
        for source in gather(folder)[0]:
            compiler.new_namespace(source.name)
            try:
                compiler.add_source(source.text)
            except yara_x.CompileError:
                refused += 1
    scanner = yara_x.Scanner(compiler.build())
    show(case="yara-x compile", seconds=round(time.perf_counter() - started, 2), refused_files=refused)
    return lambda page: len(scanner.scan(page).matching_rules)


def main() -> None:
    """Compile, scan, compare."""
    if "--yara-x" in sys.argv:
        sys.path.insert(0, sys.argv[sys.argv.index("--yara-x") + 1])
    with tempfile.TemporaryDirectory() as folder:
        sets = {"own rules": [ROOT / "rules" / "yara"]}
        if TRUTH.is_dir():
            with zipfile.ZipFile(TRUTH / "yara-webshells.zip") as archive:
                archive.extractall(Path(folder) / "sb")  # noqa: S202 - our own ground truth
            sets["own rules and signature-base"] = [*sets["own rules"], Path(folder) / "sb"]
        data = list(pages()) if TRUTH.is_dir() else []
        for name, folders in sets.items():
            cache = Path(folder) / "cache"
            for case in ("compile", "from cache"):
                started = time.perf_counter()
                rules = YaraRules.load(folders, cache=cache)
                show(case=f"{name}: {case}", rules=len(rules.rules), refused=len(rules.refusals),
                     seconds=round(time.perf_counter() - started, 3))  # fmt: skip
            measure(f"{name}: yara", data, lambda page, rules=rules: len(rules.scan(page)))
            other = yara_x_scan(folders)
            if other is not None:
                measure(f"{name}: yara-x", data, other)


if __name__ == "__main__":
    main()
