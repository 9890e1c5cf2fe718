"""``manage.py diagnostics``: the diagnostics file, also while the console cannot be reached."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from bots import audit
from bots.core.auditing import Action
from gateway_project.diagnostics import bundle, file_name


class Command(BaseCommand):
    help = "Write one ZIP file for whoever helps you; secrets and phone numbers are taken out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, help="The file; else named by time, here.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        path: Path = options["output"] or Path(file_name(now))
        made = bundle(now)
        try:
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(made)
        except FileExistsError:
            raise CommandError(f"{path} is there already") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from None
        try:
            audit.record(Action.DIAGNOSTICS_MADE, kind="diagnostics", title=path.name)
        except (DatabaseError, InterfaceError):
            self.stderr.write("The database is away: the file says what could not be read.")
        self.stdout.write(f"wrote {path}")
