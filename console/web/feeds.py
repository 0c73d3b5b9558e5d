"""Where do firewalls and resolvers fetch what they shall bar?

They cannot log in and know no bearer tokens, but all of them know HTTP basic authentication: the password
is the key of the settings, whatever the user name. Without a key, or with a wrong one, there is no such
page.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from hashlib import sha256

from starlette.responses import PlainTextResponse, Response

from citywatch.respond.blocklist import FORMS, BlockList, written
from console.web.door import Visit, Way


def block_list(visit: Visit) -> Response:
    """The block list in the form that was asked for."""
    settings = visit.house.settings.blocking
    if not settings.key:
        raise visit.missing()
    if not _may_fetch(visit, settings.key):
        return PlainTextResponse("", 401, headers={"WWW-Authenticate": 'Basic realm="citywatch"'})
    form = visit.path("form")
    if form not in FORMS:
        raise visit.missing()
    blocks = BlockList(store=visit.house.store, clock=visit.house.clock, never=settings.never)
    text = written(blocks.current(), form, visit.house.clock())
    mark = f'"{sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": mark, "Cache-Control": "private, max-age=60"}
    if visit.request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return PlainTextResponse(text, headers=headers)


def _may_fetch(visit: Visit, key: str) -> bool:
    scheme, _, said = visit.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, password = b64decode(said, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    return hmac.compare_digest(password.encode(), key.encode())


WAYS = (Way(path="/feeds/block/{form}", handler=block_list, name="block_list"),)
