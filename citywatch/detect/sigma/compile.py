"""How does one rule become Python code that answers for one event?

The tree is written out as one expression over values that were lower-cased once for all rules (`View`).
Each rule has two forms: for events whose fields hold one value each, and for events with lists. The code is
made when a rule is first a candidate, from the tree: nothing executable is ever stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import ahocorasick_rs

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.oracle import BOOKKEEPING, MAX_VALUE, MAX_VALUES
from citywatch.detect.sigma.prefilter import regex_literals, regex_width
from citywatch.detect.sigma.tree import MANY, Tree, fold, text_of
from citywatch.model import Event

MANY_LITERALS = 12
"""From so many literals on, one automaton beats one `in` after the other."""

Answer = Callable[["View", dict[str, str], dict[str, str]], bool]
"""Takes the view, its folded texts and its texts as they are."""


class ManyValues(Exception):  # noqa: N818 - a turn to the other form, not an error
    """A field holds a list of several values: ask the rule's other form."""


class View:
    """One event as compiled rules see it: each value cut, made text and folded at most once."""

    __slots__ = ("event", "keywords", "lists", "long_values", "low", "raw")

    def __init__(self) -> None:
        self.event: Event = {}
        self.low = _Low(self)
        self.raw = _Raw(self)
        self.lists: dict[str, list[Any]] = {}
        self.keywords: tuple[list[str], list[str], str] | None = None
        self.long_values = 0

    def take(self, event: Event) -> None:
        """Turn to the next event."""
        self.event = event
        self.low.clear()
        self.raw.clear()
        self.lists.clear()
        self.keywords = None

    def single(self, field: str) -> Any:
        """The one value of a field, None for nothing.

        Raises:
            ManyValues: it holds several.
        """
        value: Any = self.event.get(field)
        if value.__class__ is list:
            several = [each for each in cast("list[Any]", value)[:MAX_VALUES] if each is not None]
            if len(several) > 1:
                raise ManyValues
            value = several[0] if several else None
        if value.__class__ is str and len(value) > MAX_VALUE:
            self.long_values += 1
            value = value[:MAX_VALUE]
        return value

    def several(self, field: str) -> list[Any]:
        """Every value of a field that is not null."""
        found = self.lists.get(field)
        if found is None:
            value = self.event.get(field)
            listed = cast("list[Any]", value)[:MAX_VALUES] if isinstance(value, list) else [value]
            found = [
                each[:MAX_VALUE] if isinstance(each, str) else each for each in listed if each is not None
            ]
            self.lists[field] = found
        return found

    def words(self) -> tuple[list[str], list[str], str]:
        """All values of the event for keywords: as they are, folded, and the folded ones in one text."""
        found = self.keywords
        if found is None:
            raw = [
                text_of(value)
                for name in self.event
                if name not in BOOKKEEPING
                for value in self.several(name)
            ]
            low = [text.lower() if text.isascii() else fold(text) for text in raw]
            found = self.keywords = (raw, low, "\0".join(low))
        return found


class _Low(dict[str, str]):
    """Folded text of a field's one value; empty when there is none."""

    __slots__ = ("view",)

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def __missing__(self, field: str) -> str:
        value: Any = self.view.event.get(field)
        if value.__class__ is not str or len(value) > MAX_VALUE:
            value = self.view.raw[field]
        text = value.lower() if value.isascii() else fold(value)
        self[field] = text
        return text


class _Raw(dict[str, str]):
    """Text of a field's one value as it is; empty when there is none."""

    __slots__ = ("view",)

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def __missing__(self, field: str) -> str:
        value = self.view.single(field)
        text = value if value.__class__ is str else "" if value is None else text_of(value)
        self[field] = text
        return text


def compile_rule(part: Tree, *, lists: bool) -> Answer:
    """Make the function that answers a tree's question for a `View`."""
    writer = _Writer(lists=lists)
    source = writer.write(part)
    code = compile(f"lambda V, L, R: {source}", "<sigma rule>", "eval")
    return cast("Answer", eval(code, {"__builtins__": {}, **writer.names}))  # noqa: S307 - we wrote the source


_WEIGHTS: dict[type, float] = {tree.Regex: 20, tree.Cidr: 3, tree.TimePart: 4, tree.Compare: 2.5}
_MOST_ADDRESSES = 8192
_LONGEST_ADDRESS = 45


def weight(part: Tree) -> float:
    """Roughly what it costs to ask: the parts of an And are asked cheapest first."""
    if isinstance(part, tree.And):
        return 0.6 * sum(map(weight, part.parts))
    if isinstance(part, tree.Or):
        return sum(map(weight, part.parts))
    if isinstance(part, tree.Not):
        return weight(part.part)
    if isinstance(part, tree.Like):
        shape = _shape(part)
        if not part.field:
            return 10
        return {"contains": 2.0, "equals": 0.5}.get(shape[0], 1.0) if shape else 15
    return _WEIGHTS.get(part.__class__, 1.5)


class _Writer:
    """Writes a tree as a Python expression; constants go into `names`, never into the source."""

    def __init__(self, *, lists: bool) -> None:
        self.lists = lists
        self.names: dict[str, Any] = {"any": any, "bool": bool}

    def constant(self, value: Any) -> str:
        """Give a value a name in the code."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def write(self, part: Tree) -> str:
        if isinstance(part, tree.And):
            return self._join(" and ", map(self.write, sorted(part.parts, key=weight))) or "True"
        if isinstance(part, tree.Or):
            return self._join(" or ", self._alternatives(part)) or "False"
        if isinstance(part, tree.Not):
            return f"(not {self.write(part.part)})"
        if isinstance(part, tree.Const | tree.Ref):
            return str(isinstance(part, tree.Const) and part.yes)
        return self._atom(part)

    @staticmethod
    def _join(word: str, parts: Iterable[str]) -> str:
        listed = list(parts)
        return f"({word.join(listed)})" if listed else ""

    def _alternatives(self, part: tree.Or) -> Iterator[str]:
        """Group simple texts on one field: one look into a set or automaton instead of many comparisons."""
        groups: dict[tuple[str, str, bool], list[str]] = {}
        networks: dict[str, list[str]] = {}
        rest: list[Tree] = []
        for each in part.parts:
            if isinstance(each, tree.Cidr):
                networks.setdefault(each.field, []).append(each.network)
                continue
            shape = _shape(each) if isinstance(each, tree.Like) else None
            if shape is None or not shape[1] or not cast("tree.Like", each).field:
                rest.append(each)
            else:
                like = cast("tree.Like", each)
                groups.setdefault((like.field, shape[0], like.cased), []).append(shape[1])
        for (field, kind, cased), texts in groups.items():
            yield self._over(field, cased=cased, test=self._group(kind, texts))
        for field, listed in networks.items():
            yield self._in_networks(field, listed)
        yield from map(self.write, sorted(rest, key=weight))

    def _group(self, kind: str, texts: list[str]) -> str:
        unique = tuple(dict.fromkeys(texts))
        if kind == "equals":
            return f"{{x}} in {self.constant(frozenset(unique))}"
        if kind in ("startswith", "endswith"):
            return f"{{x}}.{kind}({self.constant(unique)})"
        if len(unique) > MANY_LITERALS:
            automaton = ahocorasick_rs.AhoCorasick(unique)
            return f"bool({self.constant(automaton.find_matches_as_indexes)}({{x}}))"
        return "(" + " or ".join(f"{self.constant(text)} in {{x}}" for text in unique) + ")"

    def _over(self, field: str, *, cased: bool = False, test: str) -> str:
        """Ask a test of a field's text; `{x}` stands for the text."""
        name = self.constant(field)
        if not self.lists:
            return "(" + test.replace("{x}", f"{'R' if cased else 'L'}[{name}]") + ")"
        text = self.constant(text_of if cased else _folded)
        return f"any({test.replace('{x}', f'{text}(v)')} for v in V.several({name}))"

    def _there(self, field: str) -> str:
        name = self.constant(field)
        return f"bool(V.several({name}))"

    def _atom(self, atom: tree.Atom) -> str:  # noqa: C901, PLR0911 - one case a kind of question
        match atom:
            case tree.Like(field=""):
                return self._keyword(atom)
            case tree.Like():
                return self._like(atom)
            case tree.Number() | tree.Bool():
                cased = isinstance(atom, tree.Number)
                test = f"{{x}} == {self.constant(text_of(atom.value))}"
                return self._over(atom.field, cased=cased, test=test)
            case tree.Null():
                return f"(not {self._there(atom.field)})"
            case tree.Exists():
                return f"(({self.constant(atom.field)} in V.event) is {atom.want})"
            case tree.Regex():
                return self._regex(atom)
            case tree.Cidr():
                return self._in_networks(atom.field, [atom.network])
            case tree.FieldRef() if not self.lists:
                return self._same(atom)
            case tree.Compare() | tree.TimePart() if not self.lists:
                return f"{self.constant(_measured(atom))}(V.single({self.constant(atom.field)}))"
            case _:
                holds = self.constant(oracle.holds)
                return f"({holds}({self.constant(atom)}, V.event) is not None)"

    def _in_networks(self, field: str, networks: Sequence[str]) -> str:
        test = f"{self.constant(_networks(frozenset(networks)))}[{{x}}]"
        return self._over(field, cased=True, test=test)

    def _regex(self, atom: tree.Regex) -> str:
        finds = _searcher(atom.pattern, atom.flags)
        search = self.constant(finds)
        if not atom.field:
            return f"any({search}(x) for x in V.words()[0])"
        width = self.constant(regex_width(atom.pattern))
        test = f"({self.constant(len)}({{x}}) >= {width} and {search}({{x}}))"
        found = self._over(atom.field, cased=True, test=test)
        literals = regex_literals(atom.pattern, atom.flags)
        if literals and not self.lists:
            found = f"({self._over(atom.field, test=self._group('contains', list(literals)))} and {found})"
        return f"({self._there(atom.field)} and {found})" if finds("") else found

    def _same(self, atom: tree.FieldRef) -> str:
        mine, theirs = (f"L[{self.constant(name)}]" for name in (atom.field, atom.other))
        if atom.starts and atom.ends:
            test = f"{theirs} in {mine}"
        elif atom.starts or atom.ends:
            test = f"{mine}.{'startswith' if atom.starts else 'endswith'}({theirs})"
        else:
            test = f"{mine} == {theirs}"
        return f"({test} and {self._there(atom.field)} and {self._there(atom.other)})"

    def _like(self, atom: tree.Like) -> str:
        shape = _shape(atom)
        if shape is None:
            texts = [piece for piece in atom.pieces if isinstance(piece, str)]
            guard = f"{self.constant(max(texts, key=len))} in {{x}} and " if texts else ""
            test = f"({guard}{self.constant(_fitter(atom.pieces))}({{x}}))"
        else:
            test = self._group(shape[0], [shape[1]])
        found = self._over(atom.field, cased=atom.cased, test=test)
        may_be_empty = all(piece in (MANY, "") for piece in atom.pieces)
        return f"({self._there(atom.field)} and {found})" if may_be_empty else found

    def _keyword(self, atom: tree.Like) -> str:
        shape = _shape(atom)
        words = f"V.words()[{0 if atom.cased else 1}]"
        if shape is not None and shape[0] == "contains":
            text = self.constant(shape[1])
            if not atom.cased and "\0" not in shape[1]:
                return f"({text} in V.words()[2])" if shape[1] else f"bool({words})"
            return f"any({text} in x for x in {words})"
        return f"any({self.constant(_fitter(atom.pieces))}(x) for x in {words})"


class _Networks(dict[str, bool]):
    """Whether an address lies in one of some networks: addresses come again and again."""

    __slots__ = ("_networks",)

    def __init__(self, networks: Iterable[str]) -> None:
        super().__init__()
        self._networks = tuple(map(oracle.network_of, networks))

    def __missing__(self, text: str) -> bool:
        held = oracle.addresses_of(text)
        found = any(address in network for address in held for network in self._networks)
        if len(text) <= _LONGEST_ADDRESS:
            if len(self) >= _MOST_ADDRESSES:
                self.clear()
            self[text] = found
        return found


_networks = lru_cache(maxsize=512)(_Networks)
"""Rules that ask for the same networks share what is remembered of them."""


def _measured(atom: tree.Compare | tree.TimePart) -> Callable[[Any], bool]:
    """Ask the one value of a field for its number or its time."""
    enough = oracle.COMPARE[atom.op]
    number = atom.number
    if isinstance(atom, tree.Compare):

        def compared(value: Any) -> bool:
            held = oracle.number_of(value)
            return held is not None and enough(held, number)

        return compared
    part = atom.part

    def timed(value: Any) -> bool:
        held = oracle.time_part(value, part)
        return held is not None and enough(held, number)

    return timed


def _folded(value: Any) -> str:
    return fold(text_of(value))


def _shape(atom: tree.Like) -> tuple[str, str] | None:
    """equals, startswith, endswith or contains with its one text; None for anything else."""
    pieces = atom.pieces
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) != 1 or tree.ONE in pieces:
        return ("equals", "") if not pieces else ("contains", "") if pieces == (MANY,) else None
    before, after = pieces[0] == MANY, pieces[-1] == MANY
    if len(pieces) != 1 + before + after:
        return None
    kind = ("equals", "startswith", "endswith", "contains")[after + 2 * before]
    return kind, texts[0]


def _fitter(pieces: tuple[str | int, ...]) -> Callable[[str], bool]:
    """Wildcards within a text, by RE2: linear in the value whatever the pattern."""
    parts = (_escape(piece) if isinstance(piece, str) else ".*" if piece == MANY else "." for piece in pieces)
    search = oracle.regex("(?s)^" + "".join(parts) + r"\z", "").search

    def fits(text: str) -> bool:
        return search(_bytes(text)) is not None

    return fits


def _searcher(pattern: str, flags: str) -> Callable[[str], bool]:
    search = oracle.regex(pattern, flags).search

    def found(text: str) -> bool:
        return search(_bytes(text)) is not None

    return found


def _bytes(text: str) -> bytes:
    return text.encode() if text.isascii() else oracle.clean(text).encode()


def _escape(text: str) -> str:
    """Quote for RE2, which takes only ASCII punctuation behind a backslash."""
    return "".join(f"\\x{{{ord(char):x}}}" if not char.isalnum() or not char.isascii() else char
                   for char in oracle.clean(text))  # fmt: skip
