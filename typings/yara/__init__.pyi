from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

__version__: str
YARA_VERSION: str

class Error(Exception): ...
class TimeoutError(Error): ...  # noqa: A001 - the library's own name

class StringMatchInstance:
    offset: int
    matched_data: bytes

class StringMatch:
    identifier: str
    instances: list[StringMatchInstance]

class Match:
    rule: str
    namespace: str
    tags: list[str]
    strings: list[StringMatch]

class Rule:
    identifier: str
    tags: list[str]
    meta: dict[str, Any]
    is_private: bool

class Rules:
    warnings: list[str]
    def __iter__(self) -> Iterator[Rule]: ...
    def match(
        self, *, data: bytes, externals: Mapping[str, str] = ..., timeout: int = ...
    ) -> list[Match]: ...
    def save(self, *, file: BinaryIO) -> None: ...

def compile(  # noqa: A001 - the library's own name
    *,
    source: str = ...,
    sources: Mapping[str, str] = ...,
    externals: Mapping[str, str] = ...,
    include_callback: Callable[[str, str | None, str], str | None] = ...,
) -> Rules: ...
def load(*, file: BinaryIO) -> Rules: ...
