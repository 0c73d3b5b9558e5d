"""What are the numbers of TLS cipher suites called?"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def _table() -> dict[int, str]:
    lines = Path(__file__).with_name("suites.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines[1:])
    return {int(code, 16): name for code, name in rows}


@cache
def suite(value: int) -> str:
    """The IANA name, or the number where the table has none.

    >>> suite(0x1301), suite(0xFEDC)
    ('TLS_AES_128_GCM_SHA256', '0xfedc')
    """
    return _table().get(value) or f"0x{value:04x}"
