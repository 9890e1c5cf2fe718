"""``manage.py mib``: the MIB of this installation's traps, for a network management system."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from alarms.core.mib import DEFAULT_ARC, MODULE, mib

SHIPPED = Path(__file__).parents[3] / "ops" / "snmp" / f"{MODULE}.txt"


class Command(BaseCommand):
    help = (
        "Print the MIB that describes the traps of this installation. With --ship write the one "
        "that comes with the gateway, with --check tell whether that is current."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--ship", action="store_true", help="Write ops/snmp, default arc.")
        action.add_argument("--check", action="store_true", help="Fail if that is outdated.")
        parser.add_argument("--file", type=Path, default=SHIPPED, help="Where that is.")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if options["check"]:
            if file.read_text(encoding="ascii") != mib(DEFAULT_ARC):
                raise CommandError(f"{file.name} is outdated: run manage.py mib --ship")
        elif options["ship"]:
            file.write_text(mib(DEFAULT_ARC), encoding="ascii")
        else:
            self.stdout.write(mib(settings.SNMP_ENTERPRISE), ending="")
