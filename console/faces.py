"""How is the face of a portal kept in a store?

A baseline holds thousands of keys of blocks; as fields of a record they would fill an Elasticsearch mapping
within a few portals. So what people ask for stays readable, and the faces travel packed (JSON, zlib, base64).
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from sensors.portal.baseline import Baseline

LARGEST = 64_000_000
"""Bytes that a stored face may unpack to."""


def to_record(baseline: Baseline) -> dict[str, Any]:
    """A baseline as a record of the store."""
    packed = zlib.compress(msgspec.json.encode(baseline), 6)
    return {
        "portal": baseline.portal,
        "version": baseline.version,
        "state": baseline.state,
        "visits": baseline.visits,
        "changed_at": baseline.changed_at,
        "accepted_by": baseline.accepted_by,
        "packed": b64encode(packed).decode("ascii"),
    }


def from_record(doc: Mapping[str, Any]) -> Baseline:
    """The baseline that a record holds.

    Raises:
        ValueError: it is not one, or unpacks to too much.
    """
    opened = zlib.decompressobj()
    raw = opened.decompress(b64decode(str(doc["packed"])), LARGEST)
    if opened.unconsumed_tail:
        raise ValueError(f"the baseline of {doc.get('portal')} unpacks to more than {LARGEST} bytes")
    return msgspec.json.decode(raw, type=Baseline)
