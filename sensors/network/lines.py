"""Where do the lines of a line-wise protocol end?"""

from __future__ import annotations

LONGEST = 1 << 16


class Lines:
    """Cuts the bytes of one side into lines without their ends."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def add(self, data: bytes) -> list[bytes]:
        """The lines that are now whole.

        Raises:
            ValueError: a line without end.
        """
        if b"\n" not in data:
            self._held += data
            if len(self._held) > LONGEST:
                raise ValueError("a line without end")
            return []
        *whole, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST:
            raise ValueError("a line without end")
        return [line.rstrip(b"\r") for line in whole]

    def rest(self) -> bytes:
        """What has no end yet; taken away."""
        held, self._held = self._held, b""
        return held

    @property
    def waiting(self) -> bytes:
        """What has no end yet; left."""
        return self._held
