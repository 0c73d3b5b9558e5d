"""In which country, and in whose network, is an address? From a file of ours, without asking anybody.

The file is CSV with a header: `network,country,asn,name` (further columns are passed over), as every
provider of such lists can be cut to. It is read again when it changed.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order

LARGEST: Final = 200 * 1024 * 1024
MOST: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class _Places:
    """Networks by their first address, for each IP version; a later line lies within or after an earlier."""

    starts: dict[int, list[int]] = field(default_factory=lambda: {4: [], 6: []})
    rows: dict[int, list[tuple[int, tuple[str, str, str]]]] = field(default_factory=lambda: {4: [], 6: []})


@lru_cache(maxsize=2)
def _read(file: Path, _changed: int) -> _Places:
    found: dict[int, list[tuple[int, int, tuple[str, str, str]]]] = {4: [], 6: []}
    with file.open(encoding="utf-8", newline="") as text:
        for number, row in enumerate(csv.DictReader(text)):
            if number >= MOST:
                break
            try:
                network = ip_network(str(row.get("network") or ""), strict=False)
            except ValueError:
                continue
            said = tuple(str(row.get(name) or "")[:100] for name in ("country", "asn", "name"))
            first, last = int(network.network_address), int(network.broadcast_address)
            found[network.version].append((first, last, (said[0], said[1], said[2])))
    places = _Places()
    for version, rows in found.items():
        rows.sort()
        places.starts[version].extend(first for first, _, _ in rows)
        places.rows[version].extend((last, said) for _, last, said in rows)
    return places


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpGeo:
    """`lookup.geo`: `value` (an address); gives `country`, `asn`, `network_name`."""

    file: Path | None

    name: str = "lookup.geo"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()
        if self.file is None:
            return {"known": False, "note": "no file of places is set (settings: [lookup] geo_file)"}
        try:
            address = ip_address(value)
        except ValueError:
            return {"known": False, "note": f"'{value[:100]}' is not an address"}
        try:
            if self.file.stat().st_size > LARGEST:
                raise ActionFailed(self.name, f"{self.file.name} is larger than {LARGEST} bytes", again=False)
            places = _read(self.file, self.file.stat().st_mtime_ns)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ActionFailed(self.name, f"{self.file.name}: {error}", again=False) from error
        place = bisect_right(places.starts[address.version], int(address)) - 1
        if place < 0 or places.rows[address.version][place][0] < int(address):
            return {"known": False, "note": f"{value} is in no network of the file"}
        country, asn, name = places.rows[address.version][place][1]
        told = f"{value}: {country} {asn} {name}".strip()
        return {"known": True, "country": country, "asn": asn, "network_name": name, "note": told}
