"""Is the state of a connection told from its flags as Zeek tells it?"""

from __future__ import annotations

import pytest

from sensors.suricata import state

FIN, SYN, RST, ACK = 1, 2, 4, 16


@pytest.mark.parametrize(
    ("out", "back", "wanted"),
    [
        (SYN, 0, "S0"),
        (SYN | FIN, 0, "SH"),
        (SYN | RST, 0, "RSTOS0"),
        (SYN, RST | ACK, "REJ"),
        (SYN | ACK, SYN | ACK, "S1"),
        (SYN | ACK | FIN, SYN | ACK, "S2"),
        (SYN | ACK, SYN | ACK | FIN, "S3"),
        (SYN | ACK | FIN, SYN | ACK | FIN, "SF"),
        (SYN | ACK | RST, SYN | ACK, "RSTO"),
        (SYN | ACK, SYN | ACK | RST, "RSTR"),
        (0, SYN | FIN, "SHR"),
        (ACK, ACK, "OTH"),
    ],
)
def test_states(out: int, back: int, wanted: str) -> None:
    assert state(out, back) == wanted
