"""Which protocols, ciphers, key and chain does a portal's TLS show, and who made its certificate?

A witness that shakes hands several times: once as browsers do, keeping the whole chain, and once for each
weak version and the weak ciphers, to see whether they are still taken. Nothing is sent after a handshake. The
connection goes to the address that the fetcher reached, which is checked again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from citywatch.clock import parse_stamp, stamp
from citywatch.model import from_doc, to_doc
from sensors.portal.address import may_connect
from sensors.portal.witness import Scene, Testimony, tidy, witness_event

_SHAKE_S: Final = 6.0
_STANDS: Final = timedelta(days=7)
_MOST: Final = 20
_SHORT_RSA, _SHORT_EC = 2048, 224
_WEAK_CIPHERS: Final = b"RC4:3DES:DES:EXPORT:NULL:aNULL:IDEA:SEED:@SECLEVEL=0"
_WEAK_SIGNATURES: Final = frozenset({"md5", "sha1"})
_OLD: Final = (("1.0", SSL.TLS1_VERSION), ("1.1", SSL.TLS1_1_VERSION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is remembered of a portal's certificates."""

    keys: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    """New issuers that were not yet learned, since when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one handshake showed."""

    version: str
    cipher: str
    chain: tuple[x509.Certificate, ...]


@dataclass(slots=True)
class Handshakes:
    """The witness *tls*.

    Args:
        allow_loopback: for test portals only.
        every_s: how long it rests between two looks at a portal.
    """

    allow_loopback: bool = False
    every_s: float = 21_600
    name: str = "tls"
    limit_s: float = 60.0

    async def ask(self, scene: Scene) -> Testimony:
        """Shake hands with the home page's host, when it speaks TLS."""
        fetched = scene.home.fetched
        parts = urlsplit(fetched.final_url)
        if parts.scheme != "https" or not fetched.address or not parts.hostname:
            return Testimony(counts={"skipped": 1})
        if not may_connect(fetched.address, allow_loopback=self.allow_loopback):
            return Testimony(counts={"refused": 1})
        place = (fetched.address, parts.port or 443)
        shown = await asyncio.to_thread(shake, place, parts.hostname)
        if isinstance(shown, str):
            return Testimony(events=(_failed(scene, shown),), counts={"failed_handshakes": 1})
        weak = await asyncio.to_thread(_weak_versions, place, parts.hostname)
        ciphers = await asyncio.to_thread(
            shake, place, parts.hostname, most=SSL.TLS1_2_VERSION, ciphers=_WEAK_CIPHERS
        )
        weak_ciphers = [] if isinstance(ciphers, str) else [ciphers.cipher]
        return _tell(scene, shown, weak, weak_ciphers)


def shake(
    place: tuple[str, int], name: str, *, least: int = 0, most: int = 0, ciphers: bytes = b"ALL:@SECLEVEL=0"
) -> Shown | str:
    """One handshake; gives what was shown, or why it failed. The certificate is not judged here."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(ciphers)
    context.set_min_proto_version(least or SSL.TLS1_VERSION)
    context.set_max_proto_version(most)
    try:
        with socket.create_connection(place, timeout=_SHAKE_S) as held:
            connection = SSL.Connection(context, held)
            if not _is_address(name):
                connection.set_tlsext_host_name(name.encode("idna"))
            connection.set_connect_state()
            _finish(connection, held)
            chain = connection.get_peer_cert_chain(as_cryptography=True) or []
            version = connection.get_protocol_version_name().removeprefix("TLSv")
            return Shown(
                version="1.0" if version == "1" else version,
                cipher=connection.get_cipher_name() or "",
                chain=tuple(chain[:_MOST]),
            )
    except SSL.Error as error:
        return f"handshake refused: {error}"[:200]
    except (OSError, UnicodeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def _finish(connection: SSL.Connection, held: socket.socket) -> None:
    """Shake hands on a socket that has a time-out, which makes it non-blocking for OpenSSL."""
    import select  # noqa: PLC0415 - here only

    until = time.monotonic() + _SHAKE_S
    while True:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            left = until - time.monotonic()
            if left <= 0 or not select.select([held], [], [], left)[0]:
                raise TimeoutError("the handshake takes too long") from None
        else:
            return


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def _weak_versions(place: tuple[str, int], name: str) -> list[str]:
    return [
        version
        for version, number in _OLD
        if isinstance(shake(place, name, least=number, most=number), Shown)
    ]


# -- what it says ----------------------------------------------------------------------------------------


def _tell(scene: Scene, shown: Shown, weak: list[str], weak_ciphers: list[str]) -> Testimony:
    known = from_doc(dict(scene.known), Known)
    leaf = shown.chain[0] if shown.chain else None
    key, issuer = (key_of(leaf), maker_of(leaf)) if leaf is not None else ("", "")
    new_issuer = bool(known.issuers and issuer and issuer not in known.issuers)
    event = witness_event(scene.portal, "portal.tls", "tls", at=scene.now)
    event |= {
        "event.outcome": "success",
        "url.domain": urlsplit(scene.home.fetched.final_url).hostname or "",
        "destination.ip": scene.home.fetched.address,
        "tls.version": shown.version,
        "tls.cipher": shown.cipher,
        "citywatch.portal.page": "tls",
        "citywatch.portal.tls.weak_versions": weak,
        "citywatch.portal.tls.weak_ciphers": weak_ciphers,
    }
    if leaf is not None:
        event |= _of_leaf(leaf, key, known)
        event |= _of_chain(shown.chain, scene.now)
    if new_issuer:
        event["citywatch.portal.tls.issuer_changed"] = True
        event["citywatch.portal.tls.issuer_before"] = list(known.issuers)
    if leaf is not None and key not in known.keys:
        kept = scene.keep(_pem(shown.chain), "application/x-pem-file")
        event |= {
            "citywatch.evidence.sha256": [kept] if kept else [],
            "citywatch.evidence.what": ["certificate_chain"] if kept else [],
        }
    faulty = bool(weak or weak_ciphers or _faults(event))
    told = new_issuer or faulty or key not in known.keys
    counts = {"weak": int(faulty), "changed": int(new_issuer)}
    learned, fresh = (
        _learned(known, key, issuer, scene.now, new=new_issuer),
        _learned(Known(), key, issuer, scene.now, new=False),
    )
    return Testimony(events=(tidy(event),) if told else (), learned=learned, fresh=fresh, counts=counts)


def _faults(event: Mapping[str, Any]) -> list[str]:
    faults: Any = event.get("citywatch.portal.tls.faults") or []
    return list(faults)


def _failed(scene: Scene, why: str) -> dict[str, Any]:
    event = witness_event(scene.portal, "portal.tls", "tls", at=scene.now)
    return event | {"event.outcome": "failure", "event.reason": why, "citywatch.portal.page": "tls"}


def _of_leaf(leaf: x509.Certificate, key: str, known: Known) -> dict[str, Any]:
    public = leaf.public_key()
    bits = int(public.key_size) if isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0
    signature = leaf.signature_hash_algorithm.name if leaf.signature_hash_algorithm is not None else ""
    faults = (
        ["short_key"]
        if bits and bits < (_SHORT_RSA if isinstance(public, rsa.RSAPublicKey) else _SHORT_EC)
        else []
    )
    faults += ["weak_signature"] if signature in _WEAK_SIGNATURES else []
    return {
        "tls.server.subject": leaf.subject.rfc4514_string()[:500],
        "tls.server.issuer": leaf.issuer.rfc4514_string()[:500],
        "tls.server.hash.sha256": sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest(),
        "citywatch.portal.tls.key": key,
        "citywatch.portal.tls.key_bits": bits,
        "citywatch.portal.tls.key_changed": bool(known.keys) and key not in known.keys,
        "citywatch.portal.tls.faults": faults,
    }


def _of_chain(chain: tuple[x509.Certificate, ...], now: datetime) -> dict[str, Any]:
    ends = [one.not_valid_after_utc for one in chain[1:]]
    faults = ["chain_expired"] if any(end < now for end in ends) else []
    told = {"citywatch.portal.tls.chain": [one.subject.rfc4514_string()[:300] for one in chain]}
    return told | ({"citywatch.portal.tls.faults": faults} if faults else {})


def key_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the public key: it stays when a certificate is only renewed."""
    raw = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(raw).hexdigest()


def maker_of(certificate: x509.Certificate) -> str:
    """Who made a certificate: the organization, which stays when only an intermediate changes."""
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = certificate.issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)[:200]
    return certificate.issuer.rfc4514_string()[:200]


def _pem(chain: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)


def _learned(known: Known, key: str, issuer: str, now: datetime, *, new: bool) -> dict[str, Any]:
    keys = tuple(dict.fromkeys((key, *known.keys)))[:_MOST] if key else known.keys
    since = known.waiting.get(issuer) or stamp(now)
    if new and parse_stamp(since) + _STANDS > now:
        return to_doc(Known(keys=keys, issuers=known.issuers, waiting={issuer: since}))
    issuers = tuple(dict.fromkeys((issuer, *known.issuers)))[:_MOST] if issuer else known.issuers
    return to_doc(Known(keys=keys, issuers=issuers))
