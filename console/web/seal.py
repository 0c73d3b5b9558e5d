"""How are secrets kept, so that whoever reads the store, or a cookie, cannot use them?

Secrets of second factors lie in the store, and what is remembered between two steps of a login in a cookie;
both are encrypted and signed with a key in `DATA/console.key`, readable by the service's user only. Every
node of one installation needs the same file.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from citywatch.errors import SettingsError


class Seal:
    """Closes and opens texts; the key is made when it is first needed."""

    def __init__(self, data: Path) -> None:
        self._file = data / "console.key"

    def close(self, text: str, at: datetime) -> str:
        """Encrypt and sign a text."""
        return self._fernet().encrypt_at_time(text.encode(), int(at.timestamp())).decode()

    def open(self, sealed: str, at: datetime, life: timedelta | None = None) -> str | None:
        """The text, or None when it was not closed with this key, was changed, or is older than its life."""
        fernet = self._fernet()
        try:
            if life is None:
                return fernet.decrypt(sealed.encode()).decode()
            return fernet.decrypt_at_time(
                sealed.encode(), int(life.total_seconds()), int(at.timestamp())
            ).decode()
        except InvalidToken:
            return None

    def _fernet(self) -> Fernet:
        try:
            return Fernet(self._key())
        except ValueError as error:
            raise SettingsError(f"{self._file} holds no key; put it back from a backup") from error

    def _key(self) -> bytes:
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_name(f"console.key.{os.getpid()}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(Fernet.generate_key())
            try:
                os.link(fresh, self._file)  # of two who start at once, the first one's key stays
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return self._file.read_bytes()
