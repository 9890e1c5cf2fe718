"""``manage.py metrics``: the reference page of metrics and the alert rules for Prometheus."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway_project.metric_pages import alert_rules, reference_page

ROOT = Path(__file__).parents[3]
PAGES = {
    ROOT / "docs" / "reference" / "metrics.md": reference_page,
    ROOT / "ops" / "prometheus" / "alerts.yml": alert_rules,
}


class Command(BaseCommand):
    help = (
        "Write the page of metrics and Prometheus' alert rules; --check tells if they are current."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail if outdated.")

    def handle(self, *args: Any, **options: Any) -> None:
        for path, made in PAGES.items():
            page = made()
            if path.exists() and path.read_text(encoding="utf-8") == page:
                continue
            if options["check"]:
                raise CommandError(f"{path.name} is outdated: run manage.py metrics")
            path.write_text(page, encoding="utf-8")
            self.stdout.write(f"wrote {path}")
