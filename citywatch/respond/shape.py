"""What may stand in a playbook, and where?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from citywatch.respond import when

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: object) -> object:
    """A span of time as people write it, in seconds.

    >>> seconds("30m"), seconds("2h")
    (1800, 7200)
    """
    if isinstance(text, str):
        found = re.fullmatch(r"([0-9]{1,6})\s*([smhd])", text.strip())
        if found is None:
            raise ValueError("a span of time is a number with s, m, h or d, as in 30m")
        return int(found[1]) * _UNITS[found[2]]
    return text


def _readable(text: str) -> str:
    try:
        when.parse(text)
    except when.WhenError as error:
        raise ValueError(str(error)) from error
    return text


Span = Annotated[
    float,
    BeforeValidator(seconds),
    Field(
        ge=0, le=366 * 86400, json_schema_extra={"type": ["string", "number"], "pattern": "^[0-9]+[smhd]$"}
    ),
]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(max_length=20_000)]
Line = Annotated[str, Field(min_length=1, max_length=300)]
When = Annotated[str, Field(max_length=when.LONGEST), AfterValidator(_readable)]
Wanted = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=False)


class Trigger(_Part):
    """What starts the playbook, and which alerts belong to one run."""

    event: Literal["alert", "manual"] = "alert"
    where: dict[str, Wanted | tuple[Wanted, ...]] = Field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    within: Span = 1800.0
    instead_of: tuple[Id, ...] = ()
    """More general playbooks that do not start where this one does."""


class Retry(_Part):
    """How often to try again, and how long to wait before the first time (doubled each time)."""

    times: int = Field(default=3, ge=0, le=50)
    wait: Span = 10.0


class Approve(_Part):
    """Who must agree before the step, how soon, and what becomes of it otherwise."""

    role: Id = "lead"
    within: Span = 1800.0
    on_timeout: Literal["escalate", "skip", "fail"] = "escalate"


class Step(_Part):
    """One thing to do."""

    id: Id
    name: Line = ""
    do: Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)*$", max_length=64)] = ""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    when: When | None = None
    each: Annotated[str, Field(max_length=300)] | None = None
    max_items: int = Field(default=10, ge=1, le=500)
    needs: tuple[Id, ...] | None = None
    retry: Retry = Retry()
    timeout: Span = 60.0
    approve: Approve | None = None
    on_error: Literal["stop", "continue", "escalate"] = "escalate"
    key: Annotated[str, Field(max_length=500)] = ""
    then: Literal["go_on", "end"] = "go_on"
    steps: tuple[Step, ...] = Field(default=(), max_length=50)


class Playbook(_Part):
    """What to do about a kind of alert."""

    playbook: Id
    version: int = Field(ge=1, le=1_000_000)
    name: Line
    name_en: Line
    owner: Line
    risk: Literal["read_only", "notify", "change"]
    trigger: Trigger
    inputs: dict[str, Any] = Field(default_factory=dict)
    guide_vi: Text = ""
    guide_en: Text = ""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=200)

    _source: str = PrivateAttr(default="")
    _templates: dict[str, str] = PrivateAttr(default_factory=dict)
    _digest: str = PrivateAttr(default="")

    @property
    def source(self) -> str:
        """The file it stands in, as the user knows it."""
        return self._source

    @property
    def templates(self) -> Mapping[str, str]:
        """The templates that its steps name: `notice.vi` -> text."""
        return self._templates

    @property
    def digest(self) -> str:
        """Of its content and templates: a run is pinned to it."""
        return self._digest

    @classmethod
    def of(cls, content: object, source: str, templates: Mapping[str, str] | None = None) -> Self:
        """Take a playbook from plain data.

        Raises:
            pydantic.ValidationError: it is not one.
        """
        return cls.model_validate(content).with_templates(source, templates or {})

    def with_templates(self, source: str, templates: Mapping[str, str]) -> Self:
        """This playbook, which now knows where it stands and its templates."""
        self._source = source
        self._templates = dict(templates)
        parts = (
            self.model_dump_json(by_alias=True),
            *(f"{name}={templates[name]}" for name in sorted(templates)),
        )
        self._digest = blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
        return self

    def every_step(self) -> Iterator[Step]:
        """All steps, those inside others after the one that holds them."""
        for step in self.steps:
            yield step
            yield from step.steps
