"""What does a fetch over HTTP/2 cost, against HTTP/1.1 as portals are fetched now?

python benchmarks/http2.py [--requests 500] [--kib 24]

A server in a process of its own speaks both over TLS (ALPN). One client process fetches the same page over
one connection: aiohttp (HTTP/1.1), httpx (HTTP/1.1), httpx with h2 (HTTP/2). CPU is the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import h2.config
import h2.connection
import h2.events
import httpx
import trustme


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """Serve one connection in the protocol that was agreed on."""
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    try:
        await (talk_2 if chosen == "h2" else talk_1)(reader, writer, body)
    except (ConnectionError, asyncio.IncompleteReadError):
        return


async def talk_1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """HTTP/1.1, kept alive."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body)
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()


async def talk_2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """HTTP/2, one stream after the other."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    waiting: dict[int, bytes] = {}
    while data := await reader.read(65_536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/html")])
                waiting[event.stream_id] = body
        for stream in list(waiting):
            while waiting[stream]:
                room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                if not room:
                    break
                connection.send_data(stream, waiting[stream][:room])
                waiting[stream] = waiting[stream][room:]
            if not waiting[stream]:
                connection.end_stream(stream)
                del waiting[stream]
        writer.write(connection.data_to_send())
        await writer.drain()


async def serve(folder: Path, kib: int) -> None:
    """Serve until the process is ended."""
    body = (b"<p>Tin m\xe1\xbb\x9bi trong ng\xc3\xa0y</p>\n" * (kib * 40))[: kib << 10]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(lambda r, w: talk(r, w, body), "127.0.0.1", 0, ssl=context)
    (folder / "port.tmp").write_text(str(server.sockets[0].getsockname()[1]))
    (folder / "port.tmp").rename(folder / "port")
    await server.serve_forever()


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def by_aiohttp(url: str, context: ssl.SSLContext, count: int) -> str:
    """As portals are fetched."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for _ in range(count):
            async with session.get(url) as answer:
                await answer.read()
    return "HTTP/1.1"


async def by_httpx(url: str, context: ssl.SSLContext, count: int, *, two: bool) -> str:
    """By httpx, in either protocol."""
    spoken = ""
    async with httpx.AsyncClient(verify=context, http2=two) as client:
        for _ in range(count):
            answer = await client.get(url)
            spoken = answer.http_version
    return spoken


def measure(name: str, run: Callable[[], Awaitable[str]], count: int) -> float:
    """Run, and tell the cost of one fetch in milliseconds."""
    used = cpu()

    async def script() -> str:
        return await run()

    spoken = asyncio.run(script())
    cost = 1000 * (cpu() - used) / count
    print(f"{name:24} {spoken:9} {cost:.2f} ms CPU a fetch", flush=True)
    return cost


def main(arguments: Sequence[str]) -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="measure", choices=["measure", "serve"])
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--kib", type=int, default=24)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    if options.what == "serve":
        asyncio.run(serve(options.folder, options.kib))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder, authority = Path(name), trustme.CA()
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        authority.cert_pem.write_to_path(folder / "ca.pem")
        command = [sys.executable, __file__, "serve", "--folder", name, *arguments]
        with subprocess.Popen(command) as server:
            try:
                while not (folder / "port").exists():
                    time.sleep(0.05)
                url = f"https://localhost:{(folder / 'port').read_text()}/"
                context, count = ssl.create_default_context(cafile=str(folder / "ca.pem")), options.requests
                base = measure("aiohttp", lambda: by_aiohttp(url, context, count), count)
                one = measure("httpx", lambda: by_httpx(url, context, count, two=False), count)
                two = measure("httpx with h2", lambda: by_httpx(url, context, count, two=True), count)
            finally:
                server.terminate()
    print(f"against aiohttp: httpx {one / base:.1f} times, httpx with h2 {two / base:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
