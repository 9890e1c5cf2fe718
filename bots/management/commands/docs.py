"""``manage.py docs``: the pages of the documentation that are made from declarations."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from bots.conformance import CHECKS, Grade, Group
from bots.core import registry
from bots.core.params.declare import ParamSet
from bots.core.params.reference import render
from bots.core.params.sections import COMMON
from bots.core.roles import ROLES, Permission

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PAGE = REFERENCE / "parameters.md"
ROLES_PAGE = REFERENCE / "roles.md"
CONFORMANCE_PAGE = REFERENCE / "conformance.md"
_KINDS = {
    "bot": "bot framework",
    "stt": "speech-to-text plug-in",
    "tts": "text-to-speech plug-in",
    "vad": "voice activity plug-in",
    "carrier": "carrier",
    "notifier": "destination of alarms",
}
_OWN = ("alarms.", "bots.", "calls.")
"""How the modules of plug-ins begin that are part of the gateway."""


def parameters_page() -> str:
    """The parameter page for the plug-ins that are part of the gateway.

    Raises:
        CommandError: one of them could not be loaded, so the page would lack its parameters.
    """
    missing = [name for name in registry.broken if name.startswith(_OWN)]
    if missing:
        raise CommandError(f"these plug-ins could not be loaded: {', '.join(sorted(missing))}")
    return render(_sections())


def roles_page() -> str:
    """The page about what each role permits."""
    roles = list(ROLES.values())
    lines = [
        "# Roles",
        "",
        "What somebody may do in the console follows from their roles; with several roles they may",
        "do what any of them permits. Roles are given on the page *People*, or by single sign-on;",
        "an account reaches all bots or only listed ones. See",
        "[how to manage people](../how-to/manage-people.md).",
        "",
        *(f"- **{role.title}** (`{role.name}`): {role.help}" for role in roles),
        "",
        "| Permission | " + " | ".join(role.title for role in roles) + " |",
        "|---|" + ":-:|" * len(roles),
    ]
    for permission in Permission:
        ticks = ("✓" if permission in role.grants else "" for role in roles)
        lines.append(f"| {permission.words} (`{permission}`) | " + " | ".join(ticks) + " |")
    return "\n".join([*lines, ""])


def conformance_page() -> str:
    """The page about everything that a conformance run checks."""
    lines = [
        "# Conformance checks",
        "",
        "What the gateway tries of a bot, see [how to check a bot](../how-to/check-a-bot.md). Each",
        f"finding has a grade: {', '.join(f'*{grade.words}*' for grade in Grade)}.",
        "A report is as good as its worst finding; information and what was skipped do not count.",
    ]
    for group in Group:
        lines += ["", f"## {group.value}"]
        for check in (each for each in CHECKS if each.group is group):
            lines += [
                "",
                f"### {check.title}",
                "",
                f"`{check.id}`: {check.proves}",
                "",
                f"- Grade: {check.grading}",
                f"- To do: {check.fix}",
            ]
    return "\n".join([*lines, ""])


def _sections() -> Iterator[tuple[str, type[ParamSet]]]:
    yield from (("", section) for section in COMMON)
    for plugin in registry.plugins():
        own = plugin.factory.__module__.startswith(_OWN)
        if own and plugin.params.model_fields:
            yield f"Of the {_KINDS[plugin.kind]} `{plugin.name}`.", plugin.params


class Command(BaseCommand):
    help = "Write the generated pages of docs/; with --check only tell whether they are current."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail if outdated.")
        parser.add_argument("--output", type=Path, default=PAGE, help="Where the page is.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["output"]
        self._write(path, parameters_page(), check=options["check"])
        self._write(path.with_name(ROLES_PAGE.name), roles_page(), check=options["check"])
        conformance = path.with_name(CONFORMANCE_PAGE.name)
        self._write(conformance, conformance_page(), check=options["check"])
        for room in apps.get_app_configs():  # rooms above this one have pages too
            for name, page in getattr(room, "reference_pages", dict)().items():
                self._write(path.with_name(name), page, check=options["check"])

    def _write(self, path: Path, page: str, *, check: bool) -> None:
        if path.exists() and path.read_text(encoding="utf-8") == page:
            return
        if check:
            raise CommandError(f"{path.name} is outdated: run manage.py docs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        self.stdout.write(f"wrote {path}")
