"""How many attacks on portals are found, and how often is an honest page or change called one?

python benchmarks/portal_detection.py pairs PAIRS_TSV             honest pairs of real pages
python benchmarks/portal_detection.py attacks PAIRS_TSV           attacks put into 50 portals, by table
python benchmarks/portal_detection.py sources PAIRS_TSV PAGES     real defacers' and spammers' words put in
python benchmarks/portal_detection.py pages                       whole pages that nobody tuned on
python benchmarks/portal_detection.py spam PAGES                  labelled spam, and spam written in disguise
python benchmarks/portal_detection.py steps                       what webmasters do by right, one at a time

`--chart FILE.svg` draws the bars of `attacks`; `--table FILE.md` writes its table.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from random import Random

from citywatch.model import Severity
from sensors.portal.judge import compare_files, compare_known, compare_pair, judge_page, learn
from sensors.portal.model.train import interval
from sensors.portal.range.city import make_city
from sensors.portal.range.site import Site, render
from sensors.portal.range.widget import STEPS
from sensors.portal.spam import find_spam
from sensors.portal.walk import parse_page

HERE = Path(__file__).parent
KNOWN, UNSEEN = HERE / "portal_payloads.tsv", HERE / "portal_payloads_unseen.tsv"
LAST = HERE / "portal_payloads_last.tsv"
PAGES, LAST_PAGES = HERE / "portal_pages_unseen.tsv", HERE / "portal_pages_last.tsv"
KEPT, KEPT_PAGES = HERE / "portal_payloads_2026_11.tsv", HERE / "portal_pages_2026_11.tsv"
_REAL, _MADE = 42, 8
_BLOCK = re.compile(r"<(?:p|div|h[1-6]|li|td|section)\b[^>]*>", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_INERT = re.compile(r"<!--.*?-->|<script\b.*?</script>|<style\b.*?</style>", re.IGNORECASE | re.DOTALL)
_FORM = re.compile(r"<form\b.*?</form>", re.IGNORECASE | re.DOTALL)
_SWAPS = {
    "image": re.compile(r"(<img\b[^>]*?\bsrc\s*=\s*[\"'])([^\"']+)", re.IGNORECASE),
    "link": re.compile(r"(<a\b[^>]*?\bhref\s*=\s*[\"'])([^\"'#][^\"']*)", re.IGNORECASE),
    "form": re.compile(r"(<form\b[^>]*?\baction\s*=\s*[\"'])([^\"']*)", re.IGNORECASE),
    "heading": re.compile(r"(<h[1-3]\b[^>]*>)(.{3,200}?)(?=</h)", re.IGNORECASE | re.DOTALL),
    "block": re.compile(r"(<p\b[^>]*>)([^<]{20,})", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One attack and where in a page it is put."""

    kind: str
    where: str
    html: str


def payloads(table: Path) -> list[Payload]:
    """The attacks of a table, written apart from the detector."""
    rows = [line.split("\t") for line in _lines(table)[1:]]
    return [Payload(kind=kind, where=where, html=html) for kind, where, html in rows]


def _lines(table: Path) -> list[str]:
    """The rows of a table; the first says when it was written."""
    return [line for line in table.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


def put(page: str, payload: Payload) -> str | None:
    """Put an attack into a page; None when the page has nothing to put it in place of."""
    html = payload.html
    if payload.where == "whole":
        return html
    if payload.where in _SWAPS:
        places = list(_SWAPS[payload.where].finditer(_without_inert(page)))
        if not places:
            return None
        at = places[0 if payload.where == "form" else len(places) // 2]
        return page[: at.start(2)] + html + page[at.end(2) :]
    if payload.where in {"title", "title_end"}:
        found = _TITLE.search(page)
        before = found.group(1) if found and payload.where == "title_end" else ""
        fresh = f"<title>{before}{html}</title>"
        return page[: found.start()] + fresh + page[found.end() :] if found else fresh + page
    at = _position(page, payload.where, html)
    return page[:at] + html + page[at:]


def _without_inert(page: str) -> str:
    """The page with comments, scripts and style sheets blanked: no browser shows what is put in there."""
    return _INERT.sub(lambda found: " " * len(found.group(0)), page)


def _position(page: str, where: str, html: str) -> int:
    page = _without_inert(page)
    if "<form" in html:  # a form within a form is none
        page = _FORM.sub(lambda found: " " * len(found.group(0)), page)
    if where == "head":
        at = page.lower().find("</head>")
    elif where == "end":
        at = page.lower().rfind("</body>")
    else:
        places = [found.start() for found in _BLOCK.finditer(page)]
        at = (places[len(places) // 2] if where == "middle" else places[0]) if places else len(page)
    return len(page) if at < 0 else at


def portals(table: Path) -> list[tuple[str, str]]:
    """Fifty pages to attack: 42 different real ones from all repositories by turns, 8 of the range."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if int(row["size_a"]) > 1500]
    by_repo: dict[str, dict[str, str]] = {}
    for row in rows:
        by_repo.setdefault(row["repo"], {}).setdefault(row["path"], row["key"])
    queues = [list(paths.values()) for paths in by_repo.values()]
    names: list[str] = []
    while len(names) < _REAL and any(queues):
        names += [queue.pop(0) for queue in queues if queue]
    found = [
        (key, table.with_name(f"{key}.a.html").read_bytes().decode("utf-8", "replace"))
        for key in names[:_REAL]
    ]
    return found + [(site.id, _front(site)) for site in make_city(_MADE, sick=False)]


def _front(site: Site, day: int = 0) -> str:
    page = render(site, "/", day=day)
    if page is None:
        raise RuntimeError("a portal of the range has no front page")
    return page


# -- in place --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many of the portals' attacks of one kind were found."""

    kind: str
    found: int
    tried: int
    high: int


def attack(pages: Sequence[tuple[str, str]], attacks: Sequence[Payload]) -> list[Bar]:
    """Put each attack into each page, and count by kind what is above low, and what is high."""
    levels: dict[str, list[Severity]] = {payload.kind: [] for payload in attacks}
    for _, page in pages:
        known = learn(page.encode())
        for payload in attacks:
            if (changed := put(page, payload)) is not None:
                levels[payload.kind].append(compare_known(known, changed.encode()).severity)
    return [
        Bar(
            kind=kind,
            found=sum(level >= Severity.medium for level in each),
            tried=len(each),
            high=sum(level >= Severity.high for level in each),
        )
        for kind, each in levels.items()
    ]


def tell(name: str, bars: Sequence[Bar]) -> str:
    """Print the bars of one set; gives its line for the table."""
    found, tried, high = (sum(getattr(bar, part) for bar in bars) for part in ("found", "tried", "high"))
    print(f"{name}: {len(bars)} kinds, above low {interval(found, tried)}, high {interval(high, tried)}")
    for bar in sorted(bars, key=lambda each: each.found / max(1, each.tried)):
        share = bar.found / max(1, bar.tried)
        if share < 1:
            print(f"  {bar.kind:26} {bar.found:3}/{bar.tried} {'#' * round(20 * share)}")
    return f"| {name} | {len(bars)} | {interval(found, tried)} | {interval(high, tried)} |"


def draw(sets: Sequence[tuple[str, Sequence[Bar]]], path: Path) -> None:
    """Draw the bars of all sets, one below the other."""
    rows: list[str] = []
    y = 10
    for name, bars in sets:
        y += 22
        rows.append(f'<text x="10" y="{y}" font-weight="bold">{escape(name)}</text>')
        for bar in sorted(bars, key=lambda each: (each.found / max(1, each.tried), each.kind)):
            y += 17
            share = bar.found / max(1, bar.tried)
            rows.append(f'<text x="230" y="{y}" text-anchor="end">{escape(bar.kind)}</text>')
            color = "#2a7f62" if share >= 0.98 else "#c98a1b" if share >= 0.8 else "#b3372f"
            width = max(1, round(400 * share))
            rows.append(f'<rect x="240" y="{y - 11}" width="{width}" height="13" fill="{color}"/>')
            rows.append(f'<text x="650" y="{y}">{bar.found}/{bar.tried}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y + 20}" '
        'font-family="sans-serif" font-size="12">'
    )
    path.write_text(
        head + '<rect width="100%" height="100%" fill="#fff"/>' + "".join(rows) + "</svg>\n", encoding="utf-8"
    )
    print(f"drawn: {path}")


def attacks(table: Path, chart: Path | None, out: Path | None) -> None:
    """Every table of payloads on fifty portals."""
    pages = portals(table)
    tables = (("known", KNOWN), ("second", UNSEEN), ("last", LAST), ("kept", KEPT))
    sets = [(name, attack(pages, payloads(file))) for name, file in tables]
    lines = [tell(name, bars) for name, bars in sets]
    if chart is not None:
        draw(sets, chart)
    if out is not None:
        head = "| payloads | kinds | above low | high |\n|---|---:|---|---|\n"
        out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def sources(table: Path, labelled: Path) -> None:
    """Titles, lines and links of real defaced and spam pages, put into the portals."""
    chance = Random(5)  # noqa: S311 - draws pages, guards nothing
    pages = portals(table)
    tried: dict[str, list[Payload]] = {}
    for label, repo, body in _labelled(labelled):
        page = parse_page(body, "https://portal.example/")
        blocks = [block.text for block in page.blocks if not block.hidden and 3 < len(block.text) <= 160]
        if label == "defaced":
            _add(tried, "real_title", repo, "title", page.title)
            _add(tried, "real_line", repo, "middle", f"<p>{escape(blocks[0])}</p>" if blocks else "")
            _add(tried, "real_page", repo, "whole", body.decode("utf-8", "replace"))
        elif label == "spam":
            links = "".join(
                f'<a href="{escape(each.url)}">{escape(each.text)}</a>'
                for each in page.links
                if each.domain and each.text
            )[:1500]
            _add(tried, "real_spam_title", repo, "title", page.title)
            _add(
                tried,
                "real_spam_hidden",
                repo,
                "end",
                f'<div style="display:none">{links}</div>' if links else "",
            )
            _add(tried, "real_spam_line", repo, "end", f"<p>{escape(blocks[0])}</p>" if blocks else "")
        elif label == "defaced_text" and chance.random() < 0.1:
            text = " ".join(body.decode("utf-8", "replace").split())[:200]
            _add(tried, "real_text", "texts", "middle", f"<p>{escape(text)}</p>")
    bars = [
        Bar(
            kind=kind,
            found=sum(bar.found for bar in made),
            tried=sum(bar.tried for bar in made),
            high=sum(bar.high for bar in made),
        )
        for kind, attacks_of in tried.items()
        for made in [attack(chance.sample(pages, 10), attacks_of)]
    ]
    tell("real words, each into ten portals", bars)


def _add(into: dict[str, list[Payload]], kind: str, repo: str, where: str, html: str) -> None:
    if html.strip():
        into.setdefault(kind, []).append(Payload(kind=f"{kind} {repo}", where=where, html=html))


def _labelled(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            yield row["label"], row["repo"], (folder / row["file"]).read_bytes()


# -- whole pages -----------------------------------------------------------------------------------------


def unseen_pages(table: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """Label, language, kind and bytes of pages that were written before any tuning."""
    site = make_city(9, seed=77, sick=False)[8]
    for row in csv.DictReader(_lines(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["frame"] == "bare":
            title = f"<title>{row['title']}</title>" if row["title"] else ""
            page = f"<html><head><meta charset=utf-8>{title}</head>{row['body']}</html>"
        else:
            page = put(_front(site), Payload(kind="", where="middle", html=row["body"])) or ""
            if row["title"].strip():
                page = put(page, Payload(kind="", where="title", html=row["title"])) or ""
        yield row["label"], row["language"], row["kind"], page.encode()


def pages(*, verbose: bool) -> None:
    """The label of each page of both tables."""
    for name, table in (("second", PAGES), ("last", LAST_PAGES), ("kept", KEPT_PAGES)):
        print(name)
        _pages(table, verbose=verbose)


def _pages(table: Path, *, verbose: bool) -> None:
    right: dict[str, list[bool]] = {}
    for label, language, kind, body in unseen_pages(table):
        verdict = judge_page(body)
        for key in (label, f"  {label} {language}"):
            right.setdefault(key, []).append(verdict.label == label)
        if verdict.label != label and verbose:
            text = parse_page(body, "https://portal.example/").title[:50]
            print(f"    {label} {language} {kind} called {verdict.label} {verdict.score:.2f} {text}")
    for key, each in sorted(right.items(), key=lambda item: item[0].strip()):
        print(f"{key:22} rightly labelled {interval(sum(each), len(each))}")


def spam(folder: Path) -> None:
    """Labelled spam pages, and what spammers do to their words."""
    labels = Counter(judge_page(body).label for label, _, body in _labelled(folder) if label == "spam")
    print(f"labelled spam pages called spam: {interval(labels['spam'], labels.total())} {dict(labels)}")
    sites = make_city(20, seed=3, sick=False)
    for name, dress in DRESSES.items():
        found = tried = 0
        for row, site in [(row, site) for row in SPAM_LINES for site in sites[:5]]:
            before = _front(site)
            after = put(before, Payload(kind="", where="end", html=f"<p>{dress(row)}</p>")) or ""
            found += compare_pair(before.encode(), after.encode()).severity > Severity.low
            tried += 1
        print(f"  {name:22} put into portals {interval(found, tried)}")
    for label in ("benign", "hard_benign"):
        served = [find_spam(parse_page(body, "https://a.example/")).score >= 0.8
                  for each, _, body in _labelled(folder) if each == label]  # fmt: skip
        print(f"  {label} called spam {interval(sum(served), len(served))}")


SPAM_LINES = (
    "Nhà cái uy tín số 1 Việt Nam",
    "Tài xỉu online đổi thưởng",
    "Nổ hũ, bắn cá, xóc đĩa",
    "Cá cược bóng đá trực tuyến",
    "Link vào nhà cái mới nhất",
    "Game bài đổi thưởng uy tín",
    "Casino trực tuyến hàng đầu",
    "Lô đề online 1 ăn 99",
    "Soi kèo nhà cái hôm nay",
    "Đá gà trực tiếp Thomo",
)
_MARKS = str.maketrans(
    "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđĐÀÁẢĂÂÈÉÊÌÍÒÓÔƠÙÚƯỲÝ",
    "aaaaaaaaaaaaaaaaaeeeeeeeeeeeiiiiiooooooooooooooooouuuuuuuuuuuyyyyydDAAAAAEEEIIOOOOUUUYY",
)
_CYRILLIC = str.maketrans("aceopxy", "асеорху")
DRESSES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "without marks": lambda text: text.translate(_MARKS),
    "capitals": str.upper,
    "zero-width letters": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "homoglyphs": lambda text: text.translate(_MARKS).translate(_CYRILLIC),
    "full width": lambda text: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text.translate(_MARKS)
    ),
    "dots between letters": lambda text: " ".join(".".join(word) for word in text.split()),
    "spaces between letters": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "tags between letters": lambda text: "".join(f"<b>{each}</b>" for each in text),
    "character references": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "digits for letters": lambda text: (
        text.translate(_MARKS).replace("i", "1").replace("o", "0").replace("a", "4")
    ),
}


# -- honest changes --------------------------------------------------------------------------------------


def pairs(table: Path) -> None:
    """Honest pairs of real pages."""
    levels: Counter[str] = Counter()
    above: list[str] = []
    for key, verdict in compare_files(table, print):
        levels[verdict.severity.name] += 1
        if verdict.severity > Severity.low:
            above.append(f"  {key} {verdict.severity.name} {' '.join(verdict.changes)}")
    print(f"honest pairs above low: {interval(len(above), levels.total())}  {dict(levels)}")
    print("\n".join(above))


def steps() -> None:
    """Each honest thing that a webmaster does, on a hundred portals."""
    sites = make_city(100, seed=9, sick=False)
    for name, step in STEPS.items():
        above = 0
        for site in sites:
            before = _front(site)
            after = put(before, Payload(kind=name, where="end", html=step(site.id, 3))) or ""
            above += compare_pair(before.encode(), after.encode()).severity > Severity.low
        print(f"  {name:16} above low {interval(above, len(sites))}")


def main(arguments: Sequence[str]) -> int:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["pairs", "attacks", "sources", "pages", "spam", "steps"])
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--chart", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--verbose", action="store_true", help="name the pages that are labelled wrongly")
    options = parser.parse_args(arguments)
    needed = {"pairs": 1, "attacks": 1, "sources": 2, "spam": 1}.get(options.what, 0)
    if len(options.files) != needed:
        parser.error(f"{options.what} takes {needed} files")
    runs: dict[str, Callable[[], None]] = {
        "pairs": lambda: pairs(options.files[0]),
        "attacks": lambda: attacks(options.files[0], options.chart, options.table),
        "sources": lambda: sources(options.files[0], options.files[1]),
        "pages": lambda: pages(verbose=options.verbose),
        "spam": lambda: spam(options.files[0]),
        "steps": steps,
    }
    runs[options.what]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
