"""``manage.py botcheck``: try a bot for real and print the graded report."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bots.conformance import Finding, Grade, Group, Report
from bots.core.errors import ParameterError
from bots.models import Bot
from bots.services.conformance import carry_out, entered

AUTHOR = "command line"


class Command(BaseCommand):
    help = "Check a bot against what the gateway expects of it; exit code 1 if a check fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bot", help="Name of the bot.")
        parser.add_argument("--json", action="store_true", help="The whole report, with traces.")
        parser.add_argument(
            "--only", action="append", default=[], metavar="ID", help="Only this check; repeatable."
        )
        parser.add_argument("--trace", action="store_true", help="What went over the wire, too.")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = Bot.objects.filter(name=options["bot"]).first()
        if bot is None:
            raise CommandError(f"there is no bot named {options['bot']!r}")
        try:
            run = entered(bot=bot, asked_by=AUTHOR, only=options["only"])
        except ParameterError as error:
            raise CommandError("; ".join(error.problems.values())) from None
        report = carry_out(str(run.pk))
        if report is None:
            raise CommandError("somebody else has taken this check over")
        if options["json"]:
            told = {"grade": report.grade, **report.stored()}
            self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
        else:
            for line in _lines(report, trace=options["trace"]):
                self.stdout.write(line)
        if report.grade is Grade.FAILED:
            raise SystemExit(1)


def _lines(report: Report, *, trace: bool) -> Iterator[str]:
    for group in Group:
        found = [each for each in report.findings if each.about.group is group]
        if found:
            yield f"\n{group.value}"
        for finding in found:
            yield from _finding(finding)
            if trace:
                for line in report.lines(finding.check):
                    yield f"      {line.at_ms:>6} ms  {line.way:8}  {line.content}"
    counts = ", ".join(f"{count} {grade}" for grade, count in report.counts().items())
    yield f"\n{report.bot}: {report.grade} ({counts}) in {report.ms / 1000:.1f} s"


def _finding(finding: Finding) -> Iterator[str]:
    facts = ", ".join(f"{name} {fact}" for name, fact in finding.facts.items())
    told = " · ".join(part for part in (finding.detail, facts) if part)
    yield f"  {finding.grade:11}  {finding.about.title}  [{finding.check}]"
    if told:
        yield f"               {told}"
    if finding.grade in (Grade.FAILED, Grade.WARNING):
        yield f"               {finding.about.fix}"
