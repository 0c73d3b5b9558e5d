"""Is somebody's command line known by what is said, whatever stands around it?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.shell import spoken

INSIDE = (
    b"uid=0(root) gid=0(root)", b"bash: no job control in this shell", b"can't access tty; job control",
    b"Microsoft Windows [Version 10.0.17763]", b"PS C:\\Users\\an> ", b"\nsh-5.1$ ", b"\nbash-5.1# ",
    b"root@web01:~# ", b"an@may-chu.hanoi:/var/www$ ", b"\nC:\\Windows\\system32>",
)  # fmt: skip
"""What is found wherever it stands (the last one only at the end)."""
FIRST = (b"#!/bin/sh", b"#! /usr/bin/python", b"sh-4.2# ", b"/bin/sh -i", b"bash -i", b"C:\\inetpub>")
NOISE = st.binary(max_size=200).map(lambda data: data.replace(b"{", b"") + b"\n \x00@")


@pytest.mark.parametrize("words", INSIDE)
@given(before=NOISE)
def test_a_shell_is_known_behind_any_bytes(words: bytes, before: bytes) -> None:
    assert spoken(before + words) == "shell"


@pytest.mark.parametrize("words", FIRST)
def test_a_shell_is_known_by_how_it_begins(words: bytes) -> None:
    assert spoken(words) == "shell"


@pytest.mark.parametrize(
    "words", [b"a@b.vn", b"mail me: an@hanoi.gov.vn:25 $x", b"\x00\x01@\xff:/", b"GET / HTTP/1.1", b"@:~$ "]
)
def test_an_at_sign_alone_is_no_prompt(words: bytes) -> None:
    assert spoken(words) == ""
