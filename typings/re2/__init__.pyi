class error(Exception): ...  # noqa: N801, N818 - the library's own name

class Options:
    def __init__(self) -> None: ...
    log_errors: bool
    never_nl: bool
    one_line: bool
    dot_nl: bool
    case_sensitive: bool
    max_mem: int

class Found:
    def group(self, group: int = 0, /) -> str: ...

class Pattern:
    def search(self, text: str | bytes, pos: int | None = None) -> Found | None: ...

def compile(pattern: str | bytes, options: Options | None = None) -> Pattern: ...  # noqa: A001 - as re.compile
