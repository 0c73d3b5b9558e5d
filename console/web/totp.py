"""Does this six-digit code come from the person's own device?

Time-based one-time codes (RFC 6238: SHA-1, six digits, thirty seconds, as every authenticator app has them),
a picture to scan, and backup codes for the day the device is lost.
"""

from __future__ import annotations

import base64
import hmac
import io
import secrets
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S = 30
DIGITS = 6
_DRIFT = (0, -1, 1)
_BACKUP_CODES = 10
_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"


def new_secret() -> str:
    """A fresh secret, as one types it into an app."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of one thirty-second step since 1970.

    >>> code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1)  # RFC 6238, appendix B: time 59, last six digits
    '287082'
    """
    made = TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what the RFC and every app use
    return made.generate(step * STEP_S).decode()


def step_of(secret: str, code: str, now: datetime, used: int) -> int | None:
    """The step whose code was typed; None when it is wrong, too old, or was used before.

    A clock that is thirty seconds off is forgiven. `used` is the last step that let somebody in: a code that
    was seen over a shoulder is of no use to a second person.
    """
    typed = "".join(code.split()).encode()
    present = int(now.timestamp()) // STEP_S
    found = None
    for drift in _DRIFT:
        step = present + drift
        if hmac.compare_digest(code_at(secret, step).encode(), typed) and step > used:
            found = step
    return found


def address(secret: str, account: str, issuer: str) -> str:
    """What the picture says to an app.

    >>> address("ABC", "lan", "CityWatch HN")
    'otpauth://totp/CityWatch%20HN:lan?secret=ABC&issuer=CityWatch+HN'
    """
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer})}"


def picture(text: str) -> str:
    """A QR code as SVG, dark on white whatever the theme."""
    import segno

    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, svgclass="qr"
    )
    return drawn.getvalue().decode()


def new_backup_codes() -> tuple[str, ...]:
    """Codes to be printed; each is good once."""
    rows = ("".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(_BACKUP_CODES))
    return tuple(f"{row[:5]}-{row[5:]}" for row in rows)


def backup_hash(code: str) -> str:
    """How a backup code is kept; ten letters of a random alphabet need no slow hash.

    >>> backup_hash("ABCDE-fghjk") == backup_hash(" abcdefghjk")
    True
    """
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return sha256(b"backup\0" + letters.encode()).hexdigest()
