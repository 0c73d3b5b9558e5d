"""What does an identity provider on loopback say, and how may it lie?"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from console.web.shots import listening

CLIENT, SECRET = "citywatch", "bi-mat-cua-ung-dung"


@dataclass
class TestProvider:
    """Signs whatever `claims` says for whoever comes; each test changes what it needs."""

    __test__ = False

    claims: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "u-17", "preferred_username": "Mai.Le", "name": "Lê Thị Mai", "email": "mai@example.vn",
            "groups": ["csirt-analysts"],
        }
    )  # fmt: skip
    key: jwk.RSAKey = field(
        default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
    )
    published: jwk.RSAKey | None = None
    """The key in the key set, when it is not the one that signs."""
    address: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/jwks", self.jwks),
            ]
        )

    def describe(self, request: Request) -> Response:
        del request
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        places = {name: f"{self.address}/{path}" for name, path in names.items()}
        return JSONResponse({"issuer": self.address} | places)

    def authorize(self, request: Request) -> Response:
        code, asked = secrets.token_urlsafe(8), dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = asked and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        if request.headers.get("authorization") != f"Basic {basic}" or asked is None or not fits:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.claims, self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

    def jwks(self, request: Request) -> Response:
        del request
        return JSONResponse({"keys": [(self.published or self.key).as_dict(private=False)]})


@contextmanager
def provided() -> Generator[TestProvider]:
    """A provider that listens on loopback."""
    provider = TestProvider()
    with listening(provider.app()) as address:
        provider.address = address
        yield provider
