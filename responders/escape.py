"""How does a playbook do what no action is there for? Off unless the settings say otherwise.

A command is one that the settings name, with its fixed beginning; what the playbook gives comes behind it as
arguments of their own, and no shell reads them. A request goes only where the settings' list lets it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.respond.post import NotSent, Reach, send
from citywatch.settings import Escape

OUTPUT: Final = 4000
ARGUMENTS: Final = 20
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ARGUMENT = re.compile(r"[^\0\r\n]{0,500}")
_GOOD: Final = range(200, 300)
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """`shell.run`: `command` (a name of `[escape] commands`), `arguments` (a list)."""

    settings: Escape

    name: str = "shell.run"
    effect: Effect = "change"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        known, wanted = self.settings.commands, str(order.inputs.get("command") or "")
        if wanted not in known:
            raise ActionFailed(
                self.name, f"'{wanted[:100]}' is not in the settings ([escape] commands)", again=False
            )
        given = order.inputs.get("arguments") or ()
        arguments = (
            [str(one) for one in cast("Sequence[object]", given)] if isinstance(given, list | tuple) else []
        )
        if len(arguments) > ARGUMENTS or not all(_ARGUMENT.fullmatch(one) for one in arguments):
            raise ActionFailed(self.name, f"at most {ARGUMENTS} arguments of one line each", again=False)
        if any(one.startswith("-") for one in arguments):
            raise ActionFailed(
                self.name, "an argument must not begin with '-': it would be an option", again=False
            )
        environ = {"PATH": os.defpath, "LANG": "C.UTF-8", "CITYWATCH_KEY": order.key}
        try:
            done = subprocess.run(  # noqa: S603 - the settings' own command; arguments are passed apart
                [*known[wanted], *arguments],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=self.settings.timeout_s,
                env=environ,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ActionFailed(
                self.name, f"'{wanted}' took longer than {error.timeout:.0f} s", again=False
            ) from error
        except (OSError, ValueError) as error:
            raise ActionFailed(self.name, f"'{wanted}' cannot be run: {error}"[:300], again=False) from error
        told = done.stdout[:OUTPUT].decode("utf-8", "replace")
        if done.returncode:
            why = done.stderr[:500].decode("utf-8", "replace").strip() or told[:300]
            raise ActionFailed(
                self.name, f"'{wanted}' ended with {done.returncode}: {why}"[:500], again=False
            )
        return {"output": told, "note": f"'{wanted}' was run"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """`http.request`: `url` (within `[escape] http`), `method`, `json`; a change, so it is approved."""

    settings: Escape

    name: str = "http.request"
    effect: Effect = "change"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        mine, url = self.settings, str(order.inputs.get("url") or "")[:2000]
        method = str(order.inputs.get("method") or "GET").upper()
        if method not in METHODS or not allowed(url, mine.http):
            raise ActionFailed(
                self.name, f"{method[:20]} {url[:200]} is not let by [escape] http", again=False
            )
        body = str(order.inputs.get("json") or "").encode()[:100_000] if method != "GET" else b""
        headers = {"User-Agent": "CityWatch", "Idempotency-Key": order.key}
        if body:
            headers["Content-Type"] = "application/json; charset=utf-8"
        reach = Reach(
            allow_private=mine.allow_private, allow_loopback=mine.allow_loopback, timeout_s=mine.timeout_s
        )
        try:
            answer = send(url, body, headers, reach, method=method)
        except NotSent as error:
            raise ActionFailed(self.name, str(error)[:300]) from error
        except OSError as error:
            raise ActionFailed(
                self.name, f"no answer: {error}; it may have arrived"[:300], again=False
            ) from error
        if answer.status not in _GOOD:
            again = answer.status in _TEMPORARY
            raise ActionFailed(self.name, f"it answered {answer.status}", again=again)
        told = answer.body[:OUTPUT].decode("utf-8", "replace")
        return {
            "status": answer.status,
            "body": told,
            "note": f"{method} {urlsplit(url).hostname}: {answer.status}",
        }


def allowed(url: str, listed: Sequence[str]) -> bool:
    """The URL has scheme, host and port of a listed one, and its path lies in that one's.

    >>> allowed("https://a.vn/api/x", ["https://a.vn/api/"]), allowed("https://a.vn.evil/api/", ["https://a.vn/"])
    (True, False)
    >>> allowed("https://a.vn/api/../x", ["https://a.vn/api/"]), allowed("https://u@a.vn/", ["https://a.vn/"])
    (False, False)
    """
    try:
        asked = urlsplit(url)
        if asked.username is not None or ".." in asked.path or "\\" in url or "%2e" in url.lower():
            return False
        for one in listed:
            held = urlsplit(one)
            same = (asked.scheme, asked.hostname, asked.port) == (held.scheme, held.hostname, held.port)
            if same and (asked.path or "/").startswith(held.path or "/"):
                return True
    except ValueError:
        return False
    return False
