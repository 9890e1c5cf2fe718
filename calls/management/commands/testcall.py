"""``manage.py testcall``: call a bot and see whether the conversation goes as it should."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from bots.core.errors import GatewayError
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall import presentation
from calls.testcall.ledger import Line, Result
from calls.testcall.order import Order, read_order
from calls.testcall.run import place_calls

FAILED, UNUSABLE = 1, 2


class _Turns(argparse.Action):
    """Collects ``--say``, ``--wav`` and ``--dtmf`` in the order of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        turns = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*turns, (option_string, str(values))])


class Command(BaseCommand):
    """The smoke test: exit code 0 passed, 1 failed, 2 wrong usage or no gateway to talk to."""

    help = (
        "Call a bot over the AudioCodes Bot API as VoiceAI Connect would. The turns are taken in "
        "the order given, each when the bot has finished. Exit code 0: the conversation went as "
        "the protocol demands; 1: it did not; 2: wrong usage, or the gateway cannot be reached."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bot", help="name of the bot in the URL")
        turns = parser.add_argument_group("what the caller does")
        for option, metavar, text in (
            ("--say", "TEXT", "say TEXT with the offline voice (a text session: send it)"),
            ("--wav", "FILE", "play a PCM WAV file, any rate, mono or stereo"),
            ("--dtmf", "DIGITS", "press keys 0-9 * #"),
        ):
            turns.add_argument(
                option, metavar=metavar, dest="turns", action=_Turns, default=[], help=text
            )
        turns.add_argument(
            "--interrupt", action="store_true", help="speak over prompts that allow it"
        )
        turns.add_argument("--text", action="store_true", help="a text session, without audio")
        turns.add_argument("--caller", default="+15550100", help="number that calls")
        turns.add_argument("--callee", default="+15550199", help="number that is called")
        turns.add_argument("--language", default="en-US", help="language of the caller")
        self._add_line_arguments(parser)

    def _add_line_arguments(self, parser: CommandParser) -> None:
        line = parser.add_argument_group("the line")
        line.add_argument("--url", help="ws(s):// address of another gateway, or of the bot itself")
        line.add_argument(
            "--token",
            default=os.environ.get("TESTCALL_TOKEN", ""),
            help="bearer token (default: environment variable TESTCALL_TOKEN)",
        )
        line.add_argument(
            "--format",
            choices=[media_format.value for media_format in MediaFormat],
            metavar="FORMAT",
            help="offer this format only, such as raw/mulaw or raw/lpcm16_8",
        )
        line.add_argument(
            "--cut",
            type=float,
            metavar="SECONDS",
            help="lose the socket after SECONDS and resume on a new one",
        )
        line.add_argument("--calls", type=int, default=1, metavar="N", help="N calls at once")
        line.add_argument(
            "--timeout", type=float, default=120.0, metavar="SECONDS", help="longest call"
        )
        line.add_argument(
            "--record", type=Path, metavar="FILE", help="WAV file: caller left, bot right"
        )
        line.add_argument("--json", action="store_true", help="print the result as JSON only")

    def handle(self, *_args: Any, **options: Any) -> None:
        self._verbose = options["verbosity"] > 1
        try:
            results = asyncio.run(self._call(options))
        except (GatewayError, LookupError, OSError) as error:
            self.stderr.write(f"testcall: {error}")
            sys.exit(UNUSABLE)
        self._report(results, as_json=options["json"])
        if not all(result.ok for result in results):
            sys.exit(FAILED)

    async def _call(self, options: dict[str, Any]) -> list[Result]:
        environment = settings.ENVIRONMENT
        order = await read_order(options, host=environment.host, port=environment.port)
        self._announce(order, options)
        live = order.calls == 1 and not options["json"]
        return await place_calls(order, show=self._show if live else None)

    def _announce(self, order: Order, options: dict[str, Any]) -> None:
        if not options["json"]:
            calls = "" if order.calls == 1 else f" ({order.calls} calls at once)"
            self.stdout.write(f"Calling {order.url}{calls}\n\n")

    def _show(self, line: Line) -> None:
        if line.kind != "hypothesis" or self._verbose:
            self.stdout.write(presentation.told(line))
            self.stdout.flush()  # live also when somebody pipes it

    def _report(self, results: list[Result], *, as_json: bool) -> None:
        if as_json:
            told: Result | list[Result] = results[0] if len(results) == 1 else results
            self.stdout.write(msgspec.json.encode(told).decode())
            return
        if len(results) > 1:
            self.stdout.write(presentation.summary(results))
            return
        (result,) = results
        if result.turns:
            self.stdout.write("\n" + presentation.turn_table(result.turns))
        for note in result.notes:
            self.stdout.write(f"\nnote: {note}")
        self.stdout.write("\n" + presentation.verdict(result))
