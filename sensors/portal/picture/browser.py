"""How does a stranger's page look, without it hurting us? `python -m sensors.portal.picture.browser`

A process of its own that is never root: it gives up root before it loads anything else, starts Chromium with
its sandbox, and takes pictures on request. Requests and answers are frames over standard input and output:
four bytes of length, JSON; an answer's picture follows as a second frame. Every tab reaches the network
through a guarded proxy only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pwd
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sensors.portal.picture.proxy import GuardedProxy

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Dialog, Frame, Page

WIDTH, HEIGHT = 1280, 800
_MOST_HEIGHT = 4_000
_MOST_FRAMES = 60
_LOAD_S = 8.0
_SHOT_S = 5.0
_PAGES_EACH = 40
_WHOLE_S = 18.0
_LARGEST_REQUEST = 65_536
_FLAGS = (
    "--disable-quic",
    "--dns-prefetch-disable",
    "--no-pings",
    "--mute-audio",
    "--disable-extensions",
    "--disable-background-networking",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--renderer-process-limit=4",
    "--js-flags=--max-old-space-size=256",
    # a hundred nested strangers would else be a hundred processes; nothing of worth is in any of them
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,OptimizationHints,MediaRouter",
)
_NOWHERE = "http://127.0.0.1:9"


def drop_root(user: str) -> None:
    """Become another user for good, when we are root.

    Raises:
        PermissionError: there is no such user, or it is root.
    """
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise PermissionError(f"there is no user '{user}' (settings: [pictures] user)") from error
    if entry.pw_uid == 0:
        raise PermissionError("[pictures] user is root: name another one")
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


@dataclass(slots=True)
class _Seen:
    """What a page did while it was looked at."""

    dialogs: int = 0
    downloads: int = 0
    popups: int = 0
    frames: int = 0
    stopped: str = ""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    @property
    def odd(self) -> bool:
        """It did what an ordinary page does not."""
        return bool(self.dialogs or self.downloads or self.popups or self.stopped)

    def later(self, task: Any) -> None:
        """Do something a callback cannot wait for."""
        made = asyncio.ensure_future(task)
        self.tasks.add(made)
        made.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a page that goes away meanwhile is no error


class Tab:
    """One tab with a proxy of its own. Its context serves some pages, unless one of them misbehaved."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._proxy = GuardedProxy(allow_loopback=allow_loopback)
        self._address = ""
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._seen = _Seen()
        self._agent = ""
        self._served = 0

    async def start(self) -> None:
        """Open the proxy."""
        self._address = await self._proxy.start()

    async def shoot(self, browser: Browser, order: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Take one picture. Cookies go after it; a context is thrown away after some pages or a bad one."""
        url = str(order["url"])
        if not url.startswith(("http://", "https://")):
            return {"error": "bad_url"}, b""
        allowance = self._proxy.begin({str(k).lower(): str(v) for k, v in dict(order["pins"]).items()})
        page = await self._room(browser, str(order["agent"]))
        self._seen = seen = _Seen()
        told: dict[str, Any] = {}
        raw = b""
        try:
            async with asyncio.timeout(_WHOLE_S):
                told, raw = await _picture(page, url, seen)
        except TimeoutError:
            told = {"error": "script_never_ends"}
        except Exception as error:  # noqa: BLE001 - what a page does to its tab is told, and the next one is taken
            told = {"error": _word(error), "detail": str(error)[:300]}
        self._proxy.cut()
        if told["error"] or seen.odd or self._served >= _PAGES_EACH:
            await self.leave()
        told |= {
            "dialogs": seen.dialogs, "downloads": seen.downloads, "popups": seen.popups,
            "frames": seen.frames, "stopped": seen.stopped, "refused": allowance.refused,
            "bytes": allowance.bytes, "connections": allowance.connections,
        }  # fmt: skip
        return told, raw

    async def _room(self, browser: Browser, agent: str) -> Page:
        if self._context is not None and (self._agent != agent or not browser.is_connected()):
            await self.leave()
        if self._context is None or self._page is None:
            self._served, self._agent = 0, agent
            self._context = await browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                user_agent=agent or None,
                locale="vi-VN",
                timezone_id="Asia/Ho_Chi_Minh",
                ignore_https_errors=True,
                accept_downloads=False,
                service_workers="block",
                proxy={"server": self._address},
            )
            self._page = await self._context.new_page()
            self._listen(self._context, self._page)
        else:
            await self._context.clear_cookies()
        self._served += 1
        return self._page

    def _listen(self, context: BrowserContext, page: Page) -> None:
        def dialog(opened: Dialog) -> None:
            self._seen.dialogs += 1
            self._seen.later(opened.dismiss())

        def popup(opened: Page) -> None:
            self._seen.popups += 1
            self._seen.later(opened.close())

        def download(_: object) -> None:
            self._seen.downloads += 1

        def frame(_: Frame) -> None:
            seen = self._seen
            seen.frames += 1
            if seen.frames > _MOST_FRAMES and not seen.stopped:
                seen.stopped = "too_many_frames"
                seen.later(page.evaluate("window.stop()"))

        page.on("dialog", dialog)
        page.on("download", download)
        page.on("frameattached", frame)
        context.on("page", popup)

    async def leave(self) -> None:
        """Throw the context away with all that pages left in it."""
        context, self._context, self._page = self._context, None, None
        if context is not None:
            await asyncio.wait_for(context.close(), 5)


def _word(error: Exception) -> str:
    return "timeout" if "Timeout" in type(error).__name__ else "page_broke"


async def _picture(page: Page, url: str, seen: _Seen) -> tuple[dict[str, Any], bytes]:
    told: dict[str, Any] = {"error": ""}
    try:
        answer = await page.goto(url, wait_until="load", timeout=_LOAD_S * 1000)
        told["status"] = answer.status if answer is not None else 0
    except Exception as error:  # noqa: BLE001 - a download, a reset, a page that never ends: see what is there
        told["detail"] = str(error).partition("\n")[0][:300]
        if "ERR_ABORTED" in told["detail"]:
            await asyncio.sleep(0.2)  # the news of a download comes after it
        if seen.downloads or "Download is starting" in told["detail"]:
            seen.downloads = max(seen.downloads, 1)  # its own news may come later than the error
            return told | {"error": "download"}, b""
        if "net::" in told["detail"]:
            return told | {"error": "unreachable"}, b""
    try:
        height = await asyncio.wait_for(page.evaluate(_TALL), _SHOT_S)
    except TimeoutError:
        return told | {"error": "script_never_ends"}, b""
    tall = max(HEIGHT, min(int(height or 0), _MOST_HEIGHT))
    raw = await page.screenshot(
        type="jpeg",
        quality=80,
        full_page=True,
        clip={"x": 0, "y": 0, "width": WIDTH, "height": tall},
        animations="disabled",
        timeout=_SHOT_S * 1000,
    )
    return told | {"height": int(height or 0), "url": page.url[:2000]}, raw


_TALL = "Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"


class Studio:
    """Chromium with some tabs; a Chromium that hangs or dies is replaced."""

    def __init__(self, executable: str, tabs: int, *, allow_loopback: bool) -> None:
        self._executable = executable
        self._tabs = [Tab(allow_loopback=allow_loopback) for _ in range(tabs)]
        self._browser: Browser | None = None
        self._playwright: Any = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Open the proxies and Chromium."""
        from playwright.async_api import async_playwright  # noqa: PLC0415 - only after root was given up

        self._playwright = await async_playwright().start()
        for tab in self._tabs:
            await tab.start()
        await self._launch()

    async def _launch(self) -> Browser:
        async with self._lock:
            browser = self._browser
            if browser is None or not browser.is_connected():
                browser = self._browser = await self._playwright.chromium.launch(
                    executable_path=self._executable,
                    chromium_sandbox=True,
                    args=list(_FLAGS),
                    proxy={"server": _NOWHERE},
                    timeout=30_000,
                )
            return browser

    async def work(self, orders: asyncio.Queue[dict[str, Any]], number: int) -> None:
        """Serve one tab for ever."""
        tab = self._tabs[number]
        while True:
            order = await orders.get()
            try:
                told, raw = await tab.shoot(await self._launch(), order)
            except Exception as error:  # noqa: BLE001 - the browser itself hangs or died: a new one
                told, raw = {"error": "browser_broke", "detail": str(error)[:300]}, b""
                await self._throw_away()
            answer({"id": order["id"], **told, "size": len(raw)}, raw)

    async def _throw_away(self) -> None:
        browser, self._browser = self._browser, None
        for tab in self._tabs:
            with suppress(Exception):
                await tab.leave()
        if browser is not None:
            with suppress(Exception):
                await asyncio.wait_for(browser.close(), 5)


def answer(told: Mapping[str, Any], raw: bytes) -> None:
    """Write one answer and its picture, in one go."""
    head = json.dumps(told).encode()
    out = sys.stdout.buffer
    out.write(struct.pack(">I", len(head)) + head + struct.pack(">I", len(raw)) + raw)
    out.flush()


async def serve(executable: str, tabs: int, *, allow_loopback: bool) -> None:
    """Take orders until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    studio = Studio(executable, tabs, allow_loopback=allow_loopback)
    await studio.start()
    answer({"id": 0, "error": "", "size": 0, "uid": os.geteuid()}, b"")
    orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    workers = [asyncio.create_task(studio.work(orders, number)) for number in range(tabs)]
    with suppress(asyncio.IncompleteReadError, ValueError):
        while True:
            (size,) = struct.unpack(">I", await reader.readexactly(4))
            if size > _LARGEST_REQUEST:
                break
            orders.put_nowait(json.loads(await reader.readexactly(size)))
    for worker in workers:
        worker.cancel()
    os._exit(0)  # Chromium ends with its pipe


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", required=True)
    parser.add_argument("--tabs", type=int, default=2)
    parser.add_argument("--user", default="nobody")
    parser.add_argument(
        "--home", required=True, help="a folder of that user's; whoever started us removes it"
    )
    parser.add_argument("--allow-loopback", action="store_true")
    chosen = parser.parse_args()
    try:
        drop_root(chosen.user)
    except OSError as error:
        answer({"id": 0, "error": "no_user", "detail": str(error), "size": 0}, b"")
        return 1
    home = chosen.home
    os.environ.update({"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "TMPDIR": home})
    try:
        os.chdir(home)
        asyncio.run(serve(chosen.chromium, chosen.tabs, allow_loopback=chosen.allow_loopback))
    except Exception as error:  # noqa: BLE001 - whatever keeps Chromium from starting is told to who asked
        answer({"id": 0, "error": "no_browser", "detail": str(error)[:1000], "size": 0}, b"")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
