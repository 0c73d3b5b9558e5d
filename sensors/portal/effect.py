"""What do a page's styles and attributes do to what is seen: cover it, blank it, write on it, fetch for it?

An effect is a short text: its kind, a space, what it does it with. `cover` lies over the whole window,
`blank` takes the page from sight, `say` writes text from a style or an attribute, `import` fetches a style
sheet, `picture` a picture, `button` sends a form elsewhere than its action, `base` moves what
relative names mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_MOST = 300
_SPOKEN_WORDS, _SHORTEST = 4, 5
_IMPORT = re.compile(r"@import\s+(?:url\(\s*)?[\"']?([^\"')\s;]{3,400})", re.IGNORECASE)
_CONTENT = re.compile(r"content\s*:\s*[\"']([^\"']{5,300})[\"']", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,400})\{([^{}]{0,4000})\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_URL = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^\"')\s]{4,400})", re.IGNORECASE)
_ROOT = re.compile(r"(?:^|,)\s*(?:html|body|html\s*>?\s*body)\s*(?:>\s*\*|\*)?\s*(?:,|$)", re.IGNORECASE)
_ROOT_AFTER = re.compile(r"(?:^|,)\s*(?:html|body)\s*::?(?:before|after)\s*(?:,|$)", re.IGNORECASE)
_GONE = re.compile(r"display:none|visibility:hidden|(?:^|;)opacity:0(?:;|!|$)")
_FIXED = re.compile(r"(?:^|;)position:(?:fixed|absolute)")
_WHOLE = re.compile(r"(?:^|;)inset:0|(?:^|;)width:100(?:%|vw).*(?:^|;)(?:min-)?height:100(?:%|vh)|"
                    r"(?:^|;)(?:min-)?height:100(?:%|vh).*(?:^|;)width:100(?:%|vw)")  # fmt: skip
_ABOVE = re.compile(r"z-index:\d{4,}")
_SIGNED = re.compile(
    r"h.?[a4@].?[ck].?[ckx3]|pwn|[o0]wn[e3]d|defac|[bl]i? ?hack|chi[ếe]m|hackead|piraté|взлом|被黑|اختراق",
    re.IGNORECASE,
)
_SPOKEN = ("alt", "title", "placeholder", "aria-label", "content", "value")


def effects_of_css(css: str) -> list[str]:
    """The effects of style elements.

    >>> effects_of_css("body:before{content:'Hacked by X'}")
    ['say Hacked by X']
    >>> effects_of_css("body>*{display:none!important}")
    ['blank body>*']
    """
    if not css:
        return []
    plain = _COMMENT.sub("", css[:200_000])
    found = [f"import {url}" for url in _IMPORT.findall(plain)]
    found += [f"say {text}" for text in _CONTENT.findall(plain) if _speaks(text)]
    found += [f"picture {url}" for url in _URL.findall(_IMPORT.sub("", plain))]
    if "none" in plain or "hidden" in plain or "fixed" in plain or "opacity" in plain:
        for selector, body in _RULE.findall(plain):
            root, after = _ROOT.search(selector), _ROOT_AFTER.search(selector)
            tight = "".join(body.lower().split())
            if root and _GONE.search(tight):
                found.append(f"blank {selector.strip()[:80]}")
            elif after and _FIXED.search(tight) and _WHOLE.search(tight):
                found.append(f"cover {selector.strip()[:80]}")
    return found[:_MOST]


def _speaks(text: str) -> bool:
    """More than a name, or a word of a defacer."""
    return text.count(" ") >= _SPOKEN_WORDS or (len(text) >= _SHORTEST and _SIGNED.search(text) is not None)


def effects_of_element(attributes: Mapping[str, str | None]) -> list[str]:
    """The effects of one element's own style and attributes.

    >>> effects_of_element({"style": "position:fixed;inset:0;z-index:9999"})
    ['cover position:fixed;inset:0;z-index:9999']
    """
    found: list[str] = []
    style = attributes.get("style")
    if style and ("url(" in style or "fixed" in style):
        found += [f"picture {url}" for url in _URL.findall(style[:4000])]
        tight = "".join(style.lower().split())[:1000]
        if "position:fixed" in tight and _WHOLE.search(tight) and (_ABOVE.search(tight) or "url(" in tight):
            found.append(f"cover {tight[:100]}")
    target = attributes.get("formaction")
    if target:
        found.append(f"button {target[:400]}")
    for name in _SPOKEN:
        text = attributes.get(name)
        if text and _speaks(text[:300]):
            found.append(f"say {text[:300]}")
    return found
