"""Is every text in the catalogues, translated, and compiled?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.web import texts
from console.web.app import WAYS

TEMPLATES = sorted((texts.HERE / "templates").glob("*.html"))
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_SPOKEN = re.compile(r'\b(?:placeholder|title|aria-label|alt|content)="([^"]*)"')
_ALLOWED = {"English", "Tiếng Việt", "Shift", "Enter", "TLP", "STARTTLS", "citywatch", "toml"}


def test_every_text_is_translated() -> None:
    assert not texts.missing("vi")


def test_no_text_stands_in_the_catalogue_that_nobody_uses() -> None:
    used = {str(message.id) for message in texts.extracted()}
    assert {str(message.id) for message in texts.translated("vi") if message.id} <= used


def test_the_compiled_catalogue_is_that_of_the_texts() -> None:
    compiled = texts.po_file("vi").with_suffix(".mo").read_bytes()
    assert compiled == texts.compiled(texts.translated("vi"))


def test_placeholders_are_the_same_in_both_languages() -> None:
    for message in texts.translated("vi"):
        names = re.compile(r"%\(\w+\)s")
        wanted = message.id if isinstance(message.id, str) else message.id[0]
        given = message.string if isinstance(message.string, str) else (message.string or [""])[0]
        assert sorted(names.findall(wanted)) == sorted(names.findall(given)), wanted


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_words_stand_in_a_template_outside_the_catalogue(template: Path) -> None:
    source = re.sub(r"{% block main_class %}.*?{% endblock %}", "", template.read_text(encoding="utf-8"))
    source = _JINJA.sub("", source)
    spoken = [text for text in _SPOKEN.findall(source) if "=" not in text and "{" not in text]
    shown = re.sub(r"<(script|svg|style)\b.*?</\1>", "", source, flags=re.DOTALL)
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>", " ", shown))
    left = [word for word in words if word not in _ALLOWED and word not in "Tiếng Việt"]
    assert not left
    assert not [text for text in spoken if re.search(r"[^\W\d_]{3,}", text) and text not in _KNOWN]


_KNOWN = {
    "width=device-width, initial-scale=1", "light dark", "SHA-256 ", "https://www.example.gov.vn/",
    "url,name,level", "https://elastic.example.gov.vn:9200", "/var/log/nginx, /srv/captures", "ens5",
}  # fmt: skip


def test_templates_have_no_scripts_styles_or_handlers_of_their_own() -> None:
    for template in TEMPLATES:
        source = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*nonce)|<style|\son\w+=|\sstyle=", source), template.name


def test_every_page_that_is_linked_in_the_menu_exists() -> None:
    menu = (texts.HERE / "templates" / "base.html").read_text(encoding="utf-8")
    paths = {way.path for way in WAYS}
    for path in re.findall(r'(?:href=|action=|tab\()"(/[a-z/]*)"', menu):
        assert path in paths, path
