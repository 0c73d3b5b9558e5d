"""How do the first choices of an administrator get into the settings file?

The file keeps its comments. A choice that does not hold is refused before anything is written; what was
written takes effect with the next start of the service.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from citywatch.errors import SettingsError
from citywatch.settings import Settings, load_settings

FILE = "citywatch.toml"


def write(data: Path, chosen: Mapping[str, Mapping[str, Any] | Any]) -> Settings:
    """Put values into the settings file: of a section a mapping, else of the top.

    Raises:
        SettingsError: a value does not hold, or the file cannot be written; tells why.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    file = data / FILE
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(f"{file}: {error}") from error
    for name, held in chosen.items():
        if isinstance(held, Mapping):
            section: Any = document.setdefault(name, tomlkit.table())
            section.update(held)
        else:
            document[name] = held
    text = tomlkit.dumps(document)
    settings = _checked(text)
    _replace(file, text)
    return settings


def _checked(text: str) -> Settings:
    """Read the text as the service will."""
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        (Path(folder) / FILE).write_text(text, encoding="utf-8")
        try:
            return load_settings(Path(folder), environ={})
        except SettingsError as error:
            raise SettingsError(str(error).replace(str(Path(folder) / FILE), FILE)) from error


def _replace(file: Path, text: str) -> None:
    """Whole or not at all, and readable by the service's user only."""
    fresh = file.with_suffix(".new")
    try:
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from error
