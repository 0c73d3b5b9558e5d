from collections.abc import Mapping
from typing import BinaryIO

from warcio.statusandheaders import StatusAndHeaders

class WARCWriter:
    def __init__(self, filebuf: BinaryIO, *, gzip: bool = ...) -> None: ...
    def write_record(self, record: object) -> None: ...
    def create_warcinfo_record(self, filename: str, info: Mapping[str, str]) -> object: ...
    def create_warc_record(
        self,
        uri: str,
        record_type: str,
        payload: BinaryIO | None = ...,
        length: int | None = ...,
        warc_content_type: str = ...,
        warc_headers_dict: Mapping[str, str] | None = ...,
        warc_headers: StatusAndHeaders | None = ...,
        http_headers: StatusAndHeaders | None = ...,
    ) -> object: ...
