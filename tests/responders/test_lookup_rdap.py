"""Is what a registry says read, and nothing of it believed to be well-formed?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ActionFailed
from citywatch.settings import LookUp
from responders.lookup_rdap import LookUpRdap, read_rdap
from tests.responders.conftest import an_order

DOMAIN: dict[str, Any] = {
    "objectClassName": "domain",
    "ldhName": "gia-mao.example",
    "status": ["active"],
    "events": [{"eventAction": "registration", "eventDate": "2026-11-20T00:00:00Z"}],
    "entities": [
        {
            "roles": ["registrar"],
            "vcardArray": ["vcard", [["fn", {}, "text", "Nhà đăng ký X"]]],
            "entities": [
                {"roles": ["abuse"], "vcardArray": ["vcard", [["email", {}, "text", "abuse@x.example"]]]}
            ],
        }
    ],
}


class Registry(BaseHTTPRequestHandler):
    """Knows one domain."""

    def do_GET(self) -> None:
        good = self.path == "/domain/gia-mao.example"
        self.send_response(200 if good else 404 if self.path.startswith("/ip/") else 500)
        self.end_headers()
        self.wfile.write(json.dumps(DOMAIN).encode() if good else b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_registrar_day_and_abuse_contact_are_told(registry: str) -> None:
    ask = LookUpRdap(settings=LookUp(rdap_url=registry, allow_loopback=True)).act
    found = ask(an_order("lookup.rdap", value="gia-mao.example."))["found"]
    assert (found["registrar"], found["registered"]) == ("Nhà đăng ký X", "2026-11-20T00:00:00Z")
    assert (found["abuse"], found["state"]) == (["abuse@x.example"], ["active"])
    assert ask(an_order("lookup.rdap", value="203.0.113.9"))["exists"] is False
    with pytest.raises(ActionFailed, match="500"):
        ask(an_order("lookup.rdap", value="../../x"))


def test_without_a_server_nothing_is_asked_and_a_private_one_needs_the_setting(registry: str) -> None:
    assert "not asked" in LookUpRdap(settings=LookUp()).act(an_order("lookup.rdap", value="a.vn"))["note"]
    with pytest.raises(ActionFailed):
        LookUpRdap(settings=LookUp(rdap_url=registry)).act(an_order("lookup.rdap", value="a.vn"))


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["entities", "events", "status", "ldhName"]), JSON))
def test_whatever_a_registry_answers_is_read(answer: dict[str, object]) -> None:
    read_rdap(answer)
