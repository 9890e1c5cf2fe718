"""``manage.py logs``: the reference page of the log lines."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway_project.logpage import page

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "logs.md"


class Command(BaseCommand):
    help = "Write docs/reference/logs.md; with --check only tell whether it is current."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail if outdated.")

    def handle(self, *args: Any, **options: Any) -> None:
        made = page(ROOT)
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
            return
        if options["check"]:
            raise CommandError(f"{PAGE.name} is outdated: run manage.py logs")
        PAGE.write_text(made, encoding="utf-8")
