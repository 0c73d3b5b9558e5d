"""Is evidence kept whole, once, and never handed out changed?"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import StoreError
from citywatch.store.evidence import Described, EvidenceFolder, Total


@pytest.fixture
def folder(tmp_path: Path) -> EvidenceFolder:
    return EvidenceFolder(tmp_path / "evidence")


def place(folder: EvidenceFolder, name: str) -> Path:
    return folder.path / name[:2] / name[2:4] / name


def test_what_is_kept_comes_back(folder: EvidenceFolder) -> None:
    name = folder.keep(b"<h1>Hacked</h1>", "text/html")
    assert name == sha256(b"<h1>Hacked</h1>").hexdigest()
    assert folder.get(name) == b"<h1>Hacked</h1>"
    assert folder.describe(name) == Described(sha256=name, media_type="text/html", size=15)
    assert folder.total() == Total(count=1, bytes=15)


@given(raw=st.binary(max_size=200))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = EvidenceFolder(tmp_path_factory.getbasetemp() / "any")
    assert folder.get(folder.keep(raw, "x")) == raw


def test_the_same_bytes_are_kept_once(folder: EvidenceFolder) -> None:
    assert folder.keep(b"a", "text/plain") == folder.keep(b"a", "text/html")
    assert folder.total() == Total(count=1, bytes=1)


def test_nothing_is_known_of_other_hashes(folder: EvidenceFolder) -> None:
    other = "0" * 64
    assert folder.get(other) is None
    assert folder.describe(other) is None
    assert folder.total() == Total(count=0, bytes=0)


def test_changed_bytes_are_told_and_kept_anew(folder: EvidenceFolder) -> None:
    name = folder.keep(b"proof", "text/plain")
    place(folder, name).write_bytes(b"forged")
    with pytest.raises(StoreError, match="no longer those"):
        folder.get(name)
    folder.keep(b"proof", "text/plain")
    assert folder.get(name) == b"proof"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65])
def test_a_name_that_is_no_hash_is_refused(folder: EvidenceFolder, name: str) -> None:
    with pytest.raises(StoreError, match="SHA-256"):
        folder.get(name)


def test_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="larger than the 10"):
        EvidenceFolder(tmp_path, largest=10).keep(b"x" * 11, "text/plain")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="may write there"):
        EvidenceFolder(tmp_path / "evidence").keep(b"a", "text/plain")


def test_an_unfinished_file_is_not_evidence(folder: EvidenceFolder) -> None:
    name = folder.keep(b"a", "text/plain")
    place(folder, name).with_name("unfinished-x").write_bytes(b"half")
    assert folder.total().count == 1


def test_old_evidence_goes_but_for_what_tickets_name(folder: EvidenceFolder) -> None:
    names = [folder.keep(raw, "text/plain") for raw in (b"old", b"named", b"again", b"new")]
    for name in names[:3]:
        os.utime(place(folder, name), (1, 1))
    folder.keep(b"again", "text/plain")
    assert folder.drop_before(datetime(2020, 1, 1, tzinfo=UTC), except_for={names[1]}) == 1
    assert [folder.get(name) for name in names] == [None, b"named", b"again", b"new"]
