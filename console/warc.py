"""How does what was kept of portals become an archive that other tools read (WARC 1.1, ISO 28500)?"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from citywatch.clock import parse_stamp
from citywatch.errors import CityWatchError, StoreError
from citywatch.store.custody import Entry
from console.registry import portal_of

if TYPE_CHECKING:
    from console.house import House

_HEADERS = "response_headers"
_PAGE = "page"
_CODED = frozenset({"content-encoding", "transfer-encoding", "content-length"})


def write(house: House, portal: str, out: Path, *, since: str = "") -> int:
    """Write every kept page of a portal as a response record; give how many.

    Raises:
        CityWatchError: nothing was kept of it.
        OSError: the file cannot be written.
    """
    count = 0
    with out.open("wb") as file:
        writer = WARCWriter(file, gzip=out.name.endswith(".gz"))
        writer.write_record(
            writer.create_warcinfo_record(out.name, {"software": "CityWatch", "format": "WARC 1.1"})
        )
        for page, head in _pages(house, portal, since):
            try:
                body = house.evidence.get(page.piece.sha256)
                above = house.evidence.get(head.piece.sha256) if head is not None else None
            except StoreError:
                continue  # changed on disk: never handed out as what it was
            if body is not None:
                writer.write_record(_record(writer, page, body, above or b""))
                count += 1
    if not count:
        out.unlink(missing_ok=True)
        portal_of(house, portal)
        raise CityWatchError(f"{portal}: no page of it is kept; set [fetch] keep_bodies to keep every change")
    return count


def _pages(house: House, portal: str, since: str) -> Iterator[tuple[Entry, Entry | None]]:
    """Each page with the headers that came with it."""
    held: dict[str, dict[str, Entry]] = {}
    for entry in house.custody.find(portal=portal, since=since):
        if entry.piece.what in {_PAGE, _HEADERS} and entry.piece.at >= since:
            held.setdefault(entry.piece.set, {})[entry.piece.what] = entry
    for one in held.values():
        if _PAGE in one:
            yield one[_PAGE], one.get(_HEADERS)


def _record(writer: WARCWriter, page: Entry, body: bytes, above: bytes) -> object:
    status, headers = _head(above, page.piece.media_type)
    about = {
        "WARC-Date": parse_stamp(page.piece.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "WARC-Payload-Digest": f"sha256:{page.piece.sha256}",
    }
    if page.piece.address:
        about["WARC-IP-Address"] = page.piece.address
    return writer.create_warc_record(
        page.piece.source,
        "response",
        payload=BytesIO(body),
        length=len(body),
        http_headers=StatusAndHeaders(status, headers, protocol="HTTP/1.1"),
        warc_headers_dict=about,
    )


def _head(raw: bytes, media_type: str) -> tuple[str, list[tuple[str, str]]]:
    """Status and headers; the body is kept unpacked, so what says how it was packed is left out."""
    lines = raw.decode("utf-8", "replace").split("\r\n")
    if not raw:
        return "200 OK", [("Content-Type", media_type)]
    status = lines[0].partition(" ")[2].strip() or "200"
    pairs = (line.partition(":") for line in lines[1:] if ":" in line)
    headers = [(name.strip(), value.strip()) for name, _, value in pairs]
    return f"{status} -", [(name, value) for name, value in headers if name.lower() not in _CODED]
