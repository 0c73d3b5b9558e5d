"""Is an advisory in CSAF 2.0 read as the standard has it, and a crooked one told of?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import InputError
from citywatch.model import Severity
from citywatch.respond.advisory import Product
from citywatch.respond.csaf import is_csaf, read_csaf


def document(**given: Any) -> dict[str, Any]:
    return {
        "document": {
            "category": "csaf_security_advisory",
            "csaf_version": "2.0",
            "title": "Path traversal in the web server",
            "publisher": {"category": "coordinator", "name": "VNCERT", "namespace": "https://example.vn"},
            "tracking": {
                "id": "CB-2026-17",
                "status": "final",
                "version": "2",
                "initial_release_date": "2026-11-01T00:00:00Z",
                "current_release_date": "2026-11-02T07:00:00+07:00",
                "revision_history": [],
            },
            "distribution": {"tlp": {"label": "GREEN"}},
            "notes": [{"category": "summary", "title": "Summary", "text": "Files can be read."}],
        },
        "product_tree": {
            "branches": [
                {
                    "category": "vendor",
                    "name": "Apache",
                    "branches": [
                        {
                            "category": "product_name",
                            "name": "HTTP Server",
                            "branches": [
                                {
                                    "category": "product_version_range",
                                    "name": "vers:apache/>=2.4.49|<2.4.51",
                                    "product": {"product_id": "A", "name": "Apache HTTP Server 2.4.49-50"},
                                },
                                {
                                    "category": "product_version",
                                    "name": "2.4.51",
                                    "product": {"product_id": "F", "name": "Apache HTTP Server 2.4.51"},
                                },
                            ],
                        }
                    ],
                }
            ],
            "full_product_names": [{"product_id": "OS", "name": "Some Linux 8"}],
            "relationships": [
                {
                    "category": "installed_on",
                    "product_reference": "A",
                    "relates_to_product_reference": "OS",
                    "full_product_name": {"product_id": "AOS", "name": "httpd on Linux"},
                }
            ],
        },
        "vulnerabilities": [
            {
                "cve": "CVE-2021-41773",
                "product_status": {"known_affected": ["A", "AOS", "ghost"], "fixed": ["F"]},
                "scores": [{"cvss_v3": {"baseSeverity": "CRITICAL", "baseScore": 9.8}, "products": ["A"]}],
                "remediations": [
                    {"category": "vendor_fix", "details": "Update.", "url": "https://a.example/"}
                ],
            }
        ],
        **given,
    }


def test_products_ranges_fixes_scores_and_labels_are_read() -> None:
    raw = json.dumps(document()).encode()
    assert is_csaf(raw)
    found = read_csaf(raw, "a.json")
    assert (found.number, found.revision, found.source, found.tlp) == ("CB-2026-17", "2", "VNCERT", "GREEN")
    assert (found.severity, found.published) == (Severity.critical, "2026-11-02T00:00:00.000000Z")
    assert found.products == (
        Product(
            vendor="Apache",
            name="HTTP Server",
            versions="vers:apache/>=2.4.49|<2.4.51",
            fixed="2.4.51",
            cves=("CVE-2021-41773",),
        ),
    )
    assert found.guide == "Update. https://a.example/"
    assert found.doubts == ("product_status/known_affected: 'ghost' is not in the product tree",)


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"document": []}', b"\xff\xfe", b'{"csaf_version": 1}'])
def test_what_is_no_advisory_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        read_csaf(raw, "a.json")


def test_a_tree_deeper_than_any_real_one_is_cut_and_told() -> None:
    branch: dict[str, Any] = {"category": "vendor", "name": "x"}
    for _ in range(150):
        branch = {"category": "product_family", "name": "x", "branches": [branch]}
    found = read_csaf(json.dumps(document(product_tree={"branches": [branch]})).encode(), "a.json")
    assert any("deeper" in doubt for doubt in found.doubts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=30,
)


@given(
    st.dictionaries(st.sampled_from(["title", "tracking", "publisher", "distribution", "notes"]), JSON),
    JSON,
    JSON,
)
def test_whatever_stands_in_its_places_does_not_break_the_reader(head: Any, tree: Any, told: Any) -> None:
    whole = {"document": {"csaf_version": "2.0", **head}, "product_tree": tree, "vulnerabilities": told}
    read_csaf(json.dumps(whole).encode(), "a.json")
