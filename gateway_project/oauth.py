"""OAuth 2.0 for machines: access tokens for client credentials, their revocation, introspection.

The endpoints take forms by POST and find out first which client asks; django-oauth-toolkit
issues the tokens and keeps them. Source: RFC 6749 (2.3.1, 4.4, 5.2), RFC 7009, RFC 7662.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import View, defaults
from oauth2_provider.models import get_access_token_model
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2 import BackendApplicationServer

from alarms import desk
from alarms.core.catalogue import API_AUTHENTICATION
from bots import access
from bots.models import ApiClient
from bots.rest.authentication import address_of
from bots.rest.throttling import failure_wait, token_wait

PREFIX = "/oauth/"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NO_TOKEN = "The parameter token is missing."  # noqa: S105 - a sentence
_SECRETS = ("client_secret", "password", "access_token", "token")


class Endpoint(View):
    """What the endpoints share: forms only, the client is known, no answer is kept."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the client's form, or say as RFC 6749 5.2 does why not."""
        if request.method != "POST":
            return _refusal(405, "invalid_request", "Send a POST.", Allow="POST")
        if problem := _malformed(request):
            return _refusal(400, "invalid_request", problem)
        client_id, secret = _credentials(request)
        client = access.client_with(client_id, secret)
        if client is None or not client.enabled:
            desk.failed(API_AUTHENTICATION, detail=f"by {address_of(request) or 'somebody'}")
            if seconds := failure_wait(address_of(request), client_id):
                return _too_often(seconds)
            return _not_authenticated("Client id or secret are wrong.")
        if not access.is_within(address_of(request), client.allowed_networks):
            return _not_authenticated("The client may not be used from this address.")
        response = self.answer(request, client)
        response["Cache-Control"] = "no-store"
        return response

    def answer(self, request: HttpRequest, client: ApiClient) -> HttpResponse:
        """What ``client``, which has proved who it is, gets."""
        raise NotImplementedError


class Token(Endpoint):
    """Access tokens for client credentials; there is no other grant."""

    def answer(self, request: HttpRequest, client: ApiClient) -> HttpResponse:
        """A token, or why there is none."""
        if seconds := token_wait(client):
            return _too_often(seconds)
        _url, headers, body, status = _core(client).create_token_response(request)
        # NB The package says of its errors neither that they are JSON nor what would be right.
        told = {"Content-Type": "application/json", **headers}
        answer = json.loads(body)
        right = {
            "invalid_scope": f"The client has the scopes {' '.join(client.allowed_scopes)}.",
            "unsupported_grant_type": "Send grant_type=client_credentials.",
        }.get(answer.get("error"))
        if right:
            answer["error_description"] = right
        return HttpResponse(json.dumps(answer), status=status, headers=told)


class Revocation(Endpoint):
    """A client gives up one of its tokens; what is none of its own stays as it is (RFC 7009)."""

    def answer(self, request: HttpRequest, client: ApiClient) -> HttpResponse:
        """Nothing, whether there was such a token or not."""
        token = request.POST.get("token", "")
        if not token:
            return _refusal(400, "invalid_request", _NO_TOKEN)
        found = get_access_token_model().objects.filter(application=client)
        found.filter(token_checksum=access.digest(token)).delete()
        return HttpResponse()


class Introspection(Endpoint):
    """A client learns about one of its own tokens; any other is not active (RFC 7662, 2.2)."""

    def answer(self, request: HttpRequest, client: ApiClient) -> HttpResponse:
        """What the token is good for, or only that it is not active."""
        token = request.POST.get("token", "")
        if not token:
            return _refusal(400, "invalid_request", _NO_TOKEN)
        granted = access.access_token(token)
        own = get_access_token_model().objects.filter(application=client)
        found = own.filter(token_checksum=access.digest(token)).first()
        if granted is None or found is None:
            return JsonResponse({"active": False})
        return JsonResponse(
            {
                "active": True,
                "scope": " ".join(sorted(access.scopes_of(granted))),
                "client_id": client.client_id,
                "token_type": "Bearer",
                "exp": int(found.expires.timestamp()),
                "iat": int(found.created.timestamp()),
            }
        )


class _Known(OAuth2Validator):  # type: ignore[misc]  # the package is untyped
    """The package's rules for a client that has proved who it is already."""

    def __init__(self, client: ApiClient) -> None:
        super().__init__()
        self._client = client

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.client = self._client
        return True


def _core(client: ApiClient) -> OAuthLibCore:
    seconds = oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS
    return OAuthLibCore(BackendApplicationServer(_Known(client), token_expires_in=seconds))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to what Django cannot read, such as U+0000; elsewhere the page for that."""
    if not request.path.startswith(PREFIX):
        return defaults.bad_request(request, exception)
    return _refusal(400, "invalid_request", "The request is malformed or too large.")


def _malformed(request: HttpRequest) -> str:
    """What is wrong with a request before anybody looks at whose it is."""
    if request.content_type not in _FORMS:
        return "Send a form: application/x-www-form-urlencoded."
    if any(name in request.GET for name in _SECRETS):
        return "Secrets do not belong into the address: it is logged."
    repeated = sorted(name for name, values in request.POST.lists() if len(values) > 1)
    if repeated:
        return "A parameter is there more than once."
    if "Authorization" in request.headers and "client_secret" in request.POST:
        return "Prove who you are by one method, not by two."
    return ""


def _credentials(request: HttpRequest) -> tuple[str, str]:
    """Client id and secret: of HTTP Basic, else of the form; empty when there are none."""
    authorization = request.headers.get("Authorization")
    if authorization:
        return access.basic_credentials(authorization) or ("", "")
    return request.POST.get("client_id", ""), request.POST.get("client_secret", "")


def _not_authenticated(description: str) -> HttpResponse:
    challenge = {"WWW-Authenticate": 'Basic realm="gateway"'}
    return _refusal(401, "invalid_client", description, **challenge)


def _too_often(seconds: int) -> HttpResponse:
    description = f"Wait {seconds} s."
    return _refusal(429, "temporarily_unavailable", description, **{"Retry-After": str(seconds)})


def _refusal(status: int, error: str, description: str, **headers: str) -> HttpResponse:
    """An error of RFC 6749, 5.2."""
    body = {"error": error, "error_description": description}
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store", **headers})
