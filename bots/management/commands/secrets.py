"""``manage.py secrets``: the keys of the secrets in the database."""

from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from bots.services import rotate_secrets


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first key of FIELD_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser(
            "rotate",
            help="Print a summary as JSON; fail if a secret is under a key that is not there.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        summary = rotate_secrets()
        text = msgspec.json.format(msgspec.json.encode(summary), indent=2)
        self.stdout.write(text.decode())
        if summary.unreadable:
            raise CommandError(
                f"secrets that no key of FIELD_KEYS decrypts: {len(summary.unreadable)}"
            )
