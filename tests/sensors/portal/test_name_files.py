"""Is every name of a certificate or zone file read, and what is wrong told?"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import InputError
from citywatch.model import Problem
from sensors.portal.name_files import names_in

CRT = b'[{"common_name": "A.vn", "name_value": "a.vn\\n*.a.vn"}, {"name_value": "b.vn"}]'
STREAM = b'{"data": {"leaf_cert": {"all_domains": ["c.vn", "www.c.vn"]}}}\n{"domain": "d.vn"}\n{broken\n'
ZONE = b"$ORIGIN vn.\n$TTL 60\n;c\ne 3600 IN NS ns1.host.vn.\nf.com.vn. IN A 1.2.3.4\n@ IN SOA x y 1 2 3\n"


@pytest.mark.parametrize(
    ("raw", "names", "problems"),
    [
        (CRT, ["a.vn", "*.a.vn", "a.vn", "b.vn"], 0),
        (STREAM, ["c.vn", "www.c.vn", "d.vn"], 1),
        (ZONE, ["e.vn", "f.com.vn"], 0),
        (b"g.vn\nH.VN.\n# note\n\n", ["g.vn", "h.vn"], 0),
        (b"2026-11-20,i.vn,1.2.3.4\n", ["i.vn", "1.2.3.4"], 0),
        (b"[broken", [], 1),
        (b"", [], 0),
    ],
)
def test_names_of_each_form_are_read(raw: bytes, names: list[str], problems: int, tmp_path: Path) -> None:
    file = tmp_path / "names"
    for packed in (raw, gzip.compress(raw)):
        file.write_bytes(packed)
        told: list[Problem] = []
        assert sorted(names_in(file, told.append)) == sorted(names)
        assert len(told) == problems


def test_a_file_that_is_not_there_or_cut_off_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(names_in(tmp_path / "none", lambda _: None))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"a.vn\n" * 1000)[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        list(names_in(cut, lambda _: None))


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise_but_to_say_that_it_cannot_be_read(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a"
        file.write_bytes(raw)
        try:
            list(names_in(file, lambda _: None))
        except InputError:
            assert raw[:2] == b"\x1f\x8b"
