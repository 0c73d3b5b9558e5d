"""What do the first line and the headers of an HTTP message say?"""

from __future__ import annotations

import re
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


class Head:
    """First line and headers; names in lower case, the first of each name. (Hot path: a mutable record.)"""

    __slots__ = ("headers", "length", "method", "mime", "names", "size", "status", "target", "version")

    def __init__(self, size: int) -> None:
        self.method = ""
        self.target = ""
        self.version = ""
        self.status = 0
        self.size = size
        self.names: list[str] = []
        self.headers: dict[str, str] = {}
        self.length: int | None = None
        """Content-Length; None when absent or no number."""
        self.mime = ""

    @property
    def chunked(self) -> bool:
        coding = self.headers.get("transfer-encoding")
        return coding is not None and "chunked" in coding.lower()


def parse_head(raw: bytes) -> Head:
    """Read a head without its empty line.

    Raises:
        ValueError: it is no HTTP head.
    """
    first, *lines = raw.split(b"\n")
    head = Head(len(raw) + 4)
    _first_line(first, head)
    names, headers, known = head.names, head.headers, _known
    for line in lines[:_MOST_HEADERS]:
        pair = known.get(line)
        if pair is None:
            pair = _pair(line)
            if pair is None:
                continue
        name = pair[0]
        names.append(name)
        if name not in headers:
            headers[name] = pair[1]
    value = headers.get("content-length")
    if value:
        value = value.strip()
        head.length = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    value = headers.get("content-type")
    if value:
        head.mime = value.partition(";")[0].strip().lower()[:255]
    return head


def _first_line(first: bytes, head: Head) -> None:
    if first.startswith(b"HTTP/"):
        answer = _ANSWER.match(first)
        if answer:
            head.version, head.status = answer[1].decode(), int(answer[2])
            return
    parts_of = first.rstrip().split(b" ")
    if len(parts_of) == 3 and parts_of[2] in _VERSIONS and parts_of[0].isalpha() and len(parts_of[0]) <= 32:
        head.method, head.target = parts_of[0].decode(), text(parts_of[1])
        head.version = _VERSIONS[parts_of[2]]
        return
    request = _REQUEST.fullmatch(first)
    if request is None:
        raise ValueError("not an HTTP head")
    head.method, head.target = request[1].decode("ascii"), text(request[2])
    head.version = (request[3] or b"0.9").decode("ascii")


_VERSIONS = {b"HTTP/1.1": "1.1", b"HTTP/1.0": "1.0"}
_known: dict[bytes, tuple[str, str]] = {}
"""Header lines that were read before: programs and servers say the same ones all the time."""
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 160


def _pair(line: bytes) -> tuple[str, str] | None:
    """Name and value of a header line; None when it has no colon."""
    name, colon, value = line.partition(b":")
    if not colon:
        return None
    pair = (_header(name), text(value.strip()))
    if len(line) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[line] = pair
    return pair


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


def request_fields(head: Head, flow: Flow) -> Event:  # noqa: C901, PLR0912, PLR0915 - a field a line
    """The fields of a request; without a Host header the server's address is its name."""
    headers = head.headers
    scheme, host, target = "http", headers.get("host", ""), head.target
    if head.method == "CONNECT":
        host, target = target, ""
    elif not target.startswith("/") and (absolute := _ABSOLUTE.fullmatch(target)):
        scheme, host, target = absolute[1].lower(), absolute[2], absolute[3] or "/"
    if not host:
        host = address(flow.ends()[1])
    name, given = _host(host)
    path, mark, asked = target.partition("?")
    if asked:
        asked = query(asked.partition("#")[0])
    shown = path + mark + asked
    fields: Event = {
        "http.version": head.version,
        "http.request.method": head.method,
        "http.request.bytes": head.size + (head.length or 0),
        "url.original": (head.target.partition("?")[0] + mark + asked) if target else head.target,
        "url.full": f"{scheme}://{host}{shown}",
        "url.scheme": scheme,
        "url.port": given or flow.ends()[3],
        "citywatch.url.decoded": decoded(shown),
    }
    if head.names:
        fields["citywatch.http.request.headers"] = head.names
    if head.mime:
        fields["http.request.mime_type"] = head.mime
    for header, field in _TOLD:
        value = headers.get(header)
        if value:
            fields[field] = value
    if value := headers.get("cookie"):
        fields["citywatch.http.request.cookie"] = cookie(value)
    if value := headers.get("authorization"):
        fields["citywatch.http.request.authorization"], user = authorization(value)
        if user:
            fields["citywatch.auth.user"] = [user]
    if name:
        fields["url.domain"] = name
        if registered := _registered(name):
            fields["url.registered_domain"] = registered
    if path:
        fields["url.path"] = path
        if extension := _extension(path):
            fields["url.extension"] = extension
    if asked:
        fields["url.query"] = asked
    return {field: value for field, value in fields.items() if value or value != ""}


_TOLD = (("referer", "http.request.referrer"), ("user-agent", "user_agent.original"))


@lru_cache(maxsize=4096)
def _registered(name: str) -> str:
    return "" if _NUMERIC.fullmatch(name) or ":" in name else parts(name.lower())[1]


@lru_cache(maxsize=4096)
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
    if "." not in last:
        return ""
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
