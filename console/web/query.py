"""What does a line typed into a search box mean?

    source.ip:10.0.0.0/8 url.path:*admin* -http.response.status_code:404
    (dns.question.name:"a.example" OR dns.question.name:*.example) destination.port:>=1024
    event.sequence:[5 TO 9]   file.hash.sha256:*   "text anywhere"

Terms stand side by side (AND), with OR, NOT or `-`, and brackets. Quoted values are literal; in bare ones `*`
and `?` are wildcards; a lone `*` asks that the field has a value. A word without a field is looked for in all
text. The result is a `ports.Condition`, which both stores answer alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from citywatch import schema
from citywatch.model import Severity
from citywatch.ports import All, Condition, Either, Everything, Exists, Is, Like, Not, Range, Text

LONGEST = 2000
DEEPEST = 20
MOST_TERMS = 100

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\()|(?P<close>\))|
      (?P<not>-(?=[\w"(]))|
      (?P<field>[@\w][\w.@-]*):(?=\S)|
      "(?P<quoted>(?:\\.|[^"\\])*)"|
      (?P<bare>(?:\\.|[^\s()"\\]|\\(?=\s|$))+)
    )""",
    re.VERBOSE | re.DOTALL,
)


_VALUE = re.compile(
    r"""
      "(?P<quoted>(?:\\.|[^"\\])*)"|
      \[(?P<low>[^\s\]]{1,200})\s+TO\s+(?P<high>[^\s\]]{1,200})\]|
      (?P<bare>(?:\\.|[^\s()"\\]|\\(?=\s|$))+)
    """,
    re.VERBOSE | re.DOTALL,
)
"""What may stand behind a field's colon: also what begins with a dash or has colons in it."""


@dataclass(eq=False)
class QueryError(Exception):
    """A line that cannot be read: where, and what is wrong (a code of `WORDS['query']`), about what."""

    at: int
    code: str
    about: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.at}: {self.code}: {self.about}" + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    high: str = ""


Atom = Callable[[str, Callable[[str], Condition]], Condition]
"""Makes the condition for a field as typed, given how to ask one stored field."""


def read_event_query(text: str) -> Condition:
    """Read a query over events.

    >>> read_event_query('source.ip:10.0.0.0/8 -tags:*')
    All(parts=(Is(field='source.ip', value='10.0.0.0/8'), Not(part=Exists(field='tags'))))

    Raises:
        QueryError: it cannot be read, or names a field that no event can have.
    """

    def atom(name: str, ask: Callable[[str], Condition]) -> Condition:
        if schema.resolve(name) is None:
            raise QueryError(0, "unknown_field", name, schema.suggest(name))
        return ask(name)

    return _Reader(_tokens(text), atom).whole()


ALERT_FIELDS = {
    "title": ("title", "title_vi"),
    "subject": ("subject",),
    "rule": ("rule_id",),
    "severity": ("severity",),
    "agency": ("agency",),
    "asset": ("asset",),
    "category": ("category",),
    "tag": ("tags",),
    "count": ("count",),
    "level": ("asset_level",),
    "id": ("id",),
}
"""Names of the alert inbox; any event field may be asked for too."""


STATE_FIELDS = ("state", "assignee")
"""Of an alert's handling, which is a record of its own: asked for at the top of a line, once each."""


def take_states(text: str) -> tuple[str, dict[str, str]]:
    """A line without what it asks of an alert's handling, and that; the whole line where it cannot be told.

    >>> take_states("severity:high state:closed assignee:lan")
    ('severity:high', {'state': 'closed', 'assignee': 'lan'})
    >>> take_states("severity:high OR state:closed")
    ('severity:high OR state:closed', {})
    """
    try:
        tokens = _tokens(text)
    except QueryError:
        return text, {}
    if any(token.kind == "or" for token in tokens):
        return text, {}
    depth, taken, cuts = 0, dict[str, str](), list[tuple[int, int]]()
    for place, token in enumerate(tokens):
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        before = tokens[place - 1].kind if place else ""
        wanted = token.kind == "field" and token.text in STATE_FIELDS and token.text not in taken
        if not wanted or depth or before in {"not", "and"} or place + 1 >= len(tokens):
            continue
        value = tokens[place + 1]
        if value.kind not in {"bare", "quoted"} or (
            value.kind == "bare" and re.search(r"[*?<>]", value.text)
        ):
            continue
        after = tokens[place + 2] if place + 2 < len(tokens) else None
        if after is not None and after.kind == "and":
            continue
        end = len(text) if after is None else after.at - (after.kind == "quoted")
        taken[token.text] = _literal(value.text)
        cuts.append((token.at, end))
    for start, end in reversed(cuts):
        text = text[:start] + text[end:]
    return text.strip(), taken


def read_alert_query(text: str) -> Condition:
    """Read a query over alerts.

    >>> read_alert_query('severity:high agency:so-y-te')
    All(parts=(Is(field='severity', value=3), Is(field='agency', value='so-y-te')))

    Raises:
        QueryError: it cannot be read, or names a field that no alert can have.
    """

    def atom(name: str, ask: Callable[[str], Condition]) -> Condition:
        stored = ALERT_FIELDS.get(name)
        if stored is None and schema.resolve(name) is not None:
            stored = (f"values.{name}", f"subject_fields.{name}")
        if stored is None:
            raise QueryError(0, "unknown_field", name, schema.suggest(name))
        asked = tuple(ask(one) for one in stored)
        return asked[0] if len(asked) == 1 else Either(asked)

    return _Reader(_tokens(text), atom).whole()


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise QueryError(LONGEST, "too_long")
    found: list[_Token] = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        after_field = bool(found) and found[-1].kind == "field"
        met = (_VALUE if after_field else _TOKEN).match(text, place)
        if met is None or met.end() == place:
            if after_field:
                raise QueryError(place, "value_missing", found[-1].text)
            raise QueryError(place, "not_understood", text[place : place + 20])
        found.append(_token(met, after_field=after_field))
        place = met.end()
    if len(found) > MOST_TERMS:
        raise QueryError(found[MOST_TERMS].at, "too_many")
    return found


def _token(met: re.Match[str], *, after_field: bool) -> _Token:
    kind = met.lastgroup or ""
    if kind == "high":
        return _Token("range", met["low"], met.start("low"), met["high"])
    if kind == "bare" and not after_field and met["bare"] in {"OR", "AND", "NOT"}:
        return _Token(met["bare"].lower(), met["bare"], met.start("bare"))
    return _Token(kind, met[kind], met.start(kind))


@dataclass(slots=True)
class _Reader:
    """A recursive descent over the tokens; brackets and NOTs at most 20 deep."""

    tokens: list[_Token]
    atom: Atom
    place: int = 0
    depth: int = field(default=0)

    def whole(self) -> Condition:
        if not self.tokens:
            return Everything()
        condition = self.either()
        if self.place < len(self.tokens):
            raise self.error("not_understood", self.tokens[self.place])
        return condition

    def peek(self) -> str:
        return self.tokens[self.place].kind if self.place < len(self.tokens) else ""

    def take(self) -> _Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def error(self, code: str, token: _Token | None) -> QueryError:
        if token is None:
            last = self.tokens[-1]
            return QueryError(last.at + len(last.text), code)
        return QueryError(token.at, code, token.text)

    def either(self) -> Condition:
        parts = [self.every()]
        while self.peek() == "or":
            self.take()
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def every(self) -> Condition:
        parts = [self.negated()]
        while self.peek() not in {"", "or", "close"}:
            if self.peek() == "and":
                self.take()
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def negated(self) -> Condition:
        if self.peek() not in {"not", "open"}:
            return self.term()
        token = self.take()
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("too_deep", token)
        if token.kind == "not":
            condition: Condition = Not(self.negated())
        else:
            condition = self.either()
            if self.peek() != "close":
                raise self.error("bracket_open", token)
            self.take()
        self.depth -= 1
        return condition

    def term(self) -> Condition:
        if self.place >= len(self.tokens):
            raise self.error("ends_early", None)
        token = self.take()
        if token.kind in {"bare", "quoted"}:
            return Text(_literal(token.text))
        if token.kind != "field":
            raise self.error("not_understood", token)
        if self.peek() not in {"bare", "quoted", "range"}:
            raise self.error("value_missing", token)
        value = self.take()
        try:
            return self.atom(token.text, lambda stored: _ask(token.text, stored, value))
        except QueryError as error:
            raise QueryError(error.at or token.at, error.code, error.about, error.hint) from error


def _literal(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


_BOUND = re.compile(r"(>=|<=|>|<)(.+)", re.DOTALL)
_STEP = 1e-9


def _ask(typed: str, stored: str, value: _Token) -> Condition:
    if value.kind == "range":
        return Range(stored, _bound(typed, value.text), _bound(typed, value.high))
    if value.kind == "quoted":
        return Is(stored, _plain(typed, _literal(value.text)))
    if value.text == "*":
        return Exists(stored)
    compared = _BOUND.fullmatch(value.text)
    if compared:
        return _compare(stored, compared[1], _bound(typed, compared[2]))
    if re.search(r"(?<!\\)[*?]", value.text):
        return Like(stored, value.text)
    return Is(stored, _plain(typed, _literal(value.text)))


def _compare(stored: str, sign: str, bound: str | float | None) -> Condition:
    if sign in {">", ">="}:
        wide: Condition = Range(stored, bound, None)
    else:
        wide = Range(stored, None, bound)
    if len(sign) == len(">=") or bound is None:
        return wide
    return All((wide, Not(Range(stored, bound, bound))))


def _bound(typed: str, text: str) -> str | float | None:
    if text == "*":
        return None
    plain = _plain(typed, _literal(text))
    if isinstance(plain, str) and re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", plain):
        return float(plain) if "." in plain else int(plain)
    return plain


def _plain(typed: str, text: str) -> str | int:
    if typed == "severity":
        level = Severity.__members__.get(text.lower())
        if level is None:
            raise QueryError(0, "unknown_severity", text, ", ".join(Severity.__members__))
        return int(level)
    known = schema.resolve(typed)
    number = (known is not None and known.type in {"long", "float"}) or typed in {"count", "level"}
    return int(text) if number and re.fullmatch(r"[+-]?\d{1,18}", text) else text
