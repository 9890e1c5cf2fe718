"""Changing API clients: machines that obtain OAuth access tokens."""

from collections.abc import Iterable

from django.db import transaction
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import get_access_token_model
from oauth2_provider.scopes import get_scopes_backend

from bots.core.errors import ParameterError
from bots.models import ApiClient


def api_client_create(*, name: str, scopes: Iterable[str]) -> tuple[ApiClient, str]:
    """A new client and its secret, which cannot be shown again: only its hash is stored.

    Raises:
        ParameterError: no name, no scope, or scopes that do not exist.
    """
    allowed = _checked(scopes)
    if not name:
        raise ParameterError({"name": "say which machine or program this client is"})
    secret: str = generate_client_secret()
    client = ApiClient(name=name, client_secret=secret, allowed_scopes=allowed)
    client.save()
    return client, secret


@transaction.atomic
def api_client_update(
    client: ApiClient, *, scopes: Iterable[str] | None = None, enabled: bool | None = None
) -> ApiClient:
    """Change what a client may do. Tokens that it holds are revoked, since they keep their scopes.

    Raises:
        ParameterError: no scope, or scopes that do not exist.
    """
    changed: ApiClient = ApiClient.objects.select_for_update().get(pk=client.pk)
    if scopes is not None:
        changed.allowed_scopes = _checked(scopes)
    if enabled is not None:
        changed.enabled = enabled
    changed.save()
    for token in get_access_token_model().objects.filter(application=changed):
        token.revoke()
    return changed


def _checked(scopes: Iterable[str]) -> list[str]:
    known = get_scopes_backend().get_all_scopes()
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in known]
    if unknown or not wanted:
        what = f"there is no scope {', '.join(unknown)}" if unknown else "at least one is needed"
        raise ParameterError({"scope": f"{what}; choose from {', '.join(sorted(known))}"})
    return wanted
