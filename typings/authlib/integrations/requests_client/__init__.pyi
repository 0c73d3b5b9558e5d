from typing import Any

from requests import Session

class OAuth2Session(Session):
    def __init__(
        self,
        client_id: str,
        client_secret: str | None,
        *,
        scope: str,
        redirect_uri: str,
        code_challenge_method: str,
    ) -> None: ...
    def create_authorization_url(
        self, url: str, *, state: str, nonce: str, code_verifier: str
    ) -> tuple[str, str]: ...
    def fetch_token(
        self, url: str, *, authorization_response: str, state: str, code_verifier: str, timeout: float
    ) -> dict[str, Any]: ...
