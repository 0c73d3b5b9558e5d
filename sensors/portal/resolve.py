"""Which addresses has a name, asked so that one dead name server delays no other portal?"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult


class PortalResolver(AbstractResolver):
    """The system's resolver in threads of its own: the event loop's few are soon all stuck on dead names."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=max(4, threads), thread_name_prefix="portal-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=int(place[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """Asked by each connector as it closes; the threads are shared, so they stay."""

    async def shut_down(self) -> None:
        """Let the threads go, without waiting for names that still hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)
