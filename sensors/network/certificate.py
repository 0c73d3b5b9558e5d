"""Whom does a server's certificate name?"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from citywatch.clock import stamp
from citywatch.model import Event
from sensors.network.sink import filled

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

_MOST_NAMES = 50


@lru_cache(maxsize=4096)
def describe(raw: bytes) -> Event:
    """The fields of a DER certificate; nothing where it cannot be read."""
    from cryptography import x509  # noqa: PLC0415 - loaded where it is first needed

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd certificates are what we look for
            found = x509.load_der_x509_certificate(raw)
            return filled(
                {
                    "tls.server.subject": _name(found.subject),
                    "tls.server.issuer": _name(found.issuer),
                    "tls.server.not_before": stamp(found.not_valid_before_utc),
                    "tls.server.not_after": stamp(found.not_valid_after_utc),
                    "tls.server.x509.serial_number": f"{found.serial_number:x}",
                    "tls.server.x509.alternative_names": _names(found),
                }
            )
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        return {}


def _name(name: Name) -> str:
    return name.rfc4514_string()[:2048]


def _names(found: Certificate) -> list[str]:
    from cryptography import x509  # noqa: PLC0415 - loaded where it is first needed

    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(item.value) for item in extension.value][:_MOST_NAMES]
