"""Where does one syslog message of a stream end and the next begin?

Both ways of RFC 6587, told apart message by message: octet counting (`57 <34>1 …`, the only one that RFC 5425
allows over TLS) and lines. A length counts only when a priority follows it, so that a line that begins with a
year stays a line. Nothing grows beyond `longest`: of a longer message its beginning is kept, the rest is
passed over and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_DIGITS = 9
"""Digits of a length; who sends more sends no syslog."""
_DIGITS = b"123456789"


@dataclass(slots=True)
class Frames:
    """The messages of one stream, however it is cut into pieces."""

    longest: int
    too_long: int = 0
    """Messages that were cut."""
    _rest: bytes = field(default=b"", init=False)
    _seen: int = field(default=0, init=False)
    """Bytes of the rest in which no line ends."""
    _skip: int = field(default=0, init=False)
    """Bytes of a counted message that are still to be passed over."""
    _skip_line: bool = field(default=False, init=False)

    @property
    def open(self) -> bool:
        """A message has begun and not ended."""
        return bool(self._rest) or self._skip > 0 or self._skip_line

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that end in this piece."""
        found: list[bytes] = []
        data = self._passed_over(data)
        if self._rest:
            data = self._rest + data
        at = 0
        while at < len(data):
            counted = self._counted(data, at)
            if counted is None:
                break
            end = self._take(data, at, counted, found)
            if end is None:
                break
            at, self._seen = end, 0
        self._rest = data[at:]
        return found

    def close(self) -> tuple[list[bytes], bool]:
        """What is left when the stream ends: a last line, and whether a counted message was cut off."""
        rest, self._rest = self._rest, b""
        if not rest:
            return [], self._skip > 0
        counted = self._counted(rest, 0)
        whole = counted == (0, 0)
        return ([rest.rstrip(b"\r\0")] if whole else []), not whole

    def _passed_over(self, data: bytes) -> bytes:
        """Take off what belongs to a message that was cut."""
        if self._skip:
            taken = min(self._skip, len(data))
            self._skip -= taken
            data = data[taken:]
        if self._skip_line:
            end = data.find(b"\n")
            self._skip_line = end < 0
            data = b"" if end < 0 else data[end + 1 :]
        return data

    def _counted(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Begin and length of a counted message; (0, 0) for a line; None when that is not clear yet."""
        if data[at] not in _DIGITS:
            return 0, 0
        space = data.find(b" ", at, at + MOST_DIGITS + 1)
        digits = data[at : space if space >= 0 else at + MOST_DIGITS + 1]
        if not digits.isdigit():
            return 0, 0
        if space < 0:
            return None if len(digits) <= MOST_DIGITS else (0, 0)
        if space + 1 == len(data):
            return None
        return (space + 1, int(digits)) if data[space + 1] == ord("<") else (0, 0)

    def _take(self, data: bytes, at: int, counted: tuple[int, int], found: list[bytes]) -> int | None:
        """Take the message that begins here; gives where the next begins, None while it has not ended."""
        begin, length = counted
        if not begin:
            return self._line(data, at, found)
        kept = min(length, self.longest)
        if len(data) < begin + kept:
            return None
        _add(found, data[begin : begin + kept])
        end = begin + length
        if length > kept:
            self.too_long += 1
            self._skip = max(0, end - len(data))
        return min(end, len(data))

    def _line(self, data: bytes, at: int, found: list[bytes]) -> int | None:
        end = data.find(b"\n", at + self._seen)
        if end < 0:
            self._seen = len(data) - at
            if self._seen <= self.longest:
                return None
            self._skip_line = True
        elif end - at <= self.longest:
            _add(found, data[at:end])
            return end + 1
        self.too_long += 1
        _add(found, data[at : at + self.longest])
        return len(data) if end < 0 else end + 1


def _add(found: list[bytes], message: bytes) -> None:
    message = message.rstrip(b"\r\n\0")
    if message:
        found.append(message)
