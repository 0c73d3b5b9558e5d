"""Is every kind of warning read, with each line that cannot be taken named?"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.detect.indicator_import import Defaults, Imported, read_indicators
from citywatch.detect.indicator_json import pattern_values
from citywatch.errors import InputError

DEFAULTS = Defaults(source="NCSC", tlp="AMBER", confidence=70, valid_until="2027-01-01T00:00:00.000000Z")
LETTER = """Kính gửi đơn vị,
Máy chủ điều khiển: hxxps://evil[.]example/login (198[.]51[.]100[.]7), 203.0.113[.]9:8080, evil2 [.] example.
Liên hệ ais@ncsc.example hoặc https://ncsc.gov.vn
MD5: 44D88612FEA8A8F36DE82E1278ABB02F; JA3: e7d705a3286e19ea42f587b344ee6865.
Người gửi: boss[at]evil[.]example. Tệp invoice.exe
"""


def read(text: str | bytes, name: str = "w.txt") -> Imported:
    return read_indicators(text.encode() if isinstance(text, str) else text, name, DEFAULTS)


def pairs(found: Imported) -> list[tuple[str, str]]:
    return [(one.type, one.value) for one in found.indicators]


def told(found: Imported) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_a_table_may_say_type_confidence_tlp_and_validity() -> None:
    found = read(
        "indicator,type,confidence,tlp,expires,comment,source\n"
        "198.51.100[.]7,ip,high,red,31/12/2026,C2 server,CERT\n"
        "evil.example,,90,,,,\n"
        "198.51.100.0/24,ip,,,2026-12-01,,\n"
    )
    assert found.form == "csv"
    first, second, third = found.indicators
    assert (first.type, first.value, first.source, first.tlp, first.confidence) == (
        "ip", "198.51.100.7", "CERT", "RED", 85,
    )  # fmt: skip
    assert first.valid_until == "2026-12-31T00:00:00.000000Z"
    assert first.title == "C2 server"
    assert (second.source, second.tlp, second.confidence) == ("NCSC", "AMBER", 90)
    assert second.valid_until == DEFAULTS.valid_until
    assert third.type == "network"
    assert told(found) == []


def test_every_bad_line_of_a_table_is_named_and_the_rest_taken() -> None:
    found = read(
        'type;value;tlp;confidence;expires\nip;10.0.0.1\nmd5;zz\n"multi\nline";x\ndomain;evil.example;PURPLE\n'
        "domain;a.example;;200\ndomain;b.example;;;soon\ndomain;\ndomain;evil.example\nweird;evil2.example\n"
    )
    assert pairs(found) == [("domain", "evil.example"), ("domain", "evil2.example")]
    lines = [text.split(": ")[1] for text in told(found)]
    assert lines == ["line 2", "line 3", "line 4", "line 6", "line 7", "line 8", "line 9"]
    assert found.passed_over == 7
    assert all(problem.hint for problem in found.problems)


def test_tables_of_windows_programs_are_read() -> None:
    text = "loại\tgiá trị\ntên miền\tevil.example\n"
    assert pairs(read(text.encode("utf-16"))) == [("domain", "evil.example")]
    assert pairs(read(("﻿" + text.replace("\t", ";")).encode())) == [("domain", "evil.example")]


def test_a_plain_list_has_one_value_a_line() -> None:
    found = read(
        "# blocked\n198.51.100.7 # c2\n\nhttp://bad.example/x#frag\ngov.vn\n8.0.0.0/6\nevil.example\n"
    )
    assert found.form == "list"
    assert pairs(found) == [("ip", "198.51.100.7"), ("url", "bad.example/x"), ("domain", "evil.example")]
    assert [text.split(": ")[1] for text in told(found)] == ["line 5", "line 6"]


def test_from_a_letter_only_what_was_defanged_is_taken() -> None:
    found = read(LETTER)
    assert found.form == "text"
    assert pairs(found) == [
        ("url", "evil.example/login"),
        ("ip", "198.51.100.7"),
        ("ip", "203.0.113.9"),
        ("domain", "evil2.example"),
        ("md5", "44d88612fea8a8f36de82e1278abb02f"),
        ("ja3", "e7d705a3286e19ea42f587b344ee6865"),
        ("email", "boss@evil.example"),
    ]
    assert [text.split("; ")[0] for text in told(found)] == [
        "w.txt: line 3: 'https://ncsc.gov.vn' is not defanged: passed over"
    ]


def stix(*patterns: str, **more: Any) -> bytes:
    objects: list[dict[str, Any]] = [{"type": "identity", "id": "identity--1", "name": "ISAC"}]
    for place, pattern in enumerate(patterns):
        objects.append(
            {"type": "indicator", "id": f"indicator--{place}", "created_by_ref": "identity--1",
             "pattern_type": "stix", "pattern": pattern, **more}
        )  # fmt: skip
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}, indent=1).encode()


def test_a_stix_bundle_brings_source_tlp_confidence_and_validity() -> None:
    found = read(
        stix(
            "[ipv4-addr:value = '198.51.100.7' OR domain-name:value = 'evil.example']",
            confidence=85,
            name="C2",
            valid_from="2026-01-01T00:00:00Z",
            valid_until="2026-06-01T00:00:00.5Z",
            object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"],
        )
    )
    assert found.form == "stix"
    assert pairs(found) == [("ip", "198.51.100.7"), ("domain", "evil.example")]
    one = found.indicators[0]
    assert (one.source, one.tlp, one.confidence, one.title) == ("ISAC", "RED", 85, "C2")
    assert one.valid_until == "2026-06-01T00:00:00.500000Z"


def test_a_pattern_that_says_more_than_this_or_that_is_told_by_line() -> None:
    found = read(
        stix(
            "[ipv4-addr:value = '198.51.100.7' AND network-traffic:dst_port = 443]",
            "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
            "[ipv4-addr:value != '198.51.100.7']",
            f"[file:hashes.MD5='{'ab' * 16}' AND file:hashes.'SHA-256'='{'cd' * 32}' AND file:name='x']",
            "[process:name = 'x']",
        )
    )
    assert pairs(found) == [("md5", "ab" * 16), ("sha256", "cd" * 32)]
    assert [text.split(": ")[1] for text in told(found)] == ["line 12", "line 19", "line 26", "line 40"]


def test_revoked_and_other_pattern_languages_are_not_taken() -> None:
    assert pairs(read(stix("[domain-name:value = 'a.example']", revoked=True))) == []
    found = read(stix("rule x { condition: true }", pattern_type="yara"))
    assert "'yara' is not read" in told(found)[0]


def test_a_misp_event_gives_what_is_meant_for_detection() -> None:
    event = {
        "Event": {
            "info": "Phishing wave", "uuid": "u-1", "Orgc": {"name": "CERT"}, "Tag": [{"name": "tlp:green"}],
            "Attribute": [
                {"type": "ip-dst|port", "value": "198.51.100.7|443", "to_ids": True, "uuid": "a-1"},
                {"type": "btc", "value": "x", "to_ids": True, "uuid": "a-2"},
                {"type": "domain", "value": "context.example", "to_ids": False},
                {"type": "md5", "value": "zz", "uuid": "a-4"},
            ],
            "Object": [{"Attribute": [{"type": "domain|ip", "value": "evil.example|198.51.100.8"}]}],
        }
    }  # fmt: skip
    found = read(json.dumps({"response": [event]}, indent=1))
    assert found.form == "misp"
    assert pairs(found) == [("ip", "198.51.100.7"), ("domain", "evil.example"), ("ip", "198.51.100.8")]
    assert {(one.source, one.tlp, one.title) for one in found.indicators} == {
        ("CERT", "GREEN", "Phishing wave")
    }
    assert len(told(found)) == 2
    assert all(": line " in text for text in told(found))


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[" * 100_000, '{"type": "bundle"', "[[1]]"])
def test_json_that_is_no_warning_is_told(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(text)


def docx(xml: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", xml)
    return buffer.getvalue()


def test_a_word_file_is_read_paragraph_by_paragraph() -> None:
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    runs = "<w:p><w:r><w:t>C2: evil[.]</w:t></w:r><w:r><w:t>example</w:t></w:r></w:p>"
    found = read(docx(f"<w:document {space}><w:body>{runs}</w:body></w:document>"), "w.docx")
    assert pairs(found) == [("domain", "evil.example")]


def test_a_word_file_with_entities_is_refused() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    with pytest.raises(InputError, match="entities"):
        read(docx(bomb), "bomb.docx")


def pdf(line: str) -> bytes:
    stream = f"BT /F1 12 Tf 72 700 Td ({line}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = b"%PDF-1.4\n"
    places: list[int] = []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + table
    return out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start


def test_the_text_of_a_pdf_is_read() -> None:
    assert pairs(read(pdf("Block evil[.]example and 198[.]51[.]100[.]7"), "w.pdf")) == [
        ("domain", "evil.example"),
        ("ip", "198.51.100.7"),
    ]


def test_a_broken_pdf_is_told() -> None:
    with pytest.raises(InputError, match=r"w\.pdf: cannot be read"):
        read(b"%PDF-1.7 nothing", "w.pdf")


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.binary(max_size=300).filter(lambda raw: b"%PDF-" not in raw and raw[:2] != b"PK"),
    )
)
def test_any_bytes_are_read_or_told(text: str | bytes) -> None:
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if raw.lstrip()[:5] == b"%PDF-" or raw[:4] == b"PK\x03\x04":
        return
    try:
        found = read(raw)
    except InputError:
        return
    assert found.passed_over >= len(found.problems)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="[]()'=:.- \nANDORIabc1\\", max_size=120))
def test_any_pattern_is_read_or_told(pattern: str) -> None:
    with contextlib.suppress(ValueError):
        assert list(pattern_values(pattern))
