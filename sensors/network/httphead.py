"""What do the first line and the headers of an HTTP message say?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from citywatch.model import Event
from sensors.names import parts
from sensors.network.flow import Flow
from sensors.network.moment import address
from sensors.network.secrets import authorization, cookie, query
from sensors.network.sink import filled, text

_MOST_HEADERS = 128
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) +(.*?)(?: +HTTP/(1\.[0-9]))?\s*", re.DOTALL)
_ANSWER = re.compile(rb"HTTP/(1\.[0-9]) +([0-9]{3})")
_ABSOLUTE = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/@?#]*@)?([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)
_DECODINGS = 4
_NUMERIC = re.compile(r"[0-9.]+")


@dataclass(slots=True, kw_only=True)
class Head:
    """First line and headers; names in lower case, the first of each name."""

    method: str = ""
    target: str = ""
    version: str = ""
    status: int = 0
    size: int = 0
    names: list[str] = field(default_factory=list[str])
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        """Content-Length; None when absent or no number."""
        value = self.headers.get("content-length", "").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None

    @property
    def mime(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()[:255]


def parse_head(raw: bytes) -> Head:
    """Read a head without its empty line.

    Raises:
        ValueError: it is no HTTP head.
    """
    first, *lines = raw.split(b"\n")
    head = Head(size=len(raw) + 4)
    answer = _ANSWER.match(first)
    if answer:
        head.version, head.status = answer[1].decode("ascii"), int(answer[2])
    else:
        request = _REQUEST.fullmatch(first)
        if request is None:
            raise ValueError("not an HTTP head")
        head.method, head.target = request[1].decode("ascii"), text(request[2])
        head.version = (request[3] or b"0.9").decode("ascii")
    for line in lines[:_MOST_HEADERS]:
        name, colon, value = line.partition(b":")
        if colon:
            known = _header(name)
            head.names.append(known)
            if known not in head.headers:
                head.headers[known] = text(value.strip())
    return head


@lru_cache(maxsize=2048)
def _header(raw: bytes) -> str:
    return text(raw.strip()).lower()[:255]


def decoded(target: str) -> str:
    """Path and query after repeated percent-decoding, in lower case; a plus is a space.

    >>> decoded("/a%252e%252E/b?x=1+Union%20select")
    '/a../b?x=1 union select'
    """
    if "%" not in target:
        return target.replace("+", " ").lower()
    known = target.encode("utf-8", "surrogatepass")
    for _ in range(_DECODINGS):
        after = unquote_to_bytes(known)
        if after == known:
            break
        known = after
    return text(known).replace("+", " ").lower()


def request_fields(head: Head, flow: Flow) -> Event:
    """The fields of a request; without a Host header the server's address is its name."""
    _, server, _, port = flow.ends()
    scheme, host, target = "http", head.headers.get("host", ""), head.target
    if head.method == "CONNECT":
        host, target = head.target, ""
    elif absolute := _ABSOLUTE.fullmatch(target):
        scheme, host, target = absolute[1].lower(), absolute[2], absolute[3] or "/"
    host = host or address(server)
    name, given = _host(host)
    path, mark, asked = target.partition("?")
    asked = query(asked.partition("#")[0])
    shown = path + mark + asked
    scheme_of, user = authorization(head.headers.get("authorization", ""))
    return filled(
        {
            "http.version": head.version,
            "http.request.method": head.method,
            "http.request.bytes": head.size + (head.length or 0),
            "http.request.referrer": head.headers.get("referer", ""),
            "http.request.mime_type": head.mime,
            "user_agent.original": head.headers.get("user-agent", ""),
            "citywatch.http.request.headers": head.names,
            "citywatch.http.request.cookie": cookie(head.headers.get("cookie", "")),
            "citywatch.http.request.authorization": scheme_of,
            "citywatch.auth.user": [user] if user else None,
            "url.original": (head.target.partition("?")[0] + mark + asked) if target else head.target,
            "url.full": f"{scheme}://{host}{shown}" if host else "",
            "url.scheme": scheme,
            "url.domain": name,
            "url.registered_domain": ""
            if _NUMERIC.fullmatch(name) or ":" in name
            else parts(name.lower())[1],
            "url.port": given or port,
            "url.path": path,
            "url.query": asked,
            "url.extension": _extension(path),
            "citywatch.url.decoded": decoded(shown),
        }
    )


def _host(host: str) -> tuple[str, int]:
    """Name and port of a Host header.

    >>> _host("a.vn:8080"), _host("[::1]:80"), _host("a.vn")
    (('a.vn', 8080), ('::1', 80), ('a.vn', 0))
    """
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        port = rest[1:]
    else:
        name, _, port = host.partition(":")
    good = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536
    return name.lower()[:255], int(port) if good else 0


def _extension(path: str) -> str:
    last = path.rpartition("/")[2]
    _, dot, extension = last.rpartition(".")
    return extension.lower() if dot and extension.isalnum() and len(extension) <= 10 else ""


def answer_fields(head: Head) -> Event:
    """The fields of an answer."""
    return filled(
        {
            "http.response.status_code": head.status,
            "http.response.bytes": head.size + (head.length or 0),
            "http.response.mime_type": head.mime,
            "citywatch.http.response.server": head.headers.get("server", ""),
            "citywatch.http.response.location": head.headers.get("location", ""),
        }
    )
