"""Is a portal proven by whoever controls it, and by nobody else?"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.asyncresolver
import dns.message
import dns.rrset
import pytest

from citywatch.settings import Fetch
from sensors.portal.proof import FILE, TAG, Proof, prove

TOKEN = "cw-" + "5" * 40
HERE = Fetch(allow_loopback=True, timeout_s=5)


@contextmanager
def site(pages: dict[str, tuple[int, dict[str, str], bytes]]) -> Generator[str]:
    """A web server on loopback with these pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages.get(self.path, (404, {}, b"gone"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Names:
    """A DNS server on loopback that has TXT records only."""

    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @contextmanager
    def serving(self) -> Generator[dns.asyncresolver.Resolver]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        ended = threading.Event()

        def answer() -> None:
            while not ended.is_set():
                try:
                    raw, sender = listener.recvfrom(4096)
                except TimeoutError:
                    continue
                query = dns.message.from_wire(raw)
                reply = dns.message.make_response(query)
                name = query.question[0].name.to_text()
                for text in self.texts.get(name, []):
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{text}"'))
                listener.sendto(reply.to_wire(), sender)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], listener.getsockname()[1]
        try:
            yield resolver
        finally:
            ended.set()
            thread.join()
            listener.close()


@pytest.fixture
def nobody() -> Iterator[dns.asyncresolver.Resolver]:
    with Names().serving() as resolver:
        yield resolver


def look(url: str, resolver: dns.asyncresolver.Resolver) -> Proof:
    return asyncio.run(prove(url, TOKEN, HERE, resolver=resolver))


def tag(token: str) -> bytes:
    return f'<html><head><meta name="{TAG}" content=" {token} "></head><body>x</body></html>'.encode()


def test_a_file_proves_it(nobody: dns.asyncresolver.Resolver) -> None:
    with site({FILE: (200, {}, f"{TOKEN}\n".encode())}) as url:
        assert look(url, nobody).way == "file"


def test_a_tag_in_the_head_proves_it(nobody: dns.asyncresolver.Resolver) -> None:
    with site({"/": (200, {}, tag(TOKEN))}) as url:
        assert look(url, nobody).way == "tag"


def test_a_record_in_dns_proves_it_even_when_the_portal_is_down() -> None:
    names = Names({"_citywatch.cong.example.": ["v=spf1 -all", f"{TAG}={TOKEN}"]})
    with names.serving() as resolver:
        assert look("https://cong.example/", resolver).way == "dns"


Page = tuple[int, dict[str, str], bytes]
WRONG: dict[str, Callable[[], dict[str, Page]]] = {
    "nothing there": dict,
    "another token": lambda: {FILE: (200, {}, b"cw-" + b"6" * 40), "/": (200, {}, tag("cw-other"))},
    "a token in a longer text": lambda: {FILE: (200, {}, f"{TOKEN} and more".encode())},
    "a tag in the body, where visitors may write": lambda: {
        "/": (200, {}, b"<html><head></head><body><p>" + tag(TOKEN) + b"</p></body></html>")
    },
    "an error page that has it": lambda: {FILE: (404, {}, TOKEN.encode()), "/": (500, {}, tag(TOKEN))},
    "a comment": lambda: {"/": (200, {}, b"<head><!--" + tag(TOKEN) + b"--></head>")},
    "not text": lambda: {FILE: (200, {}, bytes(range(256)))},
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_proves_nothing(nobody: dns.asyncresolver.Resolver, what: str) -> None:
    with site(WRONG[what]()) as url:
        seen = look(url, nobody)
    assert seen.way == ""
    assert "TXT _citywatch." in seen.detail
    assert FILE in seen.detail


def test_a_redirect_to_another_host_proves_nothing(nobody: dns.asyncresolver.Resolver) -> None:
    with site({FILE: (200, {}, TOKEN.encode()), "/": (200, {}, tag(TOKEN))}) as other:
        leads: dict[str, Page] = {
            FILE: (302, {"Location": other.rstrip("/").replace("127.0.0.1", "localhost") + FILE}, b""),
            "/": (302, {"Location": other.replace("127.0.0.1", "localhost")}, b""),
        }
        with site(leads) as url:
            seen = look(url, nobody)
    assert seen.way == ""
    assert "another host" in seen.detail


def test_an_address_inside_is_not_asked(nobody: dns.asyncresolver.Resolver) -> None:
    with site({FILE: (200, {}, TOKEN.encode())}) as url:
        seen = asyncio.run(prove(url, TOKEN, Fetch(timeout_s=5), resolver=nobody))
    assert seen.way == ""
    assert "refused_address" in seen.detail
