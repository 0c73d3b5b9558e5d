"""Which known holes has this installation heard of?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.errors import CityWatchError
from citywatch.ports import Report
from citywatch.respond import vulnerability
from citywatch.respond.vulnerability import Known

if TYPE_CHECKING:
    from console.house import House


def table_file(house: House) -> Path:
    """Where the imported table is."""
    return house.settings.data / "vulnerabilities.json.gz"


class Table:
    """The imported table, read again when its file changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = -1
        self._known = Known()

    def __call__(self) -> Known:
        changed = self._file.stat().st_mtime_ns if self._file.is_file() else 0
        if changed != self._changed:
            self._known, self._changed = vulnerability.load(self._file), changed
        return self._known


def import_files(house: House, paths: Sequence[Path], report: Report) -> dict[str, Any]:
    """Take CVE, NVD and KEV files into the table; gives what was taken.

    Raises:
        CityWatchError: nothing in them could be used.
    """
    taken = vulnerability.read_files(paths, report)
    if not taken.records:
        raise CityWatchError("nothing was taken: none of the files holds CVE records or the KEV catalog")
    named = ", ".join(path.name for path in paths)
    source = (
        f"{stamp(house.clock())[:16]} {named}: {len(taken.holes)} holes, {len(taken.exploited)} exploited"
    )
    known = vulnerability.merge(vulnerability.load(table_file(house)), taken, source[:500])
    vulnerability.save(table_file(house), known)
    return {
        "records": taken.records,
        "holes": len(taken.holes),
        "exploited": len(taken.exploited),
        "other_software": taken.other,
        "known": len(known.holes),
    }


def rows(house: House, product: str, limit: int) -> list[dict[str, Any]]:
    """The table, by product, exploited and grave ones first."""
    known = vulnerability.load(table_file(house))
    held = [hole for hole in known.holes if not product or hole.product == product]
    held.sort(key=lambda hole: (hole.product, hole.cve not in known.exploited, -hole.score, hole.cve))
    return [
        {
            "product": hole.product,
            "cve": hole.cve,
            "exploited": hole.cve in known.exploited,
            "score": hole.score,
            "versions": " || ".join(f"{s.low or '…'} – {s.high or '…'}" for s in hole.spans[:5]),
            "title": hole.title,
        }
        for hole in held[:limit]
    ]
