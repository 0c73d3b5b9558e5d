"""Is the whole chain of certificates kept, also when it is not to be trusted?"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from citywatch.settings import Fetch
from sensors.portal.answer import Fetched
from sensors.portal.fetch import Fetcher
from tests.sensors.portal.hostile import answer, serving


@pytest.mark.parametrize("trusted", [True, False])
def test_the_chain_comes_with_the_page(tmp_path: Path, *, trusted: bool) -> None:
    root = trustme.CA()
    middle = root.create_child_ca()
    leaf = middle.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - untyped in trustme
    (root if trusted else trustme.CA()).cert_pem.write_to_path(tmp_path / "ca.pem")

    async def script() -> Fetched:
        async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"ok"))

        async with serving(talk, context) as port:
            fetcher = Fetcher(Fetch(allow_loopback=True), ca_file=str(tmp_path / "ca.pem"))
            async with fetcher.open() as talking:
                got = await talking.fetch(f"https://localhost:{port}/", {})
            await fetcher.close()
            return got

    got = asyncio.run(script())
    assert got.certificate is not None
    assert got.certificate.problem == ("" if trusted else "unknown_issuer")
    names = [x509.load_der_x509_certificate(item).subject.rfc4514_string() for item in got.chain]
    assert len(names) == 2
    assert names[1] == x509.load_der_x509_certificate(got.chain[0]).issuer.rfc4514_string()
