"""Are weak protocols, keys and another authority seen, by real TLS servers?"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from citywatch import schema
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Portal
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.range.server import RangeResolver
from sensors.portal.tls import Handshakes, shake
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit, accept
from tests.sensors.portal.hostile import answer, serving

ROOT = Path(__file__).parents[3]
HOST = "www.so-y-te.example"


def context(authority: trustme.CA, kind: str = "") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "old":
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = ssl.TLSVersion.TLSv1
    if kind == "null":
        made.set_ciphers("ECDHE-ECDSA-NULL-SHA:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    if kind == "expired":
        authority.issue_cert(HOST, not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(made)
    elif kind == "other":
        authority.issue_cert("other.example").configure_cert(made)
    else:
        authority.issue_cert(HOST).configure_cert(made)
    return made


def short(folder: Path) -> ssl.SSLContext:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is what is to be found
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(
        subject_name=name, issuer_name=name, public_key=key.public_key(), serial_number=7
    )
    built = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=90))
    file = folder / "short.pem"
    raw = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(raw + built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(file)
    return made


def looks(*contexts: ssl.SSLContext, days: float = 1, accept_after: int = -1) -> list[Visit]:
    """Visit once with each context; the portal moves to another server in between."""
    kept: dict[str, bytes] = {}
    moment = datetime(2026, 11, 20, tzinfo=UTC)

    def keep(raw: bytes, _: str) -> str:
        kept[f"{len(kept):064x}"] = raw
        return f"{len(kept) - 1:064x}"

    async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"<h1>So</h1>", "Content-Type: text/html"))

    async def script() -> list[Visit]:
        nonlocal moment
        done: list[Visit] = []
        baseline: Baseline | None = None
        budget = Budget(views=(DESKTOP,), inner_pages=0, probes=False, recheck_s=0,
                        witnesses=(Handshakes(allow_loopback=True),), ask_all=True)  # fmt: skip
        settings = Fetch(allow_loopback=True, timeout_s=5)
        sensor = PortalSensor(settings, lambda: moment, keep=keep, budget=budget, resolver=RangeResolver())
        for number, shown in enumerate(contexts):
            moment += timedelta(days=days)
            async with serving(talk, shown) as port:
                portal = Portal(id="so-y-te", url=f"https://{HOST}:{port}/", name="Sở Y tế", agency="so-y-te")
                done.append(await sensor.visit(portal, baseline))
            baseline = done[-1].baseline
            if number == accept_after:
                baseline = accept(done[-1], by="lan", at="2026-11-27T00:00:00.000000Z")
        await sensor.close()
        return done

    return asyncio.run(script())


def told(done: Visit) -> list[Event]:
    return [event for event in done.events if event["event.dataset"] == "portal.tls"]


def titles(events: Sequence[Event]) -> set[str]:
    for event in events:
        for name, value in event.items():
            field = schema.resolve(name)
            assert field is not None, name
            assert field.many == isinstance(value, list), name
    book = Rulebook.load(ROOT / "rules" / "sigma" / "portal")
    return {match.rule.title for match in book.judge([event | {"event.sequence": 1} for event in events])}


def test_a_sound_portal_is_quiet_and_its_chain_is_kept_once() -> None:
    authority = trustme.CA(organization_name="Ban Co yeu").create_child_ca()
    good = context(authority)
    first, second = looks(good, good)
    (event,) = told(first)
    assert event["citywatch.evidence.what"] == ["certificate_chain"]
    assert len(event["citywatch.portal.tls.chain"]) == 2
    assert event["tls.version"] == "1.3"
    assert titles(told(first)) == set()
    assert told(second) == []


def test_old_versions_weak_ciphers_and_short_keys_are_seen(tmp_path: Path) -> None:
    authority = trustme.CA()
    (old,), (null,), (bits,) = (
        told(done) for done in looks(context(authority, "old"), context(authority, "null"), short(tmp_path))
    )
    assert old["citywatch.portal.tls.weak_versions"] == ["1.0", "1.1"]
    assert null["citywatch.portal.tls.weak_ciphers"] == ["ECDHE-ECDSA-NULL-SHA"]
    assert "citywatch.portal.tls.weak_versions" not in null
    assert bits["citywatch.portal.tls.faults"] == ["short_key"]
    for event in (old, null, bits):
        assert "A portal's TLS is weak" in titles([event])


def test_another_authority_is_told_and_a_renewal_by_the_same_is_not() -> None:
    own, strange = trustme.CA(organization_name="Ban Co yeu"), trustme.CA(organization_name="Ai do")
    first, renewed, moved, later, learned = looks(context(own), context(own), *[context(strange)] * 3, days=4)
    assert titles([*told(first), *told(renewed)]) == set()
    assert told(renewed)[0]["citywatch.portal.tls.key_changed"] is True
    assert titles(told(moved)) == {"Another authority made a portal's certificate"}
    assert titles(told(later)) == {"Another authority made a portal's certificate"}
    assert titles(told(learned)) == {"Another authority made a portal's certificate"}, (
        "told once more, then learned"
    )
    again = looks(context(own), context(strange), context(strange), accept_after=1)
    assert titles(told(again[2])) == set()


@pytest.mark.parametrize(("kind", "problem"), [("expired", "expired"), ("other", "name_mismatch")])
def test_what_is_wrong_with_the_certificate_itself_stands_in_the_page_event(kind: str, problem: str) -> None:
    authority = trustme.CA()
    (done,) = looks(context(authority, kind))
    page = next(event for event in done.events if event["event.dataset"] == "portal.page")
    assert page["citywatch.portal.certificate.problem"] in {problem, "unknown_issuer"}
    assert told(done)[0]["event.outcome"] == "success"


def test_what_speaks_no_tls_is_told_and_what_is_slow_given_up() -> None:
    async def script() -> str:
        async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"plain"))

        async with serving(talk) as port:
            shown = await asyncio.to_thread(shake, ("127.0.0.1", port), HOST)
        assert isinstance(shown, str)
        return shown

    assert "Timeout" in asyncio.run(script()) or "refused" in asyncio.run(script())
