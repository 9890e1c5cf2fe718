"""``manage.py bot``: look at bots, set their parameters, and say who may call them."""

import getpass
import json
import sys
from argparse import ArgumentParser
from typing import Any, TextIO, Unpack

from django.core.management.base import BaseCommand, CommandError

from bots.core import catalogue
from bots.core.errors import ParameterError
from bots.models import Bot
from bots.selectors import bot_parameters, with_providers
from bots.services import BotFields, StaleRevision, bot_update, mint_voice_token

_LONGEST = 60


class Command(BaseCommand):
    help = "List bots, show and set a bot's parameters, set who may call it."
    stealth_options = ("stdin",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="One line for each bot and base bot.")
        show = actions.add_parser("show", help="Effective parameters and their origins.")
        show.add_argument("name")
        show.add_argument("--json", action="store_true", help="Whole values, for programs.")
        change = actions.add_parser("set", help="Set one parameter of a bot or base bot.")
        change.add_argument("name")
        change.add_argument("parameter")
        change.add_argument(
            "value",
            nargs="?",
            help="JSON, or text as it is. A secret is left out: it is asked for, or read from the "
            "first line of the standard input.",
        )
        unset = actions.add_parser("unset", help="Inherit a parameter again.")
        unset.add_argument("name")
        unset.add_argument("parameter")
        token = actions.add_parser(
            "token", help="Print a new permanent token, once; the one before stops working."
        )
        token.add_argument("name")
        access = actions.add_parser(
            "access", help="Ask callers for nothing, or for an OAuth access token."
        )
        access.add_argument("name")
        access.add_argument("mode", choices=[Bot.Access.NONE.value, Bot.Access.OAUTH.value])

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "list":
                self._list()
            case "show":
                self._show(options["name"], as_json=options["json"])
            case "access":
                self._change(_bot(options["name"]), access_mode=options["mode"])
            case "set":
                bot, parameter = _bot(options["name"]), options["parameter"]
                stdin: TextIO = options.get("stdin") or sys.stdin
                value = _value(parameter, options["value"], stdin)
                self._change(bot, params={**bot.params, parameter: value})
            case "unset":
                bot, parameter = _bot(options["name"]), options["parameter"]
                if parameter not in bot.params:
                    raise CommandError(f"{bot.name} does not set {parameter} itself")
                params = {name: value for name, value in bot.params.items() if name != parameter}
                self._change(bot, params=params)
            case _:
                self._token(options["name"])

    def _list(self) -> None:
        for bot in with_providers().select_related("base"):
            kind = "base bot" if bot.is_base else "bot"
            state = "enabled" if bot.enabled else "disabled"
            base = f"inherits from {bot.base.name}" if bot.base else "inherits from none"
            self.stdout.write(
                f"{bot.name}  {kind}  revision {bot.revision}  {state}  "
                f"access {bot.access_mode}  {base}"
            )

    def _show(self, name: str, *, as_json: bool) -> None:
        try:
            resolved = bot_parameters(name)
        except (LookupError, ParameterError) as error:
            raise CommandError(str(error)) from None
        values = resolved.values()
        if as_json:
            rows = {
                wire: {"value": value, "origin": resolved.origin(wire).name}
                for wire, value in values.items()
            }
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        width = max(map(len, values))
        for wire, value in values.items():
            text = json.dumps(value, ensure_ascii=False)
            short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
            self.stdout.write(f"{wire:{width}}  {short}  ({resolved.origin(wire).name})")

    def _token(self, name: str) -> None:
        try:
            token = mint_voice_token(_bot(name), author=_operator())
        except ParameterError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(token)

    def _change(self, bot: Bot, **changes: Unpack[BotFields]) -> None:
        author, revision = _operator(), bot.revision
        try:
            changed = bot_update(bot=bot, expected_revision=revision, author=author, **changes)
        except (ParameterError, StaleRevision) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{changed.name} is at revision {changed.revision}")


def _value(parameter: str, given: str | None, stdin: TextIO) -> Any:
    """The value to set; a secret never comes from the command line, which others can see."""
    known = catalogue.everything()
    secret = parameter in known and known[parameter].param.secret
    if secret and given is not None:
        raise CommandError(f"{parameter} is a secret: leave its value out and type it when asked")
    if secret:
        return getpass.getpass("Value: ") if stdin.isatty() else stdin.readline().rstrip("\r\n")
    if given is None:
        raise CommandError(f"give the value of {parameter}")
    try:
        value = json.loads(given)
    except ValueError:
        return given
    textual = parameter in known and known[parameter].field.annotation is str
    return given if textual and not isinstance(value, str) else value


def _bot(name: str) -> Bot:
    bot = Bot.objects.filter(name=name).first()
    if bot is None:
        raise CommandError(f"there is no bot named {name!r}")
    return bot


def _operator() -> str:
    """Who runs the command, for the bot's history; a container may have no name for its user."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"
