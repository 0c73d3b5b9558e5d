"""Is an element kept from the eyes of a visitor, and how?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RULE = re.compile(r"([^{}]{1,400})\{([^{}]{0,2000})\}")
_NAME = re.compile(r"^[.#]([A-Za-z_][\w-]{0,80})$")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TESTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("not_displayed", re.compile(r"(?:^|;)display:none")),
    ("not_visible", re.compile(r"(?:^|;)visibility:(?:hidden|collapse)")),
    ("off_screen", re.compile(r"(?:left|top|right|bottom|text-indent|margin-left|margin-top):-\d{3,}")),
    ("off_screen", re.compile(r"transform:[^;]*translate[xy3d]*\(-\d{4,}")),
    (
        "off_screen",
        re.compile(r"(?:left|top|right|bottom|text-indent|margin-left|margin-top):-\d{2,}(?:em|rem|vw|vh)"),
    ),
    ("tiny", re.compile(r"transform:scale[xy]?\(0(?:\.0\d*)?[,)]")),
    ("tiny", re.compile(r"font-size:(?:0|1px|0\.\d+)(?:px|em|rem|pt|%)?(?:;|!|$)")),
    ("tiny", re.compile(r"(?:^|;)(?:max-)?(?:height|width):[01](?:px)?(?:;|!|$).*overflow:hidden")),
    ("tiny", re.compile(r"overflow:hidden.*(?:^|;)(?:max-)?(?:height|width):[01](?:px)?(?:;|!|$)")),
    ("transparent", re.compile(r"(?:^|;)opacity:0?(?:\.0\d*)?(?:;|!|$)|filter:opacity\(0(?:\.0\d*)?%?\)")),
    ("clipped", re.compile(r"clip:rect\((?:0|1px[, ]?1px)|clip-path:inset\((?:50|100)%")),
    ("transparent", re.compile(r"(?:^|;)color:transparent")),
)
_HINT = re.compile(
    r"none|hidden|collapse|:-\d{2}|\(-\d{4}|font-size:[01]|opacity[:(]0?\.?0|clip|transparent|(?:height|width):[01]"
    r"|scale[xy]?\(0"
)
_SCRIPT = re.compile(
    r"getElementById\(\s*[\"']([\w-]{1,80})[\"']\s*\)\s*\.style\.(?:display\s*=\s*[\"']none|"
    r"visibility\s*=\s*[\"']hidden|(?:left|top|textIndent)\s*=\s*[\"']-\d{3,}|opacity\s*=\s*[\"']?0[\"';])"
)
_NAMED = {"white": "#ffffff", "black": "#000000"}
_SHORT = 4
"""Letters of a color such as `#fff`."""
_LATER = re.compile(r"function|=>|\bon[a-z]+ ?=")
"""What makes a script wait for something: a button that closes a notice hides nothing by itself."""
_PAIR = re.compile(r"(?:^|;)(background-color|background|color):(#[0-9a-f]{3,6}|[a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Classes and ids that the page's own style elements keep from sight."""

    classes: Mapping[str, str]
    ids: Mapping[str, str]


def how_styled(style: str) -> str:
    """How a style keeps its element from sight, or nothing.

    >>> how_styled("position:absolute; left: -9999px")
    'off_screen'
    >>> how_styled("color: red")
    ''
    """
    plain = "".join(style.lower().split())[:2000]
    if _HINT.search(plain):
        for name, test in _TESTS:
            if test.search(plain):
                return name
    if "background" not in plain:
        return ""
    colors: dict[str, str] = dict(_PAIR.findall(plain))
    back = colors.get("background-color") or colors.get("background")
    return "same_color" if back and _color(back) == _color(colors.get("color", "")) else ""


def _color(name: str) -> str:
    """One spelling for one color.

    >>> _color("#fff") == _color("white")
    True
    """
    plain = _NAMED.get(name, name)
    return "#" + "".join(2 * letter for letter in plain[1:]) if len(plain) == _SHORT else plain


def ids_hidden_by_script(source: str) -> dict[str, str]:
    """Ids of elements that an inline script takes from sight as soon as it runs, and stays.

    >>> ids_hidden_by_script('document.getElementById("x").style.display = "none"')
    {'x': 'by_script'}
    """
    if "getElementById" not in source or not _HINT.search(source):
        return {}
    found = [
        each.group(1)
        for each in _SCRIPT.finditer(source[:500_000])
        if not _LATER.search(source, max(0, each.start() - 150), each.start())
    ]
    return dict.fromkeys(found, "by_script")


def sheet_of(css: str, ids_by_script: Mapping[str, str] | None = None) -> Sheet:
    """Read the plain class and id rules of a style sheet.

    >>> sheet_of(".x{display:none} div{opacity:0}").classes
    {'x': 'not_displayed'}
    """
    classes: dict[str, str] = {}
    ids: dict[str, str] = dict(ids_by_script or {})
    for selectors, body in _RULE.findall(_COMMENT.sub("", css)):
        how = how_styled(body)
        if not how:
            continue
        for selector in selectors.split(","):
            found = _NAME.match(selector.strip())
            if found:
                (classes if selector.strip()[0] == "." else ids)[found.group(1)] = how
    return Sheet(classes=classes, ids=ids)


def how_hidden(tag: str, attributes: Mapping[str, str | None], sheet: Sheet) -> str:
    """How this element is kept from sight, or nothing; what is inside it inherits that."""
    if tag in {"noscript", "noframes"}:
        return "noscript"
    if not attributes:
        return ""
    if "hidden" in attributes:
        return "not_displayed"
    style = attributes.get("style")
    how = how_styled(style) if style else ""
    if how:
        return how
    if tag in {"marquee", "iframe", "embed", "object", "frame"} and _is_tiny(attributes):
        return "tiny"
    return _by_sheet(attributes, sheet)


def _by_sheet(attributes: Mapping[str, str | None], sheet: Sheet) -> str:
    own = sheet.ids.get(attributes.get("id") or "", "")
    if own or not sheet.classes:
        return own
    for name in (attributes.get("class") or "").split():
        if name in sheet.classes:
            return sheet.classes[name]
    return ""


def _is_tiny(attributes: Mapping[str, str | None]) -> bool:
    sizes = [(attributes.get(side) or "").strip().removesuffix("px") for side in ("width", "height")]
    return any(size.isdigit() and int(size) <= 5 for size in sizes)  # noqa: PLR2004 - pixels
