"""Which table is in force: the house's own, or the one CityWatch came with?

What a law or the organization may change (deadlines, holidays, forms) is data. A file of the same name under
`tables/` in the installation's folder takes the place of ours, without any code.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from citywatch.errors import ContentError
from citywatch.schema import TABLES

LARGEST = 4 * 1024 * 1024


def house_table(data: Path, name: str) -> Path:
    """The file to read."""
    own = data / "tables" / name
    return own if own.is_file() else TABLES / name


def read_toml(file: Path) -> dict[str, Any]:
    """A table in TOML.

    Raises:
        ContentError: it cannot be read, or is no TOML; with the line.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise ContentError(str(file), None, f"the table is larger than {LARGEST} bytes")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContentError(str(file), None, str(error)) from error
