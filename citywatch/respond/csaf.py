"""What does an advisory in CSAF 2.0 say?

Common Security Advisory Framework 2.0 (OASIS, ISO/IEC 20153:2025). Read here: document, product tree with
relationships, and of each vulnerability its CVE, product status, scores and remediations. What is not as the
standard has it is told and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import InputError
from citywatch.model import Severity
from citywatch.respond.advisory import CVES, TEXT, Advisory, Product, together

DEEPEST: Final = 64
MOST_NODES: Final = 200_000
_AFFECTED: Final = ("known_affected", "first_affected", "last_affected")
_FIXED: Final = ("fixed", "first_fixed", "recommended")
_LABELS: Final = {"WHITE": "CLEAR"}
_WORDS: Final = {
    "none": Severity.informational,
    "low": Severity.low,
    "medium": Severity.medium,
    "moderate": Severity.medium,
    "important": Severity.high,
    "high": Severity.high,
    "critical": Severity.critical,
}

Node = Mapping[str, Any]


@dataclass(slots=True)
class _Tree:
    """Products by the id that vulnerabilities name them by (mutable while it is read)."""

    products: dict[str, Product] = field(default_factory=dict[str, Product])
    doubts: list[str] = field(default_factory=list[str])


def is_csaf(raw: bytes) -> bool:
    """It says of itself that it is one."""
    head = raw[:100_000]
    return head.lstrip()[:1] == b"{" and b'"csaf_version"' in raw and b'"document"' in head


def read_csaf(raw: bytes, name: str) -> Advisory:
    """Read one document; its `id` is left empty.

    Raises:
        InputError: it is no CSAF document.
    """
    try:
        loaded: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(name, f"byte {error.pos}", f"is not JSON: {error.msg}", "ask for it again") from None
    whole = _node(loaded)
    document = _node(whole.get("document"))
    if not document:
        raise InputError(name, "/document", "is missing: this is no CSAF document")
    tree = _tree(_node(whole.get("product_tree")))
    vulnerabilities = [_node(one) for one in _list(whole.get("vulnerabilities"))]
    tracking = _node(document.get("tracking"))
    found = [product for one in vulnerabilities for product in _products(one, tree)]
    cves = dict.fromkeys(_text(one.get("cve")) for one in vulnerabilities if one.get("cve"))
    return Advisory(
        id="",
        form="csaf",
        title=_text(document.get("title")) or name,
        source=_text(_node(document.get("publisher")).get("name")),
        number=_text(tracking.get("id")),
        revision=_text(tracking.get("version")),
        published=_moment(tracking.get("current_release_date")),
        severity=_severity(document, vulnerabilities),
        tlp=_tlp(document),
        cves=tuple(cves)[:CVES],
        products=together(found),
        guide=_guide(vulnerabilities),
        text="\n\n".join(_notes(document))[:TEXT],
        doubts=tuple(dict.fromkeys(tree.doubts))[:100],
    )


# -- the product tree ------------------------------------------------------------------------------------


def _tree(root: Node) -> _Tree:
    tree = _Tree()
    stack: list[tuple[Node, Product, int]] = [(root, Product(name=""), 0)]
    nodes = 0
    while stack:
        node, above, depth = stack.pop()
        nodes += 1
        if nodes > MOST_NODES or depth > DEEPEST:
            tree.doubts.append("product_tree: larger or deeper than any real one; the rest was passed over")
            break
        here = _with_branch(above, node)
        _keep(tree, node.get("product"), here)
        stack += [(_node(one), here, depth + 1) for one in _list(node.get("branches"))]
    for one in _list(root.get("full_product_names")):
        _keep(tree, one, Product(name=""))
    for one in _list(root.get("relationships")):
        _relate(tree, _node(one))
    return tree


def _with_branch(above: Product, node: Node) -> Product:
    name, category = _text(node.get("name")), node.get("category")
    if not name:
        return above
    if category == "vendor":
        return Product(vendor=name, name=above.name, versions=above.versions)
    if category in {"product_name", "product_family"}:
        return Product(vendor=above.vendor, name=name, versions=above.versions)
    if category == "product_version":
        return Product(vendor=above.vendor, name=above.name, versions=f"= {name}")
    if category == "product_version_range":
        return Product(vendor=above.vendor, name=above.name, versions=name)
    return above


def _keep(tree: _Tree, told: object, here: Product) -> None:
    product = _node(told)
    key = _text(product.get("product_id"))
    if key:
        name = here.name or _text(product.get("name"))
        tree.products[key] = Product(vendor=here.vendor, name=name, versions=here.versions)


def _relate(tree: _Tree, told: Node) -> None:
    """`openssl` as a part of `server 8`: what is affected is the part."""
    key = _text(_node(told.get("full_product_name")).get("product_id"))
    part = tree.products.get(_text(told.get("product_reference")))
    if key and part is not None:
        tree.products[key] = part
    elif key:
        tree.doubts.append(f"product_tree/relationships: '{key[:100]}' refers to a product that is not there")


def _products(vulnerability: Node, tree: _Tree) -> Iterator[Product]:
    status = _node(vulnerability.get("product_status"))
    cve = (_text(vulnerability.get("cve")),) if vulnerability.get("cve") else ()
    fixes: dict[str, str] = {}
    for name in _FIXED:
        for key in _list(status.get(name)):
            product = tree.products.get(_text(key))
            if product is not None:
                fixes.setdefault(product.name.casefold(), product.versions.removeprefix("= "))
    for name in _AFFECTED:
        for key in _list(status.get(name)):
            product = tree.products.get(_text(key))
            if product is None:
                tree.doubts.append(f"product_status/{name}: '{_text(key)[:100]}' is not in the product tree")
                continue
            fixed = fixes.get(product.name.casefold(), "")
            yield Product(
                vendor=product.vendor, name=product.name, versions=product.versions, fixed=fixed, cves=cve
            )


# -- the rest --------------------------------------------------------------------------------------------


def _severity(document: Node, vulnerabilities: list[Node]) -> Severity:
    """The gravest that it names; medium when it names none."""
    words = [_text(_node(document.get("aggregate_severity")).get("text"))]
    for one in vulnerabilities:
        for score in _list(one.get("scores")):
            told = _node(score)
            words += [_text(_node(told.get(kind)).get("baseSeverity")) for kind in ("cvss_v4", "cvss_v3")]
    known = [_WORDS[word.lower()] for word in words if word.lower() in _WORDS]
    return max(known, default=Severity.medium)


def _tlp(document: Node) -> str:
    label = _text(_node(_node(document.get("distribution")).get("tlp")).get("label")).upper()
    label = _LABELS.get(label, label)
    return label if label in {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"} else "AMBER"


def _guide(vulnerabilities: list[Node]) -> str:
    told: dict[str, None] = {}
    for one in vulnerabilities:
        for remedy in _list(one.get("remediations")):
            held = _node(remedy)
            line = " ".join(part for part in (_text(held.get("details")), _text(held.get("url"))) if part)
            if line:
                told[line] = None
    return "\n".join(told)[:TEXT]


def _notes(document: Node) -> Iterator[str]:
    for note in _list(document.get("notes")):
        held = _node(note)
        yield "\n".join(part for part in (_text(held.get("title")), _text(held.get("text"), TEXT)) if part)


def _moment(value: object) -> str:
    try:
        return stamp(parse_stamp(_text(value)))
    except (ValueError, OverflowError):
        return ""


def _node(value: object) -> Node:
    return cast("Node", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object, most: int = 2000) -> str:
    return value.strip()[:most] if isinstance(value, str) else ""
