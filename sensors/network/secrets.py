"""What must nobody read in an event? Passwords, tokens and session cookies are masked here.

A value that looks like an attack (quotes, tags, path climbing, command substitution) is left, because it is
what an analyst must see, and no password that works.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from urllib.parse import unquote_plus

MASK = "***"
_NAMES = (
    r"pass(?:wd|word|phrase|code)?|pwd|pw|psw|mat_?khau|matkhau|mk|secret|token|access_token|refresh_token|"
    r"api_?key|apikey|auth|session(?:_?id)?|sid|jsessionid|phpsessid|otp|pin|cccd|credential|client_secret"
)
_PAIR = re.compile(
    rf"(?i)(^|[&;?\s])((?:[\w.\[\]-]*[_.\[-])?(?:user_?|new_?|old_?|confirm_?)?(?:{_NAMES})\]?)=([^&;\s]*)"
)
_JSON = re.compile(
    rf'(?i)("(?:[\w-]*[_-])?(?:user_?|new_?|old_?|confirm_?)?(?:{_NAMES})"\s*:\s*")((?:[^"\\]|\\.)*)(")'
)
_PART = re.compile(rf'(?i)(name="(?:[\w-]*[_-])?(?:{_NAMES})"\r?\n(?:[^\r\n]+\r?\n)*\r?\n)([^\r\n]*)')
_ATTACK = re.compile(r"""['"<>`;|]|\$[({]|\.\./|\b(?:select|union|sleep)\b""", re.IGNORECASE)


def _masked(value: str) -> str:
    return value if not value or _ATTACK.search(unquote_plus(value)) else MASK


def query(words: str) -> str:
    """Mask the secrets of a query or a form.

    >>> query("user=an&password=Abc123&go=1")
    'user=an&password=***&go=1'
    >>> query("user=an&password=%27+or+1%3D1--")
    'user=an&password=%27+or+1%3D1--'
    """
    if "=" not in words:
        return words
    return _PAIR.sub(lambda found: f"{found[1]}{found[2]}={_masked(found[3])}", words)


def body(words: str) -> str:
    """Mask the secrets of a request's body: form, JSON or multipart.

    >>> body('{"user": "an", "password": "x1"}')
    '{"user": "an", "password": "***"}'
    """
    words = query(words)
    words = _JSON.sub(lambda found: f"{found[1]}{_masked(found[2])}{found[3]}", words)
    return _PART.sub(lambda found: f"{found[1]}{_masked(found[2])}", words)


def cookie(header: str) -> str:
    """Names stay, values go (but for an attack in one).

    >>> cookie("PHPSESSID=abc; lang=vi")
    'PHPSESSID=***; lang=***'
    """
    if not header:
        return ""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return "; ".join(
        f"{name}{equals}{_masked(value) if equals else ''}" for name, equals, value in pairs if name
    )


def authorization(header: str) -> tuple[str, str]:
    """Scheme, and for Basic the user.

    >>> authorization("Basic YWRtaW46YWRtaW4=")
    ('Basic', 'admin')
    """
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return scheme[:32], ""
    try:
        name = b64decode(rest.strip(), validate=True).partition(b":")[0].decode("utf-8", "replace")
    except (Error, ValueError):
        return scheme, ""
    return scheme, "".join(letter for letter in name if letter.isprintable())[:128]
