"""``manage.py prepare``: make or bring up to date what the processes need."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway_project.preparation import ADMIN, prepare
from gateway_project.supervisor import CannotRun


class Command(BaseCommand):
    help = "Migrate, collect static files, create the first user and, with DEMO=1, the demo bot."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            password = prepare()
        except CannotRun as problem:
            raise CommandError(str(problem)) from None
        if password:
            self.stdout.write(f"Created the user {ADMIN} with the password {password}")
