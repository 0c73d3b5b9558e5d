"""What does a URL really ask for, however it is dressed?

The parts of a request target in ECS fields, as sent, and `citywatch.url.decoded`: path and query with the
percent-encoding taken off as often as it was put on (attackers put it on twice), in lower case.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from citywatch.model import Event

ROUNDS = 4
MAX_URL = 32_768
"""Characters of a target that are kept; servers refuse longer ones."""
_UNICODE = re.compile(r"%u([0-9a-fA-F]{4})")
_EXTENSION = re.compile(r"\.([A-Za-z0-9_~-]{1,12})$")
_ABSOLUTE = re.compile(
    r"^([a-zA-Z][a-zA-Z0-9+.-]{0,20})://(?:([^/?#@]{0,255})@)?(\[[0-9a-fA-F:.]+\]|[^/?#:]{1,255})(?::(\d{1,5}))?"
)


def decoded(path: str, query: str = "") -> str:
    """Path and query without encoding, lower case.

    >>> decoded("/a%252e%252e/b", "q=1%27+UNION+SELECT")
    "/a../b?q=1' union select"
    """
    text = f"{path}?{query.replace('+', ' ')}" if query else path
    for _ in range(ROUNDS):
        if "%" not in text:
            break
        before = text
        text = unquote(_UNICODE.sub(_character, text), errors="replace")
        if text == before:
            break
    return text.lower()


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)  # noqa: PLR2004 - the surrogates


def url_fields(target: str, *, domain: str = "", scheme: str = "", port: int | None = None) -> Event:
    """The fields of a request target, absolute or not.

    >>> found = url_fields("/a/b.php?x=1", domain="city.test", scheme="https")
    >>> found["url.full"], found["url.extension"]
    ('https://city.test/a/b.php?x=1', 'php')
    """
    target = target[:MAX_URL]
    event: Event = {"url.original": target}
    rest = target
    absolute = _ABSOLUTE.match(target) if target[:1] != "/" else None
    if absolute:
        scheme, user, domain, given = absolute[1].lower(), absolute[2], absolute[3].strip("[]"), absolute[4]
        port = int(given) if given and int(given) <= 65_535 else None  # noqa: PLR2004 - the last port
        rest = target[absolute.end() :] or "/"
        if user:
            event["url.username"] = user.partition(":")[0]
    path, mark, query = rest.partition("?")
    path = path.partition("#")[0]
    event["url.path"] = path
    if mark:
        event["url.query"] = query
    extension = _EXTENSION.search(path, max(0, len(path) - 13)) if "." in path else None
    if extension:
        event["url.extension"] = extension[1].lower()
    event["citywatch.url.decoded"] = decoded(path, query)
    if domain:
        event["url.domain"] = domain.lower()
    if scheme:
        event["url.scheme"] = scheme
    if port is not None:
        event["url.port"] = port
    event["url.full"] = target if absolute or not domain else f"{scheme or 'http'}://{domain.lower()}{rest}"
    return event
