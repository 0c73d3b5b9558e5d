"""How is a case written down as a STIX 2.1 bundle, for whoever reads those?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from citywatch.errors import ActionFailed
from citywatch.model import repeatable_id
from citywatch.ports import Effect, Order, Store
from citywatch.respond.hand_over import sharing_of
from citywatch.respond.observables import is_foreign, observables_of
from citywatch.respond.run import Run, run_of

_HOME: Final = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""STIX's own namespace for ids made from content."""
_PATTERNS: Final[Mapping[str, str]] = {
    "domain": "[domain-name:value = '{}']",
    "url": "[url:value = '{}']",
    "sha256": "[file:hashes.'SHA-256' = '{}']",
    "md5": "[file:hashes.MD5 = '{}']",
    "email": "[email-addr:value = '{}']",
}
_TLP: Final[Mapping[str, str]] = {
    "CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
}
"""The marks of TLP 2.0, as OASIS published them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStix:
    """`export.stix`: writes `exports/stix-….json` in the installation's folder; `tlp`."""

    store: Store
    folder: Path

    name: str = "export.stix"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        bundle = stix_bundle(run, order.key, sharing_of(order, run, self.store))
        file = self.folder / f"stix-{repeatable_id('stix', order.key)}.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            half = file.with_suffix(".part")
            half.write_text(json.dumps(bundle, ensure_ascii=False, indent=1), encoding="utf-8")
            half.replace(file)
        except OSError as error:
            raise ActionFailed(self.name, f"{file}: {error.strerror}") from error
        return {"file": str(file), "objects": len(bundle["objects"]), "note": f"written to {file.name}"}


def stix_bundle(run: Run, key: str, tlp: str) -> dict[str, Any]:
    """A bundle: who tells, the indicators, and a report that names them."""
    alert = run.alert
    at = f"{alert.last_seen[:23]}Z"
    author = f"identity--{uuid5(_HOME, 'citywatch')}"
    shared = {
        "spec_version": "2.1",
        "created": at,
        "modified": at,
        "created_by_ref": author,
        "object_marking_refs": [_TLP[tlp]],
    }
    indicators = [
        {
            "type": "indicator",
            "id": f"indicator--{uuid5(_HOME, f'{key}/{one.type}/{one.value}')}",
            "name": one.value[:200],
            "pattern": _pattern(one.type, one.value),
            "pattern_type": "stix",
            "valid_from": f"{alert.first_seen[:23]}Z",
            **shared,
        }
        for one in observables_of(alert)
        if is_foreign(one) and (one.type == "ip" or one.type in _PATTERNS)
    ]
    identity = {
        "type": "identity", "id": author, "spec_version": "2.1", "created": at, "modified": at,
        "name": "CityWatch", "identity_class": "organization",
    }  # fmt: skip
    report = {
        "type": "report",
        "id": f"report--{uuid5(_HOME, key)}",
        "name": alert.title[:500],
        "published": at,
        "object_refs": [author, *(str(one["id"]) for one in indicators)],
        "labels": [alert.category or "incident"],
        **shared,
    }
    return {
        "type": "bundle",
        "id": f"bundle--{uuid5(_HOME, f'{key}/bundle')}",
        "objects": [identity, *indicators, report],
    }


def _pattern(kind: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    if kind == "ip":
        return f"[ipv{6 if ':' in value else 4}-addr:value = '{quoted}']"
    return _PATTERNS[kind].replace("{}", quoted)
