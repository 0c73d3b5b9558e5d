"""What does a YAML file say, and on which line does it say it?

YAML 1.2 core schema (`on`, `yes` and `no` are texts), no tags, no anchors, every key once, bounded in size
and depth: a playbook may come from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from citywatch.errors import ContentError

LARGEST: Final = 256 * 1024
DEEPEST: Final = 20

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_KNOWN_TAG = re.compile(r"tag:yaml\.org,2002:(map|seq|str|int|float|bool|null|timestamp|merge|value)")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?")
_CONSTANTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(slots=True)
class Written:
    """What a file says, and the line of each part by its path (`("steps", 2, "when")`)."""

    file: str
    content: Any = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])

    def line(self, path: Path) -> int | None:
        """The line of this part, or of the nearest part around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str, file: str) -> Written:
    r"""Read one YAML document.

    Raises:
        ContentError: it is not YAML, or YAML that is not taken here.

    >>> read_yaml("a: on\nb: [1, x]\n", "f").content
    {'a': 'on', 'b': [1, 'x']}
    """
    if len(text) > LARGEST:
        raise ContentError(file, None, f"the file is larger than {LARGEST // 1024} KiB")
    _refuse_depth(text, file)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"this is not YAML: {error.problem or error.context}"
        raise ContentError(file, mark.line + 1 if mark else None, what) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ContentError(file, None, f"this is not YAML: {error}") from error
    written = Written(file)
    if node is not None:
        written.content = _content(node, (), written)
    return written


def _refuse_depth(text: str, file: str) -> None:
    """Walk the parser's events first: composing recurses, and anchors could multiply what they name."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else None
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ContentError(file, line, "anchors and aliases are not taken here", "write it out")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise ContentError(file, line, f"nested deeper than {DEEPEST}")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):
        return  # composing tells it with its place


def _content(node: yaml.Node, path: Path, written: Written) -> Any:
    line = node.start_mark.line + 1
    written.lines.setdefault(path, line)
    if not _KNOWN_TAG.fullmatch(node.tag):
        raise ContentError(written.file, line, f"tag '{node.tag}' is not taken here", "leave it out")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, written)
    if isinstance(node, yaml.SequenceNode):
        return [_content(part, (*path, number), written) for number, part in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, written: Written) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ContentError(written.file, line, "a key must be plain text")
        key = str(key_node.value)
        if key in made:
            first = written.lines[(*path, key)]
            raise ContentError(written.file, line, f"'{key}' is said in line {first} already")
        written.lines[(*path, key)] = line
        made[key] = _content(value_node, (*path, key), written)
    return made


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if getattr(node, "style", None):
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
