"""What can go wrong, and how is the user told?

CityWatchError
├── ContentError          a rule, playbook or table is wrong: file, line, what, what to do
├── SettingsError         a setting is missing or wrong
├── InputError            a source (capture, log, page) cannot be read further: source, position
├── JournalError
│   └── JournalFull       the cap is reached and a reader has not seen the oldest records
├── StoreError
│   ├── StoreUnreachable  the store does not answer; what is journalled waits
│   └── Conflict          somebody else wrote this record first
├── RefusedAddress        a fetch was about to connect where it must not
└── ActionFailed          a responder could not do its work; tells whether trying again may help
"""

from __future__ import annotations

from dataclasses import dataclass


class CityWatchError(Exception):
    """The root of every error that CityWatch raises on purpose."""


@dataclass(eq=False)
class ContentError(CityWatchError):
    """A rule, playbook or table that cannot be used, told like a compiler does.

    >>> print(ContentError("rules/a.yml", 14, "field 'url.paht' is not in the event schema",
    ...                    "did you mean 'url.path'?"))
    rules/a.yml:14: field 'url.paht' is not in the event schema; did you mean 'url.path'?
    """

    file: str
    line: int | None
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.what}" + (f"; {self.hint}" if self.hint else "")


class SettingsError(CityWatchError):
    """A setting is missing or wrong; the message names it and says what to do."""


@dataclass(eq=False)
class InputError(CityWatchError):
    """A source that cannot be read any further.

    >>> print(InputError("a.pcap", "byte 24", "the packet header is cut off", "copy the file again"))
    a.pcap: byte 24: the packet header is cut off; copy the file again
    """

    source: str
    position: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.source}: {self.position}" if self.position else self.source
        return f"{place}: {self.what}" + (f"; {self.hint}" if self.hint else "")


class JournalError(CityWatchError):
    """The journal cannot be opened, read or written."""


class JournalFull(JournalError):  # noqa: N818 - the name is the field's term
    """The size cap is reached; the message says how full and which reader lags."""


class StoreError(CityWatchError):
    """The store refused or failed."""


class StoreUnreachable(StoreError):  # noqa: N818 - a state, not only an error
    """The store does not answer. Nothing is lost: the journal holds what waits."""


@dataclass(eq=False)
class Conflict(StoreError):  # noqa: N818 - a state, not only an error
    """A record was changed by somebody else since it was read."""

    kind: str
    record_id: str
    expected: int
    found: int

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.record_id} has version {self.found}, not {self.expected}: "
            "somebody else changed it; read it again and repeat the change"
        )


class RefusedAddress(CityWatchError, OSError):  # noqa: N818 - aiohttp needs an OSError
    """A connection to an address that strangers' URLs must not reach."""


@dataclass(eq=False)
class ActionFailed(CityWatchError):  # noqa: N818 - a state of a step
    """A responder could not do its work; `again` tells whether a retry may help."""

    action: str
    what: str
    again: bool = True

    def __str__(self) -> str:
        return f"{self.action}: {self.what}" + (" (will be tried again)" if self.again else "")
