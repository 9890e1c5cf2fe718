"""``manage.py environment``: the reference page of the environment variables."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway_project.environment import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "environment.md"


class Command(BaseCommand):
    help = "Write docs/reference/environment.md; with --check only tell whether it is current."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail if outdated.")

    def handle(self, *args: Any, **options: Any) -> None:
        page = reference()
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
            return
        if options["check"]:
            raise CommandError(f"{PAGE.name} is outdated: run manage.py environment")
        PAGE.write_text(page, encoding="utf-8")
