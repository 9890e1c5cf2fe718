"""``manage.py configuration``: the configuration as a file, for people who keep it in git."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from bots.audit import Actor, acting
from bots.core.configuration_file import MalformedDocument
from bots.core.yaml_text import MAX_BYTES, Problem
from bots.services.export import configuration_export
from bots.services.import_configuration import Plan, configuration_import
from bots.services.staging import Entry


class Command(BaseCommand):
    help = "Write providers, bots and routes as YAML, or bring them in."
    stealth_options = ("stdin",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser("export", help="Print the configuration; secrets by name only.")
        export.add_argument(
            "--bot",
            action="append",
            default=[],
            metavar="NAME",
            help="Only this bot and what it needs; may be given several times.",
        )
        bring = actions.add_parser(
            "import", help="Create and change what the file names; leave the rest alone."
        )
        bring.add_argument("file", help="The file, or - for the standard input.")
        bring.add_argument("--dry-run", action="store_true", help="Only tell what would happen.")
        bring.add_argument("--message", default="", help="Why, for the history of the bots.")

    def handle(self, *args: Any, **options: Any) -> None:
        author = _operator()
        with acting(Actor(name=author)):
            if options["action"] == "export":
                self._export(options["bot"])
            else:
                stdin: TextIO = options.get("stdin") or sys.stdin
                text = _text(options["file"], stdin)
                self._import(text, author, options["message"], dry_run=options["dry_run"])

    def _export(self, names: list[str]) -> None:
        try:
            self.stdout.write(configuration_export(names=names), ending="")
        except LookupError as error:
            raise CommandError(str(error)) from None

    def _import(self, text: str, author: str, message: str, *, dry_run: bool) -> None:
        try:
            plan = configuration_import(text, author=author, message=message, dry_run=dry_run)
        except MalformedDocument as error:
            raise CommandError(_lines(error.problems)) from None
        if plan.problems:
            raise CommandError(_lines(plan.problems))
        for entry in plan.entries:
            if entry.action != "same" or entry.secrets or entry.needs_token:
                self._tell(entry)
        self.stdout.write(_summary(plan, dry_run=dry_run))

    def _tell(self, entry: Entry) -> None:
        self.stdout.write(f"{entry.action} {entry.kind} {entry.name}")
        for each in (*entry.changes.settings, *entry.changes.parameters):
            before = "unset" if each.before is None else each.before
            after = "unset" if each.after is None else each.after
            self.stdout.write(f"  {each.name}: {before} -> {after}")
        for name in entry.secrets:
            self.stdout.write(f"  {name} is a secret: set it by hand")
        if entry.needs_token:
            self.stdout.write("  mint a token: until then the bot takes no calls")


def _summary(plan: Plan, *, dry_run: bool) -> str:
    done = "would be " if dry_run else ""
    return (
        f"{plan.count('create')} {done}created, {plan.count('change')} {done}changed, "
        f"{plan.count('same')} the same, {plan.left_alone} not named in the file"
    )


def _lines(problems: tuple[Problem, ...]) -> str:
    return "\n".join(
        ": ".join(filter(None, (f"line {each.line}" if each.line else "", each.path, each.text)))
        for each in problems
    )


def _text(file: str, stdin: TextIO) -> str:
    try:
        if file == "-":
            return stdin.read(MAX_BYTES + 1)
        with Path(file).open(encoding="utf-8") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file}: {error}") from None


def _operator() -> str:
    """Who runs the command; a container may have no name for its user."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"
