"""``manage.py testcall``: call a bot and see whether the conversation goes as it should."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from bots.core.errors import GatewayError
from bots.protocols.ac_bot_api import MediaFormat
from bots.workers.pool import close_pools
from calls.testcall import presentation
from calls.testcall.ledger import Line, Result
from calls.testcall.order import Order, read_order
from calls.testcall.plan import Outcome
from calls.testcall.run import place_calls

FAILED, UNUSABLE = 1, 2


class _Step(argparse.Action):
    """Collects the caller's steps in the order of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        steps = getattr(namespace, self.dest) or []
        value = "" if self.nargs == 0 else str(values)
        setattr(namespace, self.dest, [*steps, (self.option_strings[0], value)])


class Command(BaseCommand):
    """The smoke test: exit code 0 passed, 1 failed, 2 wrong usage or no gateway to talk to."""

    help = (
        "Call a bot over the AudioCodes Bot API as VoiceAI Connect would. The steps are taken in "
        "the order given, turns when the bot has finished. Exit code 0: the conversation went as "
        "the protocol demands; 1: it did not; 2: wrong usage, or the gateway cannot be reached."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bot", help="name of the bot in the URL")
        steps = parser.add_argument_group("what the caller does, in this order")
        for options, metavar, text in (
            (("--say",), "TEXT", "say TEXT with the offline voice (a text session: send it)"),
            (("--wav",), "FILE", "play a PCM WAV file, any rate, mono or stereo"),
            (
                ("--press", "--dtmf"),
                "KEYS[@SECONDS]",
                "press keys 0-9 * #, one every SECONDS (0.2), such as 12#@1.5",
            ),
            (("--silent",), "SECONDS", "say nothing for so long, whatever the bot does"),
            (("--expect",), "TEXT", "go on when the bot has said TEXT; fail if it does not"),
            (
                ("--expect-end",),
                "REASON",
                "wait for the other side to end the call, with REASON as code or in its words",
            ),
            (("--hang-up",), None, "hang up at once, whatever the bot does"),
            (("--interrupt",), None, "from here on, speak over prompts that allow it"),
            (("--talk-over",), None, "from here on, speak over any prompt"),
        ):
            steps.add_argument(
                *options,
                metavar=metavar,
                dest="steps",
                action=_Step,
                default=[],
                help=text,
                nargs=None if metavar else 0,
            )
        self._add_call_arguments(parser)
        self._add_line_arguments(parser)

    def _add_call_arguments(self, parser: CommandParser) -> None:
        call = parser.add_argument_group("the call")
        call.add_argument("--text", action="store_true", help="a text session, without audio")
        call.add_argument("--caller", default="+15550100", help="number that calls")
        call.add_argument("--callee", default="+15550199", help="number that is called")
        call.add_argument("--language", default="en-US", help="language of the caller")
        call.add_argument(
            "--patience",
            type=float,
            default=10.0,
            metavar="SECONDS",
            help="longest wait for an answer or for what is expected (10)",
        )
        call.add_argument(
            "--transfer",
            choices=get_args(Outcome),
            default="answered",
            help="what becomes of a transfer, for bots that ask for transferNotifications",
        )
        call.add_argument(
            "--listen",
            action="store_true",
            help="afterwards, let the offline recogniser confirm what --expect found",
        )

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
        order = read_order(options, host=environment.host, port=environment.port)
        self._announce(order, options)
        live = order.calls == 1 and not options["json"]
        try:
            return await place_calls(order, show=self._show if live else None)
        finally:
            await close_pools()

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
