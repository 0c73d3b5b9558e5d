from collections.abc import Iterator
from typing import BinaryIO

from warcio.statusandheaders import StatusAndHeaders

class ArcWarcRecord:
    rec_type: str
    rec_headers: StatusAndHeaders
    http_headers: StatusAndHeaders
    def content_stream(self) -> BinaryIO: ...

class ArchiveIterator(Iterator[ArcWarcRecord]):
    def __init__(self, fileobj: BinaryIO) -> None: ...
    def __next__(self) -> ArcWarcRecord: ...
