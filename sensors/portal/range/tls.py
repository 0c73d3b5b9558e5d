"""What certificate does a portal of the range show, good or bad?

An authority of its own signs the good ones; its certificate is written to a file that the watcher may trust.
Private keys live for one run of the range only.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """Makes certificates, and the contexts that show them.

    Args:
        now: certificates are good, or no longer good, at this time.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime.now(UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._stranger = ec.generate_private_key(ec.SECP256R1())
        self._leaf = ec.generate_private_key(ec.SECP256R1())
        self._root = self._self_signed("CityWatch Range CA", self._key)

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._root.public_bytes(serialization.Encoding.PEM)

    def context(self, kind: str, names: list[str]) -> ssl.SSLContext:
        """A server's context for one kind of `TLS`, for these names or addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "old":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings():  # the point of this kind is that it is deprecated
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        shown = self._certificate(kind, names)
        key = self._leaf.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.TemporaryDirectory(prefix="citywatch-range-") as folder:
            file = Path(folder) / "portal.pem"
            file.touch(mode=0o600)
            file.write_bytes(key + shown.public_bytes(serialization.Encoding.PEM))
            context.load_cert_chain(file)
        return context

    def _self_signed(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            issuer_name=subject,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self._now - _DAY,
            not_valid_after=self._now + 3650 * _DAY,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        return builder.sign(key, hashes.SHA256())

    def _certificate(self, kind: str, names: list[str]) -> x509.Certificate:
        shown = ["another-portal.city.example"] if kind == "wrong_name" else names
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown[0][:64])])
        strange = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Unknown Range CA")])
        issuer = {"self_signed": subject, "unknown_ca": strange}.get(kind, self._root.subject)
        signer = {"self_signed": self._leaf, "unknown_ca": self._stranger}.get(kind, self._key)
        until = {"expired": -2 * _DAY, "expires_soon": 5 * _DAY}.get(kind, 300 * _DAY)
        builder = x509.CertificateBuilder(
            issuer_name=issuer,
            subject_name=subject,
            public_key=self._leaf.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self._now - 60 * _DAY,
            not_valid_after=self._now + until,
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(each) for each in shown]), False)  # noqa: FBT003 - not critical
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        return builder.add_extension(identifier, critical=False).sign(signer, hashes.SHA256())


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
