"""``manage.py apiclient``: machines that obtain OAuth access tokens."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bots.core.errors import ParameterError
from bots.models import ApiClient
from bots.services import api_client_create, api_client_update


class Command(BaseCommand):
    help = "Create, list, enable and disable API clients (OAuth 2.0 client credentials)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Print a new client's id and secret, once.")
        create.add_argument("--name", required=True, help="The machine or program it is for.")
        create.add_argument(
            "--scope", action="append", required=True, help="May be repeated, e.g. voice:connect."
        )
        actions.add_parser("list", help="One line for each client, without secrets.")
        for action, what in (("enable", "Accept"), ("disable", "Refuse")):
            change = actions.add_parser(action, help=f"{what} the client and its tokens.")
            change.add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "create":
                self._create(options["name"], options["scope"])
            case "list":
                for client in ApiClient.objects.order_by("name", "pk"):
                    state = "enabled" if client.enabled else "disabled"
                    scopes = " ".join(client.allowed_scopes)
                    self.stdout.write(f"{client.client_id}  {client.name}  {state}  {scopes}")
            case action:
                found = ApiClient.objects.filter(client_id=options["client_id"]).first()
                if found is None:
                    raise CommandError(f"there is no API client {options['client_id']}")
                api_client_update(found, enabled=action == "enable")

    def _create(self, name: str, scopes: list[str]) -> None:
        try:
            client, secret = api_client_create(name=name, scopes=scopes)
        except ParameterError as error:
            raise CommandError(str(error)) from None
        answer = {
            "client_id": client.client_id,
            "client_secret": secret,
            "name": client.name,
            "scopes": client.allowed_scopes,
        }
        self.stdout.write(json.dumps(answer, indent=2))
