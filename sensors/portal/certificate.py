"""Which certificate did a portal show, and what is wrong with it?"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509

from citywatch.clock import stamp

_REASONS = {
    9: "not_yet_valid",
    10: "expired",
    18: "self_signed",
    19: "unknown_issuer",
    20: "unknown_issuer",
    21: "unknown_issuer",
    23: "revoked",
    62: "name_mismatch",
    64: "name_mismatch",
}
"""OpenSSL's verify codes (x509_vfy.h) in our words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a portal showed in the handshake. `problem` is empty when it is to be trusted."""

    sha256: str
    version: str
    cipher: str
    problem: str = ""
    subject: str = ""
    issuer: str = ""
    not_before: str = ""
    not_after: str = ""
    serial: str = ""
    names: tuple[str, ...] = ()


def reason_of(verify_code: int) -> str:
    """Our word for OpenSSL's verify code.

    >>> reason_of(10)
    'expired'
    """
    return _REASONS.get(verify_code, "untrusted")


def read_certificate(der: bytes, *, version: str, cipher: str, problem: str) -> Certificate:
    """Read a certificate in DER form; one that cannot be parsed keeps its hash and `unreadable`."""
    digest = sha256(der).hexdigest()
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            sha256=digest,
            version=version,
            cipher=cipher,
            problem=problem,
            subject=parsed.subject.rfc4514_string()[:500],
            issuer=parsed.issuer.rfc4514_string()[:500],
            not_before=stamp(parsed.not_valid_before_utc),
            not_after=stamp(parsed.not_valid_after_utc),
            serial=f"{parsed.serial_number:x}",
            names=_names(parsed),
        )
    except ValueError:
        return Certificate(sha256=digest, version=version, cipher=cipher, problem=problem or "unreadable")


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    return tuple(name[:255] for name in extension.value.get_values_for_type(x509.DNSName)[:100])
