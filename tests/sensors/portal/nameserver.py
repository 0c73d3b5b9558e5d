"""A real name server on loopback, whose zone a test may change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], list[str]]
"""Name and record type to values."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone; `broken` makes it say that it failed, `silent` say nothing."""

    zone: Zone = field(default_factory=dict[tuple[str, str], list[str]])
    broken: bool = False
    silent: bool = False
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.silent and self.transport is not None:
            self.transport.sendto(self._answer(dns.message.from_wire(data)).to_wire(), addr)

    def _answer(self, asked: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(asked)
        said.flags |= dns.flags.RA
        if self.broken:
            said.set_rcode(dns.rcode.SERVFAIL)
            return said
        question = asked.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        for _ in range(8):
            alias = self.zone.get((name, "CNAME"))
            if not alias or kind == "CNAME":
                break
            said.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "CNAME", alias[0] + "."))
            name = alias[0]
        values = self.zone.get((name, kind))
        if values:
            said.answer.append(dns.rrset.from_text_list(name + ".", 60, "IN", kind, values))
        elif all(held != name for held, _ in self.zone):
            said.set_rcode(dns.rcode.NXDOMAIN)
        return said


@asynccontextmanager
async def naming(zone: Zone) -> AsyncGenerator[NameServer]:
    """The server, listening."""
    server = NameServer(zone=zone)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
