"""What is the console as a web application, and what does it need of the house?"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citywatch.clock import Clock
from citywatch.model import Alert, Rule
from citywatch.ports import Store
from citywatch.respond.law import Law
from citywatch.respond.run import Run, StepState
from citywatch.respond.shape import Playbook
from citywatch.respond.sla import Sla
from citywatch.settings import Settings
from citywatch.store.custody import Custody
from console.face_preview import Preview
from console.indicators import Warnings
from console.packets import Packets
from console.web import api, live
from console.web.door import Visit, Way
from console.web.show import STATIC
from console.web.throttle import Throttle
from console.web.ways import CONSOLE
from sensors.portal.proof import Proof


class EvidenceView(Protocol):
    """Bytes by hash."""

    def get(self, sha256: str) -> bytes | None: ...
    def keep(self, raw: bytes, media_type: str) -> str: ...


class RunnerView(Protocol):
    """What of the playbook runner is shown and asked: `citywatch.respond.runner.Runner`."""

    def waiting(self) -> Sequence[tuple[Run, StepState]]: ...
    def start_by_hand(
        self, name: str, alert: Alert, by: str, inputs: Mapping[str, Any] | None = None, *, once: str = ""
    ) -> str: ...
    def approve(self, run_id: str, step_id: str, by: str, yes: bool, *, item: int = 0) -> Run: ...  # noqa: FBT001 - as the runner has it
    def pause(self, run_id: str, by: str) -> Run: ...
    def resume(self, run_id: str, by: str) -> Run: ...
    def cancel(self, run_id: str, by: str) -> Run: ...
    def retry(self, run_id: str, step_id: str, by: str) -> Run: ...
    def replay(self, run_id: str, step_id: str, by: str) -> Run: ...


class HouseView(Protocol):
    """What the console needs of an installation."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def store(self) -> Store: ...
    @property
    def evidence(self) -> EvidenceView: ...
    @property
    def custody(self) -> Custody:
        """The chain in which every piece of evidence stands."""
        ...

    @property
    def rules(self) -> Mapping[str, Rule]: ...
    @property
    def content_dir(self) -> Path: ...
    @property
    def playbooks(self) -> Sequence[Playbook]:
        """The playbooks of the installation."""
        ...

    @property
    def runner(self) -> RunnerView | None:
        """The playbook runner, or None where nothing is to be approved."""
        ...

    @property
    def sla(self) -> Sla:
        """Until when tickets are to be dealt with."""
        ...

    @property
    def law(self) -> Law:
        """What the law wants reported."""
        ...

    def health(self) -> Mapping[str, Any]: ...
    def prove(self, url: str, token: str) -> Proof:
        """Look for an agency's token at its portal."""
        ...

    def recheck(self, portal_id: str) -> Mapping[str, Any]:
        """Look at a portal now: `available`, and whether it is `alerting`."""
        ...

    def accept_face(self, portal_id: str, by: str) -> str:
        """Take a portal's present face as the right one."""
        ...

    def preview_face(self, portal_id: str, by: str) -> Preview:
        """Look at a portal now, and keep what accepting its present face would change."""
        ...

    def packets(self, alert_id: str, by: str) -> Packets:
        """Keep the packets of an alert as evidence."""
        ...

    def software_now(self, kind: str, asset: str) -> Mapping[str, Any]:
        """Look at a portal or system: `available`, and the `software` that it says it runs."""
        ...

    def mail(self, key: str, to: str, subject: str, text: str) -> str:
        """Send a letter; gives what came of it."""
        ...

    @property
    def warnings(self) -> Warnings:
        """Where warnings are brought in, and the past is asked for what they name."""
        ...


WAYS: Sequence[Way] = (*CONSOLE, *api.WAYS)
"""Every route of the console; a test walks all of them as every role."""


def make_app(house: HouseView) -> Starlette:
    """The console of one installation."""
    routes: list[BaseRoute] = [way.route() for way in WAYS]
    routes.append(Mount("/static", _StaticFiles(directory=STATIC), name="static"))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_Headers), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers={404: _plain_error, 405: _plain_error, 413: _plain_error, 500: _broken},
    )
    app.state.house = house
    app.state.throttle = Throttle(house.clock)
    app.state.ear = live.Ear(house.store)
    return app


class _StaticFiles(StaticFiles):
    """Our own files, for good: their addresses carry a hash."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


class _Headers:
    """Puts the security headers on every answer and a fresh nonce into every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(18)
        scope["citywatch.nonce"] = nonce
        secure = scope.get("scheme") == "https"

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [
                    (name.encode(), value.encode())
                    for name, value in security_headers(nonce, secure=secure).items()
                    if name.encode() not in present
                ]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, wrapped)


def security_headers(nonce: str, *, secure: bool) -> dict[str, str]:
    """Headers of every answer: nothing from outside, no script but ours, no frame around us."""
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    headers = {
        "content-security-policy": "; ".join(policy),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "cache-control": "no-store",
    }
    if secure:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


async def _plain_error(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    visit = Visit(
        request, request.app.state.house, request.app.state.throttle, request.scope["citywatch.nonce"]
    )
    return visit.page("error.html", code, code=code, detail="")


async def _broken(request: Request, error: Exception) -> Response:
    del request, error  # the server logs it; the visitor is told nothing of the inside
    return PlainTextResponse("500: this page is broken; the operator finds the reason in the log\n", 500)
