"""How does a portal of the range misbehave without being attacked?

Everything here ends by itself: nothing waits longer than a minute or sends more than the page.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

_SLOW_S, _HANG_S = 4.0, 60.0
_ERROR = "<h1>Server Error in '/' Application.</h1>"
_DRIP_BYTES, _DRIP_S, _DRIPS = 16, 1.0, 60


async def misbehave(health: str, request: web.BaseRequest, page: bytes) -> web.StreamResponse | None:
    """The answer of a sick portal, or None where it answers as it should (if late)."""
    if health == "slow":
        await asyncio.sleep(_SLOW_S)
        return None
    if health in {"hangs", "resets"}:
        await asyncio.sleep(_HANG_S if health == "hangs" else 0)
        return _broken_off(request)
    if health in {"drip", "cut"}:
        return await _in_part(health, request, page)
    plain = {
        "error": web.Response(status=500, text=_ERROR, content_type="text/html"),
        "empty": web.Response(body=b"", content_type="text/html"),
        "loop": web.Response(status=302, headers={"Location": str(request.rel_url)}),
    }
    return plain.get(health)


def _broken_off(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _in_part(health: str, request: web.BaseRequest, page: bytes) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8"})
    answer.content_length = len(page)
    await answer.prepare(request)
    try:
        if health == "cut":
            await answer.write(page[: len(page) // 2])
        for turn in range(_DRIPS if health == "drip" else 0):
            await answer.write(page[turn * _DRIP_BYTES : (turn + 1) * _DRIP_BYTES])
            await asyncio.sleep(_DRIP_S)
    except ConnectionError:
        return answer  # the watcher had enough
    if request.transport is not None:
        request.transport.abort()
    return answer
