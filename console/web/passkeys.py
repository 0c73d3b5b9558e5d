"""Does this browser hold a key of this account? (WebAuthn level 2)

A passkey asks its owner for a finger, a face or a PIN, so it stands for both factors. What the two steps of a
ceremony must remember of each other is sealed in a cookie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from console.web.accounts import Passkey, User

MOST_PASSKEYS = 10


class PasskeyRefusedError(Exception):
    """The browser's answer does not prove what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the ceremony is held: a key answers only to the site it was made on."""

    host: str
    origin: str

    @classmethod
    def of(cls, address: str) -> Place:
        """From the console's address.

        >>> Place.of("https://csirt.example.vn:8443/")
        Place(host='csirt.example.vn', origin='https://csirt.example.vn:8443')
        """
        parts = urlsplit(address)
        return cls(host=parts.hostname or "", origin=f"{parts.scheme}://{parts.netloc}")


def offer(place: Place, user: User, name: str, challenge: bytes) -> str:
    """The options (JSON) for making a passkey of this account; one device is not asked twice."""
    options = generate_registration_options(
        rp_id=place.host,
        rp_name=name,
        user_id=base64url_to_bytes(user.passkey_handle),
        user_name=user.id,
        user_display_name=user.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id)) for key in user.passkeys
        ],
    )
    return options_to_json(options)


def made(place: Place, challenge: bytes, answer: str, *, name: str, at: str) -> Passkey:
    """The new passkey, from what the browser answered.

    Raises:
        PasskeyRefusedError: the answer is for another site or challenge, or cannot be read.
    """
    try:
        seen = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefusedError(str(error)) from error
    return Passkey(
        id=bytes_to_base64url(seen.credential_id),
        public_key=bytes_to_base64url(seen.credential_public_key),
        count=seen.sign_count,
        name=name[:60],
        created_at=at,
    )


def ask(place: Place, challenge: bytes) -> str:
    """The options (JSON) for coming in with any passkey of this site."""
    options = generate_authentication_options(
        rp_id=place.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return options_to_json(options)


def handle_of(answer: str) -> str:
    """By which handle the answering key knows its account; empty when it says none."""
    try:
        held = parse_authentication_credential_json(answer).response.user_handle
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return ""
    return bytes_to_base64url(held) if held else ""


def proven(place: Place, challenge: bytes, answer: str, user: User) -> User:
    """The account with its key's new count, when the answer proves that the key is there.

    Raises:
        PasskeyRefusedError: it does not, or the key's count went back (a copy is about).
    """
    try:
        wanted = parse_authentication_credential_json(answer).id
        key = next((one for one in user.passkeys if one.id == wanted), None)
        if key is None:
            raise PasskeyRefusedError("this key is not of this account")
        seen = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=base64url_to_bytes(key.public_key),
            credential_current_sign_count=key.count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefusedError(str(error)) from error
    counted = replace(key, count=seen.new_sign_count)
    return replace(user, passkeys=tuple(counted if one is key else one for one in user.passkeys))
