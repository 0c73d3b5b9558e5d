"""Who is it, as the organisation's identity provider says? (OpenID Connect Core 1.0, code flow with PKCE)

The provider says in which groups a person is; the settings say which role a group has. Who is in none of them
does not come in, and an account that was made here is never taken over by a name that the provider gives.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import msgspec
from starlette.responses import Response

from citywatch.clock import Clock, stamp
from citywatch.errors import CityWatchError, Conflict
from citywatch.model import from_doc, to_doc
from citywatch.ports import Is, Query, Store
from citywatch.settings import Oidc
from console.web import accounts, door, login
from console.web.access import ROLES
from console.web.accounts import User
from console.web.door import Visit, Way

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session
    from joserfc.jwk import KeySetSerialization

BACK = "/login/oidc/back"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY_S = 60


class ProviderError(CityWatchError):
    """The provider cannot be asked, or what it says cannot be believed."""


class Stranger(CityWatchError):  # noqa: N818 - it is a person, not a fault
    """The provider knows this person, but no group gives a role here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What must be remembered while the person is at the provider."""

    state: str
    nonce: str
    verifier: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who came back, as the provider says."""

    subject: str
    """Issuer and subject: a name may be given to somebody else one day, this may not."""
    name: str
    full_name: str
    email: str
    groups: tuple[str, ...]


class Provider:
    """An identity provider, asked over HTTPS. Its calls block."""

    def __init__(self, settings: Oidc, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def address(self, back: str, asked: Asked) -> str:
        """Where to send the browser.

        Raises:
            ProviderError: the provider cannot be asked.
        """
        place = str(self._metadata()["authorization_endpoint"])
        with self._session(back) as session:
            url, _ = session.create_authorization_url(
                place, state=asked.state, nonce=asked.nonce, code_verifier=asked.verifier
            )
        return url

    def person(self, back: str, whole: str, asked: Asked) -> Person:
        """Who came back with this address.

        Raises:
            ProviderError: the answer is not for what was asked, or is not signed by the provider.
        """
        from authlib.common.errors import AuthlibBaseError
        from requests import RequestException

        metadata = self._metadata()
        try:
            with self._session(back) as session:
                got = session.fetch_token(
                    str(metadata["token_endpoint"]),
                    authorization_response=whole,
                    state=asked.state,
                    code_verifier=asked.verifier,
                    timeout=self._settings.timeout_s,
                )
        except (AuthlibBaseError, RequestException, ValueError) as error:
            raise ProviderError(f"{self._settings.issuer}: {error}") from error
        return self._believe(str(got.get("id_token", "")), metadata, asked.nonce)

    def _believe(self, id_token: str, metadata: Mapping[str, Any], nonce: str) -> Person:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        wanted = self._settings
        try:
            keys = KeySet.import_key_set(cast("KeySetSerialization", self._get(str(metadata["jwks_uri"]))))
            claims = jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock().timestamp()),
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": wanted.issuer},
                aud={"essential": True, "value": wanted.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError(f"{wanted.issuer}: its token is not to be believed: {error}") from error
        groups: Any = claims.get(wanted.groups_claim, ())
        listed = cast("list[Any]", groups) if isinstance(groups, list) else []
        return Person(
            subject=f"{wanted.issuer} {claims['sub']}",
            name=str(claims.get("preferred_username") or claims.get("email") or claims["sub"]),
            full_name=str(claims.get("name", "")),
            email=str(claims.get("email", "")),
            groups=tuple(str(group) for group in listed),
        )

    def _session(self, back: str) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session

        wanted = self._settings
        session = OAuth2Session(
            wanted.client_id,
            wanted.client_secret or None,
            scope=" ".join(wanted.scopes),
            redirect_uri=back,
            code_challenge_method="S256",
        )
        session.verify = wanted.ca_file or True
        return session

    def _metadata(self) -> Mapping[str, Any]:
        issuer = self._settings.issuer.rstrip("/")
        if not issuer.startswith("https://") and not self._settings.allow_http:
            raise ProviderError(f"[oidc] issuer = '{issuer}' is not https")
        held = self._get(f"{issuer}/.well-known/openid-configuration")
        if held.get("issuer") != self._settings.issuer:
            raise ProviderError(
                f"{issuer} says that it is '{held.get('issuer')}'; write that into [oidc] issuer"
            )
        lacking = [
            name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if name not in held
        ]
        if lacking:
            raise ProviderError(f"{issuer} does not say its {', '.join(lacking)}")
        return held

    def _get(self, url: str) -> dict[str, Any]:
        import requests

        try:
            answer = requests.get(
                url, timeout=self._settings.timeout_s, verify=self._settings.ca_file or True
            )
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except (requests.RequestException, msgspec.MsgspecError) as error:
            raise ProviderError(f"{url}: {error}") from error


def role_of(roles: Mapping[str, str], groups: tuple[str, ...]) -> tuple[str, str]:
    """The mightiest role that somebody's groups give, and the agency that goes with it.

    Raises:
        Stranger: none of the groups has a role.

    >>> role_of({"a": "analyst", "b": "lead", "c": "agency:so-y-te"}, ("a", "b", "x"))
    ('lead', '')
    >>> role_of({"c": "agency:so-y-te"}, ("c",))
    ('agency', 'so-y-te')
    """
    given = [roles[group].partition(":") for group in groups if group in roles]
    known = [(role, agency) for role, _, agency in given if role in ROLES]
    if not known:
        raise Stranger("no group of this person has a role here")
    return min(known, key=lambda each: ROLES.index(each[0]))


def account_of(store: Store, clock: Clock, person: Person, role: str, agency: str) -> User:
    """The account of a person, made or brought up to date.

    Raises:
        Stranger: an account of that name exists that is not this person's, the name cannot be used, or the
            account is switched off.
        ProviderError: somebody else changed the account at the same time.
    """
    where = Is("subject", person.subject)
    found = store.find("user", Query(where=where, order="id", limit=10)).records
    held = [
        user for user in (from_doc(record.doc, User) for record in found) if user.subject == person.subject
    ]
    if held:
        before = held[0]
        after = replace(before, role=role, agency=agency, email=person.email)
        if (role, agency) != (before.role, before.agency):
            after = replace(after, epoch=before.epoch + 1)
        if after != before and not accounts.change_once(store, before, after):
            raise ProviderError("the account was changed at the same time; try again")
        if not after.active:
            raise Stranger(f"the account '{after.id}' is switched off")
        return after
    name = accounts.user_id(person.name)
    if not accounts.name_is_good(name):
        raise Stranger(f"'{name}' cannot be the name of an account")
    made = User(
        id=name,
        name=person.full_name.strip()[:100] or name,
        role=role,
        agency=agency,
        email=person.email[:200],
        subject=person.subject,
        created_at=stamp(clock()),
    )
    try:
        store.put_if("user", made.id, to_doc(made), 0)
    except Conflict as error:
        raise Stranger(f"the account '{name}' is somebody else's") from error
    return made


# -- routes ----------------------------------------------------------------------------------------------


def go_out(visit: Visit) -> Response:
    """Send the browser to the provider."""
    settings = visit.house.settings.oidc
    if not settings.issuer:
        raise visit.missing()
    asked = Asked(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        wanted=door.local_path(visit.asked("next") or "/"),
    )
    try:
        where = Provider(settings, visit.house.clock).address(visit.site + BACK, asked)
    except ProviderError as error:
        return _refused(visit, "-", "oidc_failed", error)
    return visit.leave(where, msgspec.json.encode(asked).decode())


def come_back(visit: Visit) -> Response:
    """Let in who comes back from the provider, if it says who it is and a group gives a role."""
    settings, clock = visit.house.settings.oidc, visit.house.clock
    if not settings.issuer:
        raise visit.missing()
    wait = visit.throttle.wait_s(visit.address, "\0oidc")
    if wait:
        return visit.go("/login", "wait", count=wait)
    text = visit.returned()
    if text is None:
        return visit.go("/login", "factor_stale")
    asked = msgspec.json.decode(text, type=Asked)
    whole = f"{visit.site}{visit.whole_path}"
    who = "-"
    try:
        person = Provider(settings, clock).person(visit.site + BACK, whole, asked)
        who = person.name
        role, agency = role_of(settings.roles, person.groups)
        user = account_of(visit.house.store, clock, person, role, agency)
    except Stranger as error:
        return _refused(visit, who, "oidc_refused", error)
    except ProviderError as error:
        visit.throttle.failed(visit.address, "\0oidc")
        return _refused(visit, who, "oidc_failed", error)
    # The browser comes from another site, so that a redirect would not carry the session's strict cookie.
    return login.enter(visit, user, asked.wanted, by_page=True)


def _refused(visit: Visit, who: str, note: str, error: CityWatchError) -> Response:
    accounts.write_audit(visit.house.store, visit.house.clock, who[:64], note, f"{visit.address} {error}")
    return visit.go("/login", note)


WAYS = (
    Way(path="/login/oidc", handler=go_out, name="oidc"),
    Way(path=BACK, handler=come_back, name="oidc_back"),
)
