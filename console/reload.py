"""Were the rules changed while we run? Then they are read anew, and nothing is missed meanwhile.

The old rules go on judging while the new ones are read. The change of hands is between two batches: what
correlations count goes on where the rule stands unchanged in both.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.detect.rulebook import places

if TYPE_CHECKING:
    from console.house import House

log = logging.getLogger("citywatch")

_SUFFIXES = (".yml", ".yaml", ".yar", ".yara", ".tsv")


class Reload:
    """Looks at the rule files; reads all rules anew when one of them was changed, and the day has turned."""

    def __init__(self, house: House, *, judges: bool = True) -> None:
        """Watch the files of a house; one that only shows rules has no judge to hand them to."""
        self._house = house
        self._judges = judges
        self._mark = self._marked()

    def step(self) -> int:
        """Look once; give how many times rules were taken up (0 or 1)."""
        mark = self._marked()
        if mark == self._mark:
            return 0
        house = self._house
        before = house.rulebook
        book = house.load_rules()
        if self._judges:
            house.judge.renew(book)
        house.rulebook = book
        self._mark = mark
        tell_refused(house)
        log.info("rules taken up anew: %d, before %d", len(book.rules), len(before.rules))
        return 1

    def _marked(self) -> str:
        """Changes when a file of rules does, or the day (exceptions end on a day)."""
        digest = blake2b(self._house.clock().date().isoformat().encode(), digest_size=16)
        for line in _files(self._house):
            digest.update(line)
        return digest.hexdigest()


def tell_refused(house: House) -> None:
    """Put the rules that do not hold on the health page."""
    from citywatch.detect.sigma.match import problem_of

    for refusal in house.rulebook.refusals:
        if refusal.kind == "refused":
            house.pulse.problem(problem_of(refusal))


def _files(house: House) -> Iterator[bytes]:
    extra = [house.imported_rules] if house.imported_rules.is_dir() else []
    for place in places(house.content_dir, extra):
        for root, folders, names in os.walk(place.folder):
            folders.sort()
            for name in sorted(names):
                if name.endswith(_SUFFIXES):
                    yield _line(Path(root, name))


def _line(path: Path) -> bytes:
    try:
        stat = path.stat()
    except OSError:  # it goes while we look: seen at the next look
        return b""
    return b"%s\0%d\0%d\n" % (os.fsencode(path), stat.st_size, stat.st_mtime_ns)
