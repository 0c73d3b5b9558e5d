"""What does a rule ask, in our own words?

pySigma's condition tree, with modifiers applied, our field names put in and placeholders filled, as plain
data: it can be stored (msgspec, never pickle), evaluated slowly (`oracle`), compiled (`compile`) and turned
into a store's condition (`hunt`). Hot path: msgspec Structs instead of dataclasses, because they carry the
tag.

Text is compared without regard to letter case unless `cased`; see `fold`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

MANY = 0
"""In `Like.pieces`: any run of characters (`*`)."""
ONE = 1
"""In `Like.pieces`: exactly one character (`?`)."""


def fold(text: str) -> str:
    """Lower-case character by character, as Lucene does, so that pieces of a text fold like the whole.

    `str.lower` alone looks at neighbors (a final Greek sigma) and lengthens the Turkish capital İ.

    >>> fold("CMD.EXE"), fold("ΟΔΟΣ"), fold("İ")
    ('cmd.exe', 'οδοσ', 'i')
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def text_of(value: Any) -> str:
    """The text of an event's value, as patterns see it.

    >>> text_of(True), text_of(4688), text_of(1.5), text_of(2.0)
    ('true', '4688', '1.5', '2')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class Node(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Any part of a rule's question."""


class And(Node, frozen=True, gc=False):
    """Every part says yes."""

    parts: tuple[Tree, ...]


class Or(Node, frozen=True, gc=False):
    """Some part says yes."""

    parts: tuple[Tree, ...]


class Not(Node, frozen=True, gc=False):
    """The part says no."""

    part: Tree


class Const(Node, frozen=True, gc=False):
    """Decided already: yes or no to every event (a selector that selects nothing, a gate that is known)."""

    yes: bool


class Like(Node, frozen=True, gc=False):
    """Text with wildcards; no wildcard means equal. Folded already unless `cased`. Field "" is any value."""

    field: str
    pieces: tuple[str | int, ...]
    cased: bool = False


class Number(Node, frozen=True, gc=False):
    """A number: equal as a number, or as the same digits in text."""

    field: str
    value: int | float


class Bool(Node, frozen=True, gc=False):
    """true or false, or that word in text."""

    field: str
    value: bool


class Null(Node, frozen=True, gc=False):
    """The field is not there, or holds nothing (an empty text is something)."""

    field: str


class Exists(Node, frozen=True, gc=False):
    """The field is there, even if it is null or empty."""

    field: str
    want: bool


class Regex(Node, frozen=True, gc=False):
    """A regular expression, in RE2's syntax and meaning, found anywhere. Field "" is any value."""

    field: str
    pattern: str
    flags: str = ""
    """Of `i`, `m` and `s`."""


class Cidr(Node, frozen=True, gc=False):
    """The field holds an address of this network."""

    field: str
    network: str


class Compare(Node, frozen=True, gc=False):
    """The field holds a number that is lt, lte, gt or gte this one."""

    field: str
    op: str
    number: int | float


class TimePart(Node, frozen=True, gc=False):
    """The field holds a time (read in UTC) whose minute, hour, day, week, month or year is this.

    With `op` (lt, lte, gt, gte, neq): is less or more than this.
    """

    field: str
    part: str
    number: int | float
    op: str = "eq"


class FieldRef(Node, frozen=True, gc=False):
    """The two fields hold equal text (or one begins, ends with, or contains the other's)."""

    field: str
    other: str
    starts: bool = False
    ends: bool = False
    cased: bool = False


class Ref(Node, frozen=True, gc=False):
    """In a correlation's extended condition: that rule has fired."""

    rule_id: str


Atom = Like | Number | Bool | Null | Exists | Regex | Cidr | Compare | TimePart | FieldRef
Tree = Atom | And | Or | Not | Const | Ref


def atoms(tree: Tree) -> Iterator[Atom]:
    """Every question to a field in this tree, left to right."""
    if isinstance(tree, And | Or):
        for part in tree.parts:
            yield from atoms(part)
    elif isinstance(tree, Not):
        yield from atoms(tree.part)
    elif not isinstance(tree, Const | Ref):
        yield tree


def pattern_text(pieces: tuple[str | int, ...]) -> str:
    r"""Write pieces as a rule would: `*` and `?` are wildcards, backslash escapes them.

    >>> pattern_text((MANY, "50%*", ONE))
    '*50%\\*?'
    """
    return "".join(
        part.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
        if isinstance(part, str)
        else "*?"[part]
        for part in pieces
    )
