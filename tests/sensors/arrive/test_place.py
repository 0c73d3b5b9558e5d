"""Are addresses, networks and certificates of listeners read, or refused with what to do?"""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from citywatch.errors import SettingsError
from sensors.arrive.place import Limits, check, endpoint, networks, tls_context


@pytest.mark.parametrize("text", ["514", "localhost:514", "10.0.0.1:70000", "10.0.0.1:", ":514", "[::]"])
def test_what_is_no_address_with_a_port_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"write an address of this machine and a port"):
        endpoint("udp", text)


def test_networks_are_read_or_refused() -> None:
    assert [str(each) for each in networks(("10.0.0.7/8", "2001:db8::/32"))] == [
        "10.0.0.0/8",
        "2001:db8::/32",
    ]
    check(Limits(allowed=("10.0.0.0/8",)))
    with pytest.raises(SettingsError, match=r"allowed: 'here'"):
        check(Limits(allowed=("here",)))


def test_a_bound_that_leaves_room_for_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="most_held = 0: give a number over 0"):
        check(Limits(most_held=0))


def test_tls_files_that_are_missing_or_wrong_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs certificate"):
        tls_context("", "")
    with pytest.raises(SettingsError, match=r"none\.pem: No such file"):
        tls_context(str(tmp_path / "none.pem"), "")
    authority = trustme.CA()
    authority.issue_cert("log.test").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    (tmp_path / "bad.pem").write_text("no certificate")
    assert tls_context(str(tmp_path / "own.pem"), "")
    with pytest.raises(SettingsError, match=r"bad\.pem"):
        tls_context(str(tmp_path / "own.pem"), "", str(tmp_path / "bad.pem"))
