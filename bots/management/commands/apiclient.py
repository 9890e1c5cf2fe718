"""``manage.py apiclient``: machines that call the API, their secrets and tokens."""

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bots import clientele
from bots.audit import Actor, acting
from bots.core.errors import ParameterError
from bots.models import ApiClient
from bots.secrets import opened_texts
from bots.services import api_client_create, api_client_update
from bots.services.clients import mint_token, revoke_token, rotate_secret, shown


class Command(BaseCommand):
    help = "Create and change API clients (OAuth 2.0 client credentials); prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Print a new client's id and secrets, once.")
        create.add_argument("--name", required=True, help="The machine or program it is for.")
        create.add_argument(
            "--scope", action="append", required=True, help="May be repeated, e.g. calls:read."
        )
        create.add_argument("--owner", default="", help="Whom to ask about it.")
        create.add_argument("--bot", action="append", help="Reach only this; may be repeated.")
        create.add_argument("--network", action="append", default=[], help="Such as 192.0.2.0/24.")
        create.add_argument(
            "--notify-host", action="append", default=[], help="Host that may be notified."
        )
        actions.add_parser("list", help="Every client, without secrets.")
        for action, what in (
            ("show", "One client: settings, tokens, requests of a day."),
            ("enable", "Accept the client again, and the tokens minted for it."),
            ("disable", "Refuse the client and its tokens."),
        ):
            actions.add_parser(action, help=what).add_argument("client_id")
        rotate = actions.add_parser("rotate", help="Print another secret, once.")
        rotate.add_argument("client_id")
        rotate.add_argument(
            "--overlap-hours", type=int, default=24, help="So long the old one is good; 24."
        )
        mint = actions.add_parser("mint", help="Print a named token, once.")
        mint.add_argument("client_id")
        mint.add_argument("--name", required=True, help="What the token is for.")
        mint.add_argument("--scope", action="append", help="May be repeated; all when left out.")
        mint.add_argument("--days", type=int, required=True, help="When it ends, 1 to 366.")
        revoke = actions.add_parser("revoke", help="End a minted token at once.")
        revoke.add_argument("client_id")
        revoke.add_argument("token", type=int, help="Its id, as show prints it.")

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(Actor(name=_operator())):
            try:
                answer = _answer(options)
            except (ParameterError, LookupError) as error:
                raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))


def _answer(options: dict[str, Any]) -> Any:
    action = options["action"]
    if action == "create":
        return _created(options)
    if action == "list":
        found = ApiClient.objects.prefetch_related("bots").order_by("name", "pk")
        return [_settings(client) for client in found]
    client = ApiClient.objects.filter(client_id=options["client_id"]).first()
    if client is None:
        raise LookupError(f"there is no API client {options['client_id']}")
    match action:
        case "enable" | "disable":
            return _settings(api_client_update(client, enabled=action == "enable"))
        case "rotate":
            secret = rotate_secret(client, overlap_hours=options["overlap_hours"])
            return {"client_id": client.client_id, "client_secret": secret}
        case "mint":
            return _minted(client, options)
        case "revoke":
            return {"revoked": revoke_token(client, options["token"])}
        case _:
            return _whole(client)


def _created(options: dict[str, Any]) -> dict[str, Any]:
    client, secret = api_client_create(
        name=options["name"],
        scopes=options["scope"],
        owner=options["owner"],
        bots=options["bot"],
        allowed_networks=options["network"],
        notify_hosts=options["notify_host"],
    )
    secrets = {
        "client_id": client.client_id,
        "client_secret": secret,
        "notification_secret": opened_texts(client.notification_secret)["secret"],
    }
    return secrets | _settings(client)


def _minted(client: ApiClient, options: dict[str, Any]) -> dict[str, Any]:
    scopes = options["scope"] or client.allowed_scopes
    minted, raw = mint_token(client, name=options["name"], scopes=scopes, days=options["days"])
    return {"id": minted.pk, "token": raw, "expires": minted.token.expires.isoformat()}


def _settings(client: ApiClient) -> dict[str, Any]:
    return {"client_id": client.client_id, **shown(client)}


def _whole(client: ApiClient) -> dict[str, Any]:
    day = clientele.usage(client, timezone.now()).day
    return {
        **_settings(client),
        "last_used_at": client.last_used_at and client.last_used_at.isoformat(),
        "last_used_address": client.last_used_address,
        "requests_24h": day.requests,
        "refused_24h": day.refused,
        "tokens": [
            {
                "id": each.pk,
                "name": each.name,
                "author": each.author,
                "scopes": each.token.scope.split(),
                "expires": each.token.expires.isoformat(),
                "last_used_at": each.last_used_at and each.last_used_at.isoformat(),
            }
            for each in clientele.tokens(client)
        ],
    }


def _operator() -> str:
    """Who runs the command; a container may have no name for its user."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"
