"""What is met on one walk through a page's tree?

Hot path: one pass over all nodes with an explicit stack (no recursion: nesting comes from outside), plain
tuples inside, nouns only at the end.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from sensors.portal.effect import effects_of_css, effects_of_element
from sensors.portal.encoding import decode_page
from sensors.portal.hidden import Sheet, how_hidden, ids_hidden_by_script, sheet_of
from sensors.portal.page import (
    Block,
    Form,
    Frame,
    Image,
    Link,
    Page,
    Script,
    absolute,
    domain_of,
    guard,
    key_of,
)
from sensors.portal.written import words_drawn

_URL = re.compile(r"(?:https?:)?//[A-Za-z0-9.-]{3,200}")
_MAX_NODES = 250_000
_MAX_EACH = 5_000
_MAX_TEXT = 4_000
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "blink",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    }
)
_FEW = 5
_CALL = 30
"""Letters of a `javascript:` address that does more than nothing."""
_SKIPPED = frozenset({"script", "style", "template", "title"})
_FRAMES = {"iframe": "src", "frame": "src", "embed": "src", "object": "data"}


class Walk:
    """Collects everything of one page."""

    def __init__(self, source: str, url: str) -> None:
        self._source = source
        self._url = url
        self._own = domain_of(url)
        self._base = url
        self._sheet: Sheet = Sheet(classes={}, ids={})
        self._blocks: list[Block] = []
        self._links: list[Link] = []
        self._scripts: list[Script] = []
        self._frames: list[Frame] = []
        self._forms: list[Form] = []
        self._images: list[Image] = []
        self._styles: list[str] = []
        self._comments: list[str] = []
        self._handlers: list[str] = []
        self._effects: list[str] = []
        self._text: list[str] = []
        self._place = ""
        self._hidden = ""
        self._nodes = 0

    def page(self, *, encoding: str, cut: str) -> Page:
        """Walk, and give the page."""
        tree = LexborHTMLParser(self._source)
        root = tree.root
        self._prepare(tree)
        if root is not None:
            cut = self._walk(root) or cut
        metas = _metas(tree)
        refresh = self._refresh(metas)
        title = tree.css_first("title")
        language = root.attributes.get("lang") if root is not None else ""
        return Page(
            url=self._url,
            title=" ".join(title.text().split())[:500] if title is not None else "",
            language=(language or "")[:20],
            encoding=encoding,
            blocks=tuple(self._blocks),
            links=tuple(self._links),
            scripts=tuple(self._scripts),
            frames=tuple(self._frames),
            forms=tuple(self._forms),
            images=tuple(self._images),
            styles=tuple(self._styles),
            comments=tuple(self._comments),
            metas=metas,
            refresh=refresh,
            refresh_domain=self._foreign(refresh),
            handlers=tuple(self._handlers),
            effects=tuple(self._effects),
            nodes=self._nodes,
            cut=cut,
            source=self._source,
        )

    def _prepare(self, tree: LexborHTMLParser) -> None:
        base = tree.css_first("base[href]")
        if base is not None:
            self._base = absolute(self._url, base.attributes.get("href") or "")
            self._effects.append(f"base {self._base}")
        css = "\n".join(node.text() for node in tree.css("style")[:50])[:200_000]
        self._sheet = sheet_of(css, ids_hidden_by_script(self._source))
        self._effects += effects_of_css(css)

    def _refresh(self, metas: tuple[tuple[str, str], ...]) -> str:
        """Where the page leads; of several, the first that leads away from the portal."""
        targets: list[str] = []
        for name, content in metas:
            _, found, target = content.lower().partition("url=") if name == "refresh" else ("", "", "")
            if name == "refresh" and not found:  # browsers do without the word
                _, found, target = content.partition(";")
            if found and target.strip():
                targets.append(absolute(self._base, content[-len(target) :].strip("'\" ") if target else ""))
        return next((target for target in targets if self._foreign(target)), targets[0] if targets else "")

    def _foreign(self, url: str) -> str:
        domain = domain_of(url)
        return "" if domain == self._own else domain

    def _walk(self, root: LexborNode) -> str:
        stack: list[tuple[LexborNode | None, str, str, int]] = [(root, "", "", 0)]
        while stack:
            node, place, hidden, _ = stack.pop()
            if node is None:
                self._flush(place, hidden)
                continue
            self._nodes += 1
            if self._nodes > _MAX_NODES:
                return "too_many_nodes"
            tag = node.tag
            if tag == "-text":
                self._text.append(node.text_content or "")
            elif node.is_comment_node:
                self._comment(node)
            elif tag is not None:
                self._element(node, tag, (place, hidden), stack)
        self._flush("", "")
        return ""

    def _element(
        self,
        node: LexborNode,
        tag: str,
        around: tuple[str, str],
        stack: list[tuple[LexborNode | None, str, str, int]],
    ) -> None:
        attributes = node.attributes
        place, hidden = around
        inline = tag in _INLINE
        hidden = hidden or how_hidden(tag, attributes, self._sheet)
        if not inline or hidden != around[1]:
            self._flush(*around)
            if not inline:
                place = _deeper(place, tag, attributes)
            self._place, self._hidden = place, hidden
            stack.append((None, *around, 0))
        if attributes:
            self._note(node, tag, attributes, hidden)
        if tag in _SKIPPED:
            if tag == "script":
                self._script(node, attributes)
            return
        children: list[tuple[LexborNode | None, str, str, int]] = []
        child = node.child
        while child is not None:
            children.append((child, place, hidden, 0))
            child = child.next
        children.reverse()
        stack.extend(children)

    def _flush(self, place: str, hidden: str) -> None:
        if self._text:
            text = " ".join("".join(self._text).split())
            self._text.clear()
            if text and len(self._blocks) < _MAX_EACH:
                block = Block(place=self._place, text=text[:_MAX_TEXT], key=key_of(text), hidden=self._hidden)
                self._blocks.append(block)
        self._place, self._hidden = place, hidden

    def _comment(self, node: LexborNode) -> None:
        if len(self._comments) < 200:  # noqa: PLR2004 - enough to read, bounded
            self._comments.append((node.comment_content or "")[:500])

    def _note(self, node: LexborNode, tag: str, attributes: dict[str, str | None], hidden: str) -> None:
        self._note_tag(node, tag, attributes, hidden)
        if len(self._effects) < _MAX_EACH:
            self._effects += effects_of_element(attributes)
        for name, value in attributes.items():
            if name.startswith("on") and value and len(self._handlers) < _MAX_EACH:
                self._handlers.append(f"{name}={value[:200]}")

    def _note_tag(self, node: LexborNode, tag: str, attributes: dict[str, str | None], hidden: str) -> None:
        if tag == "a":
            self._link(node, attributes, hidden)
        elif tag in {"img", "input", "area"}:
            self._image(tag, attributes)
        elif tag in _FRAMES:
            self._frame(tag, attributes, hidden)
        elif tag == "form":
            self._form(node, attributes)
        elif tag == "link":
            self._style(attributes)

    def _link(self, node: LexborNode, attributes: dict[str, str | None], hidden: str) -> None:
        target = attributes.get("href")
        if target and len(self._links) < _MAX_EACH:
            url = absolute(self._base, target)
            text = " ".join(node.text().split())[:200]
            self._links.append(Link(url=url, domain=self._foreign(url), text=text, hidden=hidden))
            if (
                target[:11].lower() == "javascript:"
                and len(target) > _CALL
                and len(self._handlers) < _MAX_EACH
            ):
                self._handlers.append(f"href={target[:200]}")

    def _image(self, tag: str, attributes: dict[str, str | None]) -> None:
        target = attributes.get("href" if tag == "area" else "src") or attributes.get("data-src")
        if target and target.startswith("data:image/svg"):
            self._effects += [f"say {words}" for words in words_drawn(target)][:_FEW]
        elif target and not target.startswith("data:") and len(self._images) < _MAX_EACH:
            url = absolute(self._base, target)
            if tag == "area":
                self._links.append(Link(url=url, domain=self._foreign(url), text="", hidden=""))
            else:
                self._images.append(Image(url=url, domain=self._foreign(url)))

    def _frame(self, tag: str, attributes: dict[str, str | None], hidden: str) -> None:
        target = attributes.get(_FRAMES[tag]) or attributes.get("data-src")
        inside = attributes.get("srcdoc")
        if inside and len(self._frames) < _MAX_EACH:
            self._frames.append(self._written(inside, hidden))
        elif target and len(self._frames) < _MAX_EACH:
            url = absolute(self._base, target)
            self._frames.append(Frame(url=url, domain=self._foreign(url), hidden=hidden))

    def _written(self, inside: str, hidden: str) -> Frame:
        """A frame whose page stands in an attribute; its domain is the first foreign one that it names."""
        domains = (self._foreign(absolute("https:", url)) for url in _URL.findall(inside[:20_000]))
        foreign = next((domain for domain in domains if domain), "")
        return Frame(url=f"about:srcdoc {key_of(inside[:20_000])}", domain=foreign, hidden=hidden)

    def _form(self, node: LexborNode, attributes: dict[str, str | None]) -> None:
        if len(self._forms) < 200:  # noqa: PLR2004 - bounded
            url = absolute(self._base, attributes.get("action") or self._url)
            secret = node.css_first("input[type=password]") is not None
            self._forms.append(Form(target=url, domain=self._foreign(url), secret=secret))

    def _style(self, attributes: dict[str, str | None]) -> None:
        kind, url = (attributes.get("rel") or "").lower(), absolute(self._base, attributes.get("href") or "")
        if "stylesheet" in kind and len(self._styles) < _MAX_EACH:
            self._styles.append(url)
        elif "icon" in kind and not url.startswith("data:") and len(self._images) < _MAX_EACH:
            self._images.append(Image(url=url, domain=self._foreign(url)))
        elif kind == "canonical" and self._foreign(url):
            self._effects.append(f"canonical {url}")

    def _script(self, node: LexborNode, attributes: dict[str, str | None]) -> None:
        if len(self._scripts) >= _MAX_EACH:
            return
        target = attributes.get("src")
        if target:
            url = absolute(self._base, target)
            key = key_of(url.partition("?")[0])
            self._scripts.append(Script(url=url, domain=self._foreign(url), key=key, text=""))
            return
        text = node.text()[:50_000]
        if text.strip():
            self._scripts.append(Script(url="", domain="", key=key_of(text), text=text))


def parse_page(body: bytes, url: str, content_type: str = "") -> Page:
    """Parse a page's bytes. Never raises for what is in them."""
    text, encoding = decode_page(body, content_type)
    source, cut = guard(text)
    return Walk(source, url).page(encoding=encoding, cut=cut)


def _deeper(place: str, tag: str, attributes: dict[str, str | None]) -> str:
    name = attributes.get("id") or attributes.get("class") or ""
    step = f"{tag}.{name.split()[0][:30]}" if name.strip() else tag
    steps = place.split(">")[-3:] if place else []
    return ">".join([*steps, step])


def _metas(tree: LexborHTMLParser) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for node in tree.css("meta")[:200]:
        attributes = node.attributes
        name = attributes.get("name") or attributes.get("http-equiv") or attributes.get("property")
        if name:
            found.append((name.lower()[:60], (attributes.get("content") or "")[:1000]))
    return tuple(found)
