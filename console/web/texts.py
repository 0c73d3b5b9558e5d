"""Which texts are there to translate, and is every one translated? `python -m console.web.texts`

Reads the templates and the `_n` marks, brings the catalogues up to date (new texts stand there untranslated
until somebody writes them) and compiles them. Needs Babel, which the running console does not.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from console.web.words import LANGUAGES, LOCALE

HERE = Path(__file__).parent
_METHODS = [
    ("**.py", "python"),
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("templates/**.svg", "jinja2.ext:babel_extract"),
]
_OPTIONS = {"templates/**.html": {"trimmed": "true"}}


def extracted() -> Catalog:
    """Every text of the source."""
    found = Catalog(charset="utf-8", fuzzy=False)
    keywords = {"_": None, "_n": None, "ngettext": (1, 2)}
    rows = extract_from_dir(HERE, _METHODS, _OPTIONS, keywords=keywords)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - its stubs know fewer forms than it takes
    for name, _, message, _, _ in rows:
        found.add(message, locations=[(name, 0)])
    return found


def po_file(language: str) -> Path:
    """The catalogue that people edit."""
    return LOCALE / language / "LC_MESSAGES" / "console.po"


def translated(language: str) -> Catalog:
    """A language's catalogue as it stands in the repository."""
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    raw = io.BytesIO()
    write_mo(raw, catalogue)
    return raw.getvalue()


def missing(language: str) -> list[str]:
    """Texts that have no translation in a language, or a doubtful one."""
    known = translated(language)
    lacking: list[str] = []
    for message in extracted():
        if not message.id:
            continue
        held = known.get(message.id)
        texts = held.string if held and isinstance(held.string, tuple) else (held.string if held else "",)
        if held is None or held.fuzzy or not all(texts):
            lacking.append(str(message.id))
    return lacking


def update(language: str) -> None:
    """Bring a catalogue up to date and compile it."""
    catalogue = translated(language)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    with po_file(language).open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, no_location=True, ignore_obsolete=True)
    po_file(language).with_suffix(".mo").write_bytes(compiled(translated(language)))


def main() -> int:
    """Update all catalogues; the exit code tells whether a text is untranslated."""
    lacking = 0
    for language in LANGUAGES:
        if language == "en":
            continue
        update(language)
        for text in missing(language):
            lacking += 1
            sys.stderr.write(f"{language}: not translated: {text}\n")
    return min(lacking, 1)


if __name__ == "__main__":
    sys.exit(main())
