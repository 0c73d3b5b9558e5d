"""Does the browser's only way out check every address?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from sensors.portal.picture.proxy import Allowance, GuardedProxy
from tests.sensors.portal.hostile import answer, serving


async def _ask(proxy: GuardedProxy, request: str) -> bytes:
    address = await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    writer.write(request.encode())
    with suppress(OSError):
        said = await asyncio.wait_for(reader.read(100_000), 10)
        writer.close()
        return said
    return b""


def _run(request: str, *, loopback: bool, pins: Mapping[str, str]) -> tuple[bytes, Allowance]:
    async def script() -> tuple[bytes, Allowance]:
        async def talk(line: str, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(f"seen {line}".encode()))

        async with serving(talk) as port:
            proxy = GuardedProxy(allow_loopback=loopback)
            allowance = proxy.begin(pins)
            said = await _ask(proxy, request.replace("PORT", str(port)))
            await proxy.stop()
        return said, allowance

    return asyncio.run(script())


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:PORT/",
        "http://localhost:PORT/",
        "http://[::1]:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://2130706433:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://0:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1:PORT/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_inner_addresses_in_every_spelling_are_refused(target: str, method: str) -> None:
    place = target.removeprefix("http://").partition("/")[0]
    asked = place if ":" in place.rpartition("]")[2] else f"{place}:443"
    line = f"CONNECT {asked} HTTP/1.1" if method == "CONNECT" else f"GET {target} HTTP/1.1"
    said, allowance = _run(f"{line}\r\nHost: x\r\n\r\n", loopback=False, pins={})
    assert b"seen" not in said
    assert said.startswith((b"HTTP/1.1 403", b"HTTP/1.1 502"))
    assert allowance.bytes == 0


def test_a_name_that_the_fetcher_reached_somewhere_leads_there_and_is_checked_again() -> None:
    request = "GET http://so-y-te.example:PORT/a HTTP/1.1\r\nHost: so-y-te.example\r\n\r\n"
    said, _ = _run(request, loopback=True, pins={"so-y-te.example": "127.0.0.1"})
    assert said.endswith(b"seen GET /a HTTP/1.1")
    said, allowance = _run(request, loopback=False, pins={"so-y-te.example": "127.0.0.1"})
    assert said.startswith(b"HTTP/1.1 403")
    assert allowance.refused == ["so-y-te.example: 127.0.0.1"]


@pytest.mark.parametrize(
    "request_text", ["\r\n\r\n", "GET\r\n\r\n", "GET ftp://a/ HTTP/1.1\r\n\r\n", "x" * 70_000]
)
def test_what_is_no_request_is_dropped(request_text: str) -> None:
    said, _ = _run(request_text, loopback=True, pins={})
    assert not said or said.startswith(b"HTTP/1.1 502")


def test_a_page_that_used_up_its_bytes_gets_no_more() -> None:
    async def script() -> int:
        async def talk(_line: str, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                for _ in range(400):
                    writer.write(bytes(65_536))
                    await writer.drain()

        async with serving(talk) as port:
            proxy = GuardedProxy(allow_loopback=True)
            proxy.begin({}).bytes_left = 1_000_000
            address = await proxy.start()
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            writer.write(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            got = 0
            with suppress(OSError):
                while chunk := await reader.read(65_536):
                    got += len(chunk)
            writer.close()
            await proxy.stop()
        return got

    assert asyncio.run(script()) < 1_200_000
