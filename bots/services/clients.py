"""Changing API clients: their settings, secrets and the tokens that people mint for them.

Who asks is an argument; without it an operator at the command line does, who may do everything. A
person who reaches only some bots manages only clients that reach no more, and makes none that do.
"""

import base64
import secrets as random
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Unpack

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import get_access_token_model, set_token_value
from oauth2_provider.settings import oauth2_settings

from bots.access import new_token
from bots.audit import current_actor, record
from bots.core.auditing import Action
from bots.core.errors import Denied, ParameterError
from bots.core.roles import Permission
from bots.models import ApiClient, Bot, MintedToken
from bots.people import Person
from bots.secrets import sealed_texts
from bots.services.client_rules import (
    ClientFields,
    Settings,
    checked,
    scope_problem,
    text_problem,
)

KIND = "client"
"""What the audit log calls a client; its target is the key of the row."""
LONGEST_OVERLAP_HOURS = 7 * 24
LONGEST_TOKEN_DAYS = 366


@transaction.atomic
def api_client_create(
    *, name: str, scopes: Collection[str], who: Person | None = None, **settings: Unpack[Settings]
) -> tuple[ApiClient, str]:
    """A new client and its secret, which cannot be shown again: only its hash is stored.

    Raises:
        Denied: ``who`` may not manage clients.
        ParameterError: every wrong field.
    """
    _may(who)
    reach: Collection[str] | None = () if who and who.bots is not None else None
    values = checked({"bots": reach, **settings, "name": name, "scopes": scopes}, who, None)
    secret: str = generate_client_secret()
    client = ApiClient(client_secret=secret, notification_secret=_notification_envelope())
    _set(client, values)
    record(
        Action.CLIENT_CREATED,
        kind=KIND,
        target=client.pk,
        title=client.name,
        after=shown(client),
    )
    return client, secret


@transaction.atomic
def api_client_update(
    client: ApiClient, *, who: Person | None = None, **changes: Unpack[ClientFields]
) -> ApiClient:
    """Change a client. What it may no longer do its tokens no longer do; disabled, it has none.

    Tokens that people minted work again when the client is enabled again.

    Raises:
        Denied: ``who`` may not manage this client.
        ParameterError: every wrong field.
    """
    client = _locked(who, client)
    values = checked(changes, who, client)
    before = shown(client)
    _set(client, values)
    if not client.enabled:
        _end_issued_tokens(client)
    after = shown(client)
    changed = [field for field in after if before[field] != after[field]]
    if changed:
        record(
            Action.CLIENT_CHANGED,
            kind=KIND,
            target=client.pk,
            title=client.name,
            before={field: before[field] for field in changed},
            after={field: after[field] for field in changed},
        )
    return client


@transaction.atomic
def api_client_delete(client: ApiClient, *, who: Person | None = None) -> None:
    """Remove a client with its tokens; its calls and the audit log stay.

    Raises:
        Denied: ``who`` may not manage this client.
    """
    client = _locked(who, client)
    before = shown(client)
    record(Action.CLIENT_DELETED, kind=KIND, target=client.pk, title=client.name, before=before)
    client.delete()


@transaction.atomic
def rotate_secret(client: ApiClient, *, overlap_hours: int = 24, who: Person | None = None) -> str:
    """Another secret; the one so far is good for ``overlap_hours`` more (0 to 168).

    Without overlap the access tokens that were got by it end too.

    Raises:
        Denied: ``who`` may not manage this client.
        ParameterError: at ``overlap_hours``.
    """
    client = _locked(who, client)
    if not 0 <= overlap_hours <= LONGEST_OVERLAP_HOURS:
        wrong = _("must be from 0 to %(most)s hours") % {"most": LONGEST_OVERLAP_HOURS}
        raise ParameterError({"overlap_hours": wrong})
    until = timezone.now() + timedelta(hours=overlap_hours) if overlap_hours else None
    client.previous_secret = client.client_secret if until else ""
    client.previous_secret_until = until
    secret: str = generate_client_secret()
    client.client_secret = make_password(secret, hasher=oauth2_settings.CLIENT_SECRET_HASHER)
    client.save()
    if not until:
        _end_issued_tokens(client)
    _record(Action.CLIENT_SECRET_ROTATED, client, f"the one before is good for {overlap_hours} h")
    return secret


@transaction.atomic
def rotate_notification_secret(client: ApiClient, *, who: Person | None = None) -> None:
    """Another secret to sign notifications with, from the next notification on.

    Raises:
        Denied: ``who`` may not manage this client.
    """
    client = _locked(who, client)
    client.notification_secret = _notification_envelope()
    client.save(update_fields=["notification_secret"])
    _record(Action.CLIENT_SECRET_ROTATED, client, "that of notifications")


@transaction.atomic
def mint_token(
    client: ApiClient,
    *,
    name: str,
    scopes: Collection[str],
    days: int,
    who: Person | None = None,
) -> tuple[MintedToken, str]:
    """A token for a program that cannot obtain one itself; it is returned once and not kept.

    Raises:
        Denied: ``who`` may not manage this client.
        ParameterError: at ``name``, ``scopes`` (only some of the client's) or ``days`` (1 to 366).
    """
    client = _locked(who, client)
    name = name.strip()
    problems = {"name": text_problem(name, 100), "scopes": scope_problem(scopes)}
    if beyond := sorted(set(scopes) - set(client.allowed_scopes)):
        problems["scopes"] = _("The client is not allowed %(scopes)s.") % {
            "scopes": ", ".join(beyond)
        }
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        problems["days"] = _("must be from 1 to %(most)s days") % {"most": LONGEST_TOKEN_DAYS}
    if problems := {field: problem for field, problem in problems.items() if problem}:
        raise ParameterError(problems)
    raw = new_token()
    token = get_access_token_model()(
        application=client,
        scope=" ".join(sorted(set(scopes))),
        expires=timezone.now() + timedelta(days=days),
    )
    set_token_value(token, raw)
    token.save()
    author = current_actor().name[:150]
    minted = MintedToken.objects.create(token=token, name=name, author=author)
    after = {"token": name, "scopes": token.scope, "days": days}
    _record(Action.CLIENT_TOKEN_MINTED, client, after=after)
    return minted, raw


@transaction.atomic
def revoke_token(client: ApiClient, minted_id: int, *, who: Person | None = None) -> str:
    """End a minted token at once; its name.

    Raises:
        Denied: ``who`` may not manage this client.
        LookupError: the client has no such token.
    """
    client = _locked(who, client)
    found = MintedToken.objects.filter(pk=minted_id, token__application=client).first()
    if found is None:
        raise LookupError("The client has no such token.")
    found.token.revoke()
    _record(Action.CLIENT_TOKEN_REVOKED, client, before={"token": found.name})
    return found.name


def shown(client: ApiClient) -> dict[str, Any]:
    """The settings of ``client`` as the audit log and the command line show them."""
    reach: Any = "all"
    if not client.all_bots:
        reach = sorted(client.bots.values_list("name", flat=True))
    return {
        "name": client.name,
        "enabled": client.enabled,
        "scopes": list(client.allowed_scopes),
        "bots": reach,
        "owner": client.owner,
        "notes": client.notes,
        "allowed_networks": list(client.allowed_networks),
        "rate_per_second": client.rate_per_second,
        "dialouts_per_second": client.dialouts_per_second,
        "max_dialouts": client.max_dialouts,
        "notify_hosts": list(client.notify_hosts),
        "sign_notifications": client.sign_notifications,
    }


# --- steps ----------------------------------------------------------------------------------------


def _may(who: Person | None) -> None:
    if who is not None and not who.may(Permission.MANAGE_CLIENTS):
        raise Denied(Permission.MANAGE_CLIENTS)


def _locked(who: Person | None, client: ApiClient) -> ApiClient:
    """The row for as long as the transaction lasts, if ``who`` may change it."""
    _may(who)
    visible = ApiClient.objects.all() if who is None else who.visible_clients()
    found = ApiClient.objects.select_for_update().filter(pk=client.pk)
    locked: ApiClient | None = found.filter(pk__in=visible.values("pk")).first()
    if locked is None:
        raise Denied(Permission.MANAGE_CLIENTS)
    return locked


def _set(client: ApiClient, values: dict[str, Any]) -> None:
    fields = {field: value for field, value in values.items() if field != "bots"}
    if "bots" in values:
        fields["all_bots"] = values["bots"] is None
    for field, value in fields.items():
        setattr(client, field, value)
    client.save()
    if "bots" in values:
        client.bots.set(Bot.objects.filter(name__in=values["bots"] or ()))


def _end_issued_tokens(client: ApiClient) -> None:
    """End the tokens that the client obtained; those that people minted are theirs to revoke."""
    get_access_token_model().objects.filter(application=client, minted=None).delete()


def _notification_envelope() -> dict[str, str]:
    key = base64.b64encode(random.token_bytes(32)).decode("ascii")
    return sealed_texts({"secret": f"whsec_{key}"})


def _record(action: Action, client: ApiClient, message: str = "", **differences: Any) -> None:
    record(action, kind=KIND, target=client.pk, title=client.name, message=message, **differences)
