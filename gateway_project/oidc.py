"""Single sign-on: an OpenID Connect provider says who somebody is and which roles they have.

Authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1; RFC 7636).
The endpoints come from the provider's discovery document. Only switched on by ``OIDC_ISSUER``.
"""

import time
from collections.abc import Mapping
from typing import Any

import jwt
import requests
import structlog
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
)

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import Denied
from bots.guards import own_address
from bots.models import Member
from bots.services.people import sign_on
from gateway_project.sessions import PROVED_AT, signed_in
from gateway_project.signing_in import speak

DISCOVERY_SECONDS = 3600
LEEWAY_SECONDS = 30
"""How far the clocks of provider and gateway may be apart."""

log = structlog.get_logger(__name__)

_documents: dict[str, tuple[float, dict[str, Any]]] = {}


class SignOnFailed(Exception):
    """Somebody cannot be signed on; ``problem`` is one of those the page has words for."""

    def __init__(self, problem: str, detail: str = "") -> None:
        self.problem = problem
        super().__init__(detail or problem)


def endpoint(name: str) -> str:
    """One address from the provider's discovery document, such as ``token_endpoint``.

    Source: OpenID Connect Discovery 1.0, section 4.

    Raises:
        SignOnFailed: the document cannot be fetched, or is that of somebody else.
    """
    issuer: str = settings.OIDC_ISSUER
    fetched_at, document = _documents.get(issuer, (0.0, {}))
    if not document or time.monotonic() - fetched_at > DISCOVERY_SECONDS:
        document = _discover(issuer)
        _documents[issuer] = (time.monotonic(), document)
    address = document.get(name)
    if not isinstance(address, str):
        raise SignOnFailed("service", f"the discovery document has no {name}")
    return address


def _discover(issuer: str) -> dict[str, Any]:
    url = f"{issuer}/.well-known/openid-configuration"
    try:
        answer = requests.get(url, timeout=settings.OIDC_TIMEOUT, allow_redirects=False)
        answer.raise_for_status()
        document = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise SignOnFailed("service", f"{url}: {type(error).__name__}") from None
    if not isinstance(document, dict) or str(document.get("issuer", "")).rstrip("/") != issuer:
        raise SignOnFailed("service", f"{url} is not the document of {issuer}")
    return document


class SignOn(OIDCAuthenticationBackend):  # type: ignore[misc]  # the package ships no types
    """Turns an authorization code into a person of the gateway.

    Django makes one of these for every request of somebody who came by it, so making one must not
    ask the provider for anything.
    """

    def __init__(self) -> None:
        self.UserModel = get_user_model()
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.OIDC_RP_CLIENT_SECRET

    @property
    def OIDC_OP_TOKEN_ENDPOINT(self) -> str:
        """Where a code is exchanged for tokens."""
        return endpoint("token_endpoint")

    @property
    def OIDC_OP_USER_ENDPOINT(self) -> str:
        """Where more is known about the person."""
        return endpoint("userinfo_endpoint")

    @property
    def OIDC_OP_JWKS_ENDPOINT(self) -> str:
        """Where the keys are that sign tokens."""
        return endpoint("jwks_uri")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person behind the code of ``request``; only for who came back from the provider.

        Raises:
            PermissionDenied: nobody is signed on; `sign_on_problem` of the request says why.
        """
        if not credentials.get("nonce"):
            return None
        try:
            user: User | None = super().authenticate(request, **credentials)
        except SignOnFailed as failed:
            problem, detail = failed.problem, str(failed)
        except (requests.RequestException, ValueError, KeyError) as error:
            problem, detail = "service", type(error).__name__
        except (jwt.PyJWTError, SuspiciousOperation) as error:
            problem, detail = "token", f"{type(error).__name__}: {error}"
        else:
            return user
        log.warning("sign_on.failed", problem=problem, detail=detail)
        request.sign_on_problem = problem  # type: ignore[attr-defined]  # for page and audit log
        raise PermissionDenied(problem)

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """The claims of an ID token that is the provider's, for us, and of this sign-in.

        Source: OpenID Connect Core 1.0, section 3.1.3.7.
        """
        key = self.retrieve_matching_jwk(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=settings.OIDC_RP_CLIENT_ID,
            issuer=[settings.OIDC_ISSUER, f"{settings.OIDC_ISSUER}/"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if for_others and claims.get("azp") != settings.OIDC_RP_CLIENT_ID:
            raise SignOnFailed("token", "the token was issued to another client")
        if not constant_time_compare(str(claims.get("nonce", "")), str(kwargs.get("nonce"))):
            raise SignOnFailed("token", "the nonce is not that of this sign-in")
        return claims

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> User:
        """The account of the person, with the roles that the claims give."""
        told = self.get_userinfo(access_token, id_token, payload)
        if told.get("sub") != payload["sub"]:
            raise SignOnFailed("token", "the user information is about somebody else")
        claims = {**told, **payload}
        email = str(claims.get("email") or "")
        try:
            user = sign_on(
                payload["sub"],
                name=str(claims.get("preferred_username") or email),
                email=email,
                email_is_verified=claims.get("email_verified") is True,
                roles=roles_of(claims),
            )
        except Denied as denied:
            raise SignOnFailed("role" if denied.scope == "role" else "inactive") from None
        proved_at = payload.get("auth_time", 0)
        setattr(user, PROVED_AT, proved_at if isinstance(proved_at, int | float) else 0)
        return user


def roles_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """The roles that the groups in ``claims`` stand for."""
    value: Any = claims
    for part in settings.OIDC_ROLE_CLAIM.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    groups = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    roles = {settings.OIDC_ROLES.get(group) for group in groups if isinstance(group, str)}
    return frozenset(role for role in roles if role)


class _Request(OIDCAuthenticationRequestView):  # type: ignore[misc]  # the same
    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        if attr == "OIDC_OP_AUTHORIZATION_ENDPOINT":
            return endpoint("authorization_endpoint")
        return OIDCAuthenticationRequestView.get_settings(attr, *args)

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        # With max_age the provider must say when the person last proved who they are.
        return {"prompt": "login", "max_age": "0"} if request.GET.get("again") else {}


class _Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # the same
    def login_success(self) -> HttpResponseBase:
        """Always a session of its own, so that it knows when the person was last asked."""
        request, back = self.request, own_address(self.request, self.success_url)
        again = request.user.is_authenticated and request.user.pk == self.user.pk
        login(request, self.user)
        if again:
            record(
                Action.CONFIRMED, kind="user", target=self.user.pk, title=self.user.get_username()
            )
        else:
            signed_in(request)
        response = redirect(back)
        member = Member.objects.get(user=self.user)
        if member.language:
            speak(response, member.language)
        return response

    def login_failure(self) -> HttpResponse:
        """A page that says what is wrong and whom to ask."""
        return _failed(self.request, getattr(self.request, "sign_on_problem", "refused"))


def _failed(request: HttpRequest, problem: str) -> HttpResponse:
    status = 503 if problem == "service" else 403
    return render(request, "registration/sign_on.html", {"problem": problem}, status=status)


def begin(request: HttpRequest) -> HttpResponseBase:
    """Send somebody to the provider."""
    try:
        response: HttpResponseBase = _Request.as_view()(request)
    except SignOnFailed as failed:
        log.warning("sign_on.failed", problem=failed.problem, detail=str(failed))
        return _failed(request, failed.problem)
    return response


def complete(request: HttpRequest) -> HttpResponseBase:
    """Where the provider sends people back to."""
    try:
        response: HttpResponseBase = _Callback.as_view()(request)
    except SuspiciousOperation:
        log.warning("sign_on.failed", problem="state")
        return _failed(request, "state")
    return response
