"""Does the face of a portal survive the way to a store and back?"""

from __future__ import annotations

import zlib
from base64 import b64encode

import pytest

from console import faces
from sensors.portal.baseline import Face, new_baseline


def test_a_baseline_survives_and_few_fields_stand_open() -> None:
    known = new_baseline("so-y-te", at="2026-11-22T00:00:00.000000Z").learn(
        [Face(page="/", view="desktop", titles=("Sở Y tế",), blocks={f"{n:012x}": n for n in range(3000)})],
        at="2026-11-22T00:00:01.000000Z",
    )
    doc = faces.to_record(known)
    assert faces.from_record(doc) == known
    assert (doc["portal"], doc["version"], doc["visits"]) == ("so-y-te", 1, 1)
    assert all(isinstance(value, (str, int)) for value in doc.values()), "no field of its own for each block"


def test_a_record_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "LARGEST", 1000)
    bomb = b64encode(zlib.compress(b" " * 100_000)).decode()
    with pytest.raises(ValueError, match="unpacks to more than"):
        faces.from_record({"portal": "x", "packed": bomb})
