"""Do our YARA rules fire where they must and stay silent where they must?

Beside `NAME.yar` stands `NAME.samples.ndjson`: one sample a line with `text` or `base64`, `expect` (fires or
silent), `because`, for a firing one the `rule` that must fire, and optionally `what`, `filename`, `filepath`.
A silent sample must fire no rule of the file.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from citywatch.detect.yara import YaraRules
from citywatch.detect.yara_source import gather
from citywatch.errors import ContentError


class Sample(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One line of a samples file."""

    expect: str
    because: str
    rule: str = ""
    text: str | None = None
    base64: str | None = None
    what: str = ""
    filename: str = ""
    filepath: str = ""

    def data(self) -> bytes:
        """The bytes to scan.

        Raises:
            ValueError: neither or both of text and base64 are there, or it is not base64.
        """
        if (self.text is None) == (self.base64 is None):
            raise ValueError("a sample has either 'text' or 'base64'")
        if self.text is not None:
            return self.text.encode()
        try:
            return base64.b64decode(self.base64 or "", validate=True)
        except binascii.Error as error:
            raise ValueError(f"'base64' cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesRun:
    """What came out of running all samples of a folder."""

    samples: int
    failures: tuple[ContentError, ...]


def run_samples(folder: Path) -> SamplesRun:
    """Run the samples beside every rule file of a folder; each rule needs one that fires it."""
    sources, failures = gather(folder)
    count = 0
    for source in sources:
        rules = YaraRules([source])
        failures += rules.refusals
        path = source.path.with_suffix(".samples.ndjson")
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        if not path.is_file():
            failures.append(ContentError(name, None, "is missing", "add firing and silent samples"))
            continue
        fired: set[str] = set()
        for line, sample in _samples(path, name, failures):
            count += 1
            failures += _check(rules, sample, name, line)
            if sample.expect == "fires":
                fired.add(sample.rule)
        failures += [
            ContentError(source.name, None, f"rule {rule} has no sample that fires it", f"add one to {name}")
            for rule in sorted(source.declared() - fired)
        ]
    return SamplesRun(samples=count, failures=tuple(failures))


def _samples(path: Path, name: str, failures: list[ContentError]) -> Iterator[tuple[int, Sample]]:
    decoder = msgspec.json.Decoder(Sample)
    for line, raw in enumerate(path.read_bytes().splitlines(), 1):
        if not raw.strip():
            continue
        try:
            yield line, decoder.decode(raw)
        except msgspec.MsgspecError as error:
            failures.append(ContentError(name, line, str(error), "see the other lines"))


def _check(rules: YaraRules, sample: Sample, name: str, line: int) -> list[ContentError]:
    try:
        data = sample.data()
    except ValueError as error:
        return [ContentError(name, line, str(error), "correct the sample")]
    externals = {"what": sample.what, "filename": sample.filename, "filepath": sample.filepath}
    fired = {rules.name_of(found.rule_id) for found in rules.scan(data, externals)}
    if sample.expect == "fires" and sample.rule not in fired:
        return [
            ContentError(name, line, f"{sample.rule or 'a rule'} stays silent", f"because: {sample.because}")
        ]
    if sample.expect == "silent" and fired:
        return [ContentError(name, line, f"{', '.join(sorted(fired))} fires", f"because: {sample.because}")]
    if sample.expect not in {"fires", "silent"}:
        return [ContentError(name, line, f"'expect' is '{sample.expect}'", "write fires or silent")]
    return []
